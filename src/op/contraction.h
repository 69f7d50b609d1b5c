// An Einsum of two float32 inputs as products of matrices: the axes are batch,
// rows, columns and sum; the operands are copied into that order where they are
// not in it.  Private to op/.
#ifndef ESP_OP_CONTRACTION_H
#define ESP_OP_CONTRACTION_H

#include "kernel/matmul.h"
#include "kernel/strided_copy.h"
#include "op/equation.h"

// An operand, or the output, in the order of the products.
typedef struct esp_contraction_part {
  bool copied;   // else it lies so already
  esp_copy copy; // of the operand into, or of the output from, scratch memory
  size_t place;
} esp_contraction_part;

typedef struct esp_contraction {
  int64_t batch, m, n, k;
  esp_contraction_part a, b, y;
  esp_matmul *matmul;
  size_t inner; // scratch memory of a product
  bool swapped; // the second input is the left operand
} esp_contraction;

// Are there two inputs, and does every summed axis belong to both?
bool esp_contraction_fits(const esp_axes *axes);
// Plans; says how much scratch memory a run needs.  Freed by
// esp_contraction_free(), also when it failed.
esp_status esp_contraction_plan(const esp_axes *given, int width,
                                esp_contraction *made, size_t *scratch_bytes);
void esp_contraction_free(esp_contraction *contraction); // zeroed is allowed
esp_status esp_contraction_run(const esp_contraction *contraction,
                               const float *first, const float *second,
                               float *y, esp_team team);

#endif
