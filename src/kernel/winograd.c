// Tiles of 2 x 2 outputs, of 4 x 4 inputs; a block of tiles at a time: its
// inputs are transformed, the sixteen products made, and its outputs
// transformed back, all in the cache.
#include "kernel/winograd.h"

#include <stdlib.h>
#include <string.h>

#include "base/constant.h"
#include "base/memory.h"
#include "base/packed.h"
#include "kernel/block.h"
#include "kernel/parallel.h"
#include "kernel/vectors.h"

enum {
  OUT = 2,          // rows and columns of a tile's outputs
  IN = 4,           // of its inputs
  POINTS = IN * IN, // products of matrices
  VECTOR = 16,      // channels come in multiples of it
  GAP = 16,         // numbers between the points: no two begin on a set of
                    // the cache
  // Where it is slower than the direct way, or hardly faster (measured on
  // AVX-512 with 2 MB of cache a core; docs/performance.md):
  FEWEST_TILES = 16,    // of a sample
  FEWEST_OUT = 32,      // channels
  MOST_WEIGHTS = 180000 // channels in times out: sixteen numbers for each
};
// Of transformed values in a block: weights are read once for each.
static const size_t FEWEST_BYTES = 768 << 10, MOST_BYTES = 3 << 20;

struct esp_winograd {
  esp_conv_problem problem;
  int64_t down, across; // tiles of a sample
  int64_t most;         // tiles of a block
  size_t scratch_each;
  float *weights; // [POINTS] packed blocks
  float *bias;    // [M], zeros where there is none
};

bool esp_winograd_suits(const esp_conv_problem *p) {
  if (p->axes != 2 || p->groups != 1 || !esp_block_available()) return false;
  if (p->in_layout != ESP_CHANNELS_LAST || p->out_layout != ESP_CHANNELS_LAST) {
    return false;
  }
  for (int i = 0; i < 2; i++) {
    if (p->kernel[i] != 3 || p->stride[i] != 1 || p->dilation[i] != 1) {
      return false;
    }
  }
  const int64_t tiles = (p->out[0] + 1) / OUT * ((p->out[1] + 1) / OUT);
  return p->in_channels % VECTOR == 0 && p->out_channels % VECTOR == 0 &&
         p->in_channels >= VECTOR && p->out_channels >= FEWEST_OUT &&
         p->in_channels * p->out_channels <= MOST_WEIGHTS &&
         tiles >= FEWEST_TILES;
}

// G g G': rows 1 0 0, 1/2 1/2 1/2, 1/2 -1/2 1/2 and 0 0 1, in double: one
// rounding.
static void transform_weights(const float *g, float *u) {
  double half[IN][3];
  for (int j = 0; j < 3; j++) {
    const double a = g[j], b = g[3 + j], c = g[6 + j];
    half[0][j] = a;
    half[1][j] = (a + b + c) / 2;
    half[2][j] = (a - b + c) / 2;
    half[3][j] = c;
  }
  for (int i = 0; i < IN; i++) {
    const double a = half[i][0], b = half[i][1], c = half[i][2];
    u[i * IN] = (float)a;
    u[i * IN + 1] = (float)((a + b + c) / 2);
    u[i * IN + 2] = (float)((a - b + c) / 2);
    u[i * IN + 3] = (float)c;
  }
}

static esp_status pack(esp_winograd *w, const float *weights) {
  const int64_t in = w->problem.in_channels, out = w->problem.out_channels;
  const size_t each = (size_t)(in * out);
  void *packed, *plain;
  const esp_packed kept = esp_packed_find(
      weights, 9 * each * sizeof(float), POINTS * each * sizeof(float), &packed,
      "Winograd F(2x2,3x3) %lld -> %lld, wide %d", (long long)in,
      (long long)out, esp_block_wide());
  w->weights = packed;
  if (packed != NULL) return ESP_OK;
  ESP_TRY(esp_constant_allocate(POINTS * each * sizeof(float), &packed));
  w->weights = packed;
  ESP_TRY(esp_allocate(POINTS * each * sizeof(float), &plain));
  float *u = plain;
  for (int64_t o = 0; o < out; o++) {
    for (int64_t i = 0; i < in; i++) {
      float point[POINTS];
      transform_weights(weights + (o * in + i) * 9, point);
      for (int k = 0; k < POINTS; k++) {
        u[(size_t)k * each + (size_t)(i * out + o)] = point[k];
      }
    }
  }
  for (size_t k = 0; k < POINTS; k++) {
    esp_block_pack(u + k * each, out, 1, out, in, w->weights + k * each);
  }
  esp_free(plain);
  esp_packed_keep(&kept, w->weights, POINTS * each * sizeof(float));
  return ESP_OK;
}

