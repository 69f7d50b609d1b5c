// Convolutions of 3 x 3 by Winograd's F(2x2, 3x3) and F(4x4, 3x3).  Floor 2.
#ifndef ESP_KERNEL_WINOGRAD_H
#define ESP_KERNEL_WINOGRAD_H

#include "kernel/conv.h"

// Four outputs from 16 products for each pair of channels, or 16 from 36, where
// the direct way takes 36 and 144.
typedef struct esp_winograd esp_winograd;

// Is a convolution one that is faster so?  It depends on nothing but the shape
// of a sample, so that every batch and width has the same bits.
bool esp_winograd_suits(const esp_conv_problem *problem);
// How many times as fast as the direct way it is expected to be; 1 where it
// does not suit.
double esp_winograd_gain(const esp_conv_problem *problem);
// weights [M,C,3,3] are transformed and packed; bias [M], or NULL; neither is
// kept.
esp_status esp_winograd_create(const esp_conv_problem *problem,
                               const float *weights, const float *bias,
                               esp_winograd **winograd);
// "winograd:4x4,3x3", or that of the other.
const char *esp_winograd_name(const esp_winograd *winograd);
void esp_winograd_free(esp_winograd *winograd); // NULL is allowed
size_t esp_winograd_scratch(const esp_winograd *winograd);
// As esp_conv_run().
void esp_winograd_run(const esp_winograd *winograd, const float *x,
                      const float *const *added, float *y, void *scratch);

#endif
