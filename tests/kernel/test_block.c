// Products of a few rows by packed panels, against sums in double; and the
// promise that a row has the same bits among any others.
#include "kernel/block.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static const int64_t shapes[][2] = { // K, N
    {1, 1}, {7, 16}, {33, 17}, {64, 48}, {600, 100}, {1500, 40}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], ROWS = 29 };

typedef struct product {
  int64_t k, n;
  float *a, *b, *packed, *c;
} product;

static product make(int64_t k, int64_t n) {
  product p = {.k = k,
               .n = n,
               .a = malloc((size_t)(ROWS * k) * sizeof(float)),
               .b = malloc((size_t)(k * n) * sizeof(float)),
               .packed = malloc(esp_block_count(n, k) * sizeof(float)),
               .c = calloc((size_t)(ROWS * n), sizeof(float))};
  check_fill(p.a, (size_t)(ROWS * k));
  check_fill(p.b, (size_t)(k * n));
  esp_block_pack(p.b, n, 1, n, k, p.packed);
  return p;
}

static void end(product *p) {
  free(p->a);
  free(p->b);
  free(p->packed);
  free(p->c);
}

static void run(const product *p, int64_t first, int64_t rows, float *c) {
  const esp_block block = {.a = p->a + first * p->k,
                           .packed = p->packed,
                           .c = c,
                           .a_step = p->k,
                           .c_step = p->n,
                           .n = p->n,
                           .k = p->k};
  esp_block_run(&block, rows, 0, esp_block_panels(p->n));
}

static void a_number_is_where_its_place_says(void) {
  for (int s = 0; s < SHAPES; s++) {
    const int64_t rows = shapes[s][0], columns = shapes[s][1];
    product p = make(rows, columns);
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t j = 0; j < columns; j++) {
        CU_ASSERT_EQUAL(p.packed[esp_block_place(columns, rows, i, j)],
                        p.b[i * columns + j]);
      }
    }
    end(&p);
  }
}

static void matches_the_definition(void) {
  if (!esp_block_available()) return;
  for (int s = 0; s < SHAPES; s++) {
    product p = make(shapes[s][0], shapes[s][1]);
    run(&p, 0, ROWS, p.c);
    double worst = 0;
    for (int64_t i = 0; i < ROWS * p.n; i++) {
      double sum = 0;
      for (int64_t k = 0; k < p.k; k++) {
        sum += (double)p.a[i / p.n * p.k + k] * (double)p.b[k * p.n + i % p.n];
      }
      worst = fmax(worst, fabs(sum - (double)p.c[i]));
    }
    CU_ASSERT(worst < 1.2e-7 * (double)p.k);
    end(&p);
  }
}

static void a_row_has_the_same_bits_among_any_others(void) {
  if (!esp_block_available()) return;
  for (int s = 0; s < SHAPES; s++) {
    product p = make(shapes[s][0], shapes[s][1]);
    float *part = calloc((size_t)(ROWS * p.n), sizeof *part);
    run(&p, 0, ROWS, p.c);
    for (int64_t rows = 1; rows <= ROWS; rows++) {
      const int64_t first = ROWS - rows;
      run(&p, first, rows, part);
      CU_ASSERT(memcmp(part, p.c + first * p.n,
                       (size_t)(rows * p.n) * sizeof *part) == 0);
    }
    free(part);
    end(&p);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_number_is_where_its_place_says),
      CASE(matches_the_definition),
      CASE(a_row_has_the_same_bits_among_any_others),
      {NULL, NULL},
  };
  return check_run("kernel/block", cases);
}