static size_t point_step(int64_t tiles, int64_t channels) {
  return (size_t)(tiles * channels + GAP);
}

static int64_t blocks_of(const esp_winograd *w) {
  const int64_t tiles = w->down * w->across * w->problem.batch;
  const int64_t blocks = (tiles + w->most - 1) / w->most;
  const int64_t width = w->problem.width;
  return blocks < width ? width : (blocks + width - 1) / width * width;
}

static void measure(esp_winograd *w) {
  const esp_conv_problem *p = &w->problem;
  const size_t tile =
      POINTS * (size_t)(p->in_channels + p->out_channels) * sizeof(float);
  w->down = (p->out[0] + 1) / OUT;
  w->across = (p->out[1] + 1) / OUT;
  const size_t weights =
      POINTS * sizeof(float) * (size_t)(p->in_channels * p->out_channels);
  size_t bytes = weights / 4 * 3;
  if (bytes < FEWEST_BYTES) bytes = FEWEST_BYTES;
  if (bytes > MOST_BYTES) bytes = MOST_BYTES;
  w->most = (int64_t)(bytes / tile);
  const size_t floats = POINTS * (point_step(w->most, p->in_channels) +
                                  point_step(w->most, p->out_channels)) +
                        (size_t)p->in_channels;
  w->scratch_each = esp_align_up(floats * sizeof(float));
}

esp_status esp_winograd_create(const esp_conv_problem *problem,
                               const float *weights, const float *bias,
                               esp_winograd **winograd) {
  esp_winograd *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  self->problem = *problem;
  measure(self);
  void *block;
  esp_status status = pack(self, weights);
  if (status == ESP_OK) {
    status =
        esp_allocate_zero((size_t)problem->out_channels, sizeof(float), &block);
  }
  if (status != ESP_OK) {
    esp_winograd_free(self);
    return status;
  }
  self->bias = block;
  if (bias != NULL) {
    memcpy(self->bias, bias,
           (size_t)problem->out_channels * sizeof *self->bias);
  }
  *winograd = self;
  return ESP_OK;
}

void esp_winograd_free(esp_winograd *winograd) {
  if (winograd == NULL) return;
  esp_constant_free(winograd->weights);
  esp_free(winograd->bias);
  free(winograd);
}

size_t esp_winograd_scratch(const esp_winograd *winograd) {
  return winograd->scratch_each * (size_t)winograd->problem.width;
}

// B' d B, channel by channel.
ESP_VECTORS static void transform_in(const float *const *d, int64_t channels,
                                     float *v, size_t step) {
#define COLUMN(j)                                                              \
  const float a##j = d[j][c], b##j = d[4 + j][c], c##j = d[8 + j][c],          \
              e##j = d[12 + j][c];                                             \
  const float r0##j = a##j - c##j, r1##j = b##j + c##j, r2##j = c##j - b##j,   \
              r3##j = b##j - e##j;
#define ROW(i)                                                                 \
  v[(4 * i) * step + (size_t)c] = r##i##0 - r##i##2;                           \
  v[(4 * i + 1) * step + (size_t)c] = r##i##1 + r##i##2;                       \
  v[(4 * i + 2) * step + (size_t)c] = r##i##2 - r##i##1;                       \
  v[(4 * i + 3) * step + (size_t)c] = r##i##1 - r##i##3;
#pragma omp simd
  for (int64_t c = 0; c < channels; c++) {
    COLUMN(0) COLUMN(1) COLUMN(2) COLUMN(3) ROW(0) ROW(1) ROW(2) ROW(3)
  }
#undef ROW
#undef COLUMN
}

// A' m A and the bias, channel by channel; y: four places.
ESP_VECTORS static void transform_out(const float *m, size_t step,
                                      const float *bias, int64_t channels,
                                      float *const *y) {
  float *y0 = y[0], *y1 = y[1], *y2 = y[2], *y3 = y[3];
#define COLUMN(j)                                                              \
  const float a##j = m[(j)*step + (size_t)c],                                  \
              b##j = m[(4 + j) * step + (size_t)c],                            \
              c##j = m[(8 + j) * step + (size_t)c],                            \
              e##j = m[(12 + j) * step + (size_t)c];                           \
  const float r0##j = a##j + b##j + c##j, r1##j = b##j - c##j - e##j;
#pragma omp simd
  for (int64_t c = 0; c < channels; c++) {
    COLUMN(0) COLUMN(1) COLUMN(2) COLUMN(3) const float add = bias[c];
    y0[c] = r00 + r01 + r02 + add;
    y1[c] = r01 - r02 - r03 + add;
    y2[c] = r10 + r11 + r12 + add;
    y3[c] = r11 - r12 - r13 + add;
  }
#undef COLUMN
}

