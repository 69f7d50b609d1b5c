// DeformConv: a convolution whose taps lie where offsets put them, between the
// elements of the input.  Source: ONNX DeformConv-22; Zhu et al. 2019.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/panel.h"
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"
#include "op/window.h"

enum { X, W, OFFSET, BIAS, MASK, INPUTS };
enum { POINTS = ESP_PANEL }; // of the output that are computed together

typedef struct problem {
  esp_window window; // two axes
  int64_t batch, in_channels, out_channels;
  int64_t groups, offset_groups;
  int64_t kernel; // taps
  int64_t plane;  // elements of an input channel
  int64_t points; // of an output channel
  int width;
  size_t columns_bytes; // scratch memory of one thread
} problem;

static esp_status problem_of(const esp_args *args, problem *p) {
  const esp_shape *x = &args->in[X]->shape, *w = &args->in[W]->shape;
  *p = (problem){.batch = x->dim[0],
                 .in_channels = x->dim[1],
                 .out_channels = w->dim[0],
                 .groups = esp_node_int(args->node, "group", 1),
                 .offset_groups = esp_node_int(args->node, "offset_group", 1),
                 .kernel = w->dim[2] * w->dim[3],
                 .plane = x->dim[2] * x->dim[3]};
  ESP_TRY(esp_window_of(args, w->dim + 2, &p->window));
  p->points = p->window.out[0] * p->window.out[1];
  return ESP_OK;
}

static esp_status check_shape(const esp_args *args, int i, const char *what,
                              const esp_shape *wanted) {
  char have[ESP_SHAPE_TEXT], want[ESP_SHAPE_TEXT];
  if (!esp_has_input(args, i)) return ESP_OK;
  ESP_TRY(esp_check_same_type(args, X, i));
  if (esp_shape_equal(&args->in[i]->shape, wanted)) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "%s is %s, expected %s", what,
                  esp_shape_text(&args->in[i]->shape, have),
                  esp_shape_text(wanted, want));
}

static bool divides(int64_t groups, int64_t n) {
  return groups >= 1 && n % groups == 0;
}

