#include "support/planted.h"

#include <stdlib.h>

typedef struct piece {
  int64_t start, finish;
  int row, id;
} piece;

static uint64_t draw(uint64_t *state) { // xorshift64*
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545f4914f6cdd1du;
}

static int64_t below(uint64_t *state, int64_t n) {
  return (int64_t)((draw(state) >> 11) % (uint64_t)n);
}

static int by_value(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static int by_start(const void *a, const void *b) {
  const piece *x = a, *y = b;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  return x->row - y->row;
}

// Cuts a row of `length` into `count` pieces, none of them empty.
static void cut_row(uint64_t *state, int64_t length, int row, int count,
                    piece *pieces) {
  int64_t *cut = malloc(((size_t)count + 1) * sizeof *cut);
  const int64_t spare = length - count; // beyond 1 for each piece
  for (int i = 0; i < count - 1; i++) cut[i] = below(state, spare + 1);
  qsort(cut, (size_t)count - 1, sizeof *cut, by_value);
  for (int i = 0; i < count - 1; i++) cut[i] += i + 1;
  cut[count - 1] = length;
  for (int i = 0; i < count; i++) {
    pieces[i] = (piece){i > 0 ? cut[i - 1] : 0, cut[i], row, 0};
  }
  free(cut);
}

static void write_edges(const planted *how, uint64_t *state,
                        const piece *pieces, int count, int64_t length,
                        FILE *out) {
  int *reader = malloc((size_t)how->edges * 2 * sizeof *reader);
  for (int u = 0; u < count; u++) {
    int made = 0;
    const int wanted = (int)below(state, 2 * how->edges + 1);
    // Tasks lie by their start: those within reach are a range.
    int last = u;
    while (last + 1 < count &&
           (double)(pieces[last + 1].start - pieces[u].finish) <=
               how->reach * (double)length) {
      last++;
    }
    for (int attempt = 0; attempt < 4 * wanted && made < wanted && last > u;
         attempt++) {
      const int v = u + 1 + (int)below(state, last - u);
      const int64_t slack = pieces[v].start - pieces[u].finish;
      bool fits = slack >= 0;
      int64_t cost = how->tight && pieces[u].row != pieces[v].row
                         ? slack
                         : below(state, how->cost + 1);
      if (pieces[u].row != pieces[v].row) fits = fits && cost <= slack;
      for (int i = 0; i < made && i < 2 * how->edges; i++) {
        fits = fits && reader[i] != v;
      }
      if (!fits) continue;
      reader[made++] = v;
      fprintf(out, "edge %d %d %lld\n", pieces[u].id, pieces[v].id,
              (long long)cost);
    }
  }
  free(reader);
}

void planted_write(const planted *how, const char *name, FILE *out) {
  uint64_t state = how->seed * 0x9e3779b97f4a7c15u + 1;
  const int count = how->tasks;
  const int64_t length = how->weight * count / how->processors;
  piece *pieces = malloc((size_t)count * sizeof *pieces);
  int made = 0;
  for (int row = 0; row < how->processors; row++) {
    const int here = count / how->processors + (row < count % how->processors);
    cut_row(&state, length, row, here, pieces + made);
    made += here;
  }
  for (int i = 0; i < count; i++) pieces[i].id = i;
  for (int i = count - 1; i > 0; i--) { // numbers that tell nothing
    const int j = (int)below(&state, i + 1);
    const int id = pieces[i].id;
    pieces[i].id = pieces[j].id;
    pieces[j].id = id;
  }
  fprintf(out, "graph %s processors %d optimum %lld\n", name, how->processors,
          (long long)length);
  for (int i = 0; i < count; i++) {
    fprintf(out, "task %d %lld\n", pieces[i].id,
            (long long)(pieces[i].finish - pieces[i].start));
  }
  qsort(pieces, (size_t)count, sizeof *pieces, by_start);
  write_edges(how, &state, pieces, count, length, out);
  fprintf(out, "end\n");
  free(pieces);
}
