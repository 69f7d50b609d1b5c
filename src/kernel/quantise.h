// Rounding of float32 and of 32-bit sums to quantised integers.  Floor 2.
#ifndef ESP_KERNEL_QUANTISE_H
#define ESP_KERNEL_QUANTISE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

// v to the nearest integer (ties to even), plus zero, held inside [low, high];
// NaN becomes low.
static inline int32_t esp_quantise_one(double v, int32_t zero, int32_t low,
                                       int32_t high) {
  // Far beyond every range, so that the sum is exact and never overflows.
  const double bound = 1048576;
  const double held = v > -bound ? (v < bound ? v : bound) : -bound;
  const int32_t sum = (int32_t)rint(held) + zero;
  return sum < low ? low : (sum > high ? high : sum);
}

// y = round(x / scale) + zero, saturated.
void esp_quantise_u8(const float *x, uint8_t *y, int64_t n, float scale,
                     int32_t zero);
void esp_quantise_s8(const float *x, int8_t *y, int64_t n, float scale,
                     int32_t zero);

// y = round((sum + more) a b) + zero, saturated to uint8 or int8; b is one
// number (b_step 0) or one for each element (1).  Rounded once, from double.
typedef struct esp_rescaling {
  double a;
  const double *b;
  int b_step;
  int32_t more, zero;
  bool is_signed;
} esp_rescaling;
void esp_rescale(const esp_rescaling *scales, const int32_t *sums, uint8_t *y,
                 int64_t n);

#endif
