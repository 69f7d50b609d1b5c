#include "op/product.h"

#include <string.h>

static esp_shape leading(const esp_shape *shape) {
  esp_shape made = {.ndim = shape->ndim > 2 ? shape->ndim - 2 : 0};
  memcpy(made.dim, shape->dim, (size_t)made.ndim * sizeof made.dim[0]);
  return made;
}

esp_status esp_product_of(const esp_shape *a, const esp_shape *b,
                          esp_product *product, esp_shape *y) {
  if (a->ndim < 1 || b->ndim < 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "a scalar cannot be multiplied as a matrix");
  }
  esp_product p = {.m = a->ndim > 1 ? a->dim[a->ndim - 2] : 1,
                   .k = a->dim[a->ndim - 1],
                   .n = b->ndim > 1 ? b->dim[b->ndim - 1] : 1,
                   .a_batch = leading(a),
                   .b_batch = leading(b)};
  const int64_t other = b->dim[b->ndim > 1 ? b->ndim - 2 : 0];
  if (other != p.k) {
    return ESP_FAIL(ESP_BAD_INPUT, "the inner dimensions are %lld and %lld",
                    (long long)p.k, (long long)other);
  }
  ESP_TRY(esp_shape_broadcast(&p.a_batch, &p.b_batch, &p.batch_shape));
  p.batch = esp_shape_count(&p.batch_shape);
  *y = p.batch_shape;
  if (y->ndim + (a->ndim > 1) + (b->ndim > 1) > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED, "more than %d dimensions", ESP_MAX_NDIM);
  }
  if (a->ndim > 1) y->dim[y->ndim++] = p.m;
  if (b->ndim > 1) y->dim[y->ndim++] = p.n;
  if (esp_shape_count(&p.b_batch) == 1) { // one b for all: one tall a
    p.m *= p.batch;
    p.batch = 1;
  }
  *product = p;
  return ESP_OK;
}

int64_t esp_product_matrix(const esp_product *product, const esp_shape *own,
                           int64_t batch) {
  if (product->batch == 1) return 0;
  int64_t at = 0, step = 1;
  for (int i = product->batch_shape.ndim - 1; i >= 0; i--) {
    const int64_t index = batch % product->batch_shape.dim[i];
    batch /= product->batch_shape.dim[i];
    const int d = i - (product->batch_shape.ndim - own->ndim);
    if (d < 0) continue;
    if (own->dim[d] != 1) at += index * step;
    step *= own->dim[d];
  }
  return at;
}
