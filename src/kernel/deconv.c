#include "kernel/deconv.h"

#include <stdlib.h>

#include "base/constant.h"
#include "base/memory.h"
#include "kernel/matmul.h"
#include "kernel/matmul_plain.h"
#include "kernel/parallel.h"

// For a sample and a group: columns [M/groups * k..., i...] = W^T x, which are
// then added up where they overlap.
struct esp_deconv {
  esp_deconv_problem p;
  int64_t in_each, out_each;  // channels of a group
  int64_t taps, pixels, size; // elements of kernel, x and y for one channel
  esp_matmul *product;        // float32
  float *weights;             // turned ones of all groups, or NULL
  size_t turned, columns, product_bytes; // of the scratch memory
};

// w [C, rows] of a group, turned, a tile at a time that stays in the cache.
static void turn(const float *w, float *to, int64_t channels, int64_t rows) {
  enum { TILE = 16 };
  for (int64_t c0 = 0; c0 < channels; c0 += TILE) {
    const int64_t c1 = c0 + TILE < channels ? c0 + TILE : channels;
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t c = c0; c < c1; c++) to[r * channels + c] = w[c * rows + r];
    }
  }
}

static esp_status turn_all(esp_deconv *d, const float *w) {
  const int64_t rows = d->out_each * d->taps, each = d->in_each * rows;
  void *turned;
  ESP_TRY(
      esp_constant_allocate((size_t)(d->p.groups * each) * sizeof *w, &turned));
  d->weights = turned;
  for (int64_t g = 0; g < d->p.groups; g++) {
    turn(w + g * each, d->weights + g * each, d->in_each, rows);
  }
  return ESP_OK;
}

esp_status esp_deconv_create(const esp_deconv_problem *problem, const void *w,
                             esp_deconv **deconv) {
  const esp_deconv_problem *p = problem;
  esp_deconv *d = calloc(1, sizeof *d);
  if (d == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  *d = (esp_deconv){.p = *p,
                    .in_each = p->in_channels / p->groups,
                    .out_each = p->out_channels / p->groups,
                    .taps = p->kernel[0] * p->kernel[1] * p->kernel[2],
                    .pixels = p->in[0] * p->in[1] * p->in[2],
                    .size = p->out[0] * p->out[1] * p->out[2]};
  const int64_t rows = d->out_each * d->taps;
  const size_t bytes = esp_dtype_bytes(p->type);
  size_t row;
  if (!esp_multiply((size_t)d->pixels, bytes, &row) ||
      !esp_multiply(row, (size_t)rows, &d->columns) ||
      d->columns > SIZE_MAX / 4) {
    free(d);
    return ESP_FAIL(ESP_UNSUPPORTED, "%lld rows of columns are too many",
                    (long long)rows);
  }
  d->columns = esp_align_up(d->columns);
  *deconv = d;
  if (p->type != ESP_FLOAT) return ESP_OK;
  if (w == NULL) d->turned = esp_align_up((size_t)(rows * d->in_each) * bytes);
  const esp_matmul_problem product = {
      .m = rows, .n = d->pixels, .k = d->in_each, .width = p->width};
  esp_status status = esp_matmul_create(&product, NULL, &d->product);
  if (status == ESP_OK && w != NULL) status = turn_all(d, w);
  if (status == ESP_OK) {
    d->product_bytes = esp_matmul_scratch(d->product);
  } else {
    esp_deconv_free(d);
    *deconv = NULL;
  }
  return status;
}

void esp_deconv_free(esp_deconv *deconv) {
  if (deconv == NULL) return;
  esp_matmul_free(deconv->product);
  esp_constant_free(deconv->weights);
  free(deconv);
}

size_t esp_deconv_scratch(const esp_deconv *deconv) {
  return deconv->turned + deconv->columns + deconv->product_bytes;
}

typedef struct job {
  const esp_deconv *d;
  const void *columns, *bias;
  void *y;
} job;

// The source pixels of tap k along an axis whose place in y is inside of it.
typedef struct span {
  int64_t first, end, shift; // pixel i lies at i * stride + shift
} span;
static span span_of(const esp_deconv_problem *p, int axis, int64_t k) {
  const int64_t shift = k * p->dilation[axis] - p->before[axis];
  const int64_t stride = p->stride[axis], room = p->out[axis] - shift;
  int64_t first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
  int64_t end = room <= 0 ? 0 : (room + stride - 1) / stride;
  if (end > p->in[axis]) end = p->in[axis];
  return (span){first, end, shift};
}

// Channels of y: the bias, then tap after tap.
#define ADD_CHANNELS(type)                                                     \
  static void add_tap_##type(const esp_deconv_problem *p, const type *from,    \
                             type *y, const span s[ESP_DECONV_AXES]) {         \
    for (int64_t a = s[0].first; a < s[0].end; a++) {                          \
      const int64_t i = a * p->stride[0] + s[0].shift;                         \
      for (int64_t b = s[1].first; b < s[1].end; b++) {                        \
        const int64_t j = b * p->stride[1] + s[1].shift;                       \
        const type *line = from + (a * p->in[1] + b) * p->in[2];               \
        type *to = y + (i * p->out[1] + j) * p->out[2] + s[2].shift;           \
        for (int64_t c = s[2].first; c < s[2].end; c++) {                      \
          to[c * p->stride[2]] += line[c];                                     \
        }                                                                      \
      }                                                                        \
    }                                                                          \
  }                                                                            \
  static void add_channels_##type(int64_t begin, int64_t end,                  \
                                  void *argument) {                            \
    const job *j = argument;                                                   \
    const esp_deconv *d = j->d;                                                \
    const esp_deconv_problem *p = &d->p;                                       \
    for (int64_t m = begin; m < end; m++) {                                    \
      type *y = (type *)j->y + m * d->size;                                    \
      const type *from = (const type *)j->columns + m * d->taps * d->pixels;   \
      const type bias = j->bias != NULL ? ((const type *)j->bias)[m] : 0;      \
      for (int64_t i = 0; i < d->size; i++) y[i] = bias;                       \
      for (int64_t k = 0; k < d->taps; k++, from += d->pixels) {               \
        const span s[ESP_DECONV_AXES] = {                                      \
            span_of(p, 0, k / (p->kernel[1] * p->kernel[2])),                  \
            span_of(p, 1, k / p->kernel[2] % p->kernel[1]),                    \
            span_of(p, 2, k % p->kernel[2])};                                  \
        add_tap_##type(p, from, y, s);                                         \
      }                                                                        \
    }                                                                          \
  }
