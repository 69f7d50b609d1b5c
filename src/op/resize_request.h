// What a Resize or Upsample of any version asks for.  Private to op/.
#ifndef ESP_OP_RESIZE_REQUEST_H
#define ESP_OP_RESIZE_REQUEST_H

#include "op/op.h"
#include "op/resample.h"

// By logical axis.
typedef struct esp_resize {
  esp_resample how;
  esp_resample_axis axis[ESP_MAX_NDIM];
} esp_resize;

// Reads how elements are found and weighed.  ESP_BAD_INPUT: an attribute is
// none of the standard's.
esp_status esp_resize_how_of(const esp_node *node, esp_resample *how);
// The same with the axes: from scales or sizes, as attributes or inputs.
// ESP_UNSUPPORTED: they are not known yet; ESP_BAD_INPUT names what is wrong.
esp_status esp_resize_of(const esp_args *args, esp_resize *r);

#endif
