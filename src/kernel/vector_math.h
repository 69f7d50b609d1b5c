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
void esp_vector_erf(const float *x, float *y, int64_t n);     // <= 2 ulp
// x times the normal distribution's probability below x, 0.5 x (1 + erf(x /
// sqrt 2)), and the form with tanh that Hendrycks and Gimpel (2016) give for
// it, 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).  At most 2^-22 |x|
// off, and 2^-14 of the value itself, which is tiny far below zero.
void esp_vector_gelu(const float *x, float *y, int64_t n);
void esp_vector_gelu_tanh(const float *x, float *y, int64_t n);

// A step of an LSTM: gates i, o, f, c of n numbers each are x + h + bias; then
// c = sigmoid(f) c + sigmoid(i) tanh(c), y = sigmoid(o) tanh(c).  With fused
// multiply-add where the machine has it.  Source: ONNX LSTM-14.
void esp_vector_lstm(const float *x, const float *h, const float *bias,
                     float *restrict c, float *restrict y, int64_t n);

// exp(x - the largest) over the sum of those, which is made in double.
void esp_vector_softmax(const float *x, float *y, int64_t n);
// (x - mean) * factor * scale + shift, in double and rounded once; shift may be
// NULL.
void esp_vector_normalise(const float *x, double mean, double factor,
                          const float *scale, const float *shift, float *y,
                          int64_t n);

// Sum in double, in an order that depends on n alone; 0 for none.
double esp_vector_sum(const float *x, int64_t n);
// Sum of (x - mean)^2, likewise.
double esp_vector_squares(const float *x, double mean, int64_t n);
// The largest number; NaN counts for nothing, -INFINITY for none.
float esp_vector_max(const float *x, int64_t n);

#endif
