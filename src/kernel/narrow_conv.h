// Convolutions whose operands are rounded (narrow.h).  Private to kernel/:
// reached through esp_conv_create().
#ifndef ESP_KERNEL_NARROW_CONV_H
#define ESP_KERNEL_NARROW_CONV_H

#include "kernel/conv.h"

typedef struct esp_narrow_conv esp_narrow_conv;

// Int8 weights have a scale for each channel of y, int8 samples one each.
esp_status esp_narrow_conv_create(const esp_conv_problem *problem,
                                  const float *weights, const float *bias,
                                  esp_narrow_conv **made);
void esp_narrow_conv_free(esp_narrow_conv *narrow); // NULL is allowed
size_t esp_narrow_conv_scratch(const esp_narrow_conv *narrow);
const char *esp_narrow_conv_name(const esp_narrow_conv *narrow);
esp_status esp_narrow_conv_run(esp_narrow_conv *narrow,
                               const esp_conv_work *work);

#endif
