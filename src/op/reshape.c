// Operators whose output has the bytes of their input.
#include <limits.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/samples.h"
#include "op/walk.h"

// Fills a dimension of -1 from the number of elements.
static esp_status fill_open(esp_shape *shape, int64_t count) {
  int open = -1;
  int64_t known = 1;
  for (int i = 0; i < shape->ndim; i++) {
    if (shape->dim[i] == -1 && open < 0) {
      open = i;
    } else if (shape->dim[i] < 0 ||
               __builtin_mul_overflow(known, shape->dim[i], &known)) {
      return ESP_FAIL(ESP_BAD_INPUT, "dimension %lld in the new shape",
                      (long long)shape->dim[i]);
    }
  }
  if (open >= 0 && known > 0) shape->dim[open] = count / known;
  if (open >= 0 && known == 0) shape->dim[open] = 0;
  char text[ESP_SHAPE_TEXT];
  if (known * (open >= 0 ? shape->dim[open] : 1) == count) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "%lld elements cannot have shape %s",
                  (long long)count, esp_shape_text(shape, text));
}

static esp_status infer_reshape(const esp_args *args, esp_shape *shape) {
  int count;
  const int inputs = args->node->version < 5 ? 1 : 2;
  ESP_TRY(esp_check_arity(args, inputs, inputs, 1));
  ESP_TRY(esp_list_of(args, 1, "shape", 5, shape->dim, ESP_MAX_NDIM, &count));
  if (count < 0) return ESP_FAIL(ESP_BAD_INPUT, "attribute shape is missing");
  shape->ndim = count;
  const esp_shape *in = &args->in[0]->shape;
  const bool zero_is_zero = esp_node_int(args->node, "allowzero", 0) != 0;
  for (int i = 0; i < count && !zero_is_zero; i++) {
    if (shape->dim[i] != 0) continue;
    if (i >= in->ndim) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "dimension %d of the new shape is 0, but "
                      "the input has %d dimensions",
                      i, in->ndim);
    }
    shape->dim[i] = in->dim[i];
  }
  return fill_open(shape, esp_shape_count(in));
}

static esp_status infer_flatten(const esp_args *args, esp_shape *shape) {
  const esp_shape *in = &args->in[0]->shape;
  int64_t axis = esp_node_int(args->node, "axis", 1);
  if (axis < 0) axis += in->ndim;
  if (axis < 0 || axis > in->ndim) {
    return ESP_FAIL(ESP_BAD_INPUT, "axis is outside [%d,%d]", -in->ndim,
                    in->ndim);
  }
  *shape = (esp_shape){.ndim = 2,
                       .dim = {esp_shape_product(in, 0, (int)axis),
                               esp_shape_product(in, (int)axis, in->ndim)}};
  return ESP_OK;
}

// Marks the axes of a list; ESP_BAD_INPUT when one is outside or given twice.
static esp_status mark_axes(const int64_t *axes, int count, int ndim,
                            bool marked[ESP_MAX_NDIM]) {
  memset(marked, 0, ESP_MAX_NDIM * sizeof *marked);
  for (int i = 0; i < count; i++) {
    int axis;
    ESP_TRY(esp_check_axis("axis", axes[i], ndim, &axis));
    if (marked[axis]) {
      return ESP_FAIL(ESP_BAD_INPUT, "axis %d is given twice", axis);
    }
    marked[axis] = true;
  }
  return ESP_OK;
}

static esp_status infer_squeeze(const esp_args *args, esp_shape *shape) {
  const esp_shape *in = &args->in[0]->shape;
  int64_t axes[ESP_MAX_NDIM];
  bool gone[ESP_MAX_NDIM];
  int count;
  ESP_TRY(esp_list_of(args, 1, "axes", 13, axes, ESP_MAX_NDIM, &count));
  ESP_TRY(mark_axes(axes, count, in->ndim, gone));
  *shape = (esp_shape){0};
  for (int i = 0; i < in->ndim; i++) {
    if (count < 0) gone[i] = in->dim[i] == 1;
    if (gone[i] && in->dim[i] != 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "axis %d has %lld elements, not 1", i,
                      (long long)in->dim[i]);
    }
    if (!gone[i]) shape->dim[shape->ndim++] = in->dim[i];
  }
  return ESP_OK;
}

static esp_status infer_unsqueeze(const esp_args *args, esp_shape *shape) {
  const esp_shape *in = &args->in[0]->shape;
  int64_t axes[ESP_MAX_NDIM];
  bool new[ESP_MAX_NDIM];
  int count;
  ESP_TRY(esp_list_of(args, 1, "axes", 13, axes, ESP_MAX_NDIM, &count));
  if (count < 0) return ESP_FAIL(ESP_BAD_INPUT, "axes are missing");
  if (in->ndim + count > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED, "more than %d dimensions", ESP_MAX_NDIM);
  }
  ESP_TRY(mark_axes(axes, count, in->ndim + count, new));
  *shape = (esp_shape){.ndim = in->ndim + count};
  for (int i = 0, from = 0; i < shape->ndim; i++) {
    shape->dim[i] = new[i] ? 1 : in->dim[from++];
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  esp_shape shape = {0};
  ESP_TRY(esp_check_arity(args, 1, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  switch (args->node->op) {
  case ESP_OP_RESHAPE:
    ESP_TRY(infer_reshape(args, &shape));
    break;
  case ESP_OP_FLATTEN:
    ESP_TRY(infer_flatten(args, &shape));
    break;
  case ESP_OP_SQUEEZE:
    ESP_TRY(infer_squeeze(args, &shape));
    break;
  case ESP_OP_UNSQUEEZE:
    ESP_TRY(infer_unsqueeze(args, &shape));
    break;
  default:
    shape = args->in[0]->shape;
    break;
  }
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  if (args->out[0] != NULL && args->out[0]->data != args->in[0]->data) {
    memcpy(args->out[0]->data, args->in[0]->data,
           esp_tensor_bytes(args->in[0]));
  }
  return ESP_OK;
}

// The same bytes under another shape.
static bool overlays(const esp_args *args, int i) {
  (void)args;
  return i == 0;
}

// Values of any kind are shared, not copied.
static esp_status walk_identity(const esp_call *call) {
  if (call->nin != 1 || call->in[0] == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d inputs, expected 1", call->nin);
  }
  *call->out = esp_datum_keep(call->in[0]);
  return ESP_OK;
}

const esp_op esp_op_identity = {.samples = esp_samples_elementwise,
                                .infer = infer,
                                .run = run,
                                .overlays = overlays,
                                .walk = walk_identity};

const esp_op esp_op_reshape = {.samples = esp_samples_reshaped,
                               .infer = infer,
                               .run = run,
                               .overlays = overlays};
