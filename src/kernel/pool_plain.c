// Pooling of other types than float32, and by norms: computed in double, a
// channel at a time.
#include <math.h>
#include <stddef.h>

#include "kernel/pool_taps.h"

// What a window has taken in so far.
typedef struct window {
  double value;
  int64_t best[ESP_POOL_AXES]; // the pixel of a maximum
  bool any;
} window;

static inline void take(const esp_pool_problem *p, window *w, double v,
                        const int64_t at[ESP_POOL_AXES]) {
  switch (p->kind) {
  case ESP_POOL_AVERAGE:
    w->value += v;
    return;
  case ESP_POOL_NORM:
    w->value += p->power == 2   ? v * v
                : p->power == 1 ? fabs(v)
                                : pow(fabs(v), p->power);
    return;
  default:
    if (w->any && !(v > w->value) && (v == v || w->value != w->value)) return;
    w->any = true;
    w->value = v;
    for (int i = 0; i < ESP_POOL_AXES; i++) w->best[i] = at[i];
  }
}

static double result(const esp_pool_problem *p, const window *w,
                     const esp_taps t[ESP_POOL_AXES]) {
  if (p->kind == ESP_POOL_AVERAGE) {
    return w->value / (double)esp_taps_divisor(p, t);
  }
  if (p->kind == ESP_POOL_NORM && p->power == 2) return sqrt(w->value);
  if (p->kind == ESP_POOL_NORM) return pow(w->value, 1 / p->power);
  return w->value;
}

// x is where a plane begins for one channel; pixels lie `step` elements apart.
#define WINDOW_OF(type)                                                        \
  static window window_of_##type(const esp_pool_problem *p, const type *x,     \
                                 int64_t step,                                 \
                                 const esp_taps t[ESP_POOL_AXES]) {            \
    window w = {.best = {t[0].first, t[1].first, t[2].first}};                 \
    int64_t at[ESP_POOL_AXES];                                                 \
    for (int64_t a = 0; a < t[0].count; a++) {                                 \
      at[0] = t[0].first + a * p->dilation[0];                                 \
      for (int64_t b = 0; b < t[1].count; b++) {                               \
        at[1] = t[1].first + b * p->dilation[1];                               \
        for (int64_t d = 0; d < t[2].count; d++) {                             \
          at[2] = t[2].first + d * p->dilation[2];                             \
          const int64_t pixel = (at[0] * p->in[1] + at[1]) * p->in[2] + at[2]; \
          take(p, &w, (double)x[pixel * step], at);                            \
        }                                                                      \
      }                                                                        \
    }                                                                          \
    return w;                                                                  \
  }
WINDOW_OF(float)
WINDOW_OF(double)
WINDOW_OF(int8_t)
WINDOW_OF(uint8_t)

// One channel of one window; `from` and `to` count elements.
static void pool_one(const esp_pool_work *work, int64_t from, int64_t to,
                     int64_t step, int64_t plane,
                     const esp_taps t[ESP_POOL_AXES]) {
  const esp_pool_problem *p = work->p;
  window w;
  switch (p->type) {
  case ESP_DOUBLE:
    w = window_of_double(p, (const double *)work->x + from, step, t);
    if (p->kind == ESP_POOL_MAX && !w.any) w.value = -INFINITY;
    ((double *)work->y)[to] = result(p, &w, t);
    break;
  case ESP_INT8:
    w = window_of_int8_t(p, (const int8_t *)work->x + from, step, t);
    ((int8_t *)work->y)[to] = w.any ? (int8_t)w.value : INT8_MIN;
    break;
  case ESP_UINT8:
    w = window_of_uint8_t(p, (const uint8_t *)work->x + from, step, t);
    ((uint8_t *)work->y)[to] = w.any ? (uint8_t)w.value : 0;
    break;
  default:
    w = window_of_float(p, (const float *)work->x + from, step, t);
    ((float *)work->y)[to] = (float)result(p, &w, t);
    break;
  }
  if (work->index != NULL) {
    work->index[to] = esp_pool_place(work, plane, w.best);
  }
}

void esp_pool_rows_plain(int64_t begin, int64_t end, void *work) {
  const esp_pool_work *w = work;
  const esp_pool_problem *p = w->p;
  const int64_t lanes = p->channels_last ? p->channels : 1;
  const int64_t size = p->in[0] * p->in[1] * p->in[2] * lanes;
  for (int64_t row = begin; row < end; row++) {
    const int64_t j = row % p->out[1], i = row / p->out[1] % p->out[0];
    const int64_t plane = row / (p->out[1] * p->out[0]);
    esp_taps t[ESP_POOL_AXES] = {esp_taps_of(p, 0, i), esp_taps_of(p, 1, j)};
    for (int64_t k = 0; k < p->out[2]; k++) {
      t[2] = esp_taps_of(p, 2, k);
      for (int64_t c = 0; c < lanes; c++) {
        pool_one(w, plane * size + c, (row * p->out[2] + k) * lanes + c, lanes,
                 plane, t);
      }
    }
  }
}
