// Tensors with memory of their own, or over the caller's: the public handle.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/tensor.h"

// The view comes first, so that a handle is a view to all who only read it.
typedef struct owned {
  esp_tensor view;
  void *block; // NULL: the caller's memory
  char *text;  // of all strings, one after the other; NULL: none
} owned;

static esp_status make(esp_dtype type, const int64_t *dim, int ndim,
                       owned **made, size_t *bytes) {
  esp_shape shape = {.ndim = ndim};
  if (ndim < 0 || ndim > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_USAGE, "a tensor has 0 to %d dimensions, not %d",
                    ESP_MAX_NDIM, ndim);
  }
  for (int i = 0; i < ndim; i++) shape.dim[i] = dim[i];
  if (!esp_dtype_valid((int)type) || esp_dtype_bytes(type) == 0) {
    return ESP_FAIL(ESP_USAGE, "%d is no element type", (int)type);
  }
  if (esp_shape_bytes(&shape, type, bytes) != ESP_OK) {
    return esp_fail_within(ESP_USAGE, "a tensor cannot be made");
  }
  owned *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make a tensor");
  self->view = (esp_tensor){.type = type, .shape = shape};
  *made = self;
  return ESP_OK;
}

esp_status esp_tensor_create(esp_dtype type, const int64_t *dim, int ndim,
                             esp_tensor **tensor) {
  owned *self;
  size_t bytes;
  ESP_TRY(make(type, dim, ndim, &self, &bytes));
  const esp_status status = esp_allocate_zero(bytes, 1, &self->block);
  if (status != ESP_OK) {
    free(self);
    return status;
  }
  self->view.data = self->block;
  *tensor = &self->view;
  return ESP_OK;
}

esp_status esp_tensor_wrap(esp_dtype type, const int64_t *dim, int ndim,
                           void *data, esp_tensor **tensor) {
  owned *self;
  size_t bytes;
  ESP_TRY(make(type, dim, ndim, &self, &bytes));
  if (data == NULL && bytes > 0) {
    free(self);
    return ESP_FAIL(ESP_USAGE, "a tensor of %zu bytes without data", bytes);
  }
  self->view.data = data;
  *tensor = &self->view;
  return ESP_OK;
}

// Copies the characters of all strings, and lets the elements point to them.
static esp_status copy_strings(const esp_tensor *from, owned *to) {
  const int64_t count = esp_shape_count(&from->shape);
  char *const *string = from->data;
  char **copy = to->block;
  size_t bytes = 1;
  for (int64_t i = 0; i < count; i++) bytes += strlen(string[i]) + 1;
  to->text = malloc(bytes);
  if (to->text == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot copy strings");
  char *at = to->text;
  for (int64_t i = 0; i < count; i++) {
    const size_t length = strlen(string[i]) + 1;
    memcpy(at, string[i], length);
    copy[i] = at;
    at += length;
  }
  return ESP_OK;
}

esp_status esp_tensor_copy(const esp_tensor *from, esp_tensor **tensor) {
  esp_tensor *made;
  ESP_TRY(
      esp_tensor_create(from->type, from->shape.dim, from->shape.ndim, &made));
  const size_t bytes = esp_tensor_bytes(from);
  esp_status status = ESP_OK;
  if (from->type == ESP_STRING) {
    status = copy_strings(from, (owned *)made);
  } else if (bytes > 0) {
    memcpy(made->data, from->data, bytes);
  }
  if (status != ESP_OK) {
    esp_tensor_free(made);
    return status;
  }
  *tensor = made;
  return ESP_OK;
}

void esp_tensor_free(esp_tensor *tensor) {
  if (tensor == NULL) return;
  owned *self = (owned *)tensor;
  esp_free(self->block);
  free(self->text);
  free(self);
}

esp_dtype esp_tensor_type(const esp_tensor *tensor) { return tensor->type; }
int esp_tensor_ndim(const esp_tensor *tensor) { return tensor->shape.ndim; }
const int64_t *esp_tensor_dims(const esp_tensor *tensor) {
  return tensor->shape.dim;
}
int64_t esp_tensor_count(const esp_tensor *tensor) {
  return esp_shape_count(&tensor->shape);
}
void *esp_tensor_data(const esp_tensor *tensor) { return tensor->data; }
