// MaxUnpool: maxima go back to where MaxPool found them, all else is zero.
// Source: ONNX MaxUnpool-9, -11, -22.
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/samples.h"

static esp_status list(const esp_node *node, const char *name, int count,
                       int64_t least, const int64_t **found) {
  int have;
  *found = esp_node_ints(node, name, &have);
  if (*found != NULL && have != count) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s has %d numbers, expected %d", name, have,
                    count);
  }
  for (int i = 0; *found != NULL && i < count; i++) {
    if ((*found)[i] >= least && (*found)[i] <= INT32_MAX) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "%s has %lld, expected at least %lld", name,
                    (long long)(*found)[i], (long long)least);
  }
  return ESP_OK;
}

// The shape that was pooled, as far as the attributes tell: the indices count
// its elements.
static esp_status pooled_shape(const esp_args *args, esp_shape *shape) {
  const esp_node *node = args->node;
  const int axes = args->in[0]->shape.ndim - 2;
  const int64_t *kernel, *stride, *pads;
  ESP_TRY(list(node, "kernel_shape", axes, 1, &kernel));
  ESP_TRY(list(node, "strides", axes, 1, &stride));
  ESP_TRY(list(node, "pads", 2 * axes, 0, &pads));
  if (kernel == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "kernel_shape is missing");
  }
  *shape = args->in[0]->shape;
  for (int i = 0; i < axes; i++) {
    int64_t *d = &shape->dim[2 + i];
    if (*d > INT32_MAX) {
      return ESP_FAIL(ESP_UNSUPPORTED, "axis %d has %lld elements", i + 2,
                      (long long)*d);
    }
    *d = (*d - 1) * (stride != NULL ? stride[i] : 1) + kernel[i];
    if (pads != NULL) *d -= pads[i] + pads[axes + i];
    if (*d >= 1) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "pads leave nothing along axis %d", i + 2);
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 3, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_INT64)));
  ESP_TRY(esp_check_ndim(args, 0, 3, ESP_MAX_NDIM));
  const esp_shape *x = &args->in[0]->shape;
  if (!esp_shape_equal(x, &args->in[1]->shape)) {
    return ESP_FAIL(ESP_BAD_INPUT, "inputs 0 and 1 have different shapes");
  }
  esp_shape y;
  ESP_TRY(pooled_shape(args, &y));
  int count;
  ESP_TRY(esp_list_of(args, 2, "", 1, y.dim, ESP_MAX_NDIM, &count));
  if (count >= 0 && count != x->ndim) {
    return ESP_FAIL(ESP_BAD_INPUT, "output_shape has %d numbers, expected %d",
                    count, x->ndim);
  }
  for (int i = 0; i < x->ndim; i++) {
    if (y.dim[i] >= (i < 2 ? x->dim[i] : 1)) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "output_shape has %lld along axis %d",
                    (long long)y.dim[i], i);
  }
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

// The place in `to` of element `at` of `from`; -1: there is none.
static int64_t moved(const esp_shape *from, const esp_shape *to, int64_t at) {
  int64_t place = 0, step = 1;
  if (at < 0 || at >= esp_shape_count(from)) return -1;
  for (int i = from->ndim - 1; i >= 0; i--) {
    const int64_t c = at % from->dim[i];
    if (c >= to->dim[i]) return -1;
    place += c * step;
    step *= to->dim[i];
    at /= from->dim[i];
  }
  return place;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  const esp_tensor *x = args->in[0], *y = args->out[0];
  const int64_t *index = args->in[1]->data;
  const size_t bytes = esp_dtype_bytes(x->type);
  esp_shape pooled;
  ESP_TRY(pooled_shape(args, &pooled));
  memset(y->data, 0, esp_tensor_bytes(y));
  // One after another: of two maxima with one place the last one stays.
  for (int64_t i = 0; i < esp_shape_count(&x->shape); i++) {
    const int64_t place = moved(&pooled, &y->shape, index[i]);
    if (place < 0) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "index %lld is outside of the output, or of the %lld "
                      "elements that were pooled",
                      (long long)index[i], (long long)esp_shape_count(&pooled));
    }
    memcpy((unsigned char *)y->data + (size_t)place * bytes,
           (const unsigned char *)x->data + (size_t)i * bytes, bytes);
  }
  return ESP_OK;
}

// Indices count elements of the whole batch, as MaxPool counts them.
const esp_op esp_op_unpool = {
    .samples = esp_samples_all_leading, .infer = infer, .run = run};
