#include "kernel/block.h"

#include <string.h>

#include "kernel/thin.h"
#include "kernel/vectors.h"

enum {
  COLUMNS = ESP_BLOCK_COLUMNS,
  HALF = COLUMNS / 2,
  MOST_ROWS = 12, // of a group: their sums fill the registers
  NEAR = 96 << 10 // numbers of a that are gone through for each panel
};

int64_t esp_block_panels(int64_t n) { return (n + COLUMNS - 1) / COLUMNS; }

// Columns that the panel has room for.
static int64_t columns_of(int64_t n, int64_t panel) {
  return n - panel * COLUMNS > HALF ? COLUMNS : HALF;
}

size_t esp_block_count(int64_t n, int64_t k) {
  return (size_t)((n + HALF - 1) / HALF * HALF * k);
}

size_t esp_block_place(int64_t n, int64_t k, int64_t i, int64_t j) {
  const int64_t panel = j / COLUMNS;
  return (size_t)(panel * COLUMNS * k + i * columns_of(n, panel) + j % COLUMNS);
}

void esp_block_pack(const float *b, int64_t b_row, int64_t b_column, int64_t n,
                    int64_t k, float *packed) {
  for (int64_t p = 0; p < esp_block_panels(n); p++) {
    const int64_t columns = columns_of(n, p);
    for (int64_t i = 0; i < k; i++) {
      for (int64_t j = 0; j < columns; j++) {
        const int64_t at = p * COLUMNS + j;
        *packed++ = at < n ? b[i * b_row + at * b_column] : 0;
      }
    }
  }
}

#if defined __x86_64__

// As they may lie anywhere, and are what a float array holds.
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));

// A group of rows by one panel, and some of the terms.
typedef struct group {
  const float *a, *b;
  float *c;
  int64_t a_step, b_step, c_step, terms;
  const float *soon; // weights that will be wanted: waiting for them would
  int64_t soon_step; // cost a fifth of the time; how many for each term
} group;

// The sums stay in registers.
#define KERNEL(name, cpu, vector, rows, vectors)                               \
  __attribute__((target(cpu))) ESP_CONTRACTED static void name(                \
      const group *g) {                                                        \
    enum { WIDE = sizeof(vector) / sizeof(float) };                            \
    const float *a = g->a, *b = g->b, *soon = g->soon;                         \
    const int64_t a_step = g->a_step, b_step = g->b_step, terms = g->terms;    \
    const int64_t soon_step = g->soon_step;                                    \
    vector sum[rows][vectors];                                                 \
    _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) {                  \
      _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) sum[r][v] =    \
          (vector){0};                                                         \
    }                                                                          \
    for (int64_t i = 0; i < terms; i++, b += b_step, soon += soon_step) {      \
      vector column[vectors];                                                  \
      __builtin_prefetch(soon, 0, 2);                                          \
      _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) column[v] =    \
          *(const vector *)(const void *)(b + v * WIDE);                       \
      _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) {                \
        const float factor = a[r * a_step + i];                                \
        _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) sum[r][v] += \
            factor * column[v];                                                \
      }                                                                        \
    }                                                                          \
    _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) {                  \
      _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) *              \
          (vector *)(void *)(g->c + r * g->c_step + v * WIDE) = sum[r][v];     \
    }                                                                          \
  }
#define WIDE_512(rows) KERNEL(wide_512_##rows, "avx512f", v16, rows, 2)
#define HALF_512(rows) KERNEL(half_512_##rows, "avx512f", v16, rows, 1)
#define HALF_256(rows) KERNEL(half_256_##rows, "avx2,fma", v8, rows, 2)
#define UP_TO_6(of) of(1) of(2) of(3) of(4) of(5) of(6)
#define UP_TO_12(of) UP_TO_6(of) of(7) of(8) of(9) of(10) of(11) of(12)
UP_TO_12(WIDE_512)
UP_TO_12(HALF_512)
UP_TO_6(HALF_256)

