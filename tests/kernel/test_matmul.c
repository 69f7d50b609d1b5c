// Products against a reference in double, and the promise that an element has
// the same bits for every number of rows and every width.
#include "kernel/matmul.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/library.h"
#include "kernel/rounded.h"
#include "support/check.h"

// A sum of k products is off by about k half units in the last place of its
// largest part; inputs are in [-1,1).
static const double RTOL = 1e-5, ATOL_PER_TERM = 1.2e-7;

static float *filled(int64_t count) {
  float *made = malloc(((size_t)count + 1) * sizeof *made);
  check_fill(made, (size_t)count);
  return made;
}

// Multiplies with b constant or not.
static void multiply(const esp_matmul_problem *p, const float *a,
                     const float *b, bool constant, float *c) {
  esp_matmul *mm = NULL;
  void *scratch = NULL;
  CHECK_OK(esp_matmul_create(p, constant ? b : NULL, &mm));
  CHECK_OK(esp_allocate(esp_matmul_scratch(mm), &scratch));
  CHECK_OK(esp_matmul_run(mm, a, constant ? NULL : b, c, scratch));
  esp_free(scratch);
  esp_matmul_free(mm);
}

static void reference(const esp_matmul_problem *p, const float *a,
                      const float *b, float *c) {
  for (int64_t m = 0; m < p->m; m++) {
    for (int64_t n = 0; n < p->n; n++) {
      double sum = 0;
      for (int64_t k = 0; k < p->k; k++) {
        sum += (double)a[m * p->k + k] *
               (double)b[p->b_transposed ? n * p->k + k : k * p->n + n];
      }
      c[m * p->n + n] = (float)sum;
    }
  }
}

static const int64_t shapes[][2] = { // K, N
    {1, 1},     {1, 7},     {3, 1},    {28, 256}, {64, 256},
    {64, 10},   {77, 33},   {768, 64}, {300, 48}, {3136, 10},
    {513, 200}, {333, 257}, {64, 520}, {96, 1000}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void matches_the_definition(void) {
  static const int64_t rows[] = {1, 5, 33};
  for (int s = 0; s < SHAPES; s++) {
    for (size_t r = 0; r < 3; r++) {
      for (int form = 0; form < 4; form++) {
        const esp_matmul_problem p = {.m = rows[r],
                                      .k = shapes[s][0],
                                      .n = shapes[s][1],
                                      .b_transposed = form & 1,
                                      .width = 1 + (int)r};
        float *a = filled(p.m * p.k), *b = filled(p.k * p.n);
        float *c = filled(p.m * p.n), *want = filled(p.m * p.n);
        multiply(&p, a, b, form & 2, c);
        reference(&p, a, b, want);
        check_close(c, want, (size_t)(p.m * p.n), RTOL,
                    ATOL_PER_TERM * (double)p.k);
        free(a), free(b), free(c), free(want);
      }
    }
  }
}

// Every row of a tall product equals the row computed alone.
static void rows_and_widths_do_not_change_the_bits(void) {
  static const int64_t rows[] = {1, 2, 3, 5, 7, 8, 16, 31, 64, 100};
  enum { MOST = 100 };
  for (int s = 0; s < SHAPES; s++) {
    for (int form = 0; form < 4; form++) {
      esp_matmul_problem p = {.m = MOST,
                              .k = shapes[s][0],
                              .n = shapes[s][1],
                              .b_transposed = form & 1,
                              .width = 1};
      float *a = filled(p.m * p.k), *b = filled(p.k * p.n);
      float *c = filled(p.m * p.n), *want = filled(p.m * p.n);
      multiply(&p, a, b, form & 2, want);
      for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        for (p.width = 1; p.width <= 4; p.width++) {
          p.m = rows[r];
          const int64_t first = MOST - p.m; // the last rows of the tall one
          memset(c, 0, (size_t)(p.m * p.n) * sizeof *c);
          multiply(&p, a + first * p.k, b, form & 2, c);
          const bool same = memcmp(c, want + first * p.n,
                                   (size_t)(p.m * p.n) * sizeof *c) == 0;
          if (!same) {
            printf("\n    m %lld k %lld n %lld width %d form %d",
                   (long long)p.m, (long long)p.k, (long long)p.n, p.width,
                   form);
          }
          CU_ASSERT(same);
        }
      }
      free(a), free(b), free(c), free(want);
    }
  }
}

// Products of some columns of b have the bits of all.
static void columns_do_not_change_the_bits(void) {
  static const int64_t wide[][2] = {// K, N
                                    {28, 256},  {333, 448},  {96, 1024},
                                    {768, 768}, {768, 3072}, {2048, 1000}};
  static const int64_t rows[] = {1, 4, 7, 33, 128};
  enum { COLUMNS = 64 };
  for (size_t i = 0; i < 30; i++) {
    const esp_matmul_problem all = {
        .m = rows[i % 5], .k = wide[i / 5][0], .n = wide[i / 5][1], .width = 1};
    float *a = filled(all.m * all.k), *b = filled(all.k * all.n);
    float *want = filled(all.m * all.n), *part = filled(all.k * all.n);
    float *c = filled(all.m * all.n);
    multiply(&all, a, b, true, want);
    for (int p = 0; p < 5; p++) { // two halves, three thirds
      const int64_t parts = p < 2 ? 2 : 3, at = p < 2 ? p : p - 2;
      const int64_t grains = all.n / COLUMNS;
      const int64_t first = grains * at / parts * COLUMNS;
      esp_matmul_problem some = all;
      some.n = grains * (at + 1) / parts * COLUMNS - first;
      if (at == parts - 1) some.n = all.n - first;
      for (int64_t k = 0; k < all.k; k++) {
        memcpy(part + k * some.n, b + k * all.n + first,
               (size_t)some.n * sizeof *b);
      }
      multiply(&some, a, part, true, c);
      bool same = true;
      for (int64_t m = 0; m < all.m; m++) {
        same &= memcmp(c + m * some.n, want + m * all.n + first,
                       (size_t)some.n * sizeof *c) == 0;
      }
      if (!same) {
        printf("\n    m %lld k %lld, %lld of n %lld", (long long)all.m,
               (long long)all.k, (long long)some.n, (long long)all.n);
      }
      CU_ASSERT(same);
    }
    free(a), free(b), free(want), free(part), free(c);
  }
}

