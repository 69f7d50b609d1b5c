#include "kernel/columns.h"

#include <string.h>

#include "kernel/parallel.h"

typedef struct job {
  const esp_columns *c;
  const uint8_t *x;
  uint8_t *col;
  uint8_t fill;
} job;

int64_t esp_columns_rows(const esp_columns *c) {
  return c->channels * c->kernel[0] * c->kernel[1] * c->kernel[2];
}
int64_t esp_columns_size(const esp_columns *c) {
  return c->out[0] * c->out[1] * c->out[2];
}

// Where window `at` of an axis, at its place k, lies in the input; -1: in the
// padding.
static int64_t place(const esp_columns *c, int axis, int64_t at, int64_t k) {
  const int64_t p =
      at * c->stride[axis] + k * c->dilation[axis] - c->before[axis];
  return p >= 0 && p < c->in[axis] ? p : -1;
}

// One output line along the last axis.
static void fill_line(const job *j, const uint8_t *line, int64_t k,
                      uint8_t *to) {
  for (int64_t i = 0; i < j->c->out[2]; i++) {
    const int64_t p = place(j->c, 2, i, k);
    to[i] = p >= 0 ? line[p] : j->fill;
  }
}

// Rows of the result: a channel and a place in the kernel each.
static void fill_rows(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_columns *c = j->c;
  for (int64_t row = begin; row < end; row++) {
    const int64_t k2 = row % c->kernel[2];
    const int64_t k1 = row / c->kernel[2] % c->kernel[1];
    const int64_t k0 = row / (c->kernel[2] * c->kernel[1]) % c->kernel[0];
    const int64_t channel = row / (c->kernel[2] * c->kernel[1] * c->kernel[0]);
    uint8_t *to = j->col + row * esp_columns_size(c);
    for (int64_t a = 0; a < c->out[0]; a++) {
      const int64_t p0 = place(c, 0, a, k0);
      for (int64_t b = 0; b < c->out[1]; b++, to += c->out[2]) {
        const int64_t p1 = place(c, 1, b, k1);
        if (p0 < 0 || p1 < 0) {
          memset(to, j->fill, (size_t)c->out[2]);
          continue;
        }
        const int64_t line = (channel * c->in[0] + p0) * c->in[1] + p1;
        fill_line(j, j->x + line * c->in[2], k2, to);
      }
    }
  }
}

void esp_columns_run(const esp_columns *c, const uint8_t *x, uint8_t fill,
                     uint8_t *col, int width) {
  enum { GRAIN = 16384 };
  job j = {.c = c, .x = x, .col = col, .fill = fill};
  esp_loop_over(width, esp_columns_rows(c),
                GRAIN / (esp_columns_size(c) + 1) + 1, fill_rows, &j);
}
