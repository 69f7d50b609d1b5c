#include "kernel/matmul_bytes.h"

#include <stdatomic.h>
#include <string.h>

#include "kernel/dnnl.h"
#include "kernel/parallel.h"
#include "kernel/vectors.h"

// Rows of fewer multiplications than this are not worth another thread.
enum { GRAIN = 16384 };

// row[n] += factor * (b[n] - zero[n])
#define ADD_ROW(suffix, type)                                                  \
  ESP_VECTORS static void add_##suffix(uint32_t *row, uint32_t factor,         \
                                       const type *b, const int32_t *zero,     \
                                       int step, int64_t n) {                  \
    if (step == 0) {                                                           \
      const int32_t z = zero[0];                                               \
      for (int64_t i = 0; i < n; i++) row[i] += factor * (uint32_t)(b[i] - z); \
    } else {                                                                   \
      for (int64_t i = 0; i < n; i++)                                          \
        row[i] += factor * (uint32_t)(b[i] - zero[i]);                         \
    }                                                                          \
  }
ADD_ROW(u8, uint8_t)
ADD_ROW(s8, int8_t)

static void byte_rows(int64_t begin, int64_t end, void *argument) {
  const esp_matmul_bytes *p = argument;
  for (int64_t m = begin; m < end; m++) {
    uint32_t *row = (uint32_t *)p->c + m * p->n;
    memset(row, 0, (size_t)p->n * sizeof *row);
    const int32_t zero = p->a_zero[m * p->a_zero_step];
    for (int64_t k = 0; k < p->k; k++) {
      const int64_t at = m * p->k + k;
      const int32_t a = p->a_signed ? ((const int8_t *)p->a)[at]
                                    : ((const uint8_t *)p->a)[at];
      const uint32_t factor = (uint32_t)(a - zero);
      if (p->b_signed) {
        add_s8(row, factor, (const int8_t *)p->b + k * p->n, p->b_zero,
               p->b_zero_step, p->n);
      } else {
        add_u8(row, factor, (const uint8_t *)p->b + k * p->n, p->b_zero,
               p->b_zero_step, p->n);
      }
    }
  }
}

static bool all_equal(const int32_t *zero, int step, int64_t count) {
  for (int64_t i = 1; step != 0 && i < count; i++) {
    if (zero[i] != zero[0]) return false;
  }
  return true;
}

typedef struct call {
  const esp_matmul_bytes *p;
  const int8_t *b; // less 128 where it was unsigned
  int8_t b_zero;
  atomic_int failed;
} call;

// oneDNN gets pieces of rows, on one thread each.
static void library_rows(int64_t begin, int64_t end, void *argument) {
  call *c = argument;
  const esp_matmul_bytes *p = c->p;
  const int32_t none = 0;
  int32_t *to = p->c + begin * p->n;
  const int before = esp_dnnl_threads(1);
  const dnnl_status_t status =
      p->a_signed
          ? dnnl_gemm_s8s8s32('N', 'N', 'F', end - begin, p->n, p->k, 1.0f,
                              (const int8_t *)p->a + begin * p->k, p->k,
                              (int8_t)p->a_zero[0], c->b, p->n, c->b_zero, 0.0f,
                              to, p->n, &none)
          : dnnl_gemm_u8s8s32('N', 'N', 'F', end - begin, p->n, p->k, 1.0f,
                              (const uint8_t *)p->a + begin * p->k, p->k,
                              (uint8_t)p->a_zero[0], c->b, p->n, c->b_zero,
                              0.0f, to, p->n, &none);
  (void)esp_dnnl_threads(before);
  if (status != dnnl_success) atomic_store(&c->failed, (int)status);
}

static void lower(const uint8_t *from, int8_t *to, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] = (int8_t)(from[i] - 128);
}

static esp_status run_library(const esp_matmul_bytes *p) {
  enum { LEAST_ROWS = 16 };
  call c = {.p = p, .b = p->b, .b_zero = (int8_t)p->b_zero[0]};
  if (!p->b_signed) {
    lower(p->b, p->scratch, p->k * p->n);
    c.b = p->scratch;
    c.b_zero = (int8_t)(p->b_zero[0] - 128);
  }
  esp_loop_over(p->width, p->m, LEAST_ROWS, library_rows, &c);
  return esp_dnnl_status((dnnl_status_t)atomic_load(&c.failed),
                         "a product of bytes");
}

size_t esp_matmul_bytes_scratch(int64_t n, int64_t k, bool b_signed) {
  return b_signed ? 0 : (size_t)n * (size_t)k;
}

esp_status esp_matmul_bytes_run(const esp_matmul_bytes *product) {
  esp_matmul_bytes p = *product;
  if (p.m > 0 && p.n > 0 && p.k > 0 && esp_dnnl_adds_bytes() &&
      all_equal(p.a_zero, p.a_zero_step, p.m) &&
      all_equal(p.b_zero, p.b_zero_step, p.n)) {
    return run_library(&p);
  }
  esp_loop_over(p.width, p.m, GRAIN / (p.n * p.k + 1) + 1, byte_rows, &p);
  return ESP_OK;
}
