// Convolutions of each channel by itself.  Floor 2.
#ifndef ESP_KERNEL_DEPTHWISE_H
#define ESP_KERNEL_DEPTHWISE_H

#include "kernel/conv.h"

// One filter for each channel, 3 x 3 to 7 x 7, by vectors of channels: what is
// read of a picture serves all outputs of a tile that need it.
typedef struct esp_depthwise esp_depthwise;

// Is a convolution one that is faster so?  It depends on nothing but the shape
// of a sample and the machine, so that every batch and width has the same bits.
bool esp_depthwise_suits(const esp_conv_problem *problem);
// weights [C,1,k,k] and bias [C], or NULL, are copied.
esp_status esp_depthwise_create(const esp_conv_problem *problem,
                                const float *weights, const float *bias,
                                esp_depthwise **depthwise);
void esp_depthwise_free(esp_depthwise *depthwise); // NULL is allowed
const char *esp_depthwise_name(const esp_depthwise *depthwise);
// As esp_conv_run_all(): it needs no scratch, and what is added is not y.
void esp_depthwise_run(const esp_depthwise *depthwise,
                       const esp_conv_work *work);

#endif
