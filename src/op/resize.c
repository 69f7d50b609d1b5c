// Resize and Upsample: interpolation along each axis, one after the other.
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/resample.h"

// What is asked, by logical axis.
typedef struct request {
  esp_resample how;
  esp_resample_axis axis[ESP_MAX_NDIM];
} request;

static esp_status how_of(const esp_node *node, esp_resample *how) {
  static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
  static const char *const old[] = {"nearest", "bilinear", NULL};
  static const char *const transforms[] = {
      "half_pixel",         "half_pixel_symmetric",
      "pytorch_half_pixel", "align_corners",
      "asymmetric",         "tf_half_pixel_for_nn",
      "tf_crop_and_resize", NULL};
  static const char *const nearest[] = {
      "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
  const bool plain = node->op == ESP_OP_UPSAMPLE || node->version < 11;
  int mode, transform, to;
  ESP_TRY(esp_choice_of(node, "mode", "nearest",
                        node->version < 7 ? old : modes, &mode));
  ESP_TRY(esp_choice_of(node, "coordinate_transformation_mode",
                        plain ? "asymmetric" : "half_pixel", transforms,
                        &transform));
  ESP_TRY(esp_choice_of(node, "nearest_mode",
                        plain ? "floor" : "round_prefer_floor", nearest, &to));
  *how = (esp_resample){
      .mode = (esp_interpolation)mode,
      .transform = (esp_transform)transform,
      .nearest = (esp_nearest_mode)to,
      .cubic_a = (double)esp_node_float(node, "cubic_coeff_a", -0.75F),
      .exclude_outside = esp_node_int(node, "exclude_outside", 0) != 0,
      .antialias = esp_node_int(node, "antialias", 0) != 0};
  return ESP_OK;
}

// The numbers of input i, which must be known; *count is 0 when it is omitted.
static esp_status numbers_of(const esp_args *args, int i,
                             double list[2 * ESP_MAX_NDIM], int *count) {
  *count = 0;
  if (!esp_has_input(args, i)) return ESP_OK;
  const esp_tensor *t = args->in[i];
  ESP_TRY(esp_check_type(args, i, ESP_TYPES_FLOATING | ESP_TYPE(ESP_INT64)));
  ESP_TRY(esp_check_ndim(args, i, 1, 1));
  if (t->shape.dim[0] == 0) return ESP_OK; // the older way to omit it
  ESP_TRY(esp_check_known(args, i));
  if (t->shape.dim[0] > 2 * ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_BAD_INPUT, "input %d has %lld numbers", i,
                    (long long)t->shape.dim[0]);
  }
  *count = (int)t->shape.dim[0];
  for (int k = 0; k < *count; k++) {
    list[k] = esp_number_at(t, k);
    if (isfinite(list[k]) && fabs(list[k]) < 0x1p40) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "input %d holds %g", i, list[k]);
  }
  return ESP_OK;
}

// Scales that older versions give as attributes.
static esp_status old_scales(const esp_node *node, double *scale, int *count) {
  if (node->version < 7) { // of [N,C,H,W]
    scale[0] = scale[1] = 1;
    scale[2] = (double)esp_node_float(node, "height_scale", 0);
    scale[3] = (double)esp_node_float(node, "width_scale", 0);
    *count = 4;
    return ESP_OK;
  }
  const esp_attribute *a =
      esp_node_attribute(node, "scales", ESP_ATTRIBUTE_FLOATS);
  *count = a != NULL && a->count <= ESP_MAX_NDIM ? (int)a->count : 0;
  for (int i = 0; i < *count; i++) {
    scale[i] = (double)a->floats[i];
    if (!isfinite(scale[i])) {
      return ESP_FAIL(ESP_BAD_INPUT, "scales holds %g", scale[i]);
    }
  }
  return ESP_OK;
}

