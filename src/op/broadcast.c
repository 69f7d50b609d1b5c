#include "op/broadcast.h"

#include <string.h>

// Element strides of input t along the axes of the output, in the output's
// physical order; 0 where the input is repeated.
static void strides_of(const esp_tensor *t, const esp_tensor *out,
                       int64_t stride[ESP_MAX_NDIM]) {
  int64_t logical[ESP_MAX_NDIM] = {0}, own[ESP_MAX_NDIM];
  const esp_shape physical = esp_physical_shape(t);
  int64_t step = 1;
  for (int i = physical.ndim - 1; i >= 0; i--) {
    own[i] = step;
    step *= physical.dim[i];
  }
  const int shift = out->shape.ndim - t->shape.ndim;
  for (int i = 0; i < t->shape.ndim; i++) {
    if (t->shape.dim[i] != 1) {
      logical[shift + i] = own[esp_physical_axis(t, i)];
    }
  }
  for (int i = 0; i < out->shape.ndim; i++) {
    stride[esp_physical_axis(out, i)] = logical[i];
  }
}

// Axis i continues axis i + 1 for every input: they are one longer axis.
static bool merges(const esp_broadcast *p, int count, int i) {
  for (int k = 0; k < count; k++) {
    if (p->stride[k][i] != p->stride[k][i + 1] * p->dim[i + 1]) return false;
  }
  return true;
}

static void remove_axis(esp_broadcast *p, int count, int axis) {
  for (int i = axis; i + 1 < p->ndim; i++) {
    p->dim[i] = p->dim[i + 1];
    for (int k = 0; k < count; k++) p->stride[k][i] = p->stride[k][i + 1];
  }
  p->ndim--;
}

void esp_broadcast_plan(const esp_tensor *const *in, int count,
                        const esp_tensor *out, esp_broadcast *plan) {
  const esp_shape shape = esp_physical_shape(out);
  *plan = (esp_broadcast){.ndim = shape.ndim};
  memcpy(plan->dim, shape.dim, sizeof plan->dim);
  for (int k = 0; k < count; k++) strides_of(in[k], out, plan->stride[k]);
  for (int i = plan->ndim - 1; i >= 0; i--) {
    if (plan->dim[i] == 1) remove_axis(plan, count, i);
  }
  for (int i = plan->ndim - 2; i >= 0; i--) {
    if (!merges(plan, count, i)) continue;
    plan->dim[i + 1] *= plan->dim[i];
    remove_axis(plan, count, i);
  }
  if (plan->ndim == 0) { // a scalar
    plan->ndim = 1;
    plan->dim[0] = 1;
  }
  plan->inner = plan->dim[plan->ndim - 1];
  plan->outer = 1;
  for (int i = 0; i + 1 < plan->ndim; i++) plan->outer *= plan->dim[i];
}

void esp_broadcast_at(const esp_broadcast *plan, int count, int64_t run,
                      int64_t offset[ESP_BROADCAST_INPUTS]) {
  for (int k = 0; k < count; k++) offset[k] = 0;
  for (int i = plan->ndim - 2; i >= 0; i--) {
    const int64_t at = run % plan->dim[i];
    run /= plan->dim[i];
    for (int k = 0; k < count; k++) offset[k] += at * plan->stride[k][i];
  }
}