typedef struct call {
  const esp_winograd *w;
  const float *x;
  const float *const *added;
  float *y;
  unsigned char *scratch;
} call;

// A tile of the batch: its sample, and its first output.
typedef struct place {
  int64_t sample, row, column;
} place;

static place place_of(const esp_winograd *w, int64_t tile) {
  const int64_t each = w->down * w->across, in_sample = tile % each;
  return (place){.sample = tile / each,
                 .row = OUT * (in_sample / w->across),
                 .column = OUT * (in_sample % w->across)};
}

static void gather(const call *c, int64_t tile, const float *zeros, float *v,
                   size_t step) {
  const esp_conv_problem *p = &c->w->problem;
  const place at = place_of(c->w, tile);
  const float *d[POINTS];
  for (int i = 0; i < IN; i++) {
    const int64_t row = at.row + i - p->before[0];
    for (int j = 0; j < IN; j++) {
      const int64_t column = at.column + j - p->before[1];
      const bool inside =
          row >= 0 && row < p->in[0] && column >= 0 && column < p->in[1];
      const int64_t pixel = (at.sample * p->in[0] + row) * p->in[1] + column;
      d[i * IN + j] = inside ? c->x + pixel * p->in_channels : zeros;
    }
  }
  transform_in(d, p->in_channels, v, step);
}

static void apply_posts(const call *c, int64_t first, int64_t count) {
  const esp_conv_problem *p = &c->w->problem;
  esp_post_apply_at(p->post, p->posts, c->added, c->y, first, count);
}

// What does not lie in the sample goes to `spare`.
static void scatter(const call *c, int64_t tile, const float *m, size_t step,
                    float *spare) {
  const esp_conv_problem *p = &c->w->problem;
  const place at = place_of(c->w, tile);
  const int64_t channels = p->out_channels;
  const int64_t columns = p->out[1] - at.column < OUT ? 1 : OUT;
  const int64_t rows = p->out[0] - at.row < OUT ? 1 : OUT;
  const int64_t first =
      ((at.sample * p->out[0] + at.row) * p->out[1] + at.column) * channels;
  const int64_t below = first + p->out[1] * channels;
  float *y[OUT * OUT] = {
      c->y + first, columns > 1 ? c->y + first + channels : spare,
      rows > 1 ? c->y + below : spare,
      rows > 1 && columns > 1 ? c->y + below + channels : spare};
  transform_out(m, step, c->w->bias, channels, y);
  apply_posts(c, first, columns * channels);
  if (rows > 1) apply_posts(c, below, columns * channels);
}

static void run_block(const call *c, int64_t begin, int64_t end, float *v) {
  const esp_conv_problem *p = &c->w->problem;
  const int64_t in = p->in_channels, out = p->out_channels, count = end - begin;
  const size_t in_step = point_step(c->w->most, in);
  const size_t out_step = point_step(c->w->most, out);
  float *m = v + POINTS * in_step, *zeros = m + POINTS * out_step;
  memset(zeros, 0, (size_t)in * sizeof *zeros);
  for (int64_t t = 0; t < count; t++) {
    gather(c, begin + t, zeros, v + t * in, in_step);
  }
  for (size_t k = 0; k < POINTS; k++) {
    const esp_block product = {.a = v + k * in_step,
                               .packed = c->w->weights + k * (size_t)(in * out),
                               .c = m + k * out_step,
                               .a_step = in,
                               .c_step = out,
                               .n = out,
                               .k = in};
    esp_block_run(&product, count, 0, esp_block_panels(out));
  }
  for (int64_t t = 0; t < count; t++) {
    scatter(c, begin + t, m + t * out, out_step, v);
  }
}

static void run_blocks(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const esp_winograd *w = c->w;
  const int64_t tiles = w->down * w->across * w->problem.batch;
  const int64_t blocks = blocks_of(w);
  const int thread = w->problem.width > 1 ? esp_loop_thread() : 0;
  void *mine = c->scratch + (size_t)thread * w->scratch_each;
  for (int64_t b = begin; b < end; b++) {
    run_block(c, tiles * b / blocks, tiles * (b + 1) / blocks, mine);
  }
}

void esp_winograd_run(const esp_winograd *winograd, const float *x,
                      const float *const *added, float *y, void *scratch) {
  call c = {.w = winograd, .x = x, .added = added, .y = y, .scratch = scratch};
  esp_loop_over(winograd->problem.width, blocks_of(winograd), 1, run_blocks,
                &c);
}