// The axes that are resized: the attribute's, or all.
static esp_status axes_of(const esp_args *args, int axis[ESP_MAX_NDIM],
                          int *count) {
  const int ndim = args->in[0]->shape.ndim;
  const int64_t *given = esp_node_ints(args->node, "axes", count);
  bool seen[ESP_MAX_NDIM] = {false};
  if (given == NULL) *count = ndim;
  if (*count > ndim) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d axes of %d dimensions", *count, ndim);
  }
  for (int i = 0; i < *count; i++) {
    axis[i] = i;
    if (given != NULL)
      ESP_TRY(esp_check_axis("axes", given[i], ndim, &axis[i]));
    if (seen[axis[i]]) {
      return ESP_FAIL(ESP_BAD_INPUT, "axes names axis %d twice", axis[i]);
    }
    seen[axis[i]] = true;
  }
  return ESP_OK;
}

static esp_status by_scales(request *r, const int *axis, int naxis,
                            const double *scale) {
  const bool cropped = r->how.transform == ESP_TF_CROP_AND_RESIZE;
  for (int i = 0; i < naxis; i++) {
    esp_resample_axis *a = &r->axis[axis[i]];
    if (!(scale[i] > 0)) {
      return ESP_FAIL(ESP_BAD_INPUT, "the scale of axis %d is %g", axis[i],
                      scale[i]);
    }
    // In float, as the standard's shape inference: 5 times 1.4 is 7.
    const float part = cropped ? (float)(a->end - a->start) : 1;
    const float out = floorf((float)a->in * part * (float)scale[i]);
    if (!(out >= 0 && out < 0x1p62F)) {
      return ESP_FAIL(ESP_BAD_INPUT, "the scale of axis %d is %g", axis[i],
                      scale[i]);
    }
    a->scale = scale[i];
    a->out = (int64_t)out;
  }
  return ESP_OK;
}

static esp_status by_sizes(const esp_node *node, request *r, const int *axis,
                           int naxis, const double *size) {
  static const char *const policies[] = {"stretch", "not_larger", "not_smaller",
                                         NULL};
  int policy;
  ESP_TRY(esp_choice_of(node, "keep_aspect_ratio_policy", "stretch", policies,
                        &policy));
  double least = HUGE_VAL, most = 0;
  for (int i = 0; i < naxis; i++) {
    esp_resample_axis *a = &r->axis[axis[i]];
    if (!(size[i] >= 0) || (a->in == 0 && size[i] > 0)) {
      return ESP_FAIL(ESP_BAD_INPUT, "axis %d of %lld is to have %g", axis[i],
                      (long long)a->in, size[i]);
    }
    a->out = (int64_t)size[i];
    if (a->in > 0 && a->out > 0) a->scale = size[i] / (double)a->in;
    least = fmin(least, a->scale);
    most = fmax(most, a->scale);
  }
  for (int i = 0; i < naxis && policy != 0; i++) {
    esp_resample_axis *a = &r->axis[axis[i]];
    a->scale = policy == 1 ? least : most;
    a->out = (int64_t)floor(a->scale * (double)a->in + 0.5);
  }
  return ESP_OK;
}

static esp_status request_of(const esp_args *args, request *r) {
  const esp_node *node = args->node;
  const esp_shape *in = &args->in[0]->shape;
  const bool upsample = node->op == ESP_OP_UPSAMPLE;
  const bool newer = !upsample && node->version >= 11;
  double roi[2 * ESP_MAX_NDIM], scale[2 * ESP_MAX_NDIM], size[2 * ESP_MAX_NDIM];
  int axis[ESP_MAX_NDIM], naxis, nroi = 0, nscale, nsize = 0;
  ESP_TRY(how_of(node, &r->how));
  ESP_TRY(axes_of(args, axis, &naxis));
  for (int i = 0; i < in->ndim; i++) {
    r->axis[i] = (esp_resample_axis){
        .in = in->dim[i], .out = in->dim[i], .scale = 1, .end = 1};
  }
  if (upsample && node->version < 9) {
    ESP_TRY(old_scales(node, scale, &nscale));
  } else {
    ESP_TRY(numbers_of(args, newer ? 2 : 1, scale, &nscale));
  }
  if (newer) ESP_TRY(numbers_of(args, 3, size, &nsize));
  if ((nscale > 0) == (nsize > 0) && naxis > 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "one of scales and sizes must be given");
  }
  if ((nscale > 0 && nscale != naxis) || (nsize > 0 && nsize != naxis)) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d scales or sizes for %d axes",
                    nscale > 0 ? nscale : nsize, naxis);
  }
  if (r->how.transform == ESP_TF_CROP_AND_RESIZE) {
    ESP_TRY(numbers_of(args, 1, roi, &nroi));
    if (nroi != 2 * naxis) {
      return ESP_FAIL(ESP_BAD_INPUT, "%d numbers in roi for %d axes", nroi,
                      naxis);
    }
  }
  for (int i = 0; i < nroi / 2; i++) {
    r->axis[axis[i]].start = roi[i];
    r->axis[axis[i]].end = roi[naxis + i];
  }
  return nsize > 0 ? by_sizes(node, r, axis, naxis, size)
                   : by_scales(r, axis, naxis, scale);
}

