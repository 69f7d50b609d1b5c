// A transform goes along the columns and then along the rows of a tile, sixteen
// channels at a time.
#include "kernel/winograd_tile.h"

#include "kernel/block.h"
#include "kernel/vectors.h"

enum {
  LANES = ESP_WINOGRAD_LANES,
  IN = ESP_WINOGRAD_IN,
  OUT = ESP_WINOGRAD_OUT
};

// As they may lie anywhere, and are what a float array holds.
typedef float lanes
    __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline lanes *at(float *numbers) { return (void *)numbers; }
static inline const lanes *of(const float *numbers) {
  return (const void *)numbers;
}

// One row or column: from `in` numbers of each channel to as many, or to `out`.
typedef void line(const lanes *from, lanes *to);

// They are to become part of their caller, with its vectors; and with numbers
// of rows that are constant the tile stays in registers.
#define INLINE static inline __attribute__((always_inline))
#define ALL _Pragma("GCC unroll 6")

INLINE void take(int in, line *along, const float *const *d, int64_t channels,
                 float *v, size_t step) {
  for (int64_t c = 0; c < channels; c += LANES) {
    lanes half[IN][IN], from[IN], to[IN];
    ALL for (int j = 0; j < in; j++) {
      ALL for (int i = 0; i < in; i++) from[i] = *of(d[i * in + j] + c);
      along(from, to);
      ALL for (int i = 0; i < in; i++) half[i][j] = to[i];
    }
    ALL for (int i = 0; i < in; i++) {
      along(half[i], to);
      ALL for (int j = 0; j < in; j++) {
        *at(v + (size_t)(i * in + j) * step + c) = to[j];
      }
    }
  }
}

INLINE void give(int in, int out, line *along, const float *m, size_t step,
                 const float *bias, int64_t channels, float *const *y) {
  for (int64_t c = 0; c < channels; c += LANES) {
    lanes half[OUT][IN], from[IN], to[OUT];
    ALL for (int j = 0; j < in; j++) {
      ALL for (int i = 0; i < in; i++) {
        from[i] = *of(m + (size_t)(i * in + j) * step + c);
      }
      along(from, to);
      ALL for (int i = 0; i < out; i++) half[i][j] = to[i];
    }
    ALL for (int i = 0; i < out; i++) {
      along(half[i], to);
      ALL for (int j = 0; j < out; j++) {
        *at(y[i * out + j] + c) = to[j] + *of(bias + c);
      }
    }
  }
}

// F(2x2, 3x3), by the points 0, 1, -1 and infinity: section 4.1 there.

INLINE void take_line_2(const lanes *d, lanes *v) {
  v[0] = d[2] - d[0];
  v[1] = d[1] + d[2];
  v[2] = d[2] - d[1];
  v[3] = d[3] - d[1];
}

INLINE void give_line_2(const lanes *m, lanes *y) {
  y[0] = m[0] + m[1] + m[2];
  y[1] = m[1] - m[2] + m[3];
}

ESP_VECTORS static void take_2(const float *const *d, int64_t channels,
                               float *v, size_t step) {
  take(4, take_line_2, d, channels, v, step);
}

ESP_VECTORS static void give_2(const float *m, size_t step, const float *bias,
                               int64_t channels, float *const *y) {
  give(4, 2, give_line_2, m, step, bias, channels, y);
}

// F(4x4, 3x3), by the points 0, P, -P, Q, -Q and infinity.  None of 21 choices
// erred less: the usual points 1 and 2, or 1 and 1/2, twice as much in RMS and
// three to seven times at most (docs/numerics.md).  oneDNN takes these as well.
// All the constants that come of them are exact.
#define P 0.625F
#define Q 1.5F

INLINE void take_line_4(const lanes *d, lanes *v) {
  const lanes even_p = d[4] - Q * Q * d[2], odd_p = d[3] - Q * Q * d[1];
  const lanes even_q = d[4] - P * P * d[2], odd_q = d[3] - P * P * d[1];
  v[0] = P * P * Q * Q * d[0] + (d[4] - (P * P + Q * Q) * d[2]);
  v[1] = even_p + P * odd_p;
  v[2] = even_p - P * odd_p;
  v[3] = even_q + Q * odd_q;
  v[4] = even_q - Q * odd_q;
  v[5] = P * P * Q * Q * d[1] + (d[5] - (P * P + Q * Q) * d[3]);
}

