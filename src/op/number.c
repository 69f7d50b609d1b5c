#include "op/number.h"

#include "op/dispatch.h"

#define LOAD(s, t, d)                                                          \
  case d:                                                                      \
    return (double)((const t *)tensor->data)[i];
double esp_number_at(const esp_tensor *tensor, int64_t i) {
  switch (tensor->type) {
    ESP_ALL_TYPES(LOAD)
  default:
    return 0;
  }
}

#define STORE(s, t, d)                                                         \
  case d:                                                                      \
    ((t *)tensor->data)[i] = (t)value;                                         \
    break;
void esp_number_put(const esp_tensor *tensor, int64_t i, double value) {
  switch (tensor->type) {
    ESP_ALL_TYPES(STORE)
  default:
    break;
  }
}