static esp_status infer(const esp_args *args) {
  request r;
  ESP_TRY(esp_check_arity(args, 1, 4, 1));
  ESP_TRY(how_of(args->node, &r.how));
  const bool nearest = r.how.mode == ESP_NEAREST;
  ESP_TRY(esp_check_type(args, 0, nearest ? ESP_TYPES_ALL : ESP_TYPES_NUMERIC));
  ESP_TRY(request_of(args, &r));
  esp_shape shape = args->in[0]->shape;
  for (int i = 0; i < shape.ndim; i++) shape.dim[i] = r.axis[i].out;
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  const char *mode = esp_node_string(args->node, "mode", "nearest");
  const double each =
      strcmp(mode, "nearest") == 0 ? 1 : (strcmp(mode, "cubic") == 0 ? 16 : 8);
  return (esp_work){.flops =
                        each * (double)esp_shape_count(&args->out[0]->shape),
                    .bytes = (double)esp_tensor_bytes(args->in[0]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

// Everything by physical axis: the last one is contiguous.
typedef struct prepared {
  int ndim; // at least 1
  int64_t in[ESP_MAX_NDIM], out[ESP_MAX_NDIM], stride[ESP_MAX_NDIM];
  esp_taps taps[ESP_MAX_NDIM];
  int64_t rows;                        // of the output, along the last axis
  size_t row_bytes;                    // of scratch memory for one thread
  int width;                           // threads that have some
  _Alignas(16) unsigned char fill[16]; // an element outside of the input
} prepared;

static void release(void *state) {
  prepared *p = state;
  if (p == NULL) return;
  for (int i = 0; i < ESP_MAX_NDIM; i++) esp_taps_free(&p->taps[i]);
  free(p);
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  const esp_tensor *x = args->in[0];
  request r;
  ESP_TRY(request_of(args, &r));
  prepared *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  if (esp_shape_count(&args->out[0]->shape) == 0) return ESP_OK;
  p->ndim = x->shape.ndim > 0 ? x->shape.ndim : 1;
  p->in[0] = p->out[0] = p->rows = 1;
  if (x->shape.ndim == 0) {
    r.axis[0] = (esp_resample_axis){.in = 1, .out = 1, .scale = 1, .end = 1};
  }
  for (int i = 0; i < p->ndim; i++) {
    const int at = x->shape.ndim > 0 ? esp_physical_axis(x, i) : 0;
    p->in[at] = r.axis[i].in;
    p->out[at] = r.axis[i].out;
    ESP_TRY(esp_taps_make(&r.how, &r.axis[i], &p->taps[at]));
  }
  for (int i = p->ndim - 1, step = 1; i >= 0; i--) {
    p->stride[i] = i == p->ndim - 1 ? step : p->stride[i + 1] * p->in[i + 1];
    if (i < p->ndim - 1) p->rows *= p->out[i];
  }
  esp_fill_zero(x->type, p->fill, 1);
  esp_number_store(x->type, p->fill, 0,
                   (esp_number){.floating = true,
                                .real = (double)esp_node_float(
                                    args->node, "extrapolation_value", 0)});
  p->width = width;
  p->row_bytes = esp_align_up((size_t)p->in[p->ndim - 1] * sizeof(double));
  if (r.how.mode != ESP_NEAREST) {
    made->scratch_bytes = (size_t)width * p->row_bytes;
  }
  return ESP_OK;
}

// sum[i] += weight * from[i]
typedef void (*add_loop)(double *sum, double weight, const void *from,
                         int64_t at, int64_t n);
// to[at + o] = the taps' sum of row
typedef void (*mix_loop)(const double *row, const esp_taps *taps, void *to,
                         int64_t at, int64_t n);

#define ADD_LOOP(suffix, type, dtype)                                          \
  static void add_##suffix(double *sum, double weight, const void *from,       \
                           int64_t at, int64_t n) {                            \
    const type *x = (const type *)from + at;                                   \
    for (int64_t i = 0; i < n; i++) sum[i] += weight * (double)x[i];           \
  }
ESP_ALL_TYPES(ADD_LOOP)

static double mixed(const double *row, const esp_taps *taps, int64_t o) {
  double sum = 0;
  for (int64_t t = taps->first[o]; t < taps->first[o + 1]; t++)
    sum += taps->weight[t] * row[taps->index[t]];
  return sum;
}

#define MIX_REAL(suffix, type, dtype)                                          \
  static void mix_##suffix(const double *row, const esp_taps *taps, void *to,  \
                           int64_t at, int64_t n) {                            \
    type *y = (type *)to + at;                                                 \
    for (int64_t o = 0; o < n; o++) y[o] = (type)mixed(row, taps, o);          \
  }
ESP_FLOATING_TYPES(MIX_REAL)

// Integers are held inside of their type.
#define MIX_WHOLE(suffix, type, dtype)                                         \
  static void mix_##suffix(const double *row, const esp_taps *taps, void *to,  \
                           int64_t at, int64_t n) {                            \
    type *y = (type *)to + at;                                                 \
    const bool is_unsigned = (type)-1 > (type)1;                               \
    const int bits = 8 * (int)sizeof(type) - (is_unsigned ? 0 : 1);            \
    const double top = ldexp(1, bits), low = is_unsigned ? 0 : -top;           \
    for (int64_t o = 0; o < n; o++) {                                          \
      const double v = esp_resample_whole(mixed(row, taps, o));                \
      const type most = (type)(~UINT64_C(0) >> (64 - bits));                   \
      y[o] = v >= top ? most : (type)(v < low ? low : v);                      \
    }                                                                          \
  }
