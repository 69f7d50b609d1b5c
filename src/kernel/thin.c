#include "kernel/thin.h"

#include <string.h>

#include "kernel/vectors.h"

enum { WIDE = ESP_THIN_COLUMNS };

int64_t esp_thin_panels(int64_t n) { return (n + WIDE - 1) / WIDE; }

size_t esp_thin_count(int64_t n, int64_t k) {
  return (size_t)(esp_thin_panels(n) * WIDE * k);
}

void esp_thin_pack(const float *b, bool transposed, int64_t n, int64_t k,
                   float *packed) {
  for (int64_t p = 0; p < esp_thin_panels(n); p++) {
    float *to = packed + p * k * WIDE;
    for (int64_t i = 0; i < k; i++) {
      for (int64_t j = 0; j < WIDE; j++) {
        const int64_t column = p * WIDE + j;
        const float *from =
            transposed ? b + column * k + i : b + i * n + column;
        to[i * WIDE + j] = column < n ? *from : 0;
      }
    }
  }
}

// So many rows by one panel and a piece of K: the sums stay in registers.
#define ROWS(m)                                                                \
  ESP_VECTORS ESP_CONTRACTED static void rows_##m(                             \
      const float *a, int64_t step, const float *b, int64_t k, float *y) {     \
    float sum[m][WIDE];                                                        \
    memset(sum, 0, sizeof sum);                                                \
    for (int64_t i = 0; i < k; i++) {                                          \
      for (int r = 0; r < m; r++) {                                            \
        const float factor = a[r * step + i];                                  \
        _Pragma("omp simd") for (int j = 0; j < WIDE; j++) sum[r][j] +=        \
            factor * b[i * WIDE + j];                                          \
      }                                                                        \
    }                                                                          \
    memcpy(y, sum, sizeof sum);                                                \
  }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)

int64_t esp_thin_piece(int64_t k) {
  return k > 1024 ? 1024 : (k > 512 ? 512 : k);
}

void esp_thin_put(const float *from, int64_t from_step, int64_t rows,
                  int64_t columns, bool first, float *to, int64_t to_step) {
  for (int64_t r = 0; r < rows; r++, from += from_step, to += to_step) {
    for (int64_t j = 0; j < columns; j++) {
      to[j] = first ? from[j] : to[j] + from[j];
    }
  }
}

void esp_thin_run(const float *a, const float *packed, float *c, int64_t m,
                  int64_t n, int64_t k, int64_t begin, int64_t end) {
  static void (*const rows[])(const float *, int64_t, const float *, int64_t,
                              float *) = {rows_1, rows_2, rows_3, rows_4};
  const int64_t piece = esp_thin_piece(k);
  float y[ESP_THIN_ROWS * WIDE];
  for (int64_t p = begin; p < end && m > 0; p++) {
    const float *panel = packed + p * k * WIDE;
    const int64_t left = n - p * WIDE, count = left < WIDE ? left : WIDE;
    for (int64_t i = 0; i < k; i += piece) {
      const int64_t terms = k - i < piece ? k - i : piece;
      rows[m - 1](a + i, k, panel + i * WIDE, terms, y);
      esp_thin_put(y, WIDE, m, count, i == 0, c + p * WIDE, n);
    }
  }
}
