#include "kernel/matmul_plain.h"

#include "kernel/parallel.h"

// Rows of fewer multiplications than this are not worth another thread.
enum { GRAIN = 16384 };

// Unsigned arithmetic wraps around as the machine does; 32 bits of it are the
// same for signed numbers.
#define PRODUCT_TYPES(X)                                                       \
  X(f64, double)                                                               \
  X(w32, uint32_t)                                                             \
  X(w64, uint64_t)

#define ROWS(suffix, type)                                                     \
  static void rows_##suffix(int64_t begin, int64_t end, void *argument) {      \
    const esp_matmul_plain *p = argument;                                      \
    for (int64_t m = begin; m < end; m++) {                                    \
      const type *a = (const type *)p->a + m * p->a_row;                       \
      type *c = (type *)p->c + m * p->n;                                       \
      for (int64_t n = 0; n < p->n; n++) c[n] = 0;                             \
      for (int64_t k = 0; k < p->k; k++) {                                     \
        const type *b = (const type *)p->b + k * p->b_row;                     \
        const type factor = a[k * p->a_column];                                \
        if (p->b_column == 1) {                                                \
          for (int64_t n = 0; n < p->n; n++) c[n] += factor * b[n];            \
        } else {                                                               \
          for (int64_t n = 0; n < p->n; n++)                                   \
            c[n] += factor * b[n * p->b_column];                               \
        }                                                                      \
      }                                                                        \
    }                                                                          \
  }
PRODUCT_TYPES(ROWS)

static esp_loop_body rows_of(esp_dtype type) {
  switch (type) {
  case ESP_DOUBLE:
    return rows_f64;
  case ESP_INT32:
  case ESP_UINT32:
    return rows_w32;
  case ESP_INT64:
  case ESP_UINT64:
    return rows_w64;
  default:
    return NULL;
  }
}

bool esp_matmul_plain_knows(esp_dtype type) { return rows_of(type) != NULL; }

void esp_matmul_plain_run(const esp_matmul_plain *product) {
  esp_matmul_plain p = *product;
  esp_loop_over(p.width, p.m, GRAIN / (p.n * p.k + 1) + 1, rows_of(p.type), &p);
}
