// Elementary functions over arrays of float32.  Floor 2.
//
// Plain loops without branches that the compiler turns into vectors of whatever
// width the machine has; products and sums are rounded one by one (no fused
// multiply-add), so an element has the same bits at any place of any array and
// on any machine.  x may equal y.  Errors were measured against double over all
// of float32 (tests/kernel/test_vector_math.c).
#ifndef ESP_KERNEL_VECTOR_MATH_H
#define ESP_KERNEL_VECTOR_MATH_H

#include <stdint.h>

void esp_vector_exp(const float *x, float *y, int64_t n);     // <= 2 ulp
void esp_vector_sigmoid(const float *x, float *y, int64_t n); // 1/(1+exp(-x))
void esp_vector_tanh(const float *x, float *y, int64_t n);    // <= 3 ulp

// Sum in double, in an order that depends on n alone; 0 for none.
double esp_vector_sum(const float *x, int64_t n);
// Sum of (x - mean)^2, likewise.
double esp_vector_squares(const float *x, double mean, int64_t n);
// The largest number; NaN counts for nothing, -INFINITY for none.
float esp_vector_max(const float *x, int64_t n);

#endif
