// Matrix products through oneDNN.  Floor 2.
#ifndef ESP_KERNEL_MATMUL_H
#define ESP_KERNEL_MATMUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/tensor.h"

// c [M,N] = a [M,K] b [K,N], float32, row major and dense; b may be given as
// its transpose [N,K].
typedef struct esp_matmul_problem {
  int64_t m, n, k;
  bool b_transposed;
  int width;
  int64_t products;        // that are made at a time; 0 is as 1
  esp_precision precision; // a and a constant b are rounded to this, where
                           // there is one product (narrow.h); c stays float32
  esp_dtype type; // of a and b: bfloat16 or int8 for narrow_matmul.c; else 0
} esp_matmul_problem;

typedef struct esp_matmul esp_matmul;

// Makes the primitives; a constant b is packed, and not kept; NULL: it is given
// at every run.  An element of c has the same bits for every width and every m:
// the work is cut outside of the library into pieces of rows, each
// on one thread, and only an implementation that adds up k in one order is
// taken; where there is none, a plain loop computes.
esp_status esp_matmul_create(const esp_matmul_problem *problem, const void *b,
                             esp_matmul **matmul);
void esp_matmul_free(esp_matmul *matmul);            // NULL is allowed
size_t esp_matmul_scratch(const esp_matmul *matmul); // bytes that a run needs
const char *esp_matmul_implementation(const esp_matmul *matmul);
// Multiplies; b is looked at only if it was not packed.  Uses the width's
// threads; safe from several workers at once.
esp_status esp_matmul_run(esp_matmul *matmul, const float *a, const float *b,
                          float *c, void *scratch);

// The problem's products, one after the other in c, and what is to be done with
// the rows of c when they are there: by the thread that has made them, counted
// over all products.  NULL: nothing.
typedef struct esp_matmul_work {
  const void *context; // handed to both
  void (*operands)(const void *context, int64_t product, const void **a,
                   const void **b);
  void (*after)(const void *context, int64_t first_row, int64_t end_row);
  float *c;
  bool backwards; // panels of constant weights are read from the last to the
                  // first: of those that a product read just before, and that
                  // a cache does not hold all, the last are near
} esp_matmul_work;
esp_status esp_matmul_run_all(esp_matmul *matmul, const esp_matmul_work *work,
                              void *scratch);

#endif
