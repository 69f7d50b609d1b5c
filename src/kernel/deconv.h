// Transposed convolution: products and a sum over overlapping windows.
// Floor 2.
#ifndef ESP_KERNEL_DECONV_H
#define ESP_KERNEL_DECONV_H

#include "base/status.h"
#include "tensor/tensor.h"

enum { ESP_DECONV_AXES = 3 }; // fewer axes have extents of 1 in front

// y [N,M,o...] from x [N,C,i...] and w [C,M/groups,k...]; float32 or double.
// Source pixel i and tap k meet at i * stride + k * dilation - before.
// Source: ONNX ConvTranspose-11.
typedef struct esp_deconv_problem {
  esp_dtype type;
  int64_t batch, groups, in_channels, out_channels;
  int64_t in[ESP_DECONV_AXES], out[ESP_DECONV_AXES], kernel[ESP_DECONV_AXES];
  int64_t stride[ESP_DECONV_AXES], dilation[ESP_DECONV_AXES];
  int64_t before[ESP_DECONV_AXES];
  int width;
} esp_deconv_problem;

typedef struct esp_deconv esp_deconv;

// Makes what a run needs; the problem is copied.  Constant weights are turned
// once, and not kept; NULL: they are given at every run.  An element of y has
// the same bits for every width, batch and place in the batch.
esp_status esp_deconv_create(const esp_deconv_problem *problem, const void *w,
                             esp_deconv **deconv);
void esp_deconv_free(esp_deconv *deconv);            // NULL is allowed
size_t esp_deconv_scratch(const esp_deconv *deconv); // bytes that a run needs
// y = bias + the sum; bias [M] or NULL; w as it was made.  All tensors row
// major.  Safe from several workers at once.
esp_status esp_deconv_run(const esp_deconv *deconv, const void *x,
                          const void *w, const void *bias, void *y,
                          void *scratch);

#endif
