#include "kernel/quantise.h"

#include "kernel/vectors.h"

ESP_VECTORS void esp_quantise_u8(const float *x, uint8_t *y, int64_t n,
                                 float scale, int32_t zero) {
  for (int64_t i = 0; i < n; i++) {
    y[i] =
        (uint8_t)esp_quantise_one((double)(x[i] / scale), zero, 0, UINT8_MAX);
  }
}
ESP_VECTORS void esp_quantise_s8(const float *x, int8_t *y, int64_t n,
                                 float scale, int32_t zero) {
  for (int64_t i = 0; i < n; i++) {
    y[i] = (int8_t)esp_quantise_one((double)(x[i] / scale), zero, INT8_MIN,
                                    INT8_MAX);
  }
}
