#include "op/samples.h"

#include <string.h>

const esp_samples esp_samples_mixed = {.kind = ESP_SAMPLES_MIXED};

bool esp_samples_along(const esp_samples *samples) {
  return samples->kind == ESP_SAMPLES_ALONG;
}

void esp_samples_give(const esp_args *args, const esp_samples *from, int shift,
                      esp_samples *out) {
  for (int i = 0; i < args->nout; i++) {
    out[i] = *from;
    out[i].axis += shift;
  }
}

void esp_samples_past(const esp_args *args, const esp_samples *from, int axis,
                      esp_samples *out) {
  const bool meets = esp_samples_along(from) && from->axis == axis;
  esp_samples_give(args, meets ? &esp_samples_mixed : from, 0, out);
}

bool esp_samples_uniform(const esp_tensor *tensor, int axis) {
  const esp_shape *shape = &tensor->shape;
  if (axis < 0 || shape->dim[axis] == 1) return true; // it broadcasts
  if (tensor->data == NULL || tensor->type == ESP_STRING) return false;
  const size_t slice = (size_t)esp_shape_product(shape, axis + 1, shape->ndim) *
                       esp_dtype_bytes(tensor->type);
  const int64_t outer = esp_shape_product(shape, 0, axis);
  const char *at = tensor->data;
  for (int64_t o = 0; o < outer; o++) {
    const char *first = at;
    for (int64_t i = 0; i < shape->dim[axis]; i++, at += slice) {
      if (memcmp(first, at, slice) != 0) return false;
    }
  }
  return true;
}

bool esp_samples_join(esp_samples *all, const esp_samples *one) {
  if (!esp_samples_along(all)) {
    *all = *one;
    return true;
  }
  return all->axis == one->axis && all->inner == one->inner;
}

void esp_samples_elementwise(const esp_args *args, int64_t batch,
                             const esp_samples *in, esp_samples *out) {
  (void)batch;
  esp_samples all = {.kind = ESP_SAMPLES_UNTOLD};
  const int ndim = args->out[0] != NULL ? args->out[0]->shape.ndim : 0;
  for (int i = 0; i < args->nin; i++) {
    if (args->in[i] == NULL || !esp_samples_along(&in[i])) continue;
    esp_samples moved = in[i];
    moved.axis += ndim - args->in[i]->shape.ndim;
    if (!esp_samples_join(&all, &moved)) all = esp_samples_mixed;
    if (all.kind == ESP_SAMPLES_MIXED) break;
  }
  // What goes with one sample must be what goes with any other.
  for (int i = 0; i < args->nin && esp_samples_along(&all); i++) {
    if (args->in[i] == NULL || esp_samples_along(&in[i])) continue;
    const int axis = all.axis - (ndim - args->in[i]->shape.ndim);
    if (!esp_samples_uniform(args->in[i], axis)) all = esp_samples_mixed;
  }
  esp_samples_give(args, &all, 0, out);
}

void esp_samples_leading(const esp_args *args, int64_t batch,
                         const esp_samples *in, esp_samples *out) {
  (void)batch;
  for (int i = 1; i < args->nin; i++) {
    if (esp_samples_along(&in[i])) return; // weights that depend on samples
  }
  esp_samples_give(args, in[0].axis == 0 ? &in[0] : &esp_samples_mixed, 0, out);
}

void esp_samples_all_leading(const esp_args *args, int64_t batch,
                             const esp_samples *in, esp_samples *out) {
  (void)batch;
  esp_samples all = {.kind = ESP_SAMPLES_UNTOLD};
  for (int i = 0; i < args->nin; i++) {
    if (!esp_samples_along(&in[i])) continue;
    if (in[i].axis != 0 || !esp_samples_join(&all, &in[i])) {
      all = esp_samples_mixed;
      break;
    }
  }
  esp_samples_give(args, &all, 0, out);
}

void esp_samples_all_mixed(const esp_args *args, int64_t batch,
                           const esp_samples *in, esp_samples *out) {
  (void)batch;
  (void)in;
  esp_samples_give(args, &esp_samples_mixed, 0, out);
}

// The elements before the axis stay before it; what one sample has within the
// axis and after it may be cut in other ways.
void esp_samples_reshaped(const esp_args *args, int64_t batch,
                          const esp_samples *in, esp_samples *out) {
  if (!esp_samples_along(&in[0]) || args->out[0] == NULL) return;
  const esp_shape *from = &args->in[0]->shape, *to = &args->out[0]->shape;
  const int64_t before = esp_shape_product(from, 0, in[0].axis);
  out[0] = esp_samples_mixed;
  for (int axis = 0; axis < to->ndim; axis++) {
    if (esp_shape_product(to, 0, axis) != before) continue;
    if (to->dim[axis] % batch != 0 || to->dim[axis] == 0) continue;
    out[0] = (esp_samples){.kind = ESP_SAMPLES_ALONG,
                           .axis = axis,
                           .inner = to->dim[axis] / batch};
    return;
  }
}

void esp_op_samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  bool any = false, mixed = false, untold = false;
  for (int i = 0; i < args->nin; i++) {
    any = any || in[i].kind != ESP_SAMPLES_ABSENT;
    mixed = mixed || in[i].kind == ESP_SAMPLES_MIXED;
    untold = untold || in[i].kind == ESP_SAMPLES_UNTOLD;
  }
  const esp_samples all = {.kind = !any    ? ESP_SAMPLES_ABSENT
                                   : mixed ? ESP_SAMPLES_MIXED
                                           : ESP_SAMPLES_UNTOLD};
  for (int i = 0; i < args->nout; i++) out[i] = all;
  const esp_op *op = esp_op_get(args->node->op);
  if (any && !mixed && !untold && op->samples != NULL) {
    op->samples(args, batch, in, out);
  }
}