// Rows of a and columns of b are rounded, each row and column by itself.
static void rounded_operands_match_the_definition(void) {
  for (int s = 0; s < SHAPES; s++) {
    for (int form = 0; form < 4; form++) {
      const esp_matmul_problem p = {.m = 37,
                                    .k = shapes[s][0],
                                    .n = shapes[s][1],
                                    .b_transposed = form & 1,
                                    .precision = form & 2 ? ESP_PRECISION_INT8
                                                          : ESP_PRECISION_BF16,
                                    .width = 2};
      float *a = filled(p.m * p.k), *b = filled(p.k * p.n);
      float *c = filled(p.m * p.n), *want = filled(p.m * p.n);
      multiply(&p, a, b, true, c);
      for (int64_t m = 0; m < p.m; m++) {
        round_together(p.precision, a + m * p.k, p.k, 1);
      }
      for (int64_t n = 0; n < p.n; n++) {
        round_together(p.precision, b + n * (p.b_transposed ? p.k : 1), p.k,
                       p.b_transposed ? 1 : p.n);
      }
      reference(&p, a, b, want);
      check_close(c, want, (size_t)(p.m * p.n), RTOL,
                  2 * ATOL_PER_TERM * (double)p.k);
      free(a), free(b), free(c), free(want);
    }
  }
}

static void rounded_rows_and_widths_do_not_change_the_bits(void) {
  static const int64_t rows[] = {1, 2, 5, 8, 31, 64};
  enum { MOST = 64 };
  for (int s = 0; s < SHAPES; s++) {
    for (int form = 0; form < 2; form++) {
      esp_matmul_problem p = {.m = MOST,
                              .k = shapes[s][0],
                              .n = shapes[s][1],
                              .precision = form == 0 ? ESP_PRECISION_BF16
                                                     : ESP_PRECISION_INT8,
                              .width = 1};
      float *a = filled(p.m * p.k), *b = filled(p.k * p.n);
      float *c = filled(p.m * p.n), *want = filled(p.m * p.n);
      multiply(&p, a, b, true, want);
      for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        for (p.width = 1; p.width <= 3; p.width++) {
          p.m = rows[r];
          const int64_t first = MOST - p.m;
          multiply(&p, a + first * p.k, b, true, c);
          check_same_bytes(c, want + first * p.n,
                           (size_t)(p.m * p.n) * sizeof *c);
        }
      }
      free(a), free(b), free(c), free(want);
    }
  }
}

// Other rows are none the worse.
static void a_row_with_a_nan_is_nan(void) {
  const esp_matmul_problem p = {
      .m = 3, .k = 64, .n = 48, .precision = ESP_PRECISION_INT8, .width = 1};
  float *a = filled(p.m * p.k), *b = filled(p.k * p.n);
  float *c = filled(p.m * p.n);
  a[p.k + 5] = NAN;
  memset(a + 2 * p.k, 0, (size_t)p.k * sizeof *a);
  multiply(&p, a, b, true, c);
  for (int64_t n = 0; n < p.n; n++) {
    CU_ASSERT(isfinite(c[n]) && c[n] != 0);
    CU_ASSERT(isnan(c[p.n + n]));
    CU_ASSERT(c[2 * p.n + n] == 0);
  }
  free(a), free(b), free(c);
}

// The plain loop is for machines without brgemm; where there is one, no shape
// may fall back to it unnoticed.
static void no_shape_falls_back(void) {
  char library[128];
  if (strstr(esp_kernel_library(library, sizeof library), "AVX-512") == NULL) {
    printf("skipped: brgemm needs AVX-512 ");
    return;
  }
  for (int s = 0; s < SHAPES; s++) {
    const esp_matmul_problem p = {
        .m = 100, .k = shapes[s][0], .n = shapes[s][1], .width = 2};
    float *b = filled(p.k * p.n);
    esp_matmul *mm = NULL;
    CHECK_OK(esp_matmul_create(&p, b, &mm));
    CU_ASSERT(strncmp(esp_matmul_implementation(mm), "brg", 3) == 0);
    esp_matmul_free(mm);
    free(b);
  }
}

static void nothing_added_up_is_zero(void) {
  const esp_matmul_problem p = {.m = 2, .n = 3, .k = 0, .width = 1};
  float c[6] = {1, 1, 1, 1, 1, 1};
  const float zero[6] = {0};
  multiply(&p, zero, zero, false, c);
  check_same_bytes(c, zero, sizeof c);
}

int main(void) {
  static const check_case cases[] = {
      CASE(matches_the_definition),
      CASE(rows_and_widths_do_not_change_the_bits),
      CASE(columns_do_not_change_the_bits),
      CASE(rounded_operands_match_the_definition),
      CASE(rounded_rows_and_widths_do_not_change_the_bits),
      CASE(a_row_with_a_nan_is_nan),
      CASE(no_shape_falls_back),
      CASE(nothing_added_up_is_zero),
      {NULL, NULL},
  };
  return check_run("kernel/matmul", cases);
}
