#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/tensor.h"

int64_t esp_shape_count(const esp_shape *shape) {
  return esp_shape_product(shape, 0, shape->ndim);
}

int64_t esp_shape_product(const esp_shape *shape, int from, int to) {
  int64_t product = 1;
  for (int i = from; i < to; i++) product *= shape->dim[i];
  return product;
}

esp_status esp_shape_bytes(const esp_shape *shape, esp_dtype type,
                           size_t *bytes) {
  char text[ESP_SHAPE_TEXT];
  size_t product = esp_dtype_bytes(type);
  bool empty = false;
  for (int i = 0; i < shape->ndim; i++) {
    if (shape->dim[i] < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "shape %s has an unknown dimension",
                      esp_shape_text(shape, text));
    }
    if (shape->dim[i] == 0) empty = true;
    size_t factor = shape->dim[i] > 0 ? (size_t)shape->dim[i] : 1;
    if (!esp_multiply(product, factor, &product) || product > PTRDIFF_MAX) {
      return ESP_FAIL(ESP_BAD_INPUT, "shape %s is too large",
                      esp_shape_text(shape, text));
    }
  }
  *bytes = empty ? 0 : product;
  return ESP_OK;
}

size_t esp_tensor_bytes(const esp_tensor *tensor) {
  return (size_t)esp_shape_count(&tensor->shape) *
         esp_dtype_bytes(tensor->type);
}

bool esp_shape_equal(const esp_shape *a, const esp_shape *b) {
  return a->ndim == b->ndim &&
         memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof a->dim[0]) == 0;
}

bool esp_axis_wrap(int64_t axis, int ndim, int *wrapped) {
  if (axis < -ndim || axis >= ndim) return false;
  *wrapped = (int)(axis < 0 ? axis + ndim : axis);
  return true;
}

int esp_physical_axis(const esp_tensor *tensor, int axis) {
  if (tensor->layout == ESP_ROW_MAJOR || axis == 0) return axis;
  return axis == 1 ? tensor->shape.ndim - 1 : axis - 1;
}

esp_shape esp_physical_shape(const esp_tensor *tensor) {
  esp_shape physical = {.ndim = tensor->shape.ndim};
  for (int i = 0; i < physical.ndim; i++) {
    physical.dim[esp_physical_axis(tensor, i)] = tensor->shape.dim[i];
  }
  return physical;
}

const char *esp_shape_text(const esp_shape *shape, char text[ESP_SHAPE_TEXT]) {
  size_t used = 0;
  text[used++] = '[';
  for (int i = 0; i < shape->ndim; i++) {
    const char *comma = i > 0 ? "," : "";
    int more = shape->dim[i] < 0
                   ? snprintf(text + used, ESP_SHAPE_TEXT - used, "%s?", comma)
                   : snprintf(text + used, ESP_SHAPE_TEXT - used, "%s%lld",
                              comma, (long long)shape->dim[i]);
    used += (size_t)more;
  }
  text[used++] = ']';
  text[used] = '\0';
  return text;
}

esp_status esp_shape_broadcast(const esp_shape *a, const esp_shape *b,
                               esp_shape *out) {
  esp_shape made = {.ndim = a->ndim > b->ndim ? a->ndim : b->ndim};
  for (int i = 1; i <= made.ndim; i++) { // from the last axis backwards
    int64_t from_a = i <= a->ndim ? a->dim[a->ndim - i] : 1;
    int64_t from_b = i <= b->ndim ? b->dim[b->ndim - i] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1) {
      char first[ESP_SHAPE_TEXT], second[ESP_SHAPE_TEXT];
      return ESP_FAIL(ESP_BAD_INPUT, "shapes %s and %s do not broadcast",
                      esp_shape_text(a, first), esp_shape_text(b, second));
    }
    made.dim[made.ndim - i] = from_a == 1 ? from_b : from_a;
  }
  *out = made;
  return ESP_OK;
}