typedef void (*kernel)(const group *g);
#define NAME_OF_WIDE_512(rows) wide_512_##rows,
#define NAME_OF_HALF_512(rows) half_512_##rows,
#define NAME_OF_HALF_256(rows) half_256_##rows,
static const kernel wide_512[] = {NULL, UP_TO_12(NAME_OF_WIDE_512)};
static const kernel half_512[] = {NULL, UP_TO_12(NAME_OF_HALF_512)};
static const kernel half_256[] = {NULL, UP_TO_6(NAME_OF_HALF_256)};

bool esp_block_wide(void) { return __builtin_cpu_supports("avx512f") != 0; }

bool esp_block_prefetched(void) { return __builtin_cpu_is("amd") != 0; }

bool esp_block_available(void) {
  return esp_block_wide() ||
         (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

static void run_group(const group *g, int64_t rows, int64_t columns,
                      bool wide) {
  if (wide) {
    (columns == COLUMNS ? wide_512 : half_512)[rows](g);
    return;
  }
  for (int64_t half = 0; half < columns; half += HALF) {
    group part = *g;
    part.b += half;
    part.c += half;
    half_256[rows](&part);
  }
}

// What is gone through at a time: rows and terms from `first` on.
typedef struct part {
  int64_t row, rows, first, terms;
} part;

// One panel by groups of rows of about the same size.
static void run_panel(const esp_block *q, const part *p, int64_t panel,
                      bool last, bool wide) {
  float aside[MOST_ROWS * COLUMNS];
  const int64_t column = panel * COLUMNS, columns = columns_of(q->n, panel);
  const int64_t valid = q->n - column < columns ? q->n - column : columns;
  const int64_t most = wide ? MOST_ROWS : MOST_ROWS / 2;
  const int64_t groups = (p->rows + most - 1) / most;
  const int64_t soon_step = (COLUMNS + groups - 1) / groups;
  const float *b = q->packed + column * q->k + p->first * columns;
  const float *after = last ? q->after : b + columns * q->k;
  if (after == NULL) after = b;
  const bool begins = p->first == 0, straight = begins && valid == columns;
  for (int64_t i = 0; i < groups; i++) {
    const int64_t row = p->row + p->rows * i / groups;
    const int64_t count = p->row + p->rows * (i + 1) / groups - row;
    float *to = q->c + row * q->c_step + column;
    const group g = {.a = q->a + row * q->a_step + p->first,
                     .a_step = q->a_step,
                     .b = b,
                     .b_step = columns,
                     .c = straight ? to : aside,
                     .c_step = straight ? q->c_step : COLUMNS,
                     .terms = p->terms,
                     .soon = after + i * p->terms * soon_step,
                     .soon_step = soon_step < 16 ? soon_step : 16};
    run_group(&g, count, columns, wide);
    if (!straight) {
      esp_thin_put(aside, COLUMNS, count, valid, begins, to, q->c_step);
    }
  }
}

void esp_block_run(const esp_block *block, int64_t rows, int64_t begin,
                   int64_t end) {
  const bool wide = esp_block_wide();
  const int64_t piece = esp_thin_piece(block->k);
  for (int64_t first = 0; first < block->k; first += piece) {
    part p = {.first = first,
              .terms = block->k - first < piece ? block->k - first : piece};
    const int64_t most = NEAR / p.terms;
    for (p.row = 0; p.row < rows; p.row += most) {
      p.rows = rows - p.row < most ? rows - p.row : most;
      for (int64_t panel = begin; panel < end; panel++) {
        run_panel(block, &p, panel, panel + 1 == end, wide);
      }
    }
  }
}

#else

bool esp_block_wide(void) { return false; }
bool esp_block_prefetched(void) { return false; }
bool esp_block_available(void) { return false; }
void esp_block_run(const esp_block *block, int64_t rows, int64_t begin,
                   int64_t end) {
  (void)block, (void)rows, (void)begin, (void)end;
}

#endif
