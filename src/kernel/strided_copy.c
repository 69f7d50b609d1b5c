#include "kernel/strided_copy.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/parallel.h"

static void swap(esp_copy *p, int a, int b) {
  const int64_t dim = p->dim[a], from = p->from[a], to = p->to[a];
  p->dim[a] = p->dim[b];
  p->from[a] = p->from[b];
  p->to[a] = p->to[b];
  p->dim[b] = dim;
  p->from[b] = from;
  p->to[b] = to;
}

static void remove_axis(esp_copy *p, int axis) {
  for (int i = axis; i + 1 < p->ndim; i++) swap(p, i, i + 1);
  p->ndim--;
}

// The destination's fastest axis goes last, so that writes are in order.
static void sort_axes(esp_copy *p) {
  for (int i = 1; i < p->ndim; i++) {
    for (int k = i; k > 0 && p->to[k - 1] < p->to[k]; k--) swap(p, k - 1, k);
  }
}

void esp_copy_plan(int ndim, const int64_t *dim, const int64_t *from,
                   const int64_t *to, size_t bytes, esp_copy *plan) {
  *plan = (esp_copy){.ndim = ndim, .bytes = bytes};
  for (int i = 0; i < ndim; i++) {
    plan->dim[i] = dim[i];
    plan->from[i] = from[i];
    plan->to[i] = to[i];
  }
  for (int i = plan->ndim - 1; i >= 0; i--) {
    if (plan->dim[i] == 1) remove_axis(plan, i);
  }
  sort_axes(plan);
  for (int i = plan->ndim - 2; i >= 0; i--) {
    if (plan->from[i] != plan->from[i + 1] * plan->dim[i + 1] ||
        plan->to[i] != plan->to[i + 1] * plan->dim[i + 1]) {
      continue;
    }
    plan->dim[i + 1] *= plan->dim[i];
    remove_axis(plan, i);
  }
  while (plan->ndim < 2) { // two inner axes always
    for (int i = plan->ndim; i > 0; i--) {
      plan->dim[i] = plan->dim[i - 1];
      plan->from[i] = plan->from[i - 1];
      plan->to[i] = plan->to[i - 1];
    }
    plan->ndim++;
    plan->dim[0] = 1;
    plan->from[0] = plan->to[0] = 0;
    if (plan->ndim == 1) plan->from[0] = plan->to[0] = 1;
  }
}

typedef struct work {
  const esp_copy *plan;
  const unsigned char *from;
  unsigned char *to;
} work;

// A block of rows and columns at a time, so that a transposition reads and
// writes whole cache lines.
#define PLANE(type)                                                            \
  static void plane_##type(const esp_copy *p, const void *vfrom, void *vto) {  \
    enum { BLOCK = 32 };                                                       \
    const type *from = vfrom;                                                  \
    type *to = vto;                                                            \
    const int64_t rows = p->dim[p->ndim - 2], columns = p->dim[p->ndim - 1];   \
    const int64_t fr = p->from[p->ndim - 2], fc = p->from[p->ndim - 1];        \
    const int64_t tr = p->to[p->ndim - 2], tc = p->to[p->ndim - 1];            \
    for (int64_t r0 = 0; r0 < rows; r0 += BLOCK) {                             \
      const int64_t r1 = r0 + BLOCK < rows ? r0 + BLOCK : rows;                \
      for (int64_t c0 = 0; c0 < columns; c0 += BLOCK) {                        \
        const int64_t c1 = c0 + BLOCK < columns ? c0 + BLOCK : columns;        \
        for (int64_t r = r0; r < r1; r++) {                                    \
          for (int64_t c = c0; c < c1; c++) {                                  \
            to[r * tr + c * tc] = from[r * fr + c * fc];                       \
          }                                                                    \
        }                                                                      \
      }                                                                        \
    }                                                                          \
  }
typedef struct pair {
  uint64_t low, high;
} pair;
PLANE(uint8_t)
PLANE(uint16_t)
PLANE(uint32_t)
PLANE(uint64_t)
PLANE(pair)

static void copy_plane(const esp_copy *p, const void *from, void *to) {
  if (p->from[p->ndim - 1] == 1 && p->to[p->ndim - 1] == 1) {
    const size_t row = (size_t)p->dim[p->ndim - 1] * p->bytes;
    for (int64_t r = 0; r < p->dim[p->ndim - 2]; r++) {
      memcpy((unsigned char *)to + r * p->to[p->ndim - 2] * (int64_t)p->bytes,
             (const unsigned char *)from +
                 r * p->from[p->ndim - 2] * (int64_t)p->bytes,
             row);
    }
    return;
  }
  switch (p->bytes) {
  case 1:
    plane_uint8_t(p, from, to);
    break;
  case 2:
    plane_uint16_t(p, from, to);
    break;
  case 4:
    plane_uint32_t(p, from, to);
    break;
  case 8:
    plane_uint64_t(p, from, to);
    break;
  default:
    plane_pair(p, from, to);
    break;
  }
}

static void copy_planes(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const esp_copy *p = w->plan;
  for (int64_t i = begin; i < end; i++) {
    int64_t rest = i, from = 0, to = 0;
    for (int a = p->ndim - 3; a >= 0; a--) {
      from += rest % p->dim[a] * p->from[a];
      to += rest % p->dim[a] * p->to[a];
      rest /= p->dim[a];
    }
    copy_plane(p, w->from + from * (int64_t)p->bytes,
               w->to + to * (int64_t)p->bytes);
  }
}

// One plane alone is cut by its rows.
static void copy_rows(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  esp_copy part = *w->plan;
  const int64_t bytes = (int64_t)part.bytes;
  part.dim[part.ndim - 2] = end - begin;
  copy_plane(&part, w->from + begin * part.from[part.ndim - 2] * bytes,
             w->to + begin * part.to[part.ndim - 2] * bytes);
}

void esp_copy_run(const esp_copy *plan, const void *from, void *to, int width) {
  enum { GRAIN = 16384 };
  int64_t planes = 1;
  for (int a = 0; a + 2 < plan->ndim; a++) planes *= plan->dim[a];
  const int64_t rows = plan->dim[plan->ndim - 2];
  const int64_t columns = plan->dim[plan->ndim - 1];
  if (planes == 0 || rows == 0 || columns == 0) return;
  work w = {.plan = plan, .from = from, .to = to};
  if (planes == 1) {
    esp_loop_over(width, rows, GRAIN / columns + 1, copy_rows, &w);
  } else {
    esp_loop_over(width, planes, GRAIN / (rows * columns) + 1, copy_planes, &w);
  }
}