static esp_status infer(const esp_args *args) {
  problem p;
  ESP_TRY(esp_check_arity(args, 3, INPUTS, 1));
  ESP_TRY(esp_check_type(args, X, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_same_type(args, X, W));
  if (args->in[X]->shape.ndim != 4) {
    return ESP_FAIL(ESP_UNSUPPORTED, "input 0 has %d dimensions, expected 4",
                    args->in[X]->shape.ndim);
  }
  ESP_TRY(esp_check_ndim(args, W, 4, 4));
  const esp_shape *w = &args->in[W]->shape;
  if (w->dim[2] < 1 || w->dim[3] < 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "the weights are empty");
  }
  ESP_TRY(problem_of(args, &p));
  if (!divides(p.groups, p.in_channels) || !divides(p.groups, p.out_channels) ||
      !divides(p.offset_groups, p.in_channels) ||
      w->dim[1] != p.in_channels / p.groups) {
    char have[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%lld channels and weights %s do not fit in %lld groups "
                    "and %lld of offsets",
                    (long long)p.in_channels, esp_shape_text(w, have),
                    (long long)p.groups, (long long)p.offset_groups);
  }
  const int64_t *out = p.window.out, taps = p.offset_groups * p.kernel;
  const esp_shape offset = {4, {p.batch, 2 * taps, out[0], out[1]}};
  const esp_shape mask = {4, {p.batch, taps, out[0], out[1]}};
  const esp_shape bias = {1, {p.out_channels}};
  const esp_shape y = {4, {p.batch, p.out_channels, out[0], out[1]}};
  ESP_TRY(check_shape(args, OFFSET, "offset", &offset));
  ESP_TRY(check_shape(args, BIAS, "the bias", &bias));
  ESP_TRY(check_shape(args, MASK, "mask", &mask));
  esp_set_output(args, 0, args->in[X]->type, &y);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  const esp_shape *w = &args->in[W]->shape, *y = &args->out[0]->shape;
  const double each = (double)esp_shape_product(w, 1, w->ndim);
  const double taps = (double)args->in[X]->shape.dim[1] *
                      (double)(w->dim[2] * w->dim[3]) *
                      (double)(y->dim[0] * y->dim[2] * y->dim[3]);
  return (esp_work){.flops = 2 * each * (double)esp_shape_count(y) + 8 * taps,
                    .bytes = (double)esp_tensor_bytes(args->in[X]) +
                             (double)esp_tensor_bytes(args->in[W]) +
                             (double)esp_tensor_bytes(args->in[OFFSET]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  problem *p = malloc(sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  ESP_TRY(problem_of(args, p));
  p->width = width;
  p->columns_bytes =
      esp_align_up((size_t)(p->in_channels * p->kernel + p->out_channels) *
                   POINTS * esp_dtype_bytes(args->in[X]->type));
  made->scratch_bytes = (size_t)width * p->columns_bytes;
  return ESP_OK;
}

// The elements around a place, without those outside, and their weights.
typedef struct corners {
  int count;
  int64_t at[4];
  double weight[4];
} corners;

static corners corners_of(const problem *p, double y, double x, double scale) {
  const double h = (double)p->window.in[0], w = (double)p->window.in[1];
  corners c = {0};
  if (!(y > -1 && y < h && x > -1 && x < w)) return c; // NaN too
  const double y0 = floor(y), x0 = floor(x);
  for (int i = 0; i < 4; i++) {
    const double cy = y0 + i / 2, cx = x0 + i % 2;
    if (cy < 0 || cy >= h || cx < 0 || cx >= w) continue;
    c.at[c.count] = (int64_t)cy * p->window.in[1] + (int64_t)cx;
    c.weight[c.count++] = scale * (1 - fabs(y - cy)) * (1 - fabs(x - cx));
  }
  return c;
}

// Outputs [first, first + count) of one sample, of every channel.
typedef struct block {
  int64_t sample, first;
  int count;
} block;

// `columns` is [in channels * kernel, POINTS]; the sums, [out channels,
// POINTS], lie behind it.
typedef void (*block_loop)(const esp_args *args, const problem *p,
                           const block *b, void *columns);

#define DEFORM(suffix, type, dtype)                                            \
  static corners tap_##suffix(const esp_args *args, const problem *p,          \
                              int64_t sample, int64_t group, int64_t k,        \
                              int64_t point) {                                 \
    const esp_window *w = &p->window;                                          \
    const int64_t tap = (sample * p->offset_groups + group) * p->kernel + k;   \
    const type *offset =                                                       \
        (const type *)args->in[OFFSET]->data + 2 * tap * p->points + point;    \
    const type *mask =                                                         \
        esp_has_input(args, MASK) ? args->in[MASK]->data : NULL;               \
    const int64_t oy = point / w->out[1], ox = point % w->out[1];              \
    const int64_t y =                                                          \
        oy * w->stride[0] - w->before[0] + k / w->kernel[1] * w->dilation[0];  \
    const int64_t x =                                                          \
        ox * w->stride[1] - w->before[1] + k % w->kernel[1] * w->dilation[1];  \
    return corners_of(p, (double)y + (double)offset[0],                        \
                      (double)x + (double)offset[p->points],                   \
                      mask != NULL ? (double)mask[tap * p->points + point]     \
                                   : 1);                                       \
  }                                                                            \
  static void gather_##suffix(const esp_args *args, const problem *p,          \
                              const block *b, type *columns) {                 \
    const int64_t share = p->in_channels / p->offset_groups;                   \
    for (int64_t i = 0; i < p->offset_groups * p->kernel; i++) {               \
      const int64_t k = i % p->kernel, group = i / p->kernel;                  \
      corners c[POINTS];                                                       \
      for (int j = 0; j < b->count; j++)                                       \
        c[j] = tap_##suffix(args, p, b->sample, group, k, b->first + j);       \
      for (int64_t n = group * share; n < (group + 1) * share; n++) {          \
        const type *x = (const type *)args->in[X]->data +                      \
                        (b->sample * p->in_channels + n) * p->plane;           \
        type *to = columns + (n * p->kernel + k) * POINTS;                     \
        for (int j = 0; j < b->count; j++) {                                   \
          double sum = 0;                                                      \
          for (int q = 0; q < c[j].count; q++)                                 \
            sum += c[j].weight[q] * (double)x[c[j].at[q]];                     \
          to[j] = (type)sum;                                                   \
        }                                                                      \
      }                                                                        \
    }                                                                          \
  }                                                                            \
  static void deform_##suffix(const esp_args *args, const problem *p,          \
                              const block *b, void *room) {                    \
    type *columns = room;                                                      \
    const int64_t inner = p->in_channels / p->groups * p->kernel;              \
    const int64_t share = p->out_channels / p->groups;                         \
    const type *bias =                                                         \
        esp_has_input(args, BIAS) ? args->in[BIAS]->data : NULL;               \
    type *sum = columns + p->in_channels * p->kernel * POINTS;                 \
    gather_##suffix(args, p, b, columns);                                      \
    for (int64_t i = 0; i < p->out_channels * POINTS; i++)                     \
      sum[i] = bias != NULL ? bias[i / POINTS] : 0;                            \
    for (int64_t g = 0; g < p->groups; g++)                                    \
      esp_panel_##suffix(                                                      \
          share, inner, (const type *)args->in[W]->data + g * share * inner,   \
          columns + g * inner * POINTS, sum + g * share * POINTS);             \
    for (int64_t o = 0; o < p->out_channels; o++) {                            \
      memcpy((type *)args->out[0]->data +                                      \
                 (b->sample * p->out_channels + o) * p->points + b->first,     \
             sum + o * POINTS, (size_t)b->count * sizeof(type));               \
    }                                                                          \
  }
