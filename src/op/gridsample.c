// GridSample: the input between its elements, at the places of a grid.
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/resample.h"
#include "op/samples.h"

typedef enum padding { ZEROS, BORDER, REFLECTION } padding;

enum {
  AXES = ESP_MAX_NDIM - 2, // spatial
  CUBIC_AXES = 3,          // more would be more taps than there is room for
  TAPS = 64                // 2^6 and 4^3
};

typedef struct sampler {
  esp_interpolation mode;
  padding padding;
  bool aligned; // -1 and 1 are the centres of the corner elements
  int axes;
  int64_t in[AXES], stride[AXES]; // of a channel
  int64_t channels, plane;        // elements of a channel of the input
  int64_t points;                 // of the grid, for one sample
} sampler;

static esp_status sampler_of(const esp_args *args, sampler *s) {
  static const char *const old[] = {"nearest", "bilinear", "bicubic", NULL};
  static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
  static const char *const paddings[] = {"zeros", "border", "reflection", NULL};
  const bool older = args->node->version < 20;
  const esp_shape *x = &args->in[0]->shape, *grid = &args->in[1]->shape;
  int mode, padded;
  ESP_TRY(esp_choice_of(args->node, "mode", older ? "bilinear" : "linear",
                        older ? old : modes, &mode));
  ESP_TRY(
      esp_choice_of(args->node, "padding_mode", "zeros", paddings, &padded));
  *s = (sampler){.mode = (esp_interpolation)mode,
                 .padding = (padding)padded,
                 .aligned = esp_node_int(args->node, "align_corners", 0) != 0,
                 .axes = x->ndim - 2,
                 .channels = x->dim[1],
                 .plane = esp_shape_product(x, 2, x->ndim),
                 .points = esp_shape_product(grid, 1, grid->ndim - 1)};
  for (int i = s->axes - 1; i >= 0; i--) {
    s->in[i] = x->dim[2 + i];
    s->stride[i] = i == s->axes - 1 ? 1 : s->stride[i + 1] * s->in[i + 1];
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  sampler s;
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_ndim(args, 0, 3, ESP_MAX_NDIM));
  const esp_shape *x = &args->in[0]->shape, *grid = &args->in[1]->shape;
  ESP_TRY(esp_check_ndim(args, 1, x->ndim, x->ndim));
  ESP_TRY(sampler_of(args, &s));
  ESP_TRY(esp_check_type(
      args, 0, s.mode == ESP_NEAREST ? ESP_TYPES_ALL : ESP_TYPES_NUMERIC));
  if (grid->dim[0] != x->dim[0] || grid->dim[grid->ndim - 1] != s.axes) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "the grid has %lld samples of %lld coordinates, expected "
                    "%lld of %d",
                    (long long)grid->dim[0],
                    (long long)grid->dim[grid->ndim - 1], (long long)x->dim[0],
                    s.axes);
  }
  if (s.mode == ESP_CUBIC && s.axes > CUBIC_AXES) {
    return ESP_FAIL(ESP_UNSUPPORTED, "cubic along %d axes, at most %d", s.axes,
                    CUBIC_AXES);
  }
  esp_shape y = *x;
  memcpy(y.dim + 2, grid->dim + 1, (size_t)s.axes * sizeof y.dim[0]);
  if (s.plane == 0 && esp_shape_count(&y) > 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "input 0 is empty");
  }
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  sampler s;
  if (sampler_of(args, &s) != ESP_OK) return (esp_work){0};
  const double taps = s.mode == ESP_NEAREST ? 1 : (s.mode == ESP_CUBIC ? 4 : 2);
  return (esp_work){.flops = 2 * pow(taps, s.axes) *
                             (double)esp_shape_count(&args->out[0]->shape),
                    .bytes = (double)esp_tensor_bytes(args->in[0]) +
                             (double)esp_tensor_bytes(args->in[1]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

// Reflects by the near border until x is inside.
static double reflect(double x, double low, double high) {
  const double range = high - low;
  if (x >= low && x <= high) return x;
  if (range <= 0) return low;
  const double far = x < low ? low - x : x - high;
  const double times = floor(far / range), rest = far - times * range;
  return (fmod(times, 2) == 0) == (x < low) ? low + rest : high - rest;
}

static double clamp(double x, double low, double high) {
  return x < low ? low : (x > high ? high : x);
}

// The place along axis i, in elements, of a coordinate of the grid.
static double place(const sampler *s, int i, double grid) {
  const double n = (double)s->in[i];
  const double low = s->aligned ? 0 : -0.5, high = n - (s->aligned ? 1 : 0.5);
  double x = s->aligned ? (grid + 1) / 2 * (n - 1) : ((grid + 1) * n - 1) / 2;
  if (isnan(x)) x = -100; // as good as any place outside
  x = clamp(x, -0x1p40, 0x1p40);
  if (s->mode == ESP_NEAREST) x = s->axes == 3 ? round(x) : rint(x);
  if (x >= low && x <= high) return x;
  if (s->padding == BORDER) return clamp(x, 0, n - 1);
  return s->padding == REFLECTION ? reflect(x, low, high) : x;
}

// The element that stands for index x, which may be outside; -1: zero.
static int64_t element(const sampler *s, int i, double x) {
  const double n = (double)s->in[i];
  if (x >= 0 && x < n) return (int64_t)x;
  if (s->padding == ZEROS) return -1;
  if (s->padding == REFLECTION) {
    x = s->aligned ? reflect(x, 0, n - 1) : reflect(x, -0.5, n - 0.5);
  }
  return (int64_t)clamp(x, 0, n - 1);
}

// Elements of a channel, and their weights, for one place.
typedef struct taps {
  int count;
  int64_t at[TAPS];
  double weight[TAPS];
} taps;

// Multiplies what there is by the elements along one more axis.
static void add_axis(const sampler *s, int i, double x, taps *t) {
  double weight[4] = {1};
  const int each = s->mode == ESP_NEAREST ? 1 : (s->mode == ESP_CUBIC ? 4 : 2);
  const double base = floor(x), ratio = x - base;
  if (each == 2) {
    weight[0] = 1 - ratio;
    weight[1] = ratio;
  }
  if (each == 4) esp_cubic_weights(ratio, -0.75, weight);
  const taps before = *t;
  t->count = 0;
  for (int k = 0; k < each; k++) {
    const int64_t e = element(s, i, base + k - (each == 4 ? 1 : 0));
    if (e < 0 || weight[k] == 0) continue;
    for (int b = 0; b < before.count; b++) {
      t->at[t->count] = before.at[b] + e * s->stride[i];
      t->weight[t->count++] = before.weight[b] * weight[k];
    }
  }
}

// The grid names the last axis first.
static void taps_of(const sampler *s, const esp_tensor *grid, int64_t point,
                    taps *t) {
  *t = (taps){.count = 1, .weight = {1}};
  for (int i = 0; i < s->axes; i++) {
    const int64_t at = point * s->axes + s->axes - 1 - i;
    add_axis(s, i, place(s, i, esp_number_at(grid, at)), t);
  }
}

// Channels of one place: y[c * points] from x[c * plane].
typedef void (*channel_loop)(const sampler *s, const taps *t, const void *from,
                             int64_t x_at, void *to, int64_t y_at);

static void put_whole(esp_dtype type, void *to, int64_t at, double sum) {
  const double whole = esp_resample_whole(sum);
  esp_number_store(type, to, at, (esp_number){.floating = true, .real = whole});
}

#define SUM_CHANNELS(suffix, type, dtype)                                      \
  static void sum_##suffix(const sampler *s, const taps *t, const void *from,  \
                           int64_t x_at, void *to, int64_t y_at) {             \
    const type *x = (const type *)from + x_at;                                 \
    for (int64_t c = 0; c < s->channels; c++) {                                \
      double sum = 0;                                                          \
      for (int k = 0; k < t->count; k++)                                       \
        sum += t->weight[k] * (double)x[c * s->plane + t->at[k]];              \
      const int64_t at = y_at + c * s->points;                                 \
      if ((dtype) == ESP_FLOAT || (dtype) == ESP_DOUBLE) {                     \
        ((type *)to)[at] = (type)sum;                                          \
      } else {                                                                 \
        put_whole(dtype, to, at, sum);                                         \
      }                                                                        \
    }                                                                          \
  }
ESP_ALL_TYPES(SUM_CHANNELS)

#define ROW(suffix, type, dtype) [dtype] = sum_##suffix,
static const channel_loop sum_of[ESP_DTYPES] = {ESP_ALL_TYPES(ROW)};

static void copy_channels(const sampler *s, const taps *t, const esp_tensor *x,
                          int64_t x_at, const esp_tensor *y, int64_t y_at) {
  const size_t bytes = esp_dtype_bytes(x->type);
  for (int64_t c = 0; c < s->channels; c++) {
    unsigned char *to =
        (unsigned char *)y->data + (size_t)(y_at + c * s->points) * bytes;
    if (t->count == 0) {
      esp_fill_zero(x->type, to, 1);
      continue;
    }
    const int64_t from = x_at + c * s->plane + t->at[0];
    memcpy(to, (const unsigned char *)x->data + (size_t)from * bytes, bytes);
  }
}

typedef struct task {
  const esp_args *args;
  sampler s;
} task;

// Points [begin, end) of the grids of all samples.
static void sample_points(int64_t begin, int64_t end, void *argument) {
  const task *w = argument;
  const sampler *s = &w->s;
  const esp_tensor *x = w->args->in[0], *y = w->args->out[0];
  for (int64_t p = begin; p < end; p++) {
    taps t;
    taps_of(s, w->args->in[1], p, &t);
    const int64_t n = p / s->points;
    const int64_t x_at = n * s->channels * s->plane;
    const int64_t y_at = n * s->channels * s->points + p % s->points;
    if (s->mode == ESP_NEAREST) {
      copy_channels(s, &t, x, x_at, y, y_at);
    } else {
      sum_of[x->type](s, &t, x->data, x_at, y->data, y_at);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 64 };
  (void)state;
  task w = {.args = args};
  ESP_TRY(sampler_of(args, &w.s));
  if (esp_shape_count(&args->out[0]->shape) == 0) return ESP_OK;
  const int64_t count = args->in[0]->shape.dim[0] * w.s.points;
  esp_loop_over(team.width, count, GRAIN, sample_points, &w);
  return ESP_OK;
}

static const esp_op plain = {.infer = infer, .work = work, .run = run};

const esp_op esp_op_gridsample = {.samples = esp_samples_all_leading,
                                  .infer = infer,
                                  .work = work,
                                  ESP_HALF(plain)};
