// Operators that are one strided copy: the input seen through other strides.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/move.h"
#include "op/number.h"
#include "op/samples.h"

// A view of the input: extents, strides into it, and where it begins; the
// output is dense in the order of the axes.
typedef struct view {
  int ndim;
  int64_t dim[ESP_COPY_NDIM], stride[ESP_COPY_NDIM];
  int64_t begin;
} view;

static esp_status view_transpose(const esp_args *args, view *v) {
  const esp_shape *in = &args->in[0]->shape;
  int64_t stride[ESP_MAX_NDIM];
  esp_strides_of(args->in[0], stride);
  int count;
  const int64_t *perm = esp_node_ints(args->node, "perm", &count);
  if (perm != NULL && count != in->ndim) {
    return ESP_FAIL(ESP_BAD_INPUT, "perm has %d axes for an input of %d", count,
                    in->ndim);
  }
  bool seen[ESP_MAX_NDIM] = {false};
  v->ndim = in->ndim;
  for (int i = 0; i < in->ndim; i++) {
    int axis = in->ndim - 1 - i;
    if (perm != NULL) ESP_TRY(esp_check_axis("perm", perm[i], in->ndim, &axis));
    if (seen[axis])
      return ESP_FAIL(ESP_BAD_INPUT, "perm names axis %d twice", axis);
    seen[axis] = true;
    v->dim[i] = in->dim[axis];
    v->stride[i] = stride[axis];
  }
  return ESP_OK;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : (x > high ? high : x);
}

static esp_status slice_axis(view *v, int axis, int64_t start, int64_t end,
                             int64_t step) {
  const int64_t n = v->dim[axis];
  if (step == 0 || step == INT64_MIN) {
    return ESP_FAIL(ESP_BAD_INPUT, "the step of axis %d is %lld", axis,
                    (long long)step);
  }
  if (start < 0) start = start < -n ? -1 : start + n;
  if (end < 0) end = end < -n ? -1 : end + n;
  start = step > 0 ? clamp(start, 0, n) : clamp(start, -1, n - 1);
  end = step > 0 ? clamp(end, 0, n) : clamp(end, -1, n - 1);
  const int64_t span = step > 0 ? end - start : start - end;
  const int64_t stride = step > 0 ? step : -step;
  v->dim[axis] = span > 0 ? (span - 1) / stride + 1 : 0;
  if (v->dim[axis] > 0) v->begin += start * v->stride[axis];
  v->stride[axis] *= v->dim[axis] > 1 ? step : 1;
  return ESP_OK;
}

static esp_status view_slice(const esp_args *args, view *v) {
  int64_t starts[ESP_MAX_NDIM], ends[ESP_MAX_NDIM], axes[ESP_MAX_NDIM],
      steps[ESP_MAX_NDIM];
  int nstart, nend, naxis, nstep;
  ESP_TRY(esp_list_of(args, 1, "starts", 10, starts, ESP_MAX_NDIM, &nstart));
  ESP_TRY(esp_list_of(args, 2, "ends", 10, ends, ESP_MAX_NDIM, &nend));
  ESP_TRY(esp_list_of(args, 3, "axes", 10, axes, ESP_MAX_NDIM, &naxis));
  ESP_TRY(esp_list_of(args, 4, "steps", 10, steps, ESP_MAX_NDIM, &nstep));
  if (nstart < 0 || nend != nstart || (naxis >= 0 && naxis != nstart) ||
      (nstep >= 0 && nstep != nstart) || (naxis < 0 && nstart > v->ndim)) {
    return ESP_FAIL(ESP_BAD_INPUT, "starts, ends, axes and steps must be lists "
                                   "of one length");
  }
  for (int i = 0; i < nstart; i++) {
    int axis = i;
    if (naxis >= 0) ESP_TRY(esp_check_axis("axes", axes[i], v->ndim, &axis));
    ESP_TRY(slice_axis(v, axis, starts[i], ends[i], nstep >= 0 ? steps[i] : 1));
  }
  return ESP_OK;
}

static esp_status view_expand(const esp_args *args, view *v) {
  esp_shape asked = {0}, out;
  int count;
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_list_of(args, 1, "shape", 8, asked.dim, ESP_MAX_NDIM, &count));
  asked.ndim = count;
  for (int i = 0; i < count; i++) {
    if (asked.dim[i] < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "dimension %lld in the new shape",
                      (long long)asked.dim[i]);
    }
  }
  ESP_TRY(esp_shape_broadcast(&args->in[0]->shape, &asked, &out));
  view made = {.ndim = out.ndim};
  const int shift = out.ndim - v->ndim;
  for (int i = 0; i < out.ndim; i++) {
    made.dim[i] = out.dim[i];
    const bool repeated = i < shift || v->dim[i - shift] == 1;
    made.stride[i] = repeated ? 0 : v->stride[i - shift];
  }
  *v = made;
  return ESP_OK;
}

