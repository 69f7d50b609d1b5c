// Where a pooling window meets its input.  Private to kernel/.
#ifndef ESP_KERNEL_POOL_TAPS_H
#define ESP_KERNEL_POOL_TAPS_H

#include "kernel/pool.h"

// The taps of a window along one axis that lie inside the input: the first, how
// many, and how many count for an average over padding.
typedef struct esp_taps {
  int64_t first, count, padded;
} esp_taps;

// A division costs as much as a short row of windows.
static inline int64_t esp_divide_up(int64_t a, int64_t b) {
  return b == 1 ? a : (a + b - 1) / b;
}

static inline esp_taps esp_taps_of(const esp_pool_problem *p, int axis,
                                   int64_t out) {
  const int64_t begin = out * p->stride[axis] - p->before[axis];
  const int64_t step = p->dilation[axis], k = p->kernel[axis];
  const int64_t skipped = begin < 0 ? esp_divide_up(-begin, step) : 0;
  const int64_t room = p->in[axis] - begin;
  int64_t end = room <= 0 ? 0 : esp_divide_up(room, step);
  if (end > k) end = k;
  const int64_t whole = room + p->after[axis];
  int64_t padded = whole <= 0 ? 0 : esp_divide_up(whole, step);
  if (padded > k) padded = k;
  return (esp_taps){.first = begin + skipped * step,
                    .count = end > skipped ? end - skipped : 0,
                    .padded = padded};
}

// What an average divides by.
static inline int64_t esp_taps_divisor(const esp_pool_problem *p,
                                       const esp_taps t[ESP_POOL_AXES]) {
  return p->count_pad ? t[0].padded * t[1].padded * t[2].padded
                      : t[0].count * t[1].count * t[2].count;
}

// A run over rows of the output along the last axis.
typedef struct esp_pool_work {
  const esp_pool_problem *p;
  const void *x;
  void *y;
  int64_t *index;
  bool column_major;
} esp_pool_work;

// The place in all of x of a pixel (i, j, k) of a plane.
static inline int64_t esp_pool_place(const esp_pool_work *w, int64_t plane,
                                     const int64_t at[ESP_POOL_AXES]) {
  const esp_pool_problem *p = w->p;
  return plane * p->in[0] * p->in[1] * p->in[2] +
         (w->column_major ? (at[2] * p->in[1] + at[1]) * p->in[0] + at[0]
                          : (at[0] * p->in[1] + at[1]) * p->in[2] + at[2]);
}

// Rows [begin, end) of every problem but a float32 maximum or average.
void esp_pool_rows_plain(int64_t begin, int64_t end, void *work);

#endif
