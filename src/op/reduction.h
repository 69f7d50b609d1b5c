// The axes of a shape in two groups: those that stay, which make rows, and
// those that go, along which the elements of one row lie.  Private to op/.
#ifndef ESP_OP_REDUCTION_H
#define ESP_OP_REDUCTION_H

#include "tensor/tensor.h"

typedef struct esp_reduction {
  int nkept, ngone;
  int64_t kept[ESP_MAX_NDIM], kept_stride[ESP_MAX_NDIM];
  int64_t gone[ESP_MAX_NDIM], gone_stride[ESP_MAX_NDIM];
  int64_t rows, count; // elements that stay, elements of each row
} esp_reduction;

// `gone` tells of each axis; row major.
void esp_reduction_of(const esp_shape *shape, const bool gone[ESP_MAX_NDIM],
                      esp_reduction *reduction);
// Where row r begins; how far its element k lies from there.
int64_t esp_reduction_row(const esp_reduction *reduction, int64_t r);
int64_t esp_reduction_element(const esp_reduction *reduction, int64_t k);

#endif
