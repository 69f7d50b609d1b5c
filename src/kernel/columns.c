#include "kernel/columns.h"

#include "kernel/parallel.h"

typedef struct job {
  const esp_columns *c;
  const void *x, *fill;
  void *col;
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

// Windows [*first, *end) of the last axis have their place k in the input.
static void inside(const esp_columns *c, int64_t k, int64_t *first,
                   int64_t *end) {
  const int64_t shift = k * c->dilation[2] - c->before[2];
  const int64_t step = c->stride[2], out = c->out[2];
  const int64_t low = shift < 0 ? (step - 1 - shift) / step : 0;
  const int64_t high =
      c->in[2] > shift ? (c->in[2] - shift + step - 1) / step : 0;
  *end = high < out ? high : out;
  *first = low < *end ? low : *end;
}

// One output line along the last axis, of input line `line`; -1: padding.
#define FILL_LINE(type)                                                        \
  static void fill_line_##type(const job *j, int64_t line, int64_t k,          \
                               int64_t at) {                                   \
    const esp_columns *c = j->c;                                               \
    const type fill = *(const type *)j->fill;                                  \
    type *to = (type *)j->col + at;                                            \
    int64_t first = 0, end = 0;                                                \
    if (line >= 0) inside(c, k, &first, &end);                                 \
    for (int64_t i = 0; i < first; i++) to[i] = fill;                          \
    if (first < end) {                                                         \
      const type *from =                                                       \
          (const type *)j->x + line * c->in[2] + place(c, 2, first, k);        \
      for (int64_t i = first; i < end; i++, from += c->stride[2])              \
        to[i] = *from;                                                         \
    }                                                                          \
    for (int64_t i = end; i < c->out[2]; i++) to[i] = fill;                    \
  }
FILL_LINE(uint8_t)
FILL_LINE(uint64_t)

// Rows of the result: a channel and a place in the kernel each.
static void fill_rows(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_columns *c = j->c;
  for (int64_t row = begin; row < end; row++) {
    const int64_t k2 = row % c->kernel[2];
    const int64_t k1 = row / c->kernel[2] % c->kernel[1];
    const int64_t k0 = row / (c->kernel[2] * c->kernel[1]) % c->kernel[0];
    const int64_t channel = row / (c->kernel[2] * c->kernel[1] * c->kernel[0]);
    int64_t at = row * esp_columns_size(c);
    for (int64_t a = 0; a < c->out[0]; a++) {
      const int64_t p0 = place(c, 0, a, k0);
      for (int64_t b = 0; b < c->out[1]; b++, at += c->out[2]) {
        const int64_t p1 = place(c, 1, b, k1);
        const int64_t line =
            p0 < 0 || p1 < 0 ? -1 : (channel * c->in[0] + p0) * c->in[1] + p1;
        if (c->bytes == 1) {
          fill_line_uint8_t(j, line, k2, at);
        } else {
          fill_line_uint64_t(j, line, k2, at);
        }
      }
    }
  }
}

void esp_columns_run(const esp_columns *c, const void *x, const void *fill,
                     void *col, int width) {
  enum { GRAIN = 16384 };
  job j = {.c = c, .x = x, .fill = fill, .col = col};
  esp_loop_over(width, esp_columns_rows(c),
                GRAIN / (esp_columns_size(c) + 1) + 1, fill_rows, &j);
}
