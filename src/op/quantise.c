// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.
#include <limits.h>
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "kernel/quantise.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

enum {
  QUANTISED = ESP_TYPE(ESP_UINT8) | ESP_TYPE(ESP_INT8) | ESP_TYPE(ESP_UINT16) |
              ESP_TYPE(ESP_INT16) | ESP_TYPES_FLOAT8 | ESP_TYPES_INT4,
  SCALES = ESP_TYPE(ESP_FLOAT) | ESP_TYPE(ESP_FLOAT16) | ESP_TYPE(ESP_BFLOAT16)
};

// Which scale belongs to which element: one for all (per tensor), one for each
// index of an axis, or one for each block of indices.
typedef struct grain {
  int64_t dim, inner; // extent of the axis, elements of one index
  int64_t block;      // indices that share a scale; 0: one scale for all
  int64_t blocks;     // along the axis
  bool by_element;    // blocked: each inner element has its own
} grain;

static esp_status blocked_grain(const esp_args *args, int axis, int64_t block,
                                grain *g) {
  const esp_shape *x = &args->in[0]->shape, *s = &args->in[1]->shape;
  bool fits = s->ndim == x->ndim && block > 0;
  for (int i = 0; i < x->ndim && fits; i++) {
    const int64_t want =
        i == axis && x->dim[i] > 0 ? (x->dim[i] - 1) / block + 1 : x->dim[i];
    fits = s->dim[i] == want;
  }
  char have[ESP_SHAPE_TEXT], scales[ESP_SHAPE_TEXT];
  if (!fits) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "scales %s do not fit an input %s in blocks of %lld along "
                    "axis %d",
                    esp_shape_text(s, scales), esp_shape_text(x, have),
                    (long long)block, axis);
  }
  g->block = block;
  g->blocks = s->dim[axis];
  g->by_element = true;
  return ESP_OK;
}

static esp_status grain_of(const esp_args *args, grain *g) {
  const esp_shape *x = &args->in[0]->shape, *s = &args->in[1]->shape;
  const int64_t block = esp_node_int(args->node, "block_size", 0);
  *g = (grain){.dim = 1, .inner = esp_shape_count(x)};
  if (block == 0 && (s->ndim == 0 || (s->ndim == 1 && s->dim[0] == 1))) {
    return ESP_OK;
  }
  int axis;
  ESP_TRY(esp_check_axis("axis", esp_node_int(args->node, "axis", 1), x->ndim,
                         &axis));
  g->dim = x->dim[axis];
  g->inner = esp_shape_product(x, axis + 1, x->ndim);
  if (block != 0) return blocked_grain(args, axis, block, g);
  if (s->ndim != 1 || s->dim[0] != g->dim) {
    char have[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_BAD_INPUT,
                    "scales %s, expected one, or one for each of the %lld "
                    "indices of axis %d",
                    esp_shape_text(s, have), (long long)g->dim, axis);
  }
  g->block = 1;
  g->blocks = g->dim;
  return ESP_OK;
}

// Place of the scale of element i.
static int64_t scale_at(const grain *g, int64_t i) {
  if (g->block == 0) return 0;
  const int64_t index = i / g->inner % g->dim;
  if (!g->by_element) return index;
  const int64_t outer = i / (g->inner * g->dim);
  return (outer * g->blocks + index / g->block) * g->inner + i % g->inner;
}

static esp_status check_zero(const esp_args *args) {
  if (!esp_has_input(args, 2)) return ESP_OK;
  if (esp_shape_equal(&args->in[1]->shape, &args->in[2]->shape) ||
      (esp_shape_count(&args->in[1]->shape) == 1 &&
       esp_shape_count(&args->in[2]->shape) == 1)) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT, "scales and zero points differ in shape");
}

static esp_status infer_quantize(const esp_args *args) {
  grain g;
  ESP_TRY(esp_check_arity(args, 2, 3, 1));
  ESP_TRY(esp_check_type(args, 0, SCALES | ESP_TYPE(ESP_INT32)));
  ESP_TRY(esp_check_type(args, 1, SCALES | ESP_TYPE(ESP_INT32)));
  ESP_TRY(grain_of(args, &g));
  ESP_TRY(check_zero(args));
  int64_t type = esp_node_int(args->node, "output_dtype", 0);
  if (esp_has_input(args, 2)) {
    ESP_TRY(esp_check_type(args, 2, QUANTISED));
    if (type != 0 && type != (int64_t)args->in[2]->type) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "output_dtype %lld is not the zero point's type %s",
                      (long long)type, esp_dtype_text(args->in[2]->type));
    }
    type = (int64_t)args->in[2]->type;
  }
  if (type == 0) type = ESP_UINT8;
  if (type < 0 || type >= ESP_DTYPES || (QUANTISED >> type & 1) == 0) {
    return ESP_FAIL(ESP_UNSUPPORTED, "output_dtype %lld", (long long)type);
  }
  esp_set_output(args, 0, (esp_dtype)type, &args->in[0]->shape);
  return ESP_OK;
}

