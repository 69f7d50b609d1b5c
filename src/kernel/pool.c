#include "kernel/pool.h"

#include <math.h>
#include <stddef.h>

#include "kernel/parallel.h"
#include "kernel/vectors.h"

typedef struct work {
  const esp_pool_problem *p;
  const float *x;
  float *y;
  int64_t *index;
  bool column_major;
} work;

// The taps of a window along one axis that lie inside the input: the first, how
// many, and how many count for an average over padding.
typedef struct taps {
  int64_t first, count, padded;
} taps;

static taps taps_of(const esp_pool_problem *p, int axis, int64_t out) {
  const int64_t begin = out * p->stride[axis] - p->before[axis];
  const int64_t step = p->dilation[axis], k = p->kernel[axis];
  const int64_t skipped = begin < 0 ? (-begin + step - 1) / step : 0;
  const int64_t room = p->in[axis] - begin;
  int64_t end = room <= 0 ? 0 : (room + step - 1) / step;
  if (end > k) end = k;
  const int64_t whole = room + p->after[axis];
  int64_t padded = whole <= 0 ? 0 : (whole + step - 1) / step;
  if (padded > k) padded = k;
  return (taps){.first = begin + skipped * step,
                .count = end > skipped ? end - skipped : 0,
                .padded = padded};
}

ESP_VECTORS static void largest(const float *x, float *y, int64_t n) {
  for (int64_t c = 0; c < n; c++) {
    y[c] = x[c] > y[c] || x[c] != x[c] ? x[c] : y[c];
  }
}
ESP_VECTORS static void add(const float *x, float *y, int64_t n) {
  for (int64_t c = 0; c < n; c++) y[c] += x[c];
}
ESP_VECTORS static void divide(float by, float *y, int64_t n) {
  for (int64_t c = 0; c < n; c++) y[c] /= by;
}

// One window over `lanes` channels that lie side by side; pixel (i, j, k) of
// the sample is at x + ((i * in1 + j) * in2 + k) * step.
static void pool_window(const esp_pool_problem *p, const float *x, float *y,
                        const taps t[ESP_POOL_AXES], int64_t lanes,
                        int64_t step) {
  for (int64_t c = 0; c < lanes; c++) y[c] = p->average ? 0.0f : -INFINITY;
  for (int64_t a = 0; a < t[0].count; a++) {
    const int64_t i = t[0].first + a * p->dilation[0];
    for (int64_t b = 0; b < t[1].count; b++) {
      const int64_t j = t[1].first + b * p->dilation[1];
      for (int64_t d = 0; d < t[2].count; d++) {
        const int64_t k = t[2].first + d * p->dilation[2];
        const float *from = x + ((i * p->in[1] + j) * p->in[2] + k) * step;
        if (p->average) {
          add(from, y, lanes);
        } else {
          largest(from, y, lanes);
        }
      }
    }
  }
  if (!p->average) return;
  const int64_t count = p->count_pad ? t[0].padded * t[1].padded * t[2].padded
                                     : t[0].count * t[1].count * t[2].count;
  divide((float)count, y, lanes);
}

static int64_t index_of(const work *w, const float *x,
                        const taps t[ESP_POOL_AXES], int64_t plane) {
  const esp_pool_problem *p = w->p;
  float best = -INFINITY;
  int64_t at[ESP_POOL_AXES] = {t[0].first, t[1].first, t[2].first};
  for (int64_t a = 0; a < t[0].count; a++) {
    for (int64_t b = 0; b < t[1].count; b++) {
      for (int64_t d = 0; d < t[2].count; d++) {
        const int64_t i = t[0].first + a * p->dilation[0];
        const int64_t j = t[1].first + b * p->dilation[1];
        const int64_t k = t[2].first + d * p->dilation[2];
        const float v = x[(i * p->in[1] + j) * p->in[2] + k];
        if (v <= best) continue;
        best = v;
        at[0] = i;
        at[1] = j;
        at[2] = k;
      }
    }
  }
  const int64_t size = p->in[0] * p->in[1] * p->in[2];
  return plane * size + (w->column_major
                             ? (at[2] * p->in[1] + at[1]) * p->in[0] + at[0]
                             : (at[0] * p->in[1] + at[1]) * p->in[2] + at[2]);
}

// Rows of the output along the last axis.
static void pool_rows(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const esp_pool_problem *p = w->p;
  const int64_t lanes = p->channels_last ? p->channels : 1;
  const int64_t size = p->in[0] * p->in[1] * p->in[2] * lanes;
  for (int64_t row = begin; row < end; row++) {
    const int64_t j = row % p->out[1], i = row / p->out[1] % p->out[0];
    const int64_t plane = row / (p->out[1] * p->out[0]);
    taps t[ESP_POOL_AXES] = {taps_of(p, 0, i), taps_of(p, 1, j), {0}};
    for (int64_t k = 0; k < p->out[2]; k++) {
      t[2] = taps_of(p, 2, k);
      const int64_t at = (row * p->out[2] + k) * lanes;
      pool_window(p, w->x + plane * size, w->y + at, t, lanes, lanes);
      if (w->index != NULL) {
        w->index[at] = index_of(w, w->x + plane * size, t, plane);
      }
    }
  }
}

void esp_pool_run(const esp_pool_problem *problem, const float *x, float *y,
                  int64_t *index, bool column_major, int width) {
  enum { GRAIN = 4096 };
  const esp_pool_problem *p = problem;
  work w = {p, x, y, index, column_major};
  const int64_t planes = p->batch * (p->channels_last ? 1 : p->channels);
  const int64_t each = p->out[2] * p->kernel[0] * p->kernel[1] * p->kernel[2] *
                       (p->channels_last ? p->channels : 1);
  if (p->channels == 0 || p->out[2] == 0) return;
  esp_loop_over(width, planes * p->out[0] * p->out[1], GRAIN / (each + 1) + 1,
                pool_rows, &w);
}
