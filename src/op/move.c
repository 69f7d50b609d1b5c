#include "op/move.h"

void esp_strides_of(const esp_tensor *tensor, int64_t stride[ESP_MAX_NDIM]) {
  const esp_shape physical = esp_physical_shape(tensor);
  int64_t step[ESP_MAX_NDIM], next = 1;
  for (int i = physical.ndim - 1; i >= 0; i--) {
    step[i] = next;
    next *= physical.dim[i];
  }
  for (int i = 0; i < physical.ndim; i++) {
    stride[i] = step[esp_physical_axis(tensor, i)];
  }
}

void esp_move_run(const esp_move *move, const esp_tensor *from,
                  const esp_tensor *to, int width) {
  const int64_t bytes = (int64_t)move->copy.bytes;
  esp_copy_run(&move->copy,
               (const unsigned char *)from->data + move->from * bytes,
               (unsigned char *)to->data + move->to * bytes, width);
}