static esp_status infer_dequantize(const esp_args *args) {
  grain g;
  ESP_TRY(esp_check_arity(args, 2, 3, 1));
  ESP_TRY(esp_check_type(args, 0, QUANTISED | ESP_TYPE(ESP_INT32)));
  ESP_TRY(esp_check_type(args, 1, SCALES));
  ESP_TRY(grain_of(args, &g));
  ESP_TRY(check_zero(args));
  if (esp_has_input(args, 2)) ESP_TRY(esp_check_same_type(args, 0, 2));
  esp_set_output(args, 0, args->in[1]->type, &args->in[0]->shape);
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  if (args->node->op == ESP_OP_QUANTIZE_LINEAR) return infer_quantize(args);
  if (args->node->op == ESP_OP_DEQUANTIZE_LINEAR) return infer_dequantize(args);
  const esp_shape scalar = {0};
  ESP_TRY(esp_check_arity(args, 1, 1, 3));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_FLOAT)));
  esp_set_output(args, 0, ESP_UINT8, &args->in[0]->shape);
  esp_set_output(args, 1, ESP_FLOAT, &scalar);
  esp_set_output(args, 2, ESP_UINT8, &scalar);
  return ESP_OK;
}

typedef struct work {
  const esp_args *args;
  grain grain;
  bool saturate;
} work;

static float scale_of(const work *w, int64_t at) {
  return (float)esp_number_at(w->args->in[1], at);
}
static int32_t zero_of(const work *w, int64_t at) {
  const esp_tensor *zero = esp_has_input(w->args, 2) ? w->args->in[2] : NULL;
  return zero != NULL ? (int32_t)esp_whole_at(zero, at) : 0;
}

// Ends of an integer type.
static void range_of(esp_dtype type, int32_t *low, int32_t *high) {
  static const int32_t ends[ESP_DTYPES][2] = {
      [ESP_UINT8] = {0, UINT8_MAX},   [ESP_INT8] = {INT8_MIN, INT8_MAX},
      [ESP_UINT16] = {0, UINT16_MAX}, [ESP_INT16] = {INT16_MIN, INT16_MAX},
      [ESP_UINT4] = {0, 15},          [ESP_INT4] = {-8, 7}};
  *low = ends[type][0];
  *high = ends[type][1];
}

static void quantize_one(const work *w, int64_t i, int64_t at) {
  const esp_tensor *y = w->args->out[0];
  const float v = (float)esp_number_at(w->args->in[0], i) / scale_of(w, at);
  if (esp_dtype_is_float8(y->type)) {
    const float zero = esp_has_input(w->args, 2)
                           ? (float)esp_number_at(w->args->in[2], at)
                           : 0.0f;
    ((uint8_t *)y->data)[i] = esp_to_float8(y->type, v + zero, w->saturate);
    return;
  }
  int32_t low, high;
  range_of(y->type, &low, &high);
  esp_whole_put(y, i, esp_quantise_one((double)v, zero_of(w, at), low, high));
}

// A run of floats that share a scale.
static bool quantize_run(const work *w, int64_t i, int64_t n, int64_t at) {
  const esp_tensor *x = w->args->in[0], *y = w->args->out[0];
  if (x->type != ESP_FLOAT || (y->type != ESP_UINT8 && y->type != ESP_INT8)) {
    return false;
  }
  const float *from = (const float *)x->data + i;
  if (y->type == ESP_UINT8) {
    esp_quantise_u8(from, (uint8_t *)y->data + i, n, scale_of(w, at),
                    zero_of(w, at));
  } else {
    esp_quantise_s8(from, (int8_t *)y->data + i, n, scale_of(w, at),
                    zero_of(w, at));
  }
  return true;
}

