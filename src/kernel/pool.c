#include "kernel/pool.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kernel/parallel.h"
#include "kernel/pool_taps.h"
#include "kernel/vectors.h"

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

// The same of one line's part in a window over one channel.
static inline float largest_of_line(const float *x, float y, int64_t n,
                                    int64_t step) {
  for (int64_t i = 0; i < n; i++) {
    const float v = x[i * step];
    y = v > y || v != v ? v : y;
  }
  return y;
}
static inline float add_line(const float *x, float y, int64_t n, int64_t step) {
  for (int64_t i = 0; i < n; i++) y += x[i * step];
  return y;
}

// One window over one channel, with the sums in the same order.
static float pool_single(const esp_pool_problem *p, const float *x,
                         const esp_taps t[ESP_POOL_AXES]) {
  const bool average = p->kind == ESP_POOL_AVERAGE;
  const int64_t step = p->dilation[2];
  float y = average ? 0.0f : -INFINITY;
  for (int64_t a = 0; a < t[0].count; a++) {
    const int64_t i = t[0].first + a * p->dilation[0];
    for (int64_t b = 0; b < t[1].count; b++) {
      const int64_t j = t[1].first + b * p->dilation[1];
      const float *from = x + (i * p->in[1] + j) * p->in[2] + t[2].first;
      y = average ? add_line(from, y, t[2].count, step)
                  : largest_of_line(from, y, t[2].count, step);
    }
  }
  return average ? y / (float)esp_taps_divisor(p, t) : y;
}

// One window over `lanes` channels that lie side by side; pixel (i, j, k) of
// the sample is at x + ((i * in1 + j) * in2 + k) * step.
static void pool_window(const esp_pool_problem *p, const float *x, float *y,
                        const esp_taps t[ESP_POOL_AXES], int64_t lanes,
                        int64_t step) {
  if (lanes == 0) return;
  for (int64_t c = 0; c < lanes; c++)
    y[c] = p->kind == ESP_POOL_AVERAGE ? 0.0f : -INFINITY;
  for (int64_t a = 0; a < t[0].count; a++) {
    const int64_t i = t[0].first + a * p->dilation[0];
    for (int64_t b = 0; b < t[1].count; b++) {
      const int64_t j = t[1].first + b * p->dilation[1];
      for (int64_t d = 0; d < t[2].count; d++) {
        const int64_t k = t[2].first + d * p->dilation[2];
        const float *from = x + ((i * p->in[1] + j) * p->in[2] + k) * step;
        if (p->kind == ESP_POOL_AVERAGE) {
          add(from, y, lanes);
        } else {
          largest(from, y, lanes);
        }
      }
    }
  }
  if (p->kind != ESP_POOL_AVERAGE) return;
  divide((float)esp_taps_divisor(p, t), y, lanes);
}

// What a vector unit holds, several times over; the compiler splits it to the
// width there is.
enum { BLOCK = 8, BLOCKS = 4 };
typedef float block __attribute__((vector_size(BLOCK * sizeof(float))));
typedef int32_t choice __attribute__((vector_size(BLOCK * sizeof(float))));

#define LOAD(at, from) memcpy(&(at), (from), sizeof(block))
#define LARGER(y, x)                                                           \
  do {                                                                         \
    const choice c = ((x) > (y)) | ((x) != (x));                               \
    (y) = (block)(((choice)(x)&c) | ((choice)(y) & ~c));                       \
  } while (0)