// One number of any type that is known before the run.
static esp_status single_of(const esp_args *args, int i, int64_t *number) {
  const esp_tensor *t = args->in[i];
  ESP_TRY(esp_check_known(args, i));
  if (esp_shape_count(&t->shape) != 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "input %d must be one number", i);
  }
  *number = esp_whole_at(t, 0);
  return ESP_OK;
}

// How often each axis is repeated; before opset 6 one axis is, and inputs name
// it.
static esp_status repeats_of(const esp_args *args, int ndim,
                             int64_t repeats[ESP_MAX_NDIM]) {
  int count;
  if (args->node->version < 6) {
    int64_t tiles = 0, asked = 0;
    int axis;
    ESP_TRY(esp_check_arity(args, 3, 3, 1));
    ESP_TRY(single_of(args, 1, &tiles));
    ESP_TRY(single_of(args, 2, &asked));
    ESP_TRY(esp_check_axis("axis", asked, ndim, &axis));
    for (int i = 0; i < ndim; i++) repeats[i] = i == axis ? tiles : 1;
    return ESP_OK;
  }
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_list_of(args, 1, "repeats", 6, repeats, ESP_MAX_NDIM, &count));
  if (count == ndim) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "%d repeats for %d dimensions", count, ndim);
}

// Each axis becomes two: the repetitions and the axis itself.
static esp_status view_tile(const esp_args *args, view *v) {
  int64_t repeats[ESP_MAX_NDIM];
  ESP_TRY(repeats_of(args, v->ndim, repeats));
  view made = {.ndim = 2 * v->ndim};
  for (int i = 0; i < v->ndim; i++) {
    if (repeats[i] < 0) return ESP_FAIL(ESP_BAD_INPUT, "a repeat is negative");
    made.dim[2 * i] = repeats[i];
    made.dim[2 * i + 1] = v->dim[i];
    made.stride[2 * i + 1] = v->stride[i];
  }
  *v = made;
  return ESP_OK;
}

// [N,C,H,W]: blocks of b x b pixels trade places with channels.
static esp_status view_depth(const esp_args *args, view *v) {
  ESP_TRY(esp_check_ndim(args, 0, 4, 4));
  const int64_t b = esp_node_int(args->node, "blocksize", 0);
  const bool to_space = args->node->op == ESP_OP_DEPTH_TO_SPACE;
  const int64_t c = v->dim[1], h = v->dim[2], w = v->dim[3];
  const int64_t sn = v->stride[0], sc = v->stride[1], sh = v->stride[2],
                sw = v->stride[3];
  if (b < 1 || b > 4096 || (to_space ? c % (b * b) : h % b + w % b) != 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "blocksize %lld does not divide the input",
                    (long long)b);
  }
  if (!to_space) { // out [N, (bh, bw, C), H/b, W/b]
    const view made = {.ndim = 6,
                       .dim = {v->dim[0], b, b, c, h / b, w / b},
                       .stride = {sn, sh, sw, sc, b * sh, b * sw}};
    *v = made;
    return ESP_OK;
  }
  static const char *const modes[] = {"DCR", "CRD", NULL};
  int crd;
  ESP_TRY(esp_choice_of(args->node, "mode", "DCR", modes, &crd));
  const int64_t depth = c / (b * b); // out [N, depth, (H, bh), (W, bw)]
  const int64_t s_depth = crd ? b * b * sc : sc;
  const int64_t s_bh = crd ? b * sc : b * depth * sc;
  const int64_t s_bw = crd ? sc : depth * sc;
  const view made = {.ndim = 6,
                     .dim = {v->dim[0], depth, h, b, w, b},
                     .stride = {sn, s_depth, sh, s_bh, sw, s_bw}};
  *v = made;
  return ESP_OK;
}

