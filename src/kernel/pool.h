// Pooling by own loops.  Floor 2.
#ifndef ESP_KERNEL_POOL_H
#define ESP_KERNEL_POOL_H

#include <stdbool.h>
#include <stdint.h>

enum { ESP_POOL_AXES = 3 };

// y [N,C,o...] from x [N,C,i...]; float32, 1 to 3 spatial axes, which stand
// last here (missing ones have extent 1).  Source: ONNX MaxPool-12,
// AveragePool-19.
typedef struct esp_pool_problem {
  bool average;   // else the maximum; a NaN in a window is its maximum
  bool count_pad; // averages count padding (not what ceil_mode adds) as zeros
  bool channels_last;
  int64_t batch, channels;
  int64_t in[ESP_POOL_AXES], out[ESP_POOL_AXES], kernel[ESP_POOL_AXES];
  int64_t stride[ESP_POOL_AXES], dilation[ESP_POOL_AXES];
  int64_t before[ESP_POOL_AXES], after[ESP_POOL_AXES];
} esp_pool_problem;

// Pools on `width` threads.  index: NULL, or (row major only) the place of each
// maximum in x, counted over all of x with the spatial axes in row-major order,
// or, when column_major, in column-major order.
void esp_pool_run(const esp_pool_problem *problem, const float *x, float *y,
                  int64_t *index, bool column_major, int width);

#endif
