#include "kernel/panel.h"

#include <string.h>

#include "kernel/vectors.h"

// Four rows at a time hide the latency of an addition and share the loads of
// the columns.
#define PANEL(suffix, type)                                                    \
  ESP_VECTORS static void four_##suffix(int64_t inner, const type *w,          \
                                        const type *columns, type *y) {        \
    type sum[4][ESP_PANEL];                                                    \
    memcpy(sum, y, sizeof sum);                                                \
    for (int64_t k = 0; k < inner; k++) {                                      \
      const type *c = columns + k * ESP_PANEL;                                 \
      for (int r = 0; r < 4; r++) {                                            \
        const type factor = w[r * inner + k];                                  \
        _Pragma("omp simd") for (int i = 0; i < ESP_PANEL; i++) sum[r][i] +=   \
            factor * c[i];                                                     \
      }                                                                        \
    }                                                                          \
    memcpy(y, sum, sizeof sum);                                                \
  }                                                                            \
  static void one_##suffix(int64_t inner, const type *w, const type *columns,  \
                           type *y) {                                          \
    for (int64_t k = 0; k < inner; k++) {                                      \
      for (int i = 0; i < ESP_PANEL; i++)                                      \
        y[i] += w[k] * columns[k * ESP_PANEL + i];                             \
    }                                                                          \
  }                                                                            \
  void esp_panel_##suffix(int64_t rows, int64_t inner, const type *w,          \
                          const type *columns, type *y) {                      \
    int64_t r = 0;                                                             \
    for (; r + 4 <= rows; r += 4)                                              \
      four_##suffix(inner, w + r * inner, columns, y + r * ESP_PANEL);         \
    for (; r < rows; r++)                                                      \
      one_##suffix(inner, w + r * inner, columns, y + r * ESP_PANEL);          \
  }

PANEL(f32, float)
PANEL(f64, double)