// The same as pool_window() for so many blocks of channels, which stay in
// registers from the first tap to the last.
__attribute__((always_inline)) static inline void
pool_registers(const esp_pool_problem *p, const float *x, float *y,
               const esp_taps t[ESP_POOL_AXES], int64_t step,
               const int blocks) {
  const bool average = p->kind == ESP_POOL_AVERAGE;
  const int64_t near = p->dilation[2] * step;
  block made[BLOCKS], given[BLOCKS];
#pragma GCC unroll 4
  for (int r = 0; r < blocks; r++) {
    made[r] = (block){0} + (average ? 0.0f : -INFINITY);
  }
  for (int64_t a = 0; a < t[0].count; a++) {
    const int64_t i = t[0].first + a * p->dilation[0];
    for (int64_t b = 0; b < t[1].count; b++) {
      const int64_t j = t[1].first + b * p->dilation[1];
      const float *from =
          x + ((i * p->in[1] + j) * p->in[2] + t[2].first) * step;
      for (int64_t d = 0; d < t[2].count; d++, from += near) {
#pragma GCC unroll 4
        for (int r = 0; r < blocks; r++) LOAD(given[r], from + r * BLOCK);
        if (average) {
#pragma GCC unroll 4
          for (int r = 0; r < blocks; r++) made[r] += given[r];
        } else {
#pragma GCC unroll 4
          for (int r = 0; r < blocks; r++) LARGER(made[r], given[r]);
        }
      }
    }
  }
  const float count = average ? (float)esp_taps_divisor(p, t) : 1.0f;
#pragma GCC unroll 4
  for (int r = 0; r < blocks; r++) {
    if (average) made[r] /= count;
    memcpy(y + r * BLOCK, &made[r], sizeof made[r]);
  }
}
ESP_VECTORS static void pool_blocks(const esp_pool_problem *p, const float *x,
                                    float *y, const esp_taps t[ESP_POOL_AXES],
                                    int64_t step) {
  pool_registers(p, x, y, t, step, BLOCKS);
}
ESP_VECTORS static void pool_block(const esp_pool_problem *p, const float *x,
                                   float *y, const esp_taps t[ESP_POOL_AXES],
                                   int64_t step) {
  pool_registers(p, x, y, t, step, 1);
}

// A window over all channels, block by block; the last block may overlap the
// one before it, and gives the same there.
static void pool_lanes(const esp_pool_problem *p, const float *x, float *y,
                       const esp_taps t[ESP_POOL_AXES], int64_t lanes) {
  int64_t c = 0;
  for (; c + BLOCKS * BLOCK <= lanes; c += BLOCKS * BLOCK) {
    pool_blocks(p, x + c, y + c, t, lanes);
  }
  for (; c + BLOCK <= lanes; c += BLOCK) {
    pool_block(p, x + c, y + c, t, lanes);
  }
  if (c == lanes) return;
  if (lanes < BLOCK) {
    pool_window(p, x, y, t, lanes, lanes);
  } else {
    pool_block(p, x + lanes - BLOCK, y + lanes - BLOCK, t, lanes);
  }
}

// y[i] and x[i * step], for n outputs side by side.
ESP_VECTORS static void largest_of_row(const float *x, float *y, int64_t n,
                                       int64_t step) {
  if (step == 1) {
    for (int64_t i = 0; i < n; i++) {
      y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];
    }
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const float v = x[i * step];
    y[i] = v > y[i] || v != v ? v : y[i];
  }
}
ESP_VECTORS static void add_row(const float *x, float *y, int64_t n,
                                int64_t step) {
  if (step == 1) {
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
    return;
  }
  for (int64_t i = 0; i < n; i++) y[i] += x[i * step];
}

// One input line's part in a row of windows over one channel, tap after tap.
static void pool_line(const esp_pool_problem *p, const float *x, float *y) {
  const int64_t stride = p->stride[2], dilation = p->dilation[2];
  // Taps that no window of the row has inside of the input are many where a
  // kernel is mostly padding.
  const int64_t reach = p->before[2] - (p->out[2] - 1) * stride;
  const int64_t begin = reach > 0 ? esp_divide_up(reach, dilation) : 0;
  int64_t last = esp_divide_up(p->in[2] + p->before[2], dilation);
  if (last > p->kernel[2]) last = p->kernel[2];
  for (int64_t d = begin; d < last; d++) {
    const int64_t shift = d * dilation - p->before[2];
    const int64_t first = shift >= 0 ? 0 : esp_divide_up(-shift, stride);
    const int64_t room = p->in[2] - shift;
    int64_t end = room <= 0 ? 0 : esp_divide_up(room, stride);
    if (end > p->out[2]) end = p->out[2];
    if (end <= first) continue;
    const float *from = x + first * stride + shift;
    if (p->kind == ESP_POOL_AVERAGE) {
      add_row(from, y + first, end - first, stride);
    } else {
      largest_of_row(from, y + first, end - first, stride);
    }
  }
}

