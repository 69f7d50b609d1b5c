// What operands are rounded to (kernel/narrow.h), by its definition.
#ifndef ESP_TESTS_ROUNDED_H
#define ESP_TESTS_ROUNDED_H

#include <math.h>

#include "tensor/tensor.h"

// Rounds numbers that have a scale together in place: `count` of them, from
// first on, `step` apart.
static inline void round_together(esp_precision precision, float *first,
                                  int64_t count, int64_t step) {
  float largest = 0;
  for (int64_t i = 0; i < count; i++) {
    largest = fmaxf(largest, fabsf(first[i * step]));
  }
  for (int64_t i = 0; i < count; i++) {
    float *x = &first[i * step];
    if (precision == ESP_PRECISION_BF16) {
      *x = esp_from_bfloat16(esp_to_bfloat16(*x));
    } else if (precision == ESP_PRECISION_INT8 && largest > 0) {
      *x = rintf(*x * (127 / largest)) * (largest / 127);
    }
  }
}

#endif
