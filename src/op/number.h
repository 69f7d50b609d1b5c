// One element of a tensor of any number type, as a double: for operators where
// speed does not count.  Private to op/.
#ifndef ESP_OP_NUMBER_H
#define ESP_OP_NUMBER_H

#include "tensor/tensor.h"

// 64-bit integers above 2^53 are rounded; another type than numbers gives 0.
double esp_number_at(const esp_tensor *tensor, int64_t i);
void esp_number_put(const esp_tensor *tensor, int64_t i, double value);

#endif