ESP_INTEGER_TYPES(MIX_WHOLE)

#define ADD_ROW(suffix, type, dtype) [dtype] = add_##suffix,
static const add_loop add_of[ESP_DTYPES] = {ESP_ALL_TYPES(ADD_ROW)};
#define MIX_ROW(suffix, type, dtype) [dtype] = mix_##suffix,
static const mix_loop mix_of[ESP_DTYPES] = {ESP_ALL_TYPES(MIX_ROW)};

typedef struct task {
  const esp_args *args;
  const prepared *p;
  unsigned char *scratch;
} task;

// Taps of the outer axes of a row; false: the row is outside of the input.
typedef struct corner {
  int64_t begin[ESP_MAX_NDIM], end[ESP_MAX_NDIM];
} corner;

static bool corner_of(const prepared *p, int64_t row, corner *c) {
  bool inside = true;
  for (int i = p->ndim - 2; i >= 0; i--) {
    const int64_t *first = p->taps[i].first + row % p->out[i];
    c->begin[i] = first[0];
    c->end[i] = first[1];
    inside = inside && first[0] < first[1];
    row /= p->out[i];
  }
  return inside;
}

// The weighted sum of the input's rows that a row of the output is made of.
static void sum_rows(const prepared *p, const corner *c, const esp_tensor *x,
                     double *sum) {
  const int outer = p->ndim - 1;
  const int64_t n = p->in[outer];
  int64_t at[ESP_MAX_NDIM];
  memcpy(at, c->begin, sizeof at);
  memset(sum, 0, (size_t)n * sizeof *sum);
  for (;;) {
    double weight = 1;
    int64_t from = 0;
    for (int i = 0; i < outer; i++) {
      weight *= p->taps[i].weight[at[i]];
      from += p->taps[i].index[at[i]] * p->stride[i];
    }
    add_of[x->type](sum, weight, x->data, from, n);
    int i = outer - 1;
    while (i >= 0 && ++at[i] == c->end[i]) {
      at[i] = c->begin[i];
      i--;
    }
    if (i < 0) return;
  }
}

