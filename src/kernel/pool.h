// Pooling by own loops.  Floor 2.
#ifndef ESP_KERNEL_POOL_H
#define ESP_KERNEL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

enum { ESP_POOL_AXES = 3 };

typedef enum esp_pool_kind {
  ESP_POOL_MAX, // a NaN in a window is its maximum
  ESP_POOL_AVERAGE,
  ESP_POOL_NORM // (sum |x|^power)^(1/power)
} esp_pool_kind;

// y [N,C,o...] from x [N,C,i...]; 1 to 3 spatial axes, which stand last here
// (missing ones have extent 1).  float32 and double; maxima of int8 and uint8
// too.  Source: ONNX MaxPool-12, AveragePool-19, LpPool-18.
typedef struct esp_pool_problem {
  esp_dtype type;
  esp_pool_kind kind;
  double power;
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
void esp_pool_run(const esp_pool_problem *problem, const void *x, void *y,
                  int64_t *index, bool column_major, int width);

#endif
