// Concat and Split: copies of whole slabs along one axis.
#include <limits.h>
#include <stdlib.h>

#include "op/check.h"
#include "op/family.h"
#include "op/move.h"
#include "op/number.h"
#include "op/samples.h"

static esp_status axis_of(const esp_args *args, int *axis) {
  // Concat-1 has an axis of its own; later ones must be told.
  const bool first = args->node->op == ESP_OP_CONCAT && args->node->version < 4;
  const int64_t asked = esp_node_int(args->node, "axis", first ? 1 : 0);
  return esp_check_axis("axis", asked, args->in[0]->shape.ndim, axis);
}

static esp_status infer_concat(const esp_args *args) {
  int axis;
  ESP_TRY(esp_check_arity(args, 1, INT_MAX, 1));
  ESP_TRY(axis_of(args, &axis));
  esp_shape shape = args->in[0]->shape;
  for (int i = 1; i < args->nin; i++) {
    if (args->in[i] == NULL)
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is omitted", i);
    ESP_TRY(esp_check_same_type(args, 0, i));
    const esp_shape *in = &args->in[i]->shape;
    bool fits = in->ndim == shape.ndim;
    for (int d = 0; fits && d < shape.ndim; d++) {
      fits = d == axis || in->dim[d] == shape.dim[d];
    }
    if (!fits || __builtin_add_overflow(shape.dim[axis], in->dim[axis],
                                        &shape.dim[axis])) {
      char have[ESP_SHAPE_TEXT], first[ESP_SHAPE_TEXT];
      return ESP_FAIL(ESP_BAD_INPUT,
                      "input %d is %s, which does not go with %s along axis %d",
                      i, esp_shape_text(in, have),
                      esp_shape_text(&args->in[0]->shape, first), axis);
    }
  }
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

// The sizes that Split-1 may be given as numbers of the input's own type.
static esp_status sizes_in_first(const esp_args *args, int64_t *list, int room,
                                 int *count) {
  const esp_tensor *in = args->in[1];
  if (esp_node_attribute(args->node, "split", ESP_ATTRIBUTE_INTS) != NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "sizes in attribute split and in input 1");
  }
  ESP_TRY(esp_check_type(args, 1, ESP_TYPES_NUMERIC));
  ESP_TRY(esp_check_ndim(args, 1, 1, 1));
  ESP_TRY(esp_check_known(args, 1));
  if (in->shape.dim[0] > room) {
    return ESP_FAIL(ESP_BAD_INPUT, "input 1 has %lld sizes, expected %d",
                    (long long)in->shape.dim[0], args->nout);
  }
  *count = (int)in->shape.dim[0];
  for (int i = 0; i < *count; i++) {
    const double size = esp_number_at(in, i);
    list[i] = esp_whole_at(in, i);
    if (size != (double)list[i]) {
      return ESP_FAIL(ESP_BAD_INPUT, "size %d is %g, expected a whole number",
                      i, size);
    }
  }
  return ESP_OK;
}

// Sizes of the outputs: given, or as equal as can be.
static esp_status sizes_of(const esp_args *args, int64_t total, int64_t *size) {
  enum { MOST = 4096 };
  int64_t list[MOST];
  int count;
  if (args->nout > MOST)
    return ESP_FAIL(ESP_UNSUPPORTED, "%d outputs", args->nout);
  if (args->node->version < 2 && esp_has_input(args, 1)) {
    ESP_TRY(sizes_in_first(args, list, MOST, &count));
  } else {
    ESP_TRY(esp_list_of(args, 1, "split", 13, list, MOST, &count));
  }
  const int64_t asked = esp_node_int(args->node, "num_outputs", args->nout);
  if (asked != args->nout) {
    return ESP_FAIL(ESP_BAD_INPUT, "num_outputs is %lld for %d outputs",
                    (long long)asked, args->nout);
  }
  if (count >= 0 && count != args->nout) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d sizes for %d outputs", count,
                    args->nout);
  }
  int64_t sum = 0;
  const int64_t each =
      args->nout > 0 ? (total + args->nout - 1) / args->nout : 0;
  for (int i = 0; i < args->nout; i++) {
    size[i] = count >= 0 ? list[i] : (each < total - sum ? each : total - sum);
    if (size[i] < 0 || size[i] > total - sum) break;
    sum += size[i];
  }
  if (sum != total) {
    return ESP_FAIL(ESP_BAD_INPUT, "the sizes do not add up to %lld",
                    (long long)total);
  }
  return ESP_OK;
}

