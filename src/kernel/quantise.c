#include "kernel/quantise.h"

#include "kernel/vectors.h"

// Held before the zero point is added, where float32 is exact: the same as
// esp_quantise_one(), in loops that become vectors.
#define QUANTISE(name, type, low, high)                                        \
  ESP_VECTORS void name(const float *x, type *y, int64_t n, float scale,       \
                        int32_t zero) {                                        \
    const float least = (float)((low)-zero), most = (float)((high)-zero);      \
    for (int64_t i = 0; i < n; i++) {                                          \
      const float v = rintf(x[i] / scale);                                     \
      const float up = v > least ? v : least;                                  \
      const float held = up < most ? up : most;                                \
      y[i] = (type)((int32_t)held + zero);                                     \
    }                                                                          \
  }
QUANTISE(esp_quantise_u8, uint8_t, 0, UINT8_MAX)
QUANTISE(esp_quantise_s8, int8_t, INT8_MIN, INT8_MAX)

ESP_VECTORS void esp_rescale(const esp_rescaling *scales, const int32_t *sums,
                             uint8_t *y, int64_t n) {
  const double more = scales->more;
  const int32_t low = scales->is_signed ? INT8_MIN : 0;
  const int32_t high = scales->is_signed ? INT8_MAX : UINT8_MAX;
  if (scales->b_step == 0) {
    const double factor = scales->a * scales->b[0];
    for (int64_t i = 0; i < n; i++) {
      const double v = ((double)sums[i] + more) * factor;
      y[i] = (uint8_t)esp_quantise_one(v, scales->zero, low, high);
    }
  } else {
    for (int64_t i = 0; i < n; i++) {
      const double v = ((double)sums[i] + more) * (scales->a * scales->b[i]);
      y[i] = (uint8_t)esp_quantise_one(v, scales->zero, low, high);
    }
  }
}