INLINE void give_line_4(const lanes *m, lanes *y) {
  const lanes even_p = m[1] + m[2], odd_p = m[1] - m[2];
  const lanes even_q = m[3] + m[4], odd_q = m[3] - m[4];
  y[0] = m[0] + even_p + even_q;
  y[1] = P * odd_p + Q * odd_q;
  y[2] = P * P * even_p + Q * Q * even_q;
  y[3] = P * P * P * odd_p + (Q * Q * Q * odd_q + m[5]);
}

ESP_VECTORS ESP_CONTRACTED static void
take_4(const float *const *d, int64_t channels, float *v, size_t step) {
  take(6, take_line_4, d, channels, v, step);
}

ESP_VECTORS ESP_CONTRACTED static void give_4(const float *m, size_t step,
                                              const float *bias,
                                              int64_t channels,
                                              float *const *y) {
  give(6, 4, give_line_4, m, step, bias, channels, y);
}

const esp_winograd_tile esp_winograd_tiles[ESP_WINOGRAD_TILES] = {
    {.name = "winograd:2x2,3x3",
     .out = 2,
     .in = 4,
     .points = 16,
     .point = {0, 1, -1},
     .take = take_2,
     .give = give_2},
    {.name = "winograd:4x4,3x3",
     .out = 4,
     .in = 6,
     .points = 36,
     .point = {0, (double)P, -(double)P, (double)Q, -(double)Q},
     .take = take_4,
     .give = give_4}};

int64_t esp_winograd_count(const esp_winograd_tile *tile, int64_t outputs) {
  return (outputs + tile->out - 1) / tile->out;
}

// A row of G: 1, p and its square, divided by p's distances from the other
// points; the last row is that of infinity.
static void row_of(const esp_winograd_tile *tile, int k, double *row) {
  const int finite = tile->in - 1;
  row[0] = row[1] = 0;
  row[2] = 1;
  if (k == finite) return;
  const double p = tile->point[k];
  double by = 1;
  for (int i = 0; i < finite; i++) by *= i == k ? 1 : p - tile->point[i];
  row[0] = 1 / by;
  row[1] = p / by;
  row[2] = p * p / by;
}

// Weights of LANES output channels and one input channel.
ESP_VECTORS static void transform(double row[IN][3], int in, double g[9][LANES],
                                  float *u, size_t step) {
  double half[IN][3][LANES];
  for (int i = 0; i < in; i++) {
    for (int j = 0; j < 3; j++) {
      for (int o = 0; o < LANES; o++) {
        half[i][j][o] = row[i][0] * g[j][o] + row[i][1] * g[3 + j][o] +
                        row[i][2] * g[6 + j][o];
      }
    }
  }
  for (int i = 0; i < in; i++) {
    for (int j = 0; j < in; j++, u += step) {
      for (int o = 0; o < LANES; o++) {
        u[o] = (float)(row[j][0] * half[i][0][o] + row[j][1] * half[i][1][o] +
                       row[j][2] * half[i][2][o]);
      }
    }
  }
}

void esp_winograd_weights(const esp_winograd_tile *tile, const float *weights,
                          int64_t in, int64_t out, float *u) {
  double row[IN][3], g[9][LANES];
  for (int k = 0; k < tile->in; k++) row_of(tile, k, row[k]);
  for (int64_t o = 0; o < out; o += LANES) {
    for (int64_t i = 0; i < in; i++) {
      for (int k = 0; k < 9 * LANES; k++) {
        const int64_t channel = o + k / 9;
        g[k % 9][k / 9] = (double)weights[(channel * in + i) * 9 + k % 9];
      }
      transform(row, tile->in, g, u + esp_block_place(out, in, i, o),
                (size_t)(in * out));
    }
  }
}
