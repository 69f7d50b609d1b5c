// Matrix products of 8-bit integers, exact in 32 bits.  Floor 2.
#ifndef ESP_KERNEL_MATMUL_BYTES_H
#define ESP_KERNEL_MATMUL_BYTES_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// c [M,N] = (a - a_zero) (b - b_zero) in int32, which wraps around; a [M,K] and
// b [K,N] are uint8 or int8, row major and dense.  One zero point for all, or
// one for each row of a (a_zero_step 1) and each column of b (b_zero_step 1).
typedef struct esp_matmul_bytes {
  int64_t m, n, k;
  bool a_signed, b_signed;
  const void *a, *b;
  const int32_t *a_zero, *b_zero;
  int a_zero_step, b_zero_step;
  int32_t *c;
  void *scratch; // as esp_matmul_bytes_scratch() says
  int width;
} esp_matmul_bytes;

size_t esp_matmul_bytes_scratch(int64_t n, int64_t k, bool b_signed);
// Multiplies: by oneDNN where the machine adds up bytes without saturating and
// there is one zero point for each operand, otherwise by a plain loop; sums are
// exact, so that both give the same bits.
esp_status esp_matmul_bytes_run(const esp_matmul_bytes *product);

#endif