ADD_CHANNELS(float)
ADD_CHANNELS(double)

// w is turned if it is float32.
static esp_status run_group(const esp_deconv *d, const void *x, const void *w,
                            const void *bias, void *y, unsigned char *scratch) {
  const int64_t rows = d->out_each * d->taps;
  void *columns = scratch + d->turned;
  job j = {.d = d, .columns = columns, .bias = bias, .y = y};
  const bool single = d->p.type == ESP_FLOAT;
  if (single) {
    ESP_TRY(esp_matmul_run(d->product, w, x, columns,
                           scratch + d->turned + d->columns));
  } else {
    const esp_matmul_plain product = {.type = d->p.type,
                                      .m = rows,
                                      .n = d->pixels,
                                      .k = d->in_each,
                                      .a = w,
                                      .b = x,
                                      .a_row = 1,
                                      .a_column = rows,
                                      .b_row = d->pixels,
                                      .b_column = 1,
                                      .c = columns,
                                      .width = d->p.width};
    esp_matmul_plain_run(&product);
  }
  enum { GRAIN = 16384 };
  esp_loop_over(d->p.width, d->out_each, GRAIN / (d->taps * d->pixels + 1) + 1,
                single ? add_channels_float : add_channels_double, &j);
  return ESP_OK;
}

esp_status esp_deconv_run(const esp_deconv *deconv, const void *x,
                          const void *w, const void *bias, void *y,
                          void *scratch) {
  const esp_deconv *d = deconv;
  const size_t bytes = esp_dtype_bytes(d->p.type);
  const int64_t rows = d->out_each * d->taps;
  const unsigned char *from = x, *weights = w, *shift = bias;
  for (int64_t g = 0; g < d->p.groups; g++) {
    const size_t at_weights = (size_t)(g * d->in_each * rows);
    const void *own = weights + at_weights * bytes;
    if (d->weights != NULL) {
      own = d->weights + at_weights;
    } else if (d->p.type == ESP_FLOAT) {
      turn(own, scratch, d->in_each, rows);
      own = scratch;
    }
    for (int64_t n = 0; n < d->p.batch; n++) {
      const int64_t at = n * d->p.groups + g;
      ESP_TRY(run_group(
          d, from + (size_t)(at * d->in_each * d->pixels) * bytes, own,
          shift != NULL ? shift + (size_t)(g * d->out_each) * bytes : NULL,
          (unsigned char *)y + (size_t)(at * d->out_each * d->size) * bytes,
          scratch));
    }
  }
  return ESP_OK;
}
