// Sparse tensors are kept dense: no operator here takes them otherwise.
// Source: ONNX, SparseTensorProto: indices are [count] into the flat tensor or
// [count, ndim].
#include <string.h>

#include "model/private.h"

static const size_t MOST_BYTES = 1u << 30; // a few numbers can say any shape

static esp_status shape_of(const Onnx__SparseTensorProto *proto,
                           esp_shape *shape) {
  if (proto->n_dims > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "it has %zu dimensions, at most %d are possible",
                    proto->n_dims, ESP_MAX_NDIM);
  }
  *shape = (esp_shape){.ndim = (int)proto->n_dims};
  for (int d = 0; d < shape->ndim; d++) shape->dim[d] = proto->dims[d];
  return ESP_OK;
}

// Where value i stands among all elements; -1: outside.
static int64_t place_of(const esp_tensor *indices, const esp_shape *shape,
                        int64_t i) {
  const int64_t *index = indices->data;
  if (indices->shape.ndim == 1) {
    return index[i] < esp_shape_count(shape) ? index[i] : -1;
  }
  int64_t place = 0;
  for (int d = 0; d < shape->ndim; d++) {
    const int64_t at = index[i * shape->ndim + d];
    if (at < 0 || at >= shape->dim[d]) return -1;
    place = place * shape->dim[d] + at;
  }
  return place;
}

static bool indices_fit(const esp_tensor *indices, int64_t count,
                        const esp_shape *shape) {
  const esp_shape *have = &indices->shape;
  if (indices->type != ESP_INT64) return false;
  if (have->ndim == 1) return have->dim[0] == count;
  return have->ndim == 2 && have->dim[0] == count &&
         have->dim[1] == shape->ndim;
}

static esp_status scatter(const esp_tensor *values, const esp_tensor *indices,
                          const esp_tensor *dense) {
  const int64_t count = esp_shape_count(&values->shape);
  const size_t each = esp_dtype_bytes(values->type);
  if (!indices_fit(indices, count, &dense->shape)) {
    char text[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_BAD_INPUT,
                    "indices are %s %s, expected int64 for %lld values of %d "
                    "dimensions",
                    esp_dtype_text(indices->type),
                    esp_shape_text(&indices->shape, text), (long long)count,
                    dense->shape.ndim);
  }
  for (int64_t i = 0; i < count; i++) {
    const int64_t place = place_of(indices, &dense->shape, i);
    if (place < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "index %lld is outside", (long long)i);
    }
    memcpy((unsigned char *)dense->data + (size_t)place * each,
           (const unsigned char *)values->data + (size_t)i * each, each);
  }
  return ESP_OK;
}

static esp_status make_dense(const Onnx__SparseTensorProto *proto,
                             esp_external *external, esp_arena *arena,
                             esp_tensor *tensor) {
  esp_tensor values, indices, dense = {0};
  size_t bytes;
  if (proto->indices == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "it has no indices");
  }
  ESP_TRY(esp_tensor_from_proto(proto->values, external, arena, &values));
  ESP_TRY(esp_tensor_from_proto(proto->indices, external, arena, &indices));
  dense.type = values.type;
  ESP_TRY(shape_of(proto, &dense.shape));
  ESP_TRY(esp_shape_bytes(&dense.shape, dense.type, &bytes));
  if (bytes > MOST_BYTES || dense.type == ESP_STRING) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "it has %zu bytes of %s when dense, at most %zu of numbers "
                    "are possible",
                    bytes, esp_dtype_text(dense.type), MOST_BYTES);
  }
  ESP_TRY(esp_arena_take(arena, bytes, 1, &dense.data));
  ESP_TRY(scatter(&values, &indices, &dense));
  *tensor = dense;
  return ESP_OK;
}

esp_status esp_tensor_from_sparse(const Onnx__SparseTensorProto *proto,
                                  esp_external *external, esp_arena *arena,
                                  esp_tensor *tensor) {
  if (proto->values == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "a sparse tensor has no values");
  }
  const esp_status status = make_dense(proto, external, arena, tensor);
  if (status == ESP_OK) return ESP_OK;
  return esp_fail_within(status, "sparse tensor \"%s\"",
                         proto->values->name != NULL ? proto->values->name
                                                     : "");
}
