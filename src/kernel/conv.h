// Convolution through oneDNN, and by kernels of our own.  Floor 2.
#ifndef ESP_KERNEL_CONV_H
#define ESP_KERNEL_CONV_H

#include "kernel/post.h"
#include "tensor/tensor.h"

enum { ESP_CONV_AXES = 3 };

// y [N,M,o...] = x [N,C,i...] convolved with w [M,C/groups,k...] + b [M], and
// posts; float32, 1 to 3 spatial axes.  Source: ONNX Conv-11.
typedef struct esp_conv_problem {
  int axes; // spatial
  int64_t batch, groups, in_channels, out_channels;
  int64_t whole_channels; // this makes some of the output channels of a
                          // convolution that has so many, with its bits; 0: all
  int64_t in[ESP_CONV_AXES], out[ESP_CONV_AXES], kernel[ESP_CONV_AXES];
  int64_t stride[ESP_CONV_AXES], dilation[ESP_CONV_AXES]; // 1: none
  int64_t before[ESP_CONV_AXES], after[ESP_CONV_AXES];    // pads
  esp_layout in_layout, out_layout;
  bool bias;
  int posts;
  esp_kernel_post post[ESP_KERNEL_POSTS]; // added tensors lie like y
  esp_precision precision; // x and w are rounded to this (narrow.h), but for
                           // groups of so few channels that nothing is gained
  esp_dtype type; // of x and w: bfloat16 or int8 for narrow_conv.c; else 0
  int width;
} esp_conv_problem;

typedef struct esp_conv esp_conv;

// Chooses an implementation, makes its primitives and packs the weights (row
// major, float32 where problem->type is 0) and the bias, which are not kept. An
// element of y has the same bits for every width, batch and place in the batch:
// the implementation is chosen for one sample on one thread, and the same one
// is used at every other size. ESP_UNSUPPORTED: the library has no
// implementation.
esp_status esp_conv_create(const esp_conv_problem *problem, const void *weights,
                           const float *bias, esp_conv **conv);
void esp_conv_free(esp_conv *conv);            // NULL is allowed
size_t esp_conv_scratch(const esp_conv *conv); // bytes that a run needs
const char *esp_conv_implementation(const esp_conv *conv);
// How many times as fast a convolution is expected to be as its operations say,
// where its implementation makes fewer; else 1.
double esp_conv_gain(const esp_conv_problem *problem);
// Can it be made in parts of so many output channels?
bool esp_conv_divides(const esp_conv_problem *whole, int64_t channels);
// May added[0] be y, so that the sum takes the place of what is added?
bool esp_conv_overlays(const esp_conv_problem *problem);

// Convolves; added[p] is what post p adds, none of it y but as
// esp_conv_overlays() says.  Uses the width's threads; safe from several
// workers at once.
esp_status esp_conv_run(esp_conv *conv, const float *x,
                        const float *const *added, float *y, void *scratch);

// The same for x of any type; and, of a problem without posts, what is to be
// done with elements of y, whole rows of a sample, when they are there: by the
// thread that has made them.
typedef struct esp_conv_work {
  const void *x;
  const float *const *added;
  float *y;
  void *scratch;
  const void *context;
  void (*after)(const void *context, int64_t first, int64_t end); // or NULL
} esp_conv_work;
esp_status esp_conv_run_all(esp_conv *conv, const esp_conv_work *work);

#endif
