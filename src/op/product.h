// Products of matrices with leading dimensions that broadcast: what MatMul and
// its quantised forms share.  Private to op/.
#ifndef ESP_OP_PRODUCT_H
#define ESP_OP_PRODUCT_H

#include "op/op.h"

typedef struct esp_product {
  int64_t m, n, k;
  int64_t batch;              // products
  esp_shape a_batch, b_batch; // leading dimensions
  esp_shape batch_shape;      // of the output
} esp_product;

// Reads the shapes of the first operand and of the second as NumPy's matmul
// does, and gives the output's.  One second operand for all of the first's
// matrices makes one product of a tall matrix.
// ESP_BAD_INPUT: the inner dimensions differ, a scalar, or no broadcast.
esp_status esp_product_of(const esp_shape *a, const esp_shape *b,
                          esp_product *product, esp_shape *y);

// Which of its matrices an operand with these leading dimensions has in product
// `batch`.
int64_t esp_product_matrix(const esp_product *product, const esp_shape *own,
                           int64_t batch);

#endif