ESP_FLOATING_TYPES(DEFORM)

#define ROW(suffix, type, dtype) [dtype] = deform_##suffix,
static const block_loop deform_of[ESP_DTYPES] = {ESP_FLOATING_TYPES(ROW)};

typedef struct task {
  const esp_args *args;
  const problem *p;
  unsigned char *scratch;
} task;

// Share s of the threads computes its part of the blocks.
static void run_share(int64_t begin, int64_t end, void *argument) {
  const task *t = argument;
  const problem *p = t->p;
  const int64_t each = (p->points + POINTS - 1) / POINTS;
  const int64_t blocks = p->batch * each;
  for (int64_t s = begin; s < end; s++) {
    unsigned char *columns = t->scratch + (size_t)s * p->columns_bytes;
    memset(columns, 0, p->columns_bytes); // the last block may be smaller
    for (int64_t i = blocks * s / p->width; i < blocks * (s + 1) / p->width;
         i++) {
      block b = {.sample = i / each, .first = i % each * POINTS};
      const int64_t left = p->points - b.first;
      b.count = left < POINTS ? (int)left : POINTS;
      deform_of[t->args->in[X]->type](t->args, p, &b, columns);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const problem *p = state;
  task t = {.args = args, .p = p, .scratch = team.scratch};
  if (esp_shape_count(&args->out[0]->shape) == 0) return ESP_OK;
  esp_loop_over(team.width, p->width, 1, run_share, &t);
  return ESP_OK;
}

static const esp_op plain = {.infer = infer,
                             .work = work,
                             .prepare = prepare,
                             .release = free,
                             .run = run};

const esp_op esp_op_deform = {.samples = esp_samples_all_leading,
                              .infer = infer,
                              .work = work,
                              ESP_HALF(plain)};
