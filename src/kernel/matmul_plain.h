// Matrix products of the types that are not float32: plain loops over rows.
// Floor 2.
#ifndef ESP_KERNEL_MATMUL_PLAIN_H
#define ESP_KERNEL_MATMUL_PLAIN_H

#include "base/status.h"
#include "tensor/tensor.h"

// c [M,N] = a b, each given by its element strides: a[m, k] lies at
// m * a_row + k * a_column, and so on; c is dense.  double adds up k in order;
// int32, int64, uint32 and uint64 wrap around.  An element of c has the same
// bits for every width and every m.
typedef struct esp_matmul_plain {
  esp_dtype type;
  int64_t m, n, k;
  const void *a, *b;
  int64_t a_row, a_column, b_row, b_column;
  void *c;
  int width;
} esp_matmul_plain;
bool esp_matmul_plain_knows(esp_dtype type);
void esp_matmul_plain_run(const esp_matmul_plain *product);

#endif
