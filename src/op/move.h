// Element strides of tensors, for the operators that are a strided copy.
// Private to op/.
#ifndef ESP_OP_MOVE_H
#define ESP_OP_MOVE_H

#include "kernel/strided_copy.h"
#include "op/op.h"

// Strides of a tensor's logical axes, in elements, in its own layout.
void esp_strides_of(const esp_tensor *tensor, int64_t stride[ESP_MAX_NDIM]);

// A copy, with where it begins in source and destination.
typedef struct esp_move {
  esp_copy copy;
  int64_t from, to; // elements
} esp_move;
void esp_move_run(const esp_move *move, const esp_tensor *from,
                  const esp_tensor *to, int width);

#endif