// The view, and the logical shape of the output.
static esp_status view_of(const esp_args *args, view *v, esp_shape *shape) {
  const esp_tensor *in = args->in[0];
  *v = (view){.ndim = in->shape.ndim};
  memcpy(v->dim, in->shape.dim, (size_t)v->ndim * sizeof v->dim[0]);
  esp_strides_of(in, v->stride);
  switch (args->node->op) {
  case ESP_OP_TRANSPOSE:
    ESP_TRY(view_transpose(args, v));
    break;
  case ESP_OP_SLICE:
    ESP_TRY(view_slice(args, v));
    break;
  case ESP_OP_EXPAND:
    ESP_TRY(view_expand(args, v));
    break;
  case ESP_OP_TILE:
    ESP_TRY(view_tile(args, v));
    break;
  case ESP_OP_DEPTH_TO_SPACE:
  case ESP_OP_SPACE_TO_DEPTH:
    ESP_TRY(view_depth(args, v));
    break;
  default:
    break; // Reorder
  }
  *shape = (esp_shape){.ndim = v->ndim <= ESP_MAX_NDIM ? v->ndim : 0};
  memcpy(shape->dim, v->dim, (size_t)shape->ndim * sizeof v->dim[0]);
  if (args->node->op == ESP_OP_TILE) {
    shape->ndim = v->ndim / 2;
    for (int i = 0; i < shape->ndim; i++) {
      if (__builtin_mul_overflow(v->dim[2 * i], v->dim[2 * i + 1],
                                 &shape->dim[i])) {
        return ESP_FAIL(ESP_BAD_INPUT, "the output is too large");
      }
    }
  }
  if (args->node->op == ESP_OP_SPACE_TO_DEPTH) {
    *shape = (esp_shape){
        4,
        {v->dim[0], v->dim[1] * v->dim[2] * v->dim[3], v->dim[4], v->dim[5]}};
  }
  if (args->node->op == ESP_OP_DEPTH_TO_SPACE) {
    *shape = (esp_shape){
        4,
        {v->dim[0], v->dim[1], v->dim[2] * v->dim[3], v->dim[4] * v->dim[5]}};
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  view v;
  esp_shape shape;
  ESP_TRY(esp_check_arity(args, 1, 5, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  ESP_TRY(view_of(args, &v, &shape));
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  view v;
  esp_shape shape;
  ESP_TRY(view_of(args, &v, &shape));
  int64_t to[ESP_COPY_NDIM];
  if (args->node->op == ESP_OP_REORDER || args->node->op == ESP_OP_SLICE) {
    esp_strides_of(args->out[0], to);
  } else {
    int64_t step = 1;
    for (int i = v.ndim - 1; i >= 0; i--) {
      to[i] = step;
      step *= v.dim[i];
    }
  }
  esp_move *move = malloc(sizeof *move);
  if (move == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  *move = (esp_move){.from = v.begin};
  esp_copy_plan(v.ndim, v.dim, v.stride, to, esp_dtype_bytes(args->in[0]->type),
                &move->copy);
  made->state = move;
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  esp_move_run(state, args->in[0], args->out[0], team.width);
  return ESP_OK;
}

// Does a Slice go backwards along this axis?
static bool turns(const esp_args *args, int axis) {
  view v;
  esp_shape shape;
  return view_of(args, &v, &shape) == ESP_OK && v.stride[axis] < 0;
}

// An axis of samples has to keep its length, and its order.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  const esp_shape *x = &args->in[0]->shape, *y = &args->out[0]->shape;
  const int op = args->node->op;
  if (!esp_samples_along(&in[0])) return;
  if (op == ESP_OP_DEPTH_TO_SPACE || op == ESP_OP_SPACE_TO_DEPTH) {
    esp_samples_leading(args, batch, in, out);
    return;
  }
  if (op == ESP_OP_TRANSPOSE) {
    int count;
    const int64_t *perm = esp_node_ints(args->node, "perm", &count);
    esp_samples moved = in[0];
    moved.axis = x->ndim - 1 - in[0].axis;
    for (int i = 0; i < count; i++) {
      if (perm[i] == in[0].axis) moved.axis = i;
    }
    esp_samples_give(args, &moved, 0, out);
    return;
  }
  const int shift = op == ESP_OP_EXPAND ? y->ndim - x->ndim : 0;
  const int axis = in[0].axis;
  bool same = y->dim[axis + shift] == x->dim[axis] && op != ESP_OP_REORDER;
  if (op == ESP_OP_SLICE && same) {
    for (int i = 1; i < args->nin; i++)
      same = same && !esp_samples_along(&in[i]);
    same = same && !turns(args, axis);
  }
  esp_samples_give(args, same ? &in[0] : &esp_samples_mixed, same ? shift : 0,
                   out);
}

const esp_op esp_op_strided = {.samples = samples,
                               .infer = infer,
                               .prepare = prepare,
                               .release = free,
                               .run = run};
// A part of an array keeps the array's layout.
const esp_op esp_op_slice = {.samples = samples,
                             .infer = infer,
                             .prepare = prepare,
                             .release = free,
                             .run = run,
                             .layout = ESP_LAYOUT_FOLLOWS};