// Puts the value outside wherever an output along the last axis has no taps;
// `whole`: everywhere.
static void fill_outside(const task *t, int64_t row, bool whole) {
  const prepared *p = t->p;
  const int64_t n = p->out[p->ndim - 1];
  const int64_t *first = p->taps[p->ndim - 1].first;
  const size_t bytes = esp_dtype_bytes(t->args->out[0]->type);
  unsigned char *y = t->args->out[0]->data;
  for (int64_t o = 0; o < n; o++) {
    if (!whole && first[o] < first[o + 1]) continue;
    memcpy(y + (size_t)(row * n + o) * bytes, p->fill, bytes);
  }
}

// Share s of the threads computes its part of the rows.
static void mix_share(int64_t begin, int64_t end, void *argument) {
  const task *t = argument;
  const prepared *p = t->p;
  const esp_tensor *x = t->args->in[0], *y = t->args->out[0];
  const int64_t n = p->out[p->ndim - 1];
  for (int64_t s = begin; s < end; s++) {
    double *sum = (double *)(void *)(t->scratch + (size_t)s * p->row_bytes);
    const int64_t last = p->rows * (s + 1) / p->width;
    for (int64_t row = p->rows * s / p->width; row < last; row++) {
      corner c;
      const bool inside = corner_of(p, row, &c);
      if (inside) {
        sum_rows(p, &c, x, sum);
        mix_of[x->type](sum, &p->taps[p->ndim - 1], y->data, row * n, n);
      }
      fill_outside(t, row, !inside);
    }
  }
}

#define COPY_AS(type)                                                          \
  for (int64_t o = 0; o < n; o++) {                                            \
    if (taps->first[o] < taps->first[o + 1])                                   \
      ((type *)to)[o] = ((const type *)from)[taps->index[taps->first[o]]];     \
  }                                                                            \
  break;

static void copy_row(const esp_taps *taps, int64_t n, size_t bytes,
                     const unsigned char *from, unsigned char *to) {
  typedef struct pair {
    uint64_t half[2];
  } pair;
  switch (bytes) {
  case 1:
    COPY_AS(uint8_t)
  case 2:
    COPY_AS(uint16_t)
  case 4:
    COPY_AS(uint32_t)
  case 8:
    COPY_AS(uint64_t)
  default:
    COPY_AS(pair)
  }
}

static void copy_rows(int64_t begin, int64_t end, void *argument) {
  const task *t = argument;
  const prepared *p = t->p;
  const size_t bytes = esp_dtype_bytes(t->args->in[0]->type);
  const int64_t n = p->out[p->ndim - 1];
  for (int64_t row = begin; row < end; row++) {
    corner c;
    const bool inside = corner_of(p, row, &c);
    int64_t from = 0;
    for (int i = 0; i < p->ndim - 1 && inside; i++)
      from += p->taps[i].index[c.begin[i]] * p->stride[i];
    if (inside) {
      copy_row(
          &p->taps[p->ndim - 1], n, bytes,
          (const unsigned char *)t->args->in[0]->data + (size_t)from * bytes,
          (unsigned char *)t->args->out[0]->data + (size_t)(row * n) * bytes);
    }
    fill_outside(t, row, !inside);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  const prepared *p = state;
  task t = {.args = args, .p = p, .scratch = team.scratch};
  if (esp_shape_count(&args->out[0]->shape) == 0) return ESP_OK;
  const int64_t n = p->out[p->ndim - 1];
  if (strcmp(esp_node_string(args->node, "mode", "nearest"), "nearest") == 0) {
    esp_loop_over(team.width, p->rows, GRAIN / n + 1, copy_rows, &t);
    return ESP_OK;
  }
  const bool small = p->rows * n < GRAIN;
  esp_loop_over(team.width, p->width, small ? p->width : 1, mix_share, &t);
  return ESP_OK;
}

static const esp_op plain = {.infer = infer,
                             .work = work,
                             .prepare = prepare,
                             .release = release,
                             .run = run};

const esp_op esp_op_resize = {.infer = infer,
                              .work = work,
                              ESP_HALF(plain),
                              .layout = ESP_LAYOUT_FOLLOWS};
