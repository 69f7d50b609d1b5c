// OneHot: an axis on which one value is on and the others are off.
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

static esp_status axis_of(const esp_args *args, int *axis) {
  return esp_check_axis("axis", esp_node_int(args->node, "axis", -1),
                        args->in[0]->shape.ndim + 1, axis);
}

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 3, 3, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_NUMERIC));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPES_NUMERIC));
  ESP_TRY(esp_check_type(args, 2, ESP_TYPES_ALL));
  ESP_TRY(esp_check_ndim(args, 0, 0, ESP_MAX_NDIM - 1));
  const esp_tensor *depth = args->in[1];
  if (depth->data == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "input 1, the depth, is computed while the model runs, so "
                    "that a shape would depend on data");
  }
  if (esp_shape_count(&depth->shape) != 1 || esp_whole_at(depth, 0) < 0 ||
      esp_shape_count(&args->in[2]->shape) != 2) {
    return ESP_FAIL(ESP_BAD_INPUT, "input 1 must be one number, at least 0, "
                                   "and input 2 the values off and on");
  }
  int axis;
  ESP_TRY(axis_of(args, &axis));
  const esp_shape *in = &args->in[0]->shape;
  esp_shape shape = {.ndim = in->ndim + 1};
  for (int i = 0; i < shape.ndim; i++) {
    shape.dim[i] =
        i == axis ? esp_whole_at(depth, 0) : in->dim[i < axis ? i : i - 1];
  }
  esp_set_output(args, 0, args->in[2]->type, &shape);
  return ESP_OK;
}

typedef struct work {
  const esp_args *args;
  int64_t depth, inner;
} work;

// Elements [begin, end) of the output.
static void run_range(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const esp_tensor *indices = w->args->in[0], *values = w->args->in[2];
  const size_t bytes = esp_dtype_bytes(values->type);
  const unsigned char *off = values->data, *on = off + bytes;
  unsigned char *y = w->args->out[0]->data;
  for (int64_t i = begin; i < end; i++) {
    const int64_t place = i / w->inner % w->depth;
    const int64_t from = i / (w->inner * w->depth) * w->inner + i % w->inner;
    int64_t index = esp_whole_at(indices, from);
    if (index < 0) index += w->depth; // outside of [-depth, depth): all off
    memcpy(y + (size_t)i * bytes, index == place ? on : off, bytes);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 4096 };
  (void)state;
  const esp_shape *shape = &args->out[0]->shape;
  int axis;
  ESP_TRY(axis_of(args, &axis));
  work w = {.args = args,
            .depth = shape->dim[axis],
            .inner = esp_shape_product(shape, axis + 1, shape->ndim)};
  esp_loop_over(team.width, esp_shape_count(shape), GRAIN, run_range, &w);
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  int axis;
  (void)batch;
  if (!esp_samples_along(&in[0]) || esp_samples_along(&in[1]) ||
      esp_samples_along(&in[2]) || axis_of(args, &axis) != ESP_OK) {
    return;
  }
  esp_samples_give(args, &in[0], axis <= in[0].axis, out);
}

const esp_op esp_op_onehot = {.samples = samples, .infer = infer, .run = run};