static esp_status infer_split(const esp_args *args) {
  int axis;
  const bool by_attribute =
      args->node->version >= 2 && args->node->version < 13;
  ESP_TRY(esp_check_arity(args, 1, by_attribute ? 1 : 2, INT_MAX));
  ESP_TRY(axis_of(args, &axis));
  int64_t *size = calloc((size_t)args->nout + 1, sizeof *size);
  if (size == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot split");
  esp_shape shape = args->in[0]->shape;
  const esp_status status = sizes_of(args, shape.dim[axis], size);
  for (int i = 0; i < args->nout && status == ESP_OK; i++) {
    shape.dim[axis] = size[i];
    esp_set_output(args, i, args->in[0]->type, &shape);
  }
  free(size);
  return status;
}

static esp_status infer(const esp_args *args) {
  return args->node->op == ESP_OP_SPLIT ? infer_split(args)
                                        : infer_concat(args);
}

// The copy between a whole tensor and the part of it that begins at `begin`
// along the axis.
static void plan_part(const esp_tensor *whole, const esp_tensor *part, int axis,
                      int64_t begin, bool into_whole, esp_move *move) {
  int64_t w[ESP_MAX_NDIM], p[ESP_MAX_NDIM];
  esp_strides_of(whole, w);
  esp_strides_of(part, p);
  *move = (esp_move){0};
  esp_copy_plan(part->shape.ndim, part->shape.dim, into_whole ? p : w,
                into_whole ? w : p, esp_dtype_bytes(part->type), &move->copy);
  *(into_whole ? &move->to : &move->from) = begin * w[axis];
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  const bool split = args->node->op == ESP_OP_SPLIT;
  const int parts = split ? args->nout : args->nin;
  const esp_tensor *whole = split ? args->in[0] : args->out[0];
  int axis;
  ESP_TRY(axis_of(args, &axis));
  esp_move *move = calloc((size_t)parts + 1, sizeof *move);
  if (move == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  int64_t *size = calloc((size_t)parts + 1, sizeof *size);
  esp_status status =
      size != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  if (status == ESP_OK && split) {
    status = sizes_of(args, whole->shape.dim[axis], size);
  }
  int64_t begin = 0;
  for (int i = 0; i < parts && status == ESP_OK; i++) {
    const esp_tensor *part = split ? args->out[i] : args->in[i];
    if (part != NULL) plan_part(whole, part, axis, begin, !split, &move[i]);
    begin += split ? size[i] : part->shape.dim[axis];
  }
  free(size);
  if (status != ESP_OK) {
    free(move);
    return status;
  }
  made->state = move;
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const esp_move *move = state;
  const bool split = args->node->op == ESP_OP_SPLIT;
  const int parts = split ? args->nout : args->nin;
  for (int i = 0; i < parts; i++) {
    const esp_tensor *from = split ? args->in[0] : args->in[i];
    const esp_tensor *to = split ? args->out[i] : args->out[0];
    if (to != NULL) esp_move_run(&move[i], from, to, team.width);
  }
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  int axis;
  (void)batch;
  if (axis_of(args, &axis) != ESP_OK) return;
  esp_samples all = {.kind = ESP_SAMPLES_UNTOLD};
  const int count = args->node->op == ESP_OP_SPLIT ? 1 : args->nin;
  for (int i = 0; i < count; i++) {
    if (!esp_samples_along(&in[i])) continue;
    if (!esp_samples_join(&all, &in[i])) return;
  }
  if (!esp_samples_along(&all)) return;
  bool mixed = all.axis == axis;
  for (int i = 0; i < count && !mixed; i++) {
    mixed = !esp_samples_along(&in[i]) &&
            !esp_samples_uniform(args->in[i], all.axis);
  }
  esp_samples_give(args, mixed ? &esp_samples_mixed : &all, 0, out);
}

const esp_op esp_op_concat = {.samples = samples,
                              .infer = infer,
                              .prepare = prepare,
                              .release = free,
                              .run = run,
                              .layout = ESP_LAYOUT_FOLLOWS};