static void dequantize_one(const work *w, int64_t i, int64_t at) {
  const esp_tensor *x = w->args->in[0], *y = w->args->out[0];
  float v;
  if (esp_dtype_is_float8(x->type)) {
    v = (float)esp_number_at(x, i);
    if (esp_has_input(w->args, 2)) {
      v -= (float)esp_number_at(w->args->in[2], at);
    }
  } else {
    v = (float)(esp_whole_at(x, i) - zero_of(w, at));
  }
  esp_number_put(y, i, (double)(v * scale_of(w, at)));
}

static bool dequantize_run(const work *w, int64_t i, int64_t n, int64_t at) {
  const esp_tensor *x = w->args->in[0], *y = w->args->out[0];
  if (y->type != ESP_FLOAT || (x->type != ESP_UINT8 && x->type != ESP_INT8)) {
    return false;
  }
  float *to = (float *)y->data + i;
  const float scale = scale_of(w, at);
  const int32_t zero = zero_of(w, at);
  if (x->type == ESP_UINT8) {
    const uint8_t *from = (const uint8_t *)x->data + i;
    for (int64_t k = 0; k < n; k++) to[k] = (float)(from[k] - zero) * scale;
  } else {
    const int8_t *from = (const int8_t *)x->data + i;
    for (int64_t k = 0; k < n; k++) to[k] = (float)(from[k] - zero) * scale;
  }
  return true;
}

// Elements [begin, end), in runs that share a scale.
static void run_range(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const bool back = w->args->node->op == ESP_OP_DEQUANTIZE_LINEAR;
  while (begin < end) {
    int64_t n =
        w->grain.by_element ? 1 : w->grain.inner - begin % w->grain.inner;
    if (n > end - begin) n = end - begin;
    const int64_t at = scale_at(&w->grain, begin);
    const bool done =
        back ? dequantize_run(w, begin, n, at) : quantize_run(w, begin, n, at);
    for (int64_t i = begin; i < begin + n && !done; i++) {
      if (back) {
        dequantize_one(w, i, at);
      } else {
        quantize_one(w, i, at);
      }
    }
    begin += n;
  }
}

// The scale that brings the range of x, made to hold 0, to 0 ... 255.
static void run_dynamic(const esp_args *args, int width) {
  const float *x = args->in[0]->data;
  const int64_t count = esp_shape_count(&args->in[0]->shape);
  float low = 0, high = 0;
  for (int64_t i = 0; i < count; i++) {
    if (x[i] < low) low = x[i];
    if (x[i] > high) high = x[i];
  }
  const float scale = (high - low) / 255.0f;
  const float middle = scale > 0.0f ? 0.0f - low / scale : 0.0f;
  const uint8_t zero =
      (uint8_t)esp_quantise_one((double)middle, 0, 0, UINT8_MAX);
  if (args->out[0] != NULL) {
    esp_quantise_u8(x, args->out[0]->data, count, scale > 0.0f ? scale : 1.0f,
                    zero);
  }
  if (args->nout > 1 && args->out[1] != NULL) {
    *(float *)args->out[1]->data = scale;
  }
  if (args->nout > 2 && args->out[2] != NULL) {
    *(uint8_t *)args->out[2]->data = zero;
  }
  (void)width;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  (void)state;
  if (args->node->op == ESP_OP_DYNAMIC_QUANTIZE_LINEAR) {
    run_dynamic(args, team.width);
    return ESP_OK;
  }
  work w = {.args = args,
            .saturate = esp_node_int(args->node, "saturate", 1) != 0};
  ESP_TRY(grain_of(args, &w.grain));
  esp_loop_over(team.width, esp_shape_count(&args->in[0]->shape), GRAIN,
                run_range, &w);
  return ESP_OK;
}

// DynamicQuantizeLinear takes one scale from all elements.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  (void)batch;
  if (args->node->op == ESP_OP_DYNAMIC_QUANTIZE_LINEAR) {
    esp_samples_give(args, &esp_samples_mixed, 0, out);
    return;
  }
  for (int i = 1; i < args->nin; i++) {
    if (esp_samples_along(&in[i])) return;
  }
  const int ndim = args->in[0]->shape.ndim;
  const int64_t axis = esp_node_int(args->node, "axis", 1);
  const bool each = esp_shape_count(&args->in[1]->shape) > 1;
  esp_samples_past(args, &in[0],
                   each ? (int)(axis < 0 ? axis + ndim : axis) : -1, out);
}

const esp_op esp_op_quantise = {.samples = samples, .infer = infer, .run = run};
