#include "op/along.h"

#include <string.h>

#include "op/check.h"

esp_status esp_along_take(const esp_tensor *whole, int axis, int64_t begin,
                          int64_t count, bool squeeze, esp_datum **made) {
  esp_shape shape = whole->shape;
  shape.dim[axis] = count;
  if (squeeze) {
    shape.ndim--;
    for (int i = axis; i < shape.ndim; i++) shape.dim[i] = shape.dim[i + 1];
  }
  ESP_TRY(esp_datum_tensor(whole->type, &shape, made));
  const int64_t outer = esp_shape_product(&whole->shape, 0, axis);
  const size_t one =
      (size_t)esp_shape_product(&whole->shape, axis + 1, whole->shape.ndim) *
      esp_dtype_bytes(whole->type);
  const size_t from_row = (size_t)whole->shape.dim[axis] * one;
  const size_t to_row = (size_t)count * one;
  const unsigned char *from = whole->data;
  unsigned char *to = (*made)->tensor.data;
  for (int64_t o = 0; o < outer; o++) {
    memcpy(to + (size_t)o * to_row,
           from + (size_t)o * from_row + (size_t)begin * one, to_row);
  }
  return ESP_OK;
}

// Does a part go with the first one, the axis of joining apart?
static bool goes_with(const esp_tensor *part, const esp_tensor *first, int axis,
                      bool stack) {
  if (part->type != first->type || part->shape.ndim != first->shape.ndim) {
    return false;
  }
  for (int d = 0; d < part->shape.ndim; d++) {
    if (part->shape.dim[d] != first->shape.dim[d] && (stack || d != axis)) {
      return false;
    }
  }
  return true;
}

static esp_status joined_shape(esp_datum *const *part, int64_t count, int axis,
                               bool stack, esp_shape *shape) {
  const esp_tensor *first = &part[0]->tensor;
  int64_t along = 0;
  for (int64_t p = 0; p < count; p++) {
    const esp_tensor *t = &part[p]->tensor;
    if (part[p]->kind != ESP_KIND_TENSOR || !goes_with(t, first, axis, stack) ||
        __builtin_add_overflow(along, stack ? 1 : t->shape.dim[axis], &along)) {
      char have[ESP_SHAPE_TEXT], want[ESP_SHAPE_TEXT];
      return ESP_FAIL(ESP_BAD_INPUT,
                      "element %lld, %s %s, does not go with %s %s along axis "
                      "%d",
                      (long long)p, esp_dtype_text(t->type),
                      esp_shape_text(&t->shape, have),
                      esp_dtype_text(first->type),
                      esp_shape_text(&first->shape, want), axis);
    }
  }
  *shape = first->shape;
  if (stack && shape->ndim == ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED, "more than %d dimensions", ESP_MAX_NDIM);
  }
  for (int d = shape->ndim; stack && d > axis; d--) {
    shape->dim[d] = shape->dim[d - 1];
  }
  if (stack) shape->ndim++;
  shape->dim[axis] = along;
  return ESP_OK;
}

esp_status esp_along_join(esp_datum *const *part, int64_t count, int axis,
                          bool stack, esp_datum **made) {
  esp_shape shape;
  ESP_TRY(joined_shape(part, count, axis, stack, &shape));
  const esp_tensor *first = &part[0]->tensor;
  ESP_TRY(esp_datum_tensor(first->type, &shape, made));
  const int64_t outer = esp_shape_product(&shape, 0, axis);
  const size_t one = (size_t)esp_shape_product(&shape, axis + 1, shape.ndim) *
                     esp_dtype_bytes(first->type);
  const size_t to_row = (size_t)shape.dim[axis] * one;
  unsigned char *to = (*made)->tensor.data;
  for (int64_t p = 0; p < count; p++) {
    const esp_tensor *t = &part[p]->tensor;
    const size_t row = (stack ? 1 : (size_t)t->shape.dim[axis]) * one;
    for (int64_t o = 0; o < outer && row > 0; o++) {
      memcpy(to + (size_t)o * to_row,
             (const unsigned char *)t->data + (size_t)o * row, row);
    }
    to += row;
  }
  return ESP_OK;
}

esp_status esp_along_none(const esp_graph *body, int output, int64_t axis,
                          esp_datum **made) {
  esp_shape part = {0};
  esp_dtype type = ESP_FLOAT;
  int at;
  if (body != NULL && output < body->noutput) {
    const esp_tensor *declared = &body->value[body->output[output]].tensor;
    part = declared->shape;
    if (declared->type != ESP_UNDEFINED) type = declared->type;
  }
  if (part.ndim == ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED, "more than %d dimensions", ESP_MAX_NDIM);
  }
  ESP_TRY(esp_check_axis("the axis of an output", axis, part.ndim + 1, &at));
  esp_shape shape = {.ndim = part.ndim + 1};
  for (int d = 0, from = 0; d < shape.ndim; d++) {
    shape.dim[d] = d == at ? 0 : part.dim[from++];
    if (shape.dim[d] < 0) shape.dim[d] = 0;
  }
  return esp_datum_tensor(type, &shape, made);
}
