#include "kernel/narrow.h"

#include <math.h>
#include <string.h>

#include "kernel/vectors.h"

esp_dtype esp_narrow_type(esp_narrow kind) {
  if (kind.as_float) return ESP_UNDEFINED;
  return kind.precision == ESP_PRECISION_BF16 ? ESP_BFLOAT16 : ESP_INT8;
}

size_t esp_narrow_bytes(esp_narrow kind) {
  return kind.as_float ? sizeof(float) : esp_dtype_bytes(esp_narrow_type(kind));
}

// The bits of magnitudes are ordered as they are, with infinity and NaN beyond.
ESP_VECTORS float esp_largest(const float *x, int64_t n) {
  static const uint32_t MAGNITUDE = 0x7fffffff, INFINITE = 0x7f800000;
  uint32_t largest = 0;
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    bits &= MAGNITUDE;
    largest = bits > largest ? bits : largest;
  }
  if (largest >= INFINITE) return NAN;
  float found;
  memcpy(&found, &largest, sizeof found);
  return found;
}

// The upper half, rounded to the nearest, ties to even; NaN stays NaN.
static inline uint32_t upper_half(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  return (bits & 0x7fffffffu) > 0x7f800000u ? bits >> 16 | 0x40u : rounded;
}

ESP_VECTORS static void to_bf16(const float *x, uint16_t *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = (uint16_t)upper_half(x[i]);
}

ESP_VECTORS static void round_bf16(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const uint32_t bits = upper_half(x[i]) << 16;
    memcpy(&y[i], &bits, sizeof bits);
  }
}

ESP_VECTORS static void to_int8(const float *x, float factor, int8_t *y,
                                int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = (int8_t)(int32_t)rintf(x[i] * factor);
}

ESP_VECTORS static void round_int8(const float *x, float factor, float *y,
                                   int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = rintf(x[i] * factor);
}

void esp_narrow_run(esp_narrow kind, const float *x, float largest, void *y,
                    int64_t n) {
  if (kind.precision == ESP_PRECISION_BF16) {
    if (kind.as_float) {
      round_bf16(x, y, n);
    } else {
      to_bf16(x, y, n);
    }
    return;
  }
  // The smallest numbers have no finite inverse.
  const float factor = 127 / largest;
  if (!(largest > 0) || !isfinite(factor)) {
    memset(y, 0, (size_t)n * esp_narrow_bytes(kind));
  } else if (kind.as_float) {
    round_int8(x, factor, y, n);
  } else {
    to_int8(x, factor, y, n);
  }
}
