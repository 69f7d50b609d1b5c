// Resize and Upsample: interpolation along each axis, one after the other.
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
#include "op/resize_request.h"
#include "op/samples.h"

static esp_status infer(const esp_args *args) {
  esp_resize r;
  ESP_TRY(esp_check_arity(args, 1, 4, 1));
  ESP_TRY(esp_resize_how_of(args->node, &r.how));
  const bool nearest = r.how.mode == ESP_NEAREST;
  ESP_TRY(esp_check_type(args, 0, nearest ? ESP_TYPES_ALL : ESP_TYPES_NUMERIC));
  ESP_TRY(esp_resize_of(args, &r));
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
  esp_resize r;
  ESP_TRY(esp_resize_of(args, &r));
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

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  if (args->out[0]->shape.dim[0] == args->in[0]->shape.dim[0]) {
    esp_samples_leading(args, batch, in, out);
  }
}

const esp_op esp_op_resize = {.samples = samples,
                              .infer = infer,
                              .work = work,
                              ESP_HALF(plain),
                              .layout = ESP_LAYOUT_FOLLOWS};