// A row of windows over one channel: each takes its taps in the same order as
// pool_single().
static void pool_row(const esp_pool_problem *p, const float *x, float *y,
                     esp_taps t[ESP_POOL_AXES]) {
  const bool average = p->kind == ESP_POOL_AVERAGE;
  for (int64_t k = 0; k < p->out[2]; k++) y[k] = average ? 0.0f : -INFINITY;
  for (int64_t a = 0; a < t[0].count; a++) {
    const int64_t i = t[0].first + a * p->dilation[0];
    for (int64_t b = 0; b < t[1].count; b++) {
      const int64_t j = t[1].first + b * p->dilation[1];
      pool_line(p, x + (i * p->in[1] + j) * p->in[2], y);
    }
  }
  for (int64_t k = 0; average && k < p->out[2]; k++) {
    t[2] = esp_taps_of(p, 2, k);
    y[k] /= (float)esp_taps_divisor(p, t);
  }
}

static int64_t index_of(const esp_pool_work *w, const float *x,
                        const esp_taps t[ESP_POOL_AXES], int64_t plane) {
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
        // The first NaN, as the value has it.
        if (best != best || (!(v > best) && v == v)) continue;
        best = v;
        at[0] = i;
        at[1] = j;
        at[2] = k;
      }
    }
  }
  return esp_pool_place(w, plane, at);
}

// Windows along the last axis; `to` counts the outputs before them.
static void pool_windows(const esp_pool_work *w, const float *x, int64_t to,
                         int64_t plane, esp_taps t[ESP_POOL_AXES]) {
  enum { LONG_ROW = 4 }; // short ones are not worth a call for every tap
  enum { MOST_TAPS = 27 };
  const esp_pool_problem *p = w->p;
  const int64_t lanes = p->channels_last ? p->channels : 1;
  float *y = (float *)w->y + to * lanes;
  if (lanes == 1 && p->out[2] >= LONG_ROW) {
    pool_row(p, x, y, t);
  } else {
    for (int64_t k = 0; k < p->out[2]; k++) {
      t[2] = esp_taps_of(p, 2, k);
      if (lanes == 1) {
        y[k] = pool_single(p, x, t);
      } else {
        // A large window is better walked through once, for all channels.
        const bool large = t[0].count * t[1].count * t[2].count > MOST_TAPS;
        if (large) {
          pool_window(p, x, y + k * lanes, t, lanes, lanes);
        } else {
          pool_lanes(p, x, y + k * lanes, t, lanes);
        }
      }
    }
  }
  for (int64_t k = 0; w->index != NULL && k < p->out[2]; k++) {
    t[2] = esp_taps_of(p, 2, k);
    w->index[to + k] = index_of(w, x, t, plane);
  }
}

static void pool_rows(int64_t begin, int64_t end, void *argument) {
  const esp_pool_work *w = argument;
  const esp_pool_problem *p = w->p;
  const int64_t lanes = p->channels_last ? p->channels : 1;
  const int64_t size = p->in[0] * p->in[1] * p->in[2] * lanes;
  for (int64_t row = begin; row < end; row++) {
    const int64_t j = row % p->out[1], i = row / p->out[1] % p->out[0];
    const int64_t plane = row / (p->out[1] * p->out[0]);
    esp_taps t[ESP_POOL_AXES] = {
        esp_taps_of(p, 0, i), esp_taps_of(p, 1, j), {0}};
    pool_windows(w, (const float *)w->x + plane * size, row * p->out[2], plane,
                 t);
  }
}

void esp_pool_run(const esp_pool_problem *problem, const void *x, void *y,
                  int64_t *index, bool column_major, int width) {
  enum { GRAIN = 4096 };
  const esp_pool_problem *p = problem;
  esp_pool_work w = {p, x, y, index, column_major};
  const bool plain = p->type != ESP_FLOAT || p->kind == ESP_POOL_NORM;
  const int64_t planes = p->batch * (p->channels_last ? 1 : p->channels);
  const int64_t each = p->out[2] * p->kernel[0] * p->kernel[1] * p->kernel[2] *
                       (p->channels_last ? p->channels : 1);
  if (p->channels == 0 || p->out[2] == 0) return;
  esp_loop_over(width, planes * p->out[0] * p->out[1], GRAIN / (each + 1) + 1,
                plain ? esp_pool_rows_plain : pool_rows, &w);
}
