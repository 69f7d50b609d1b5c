// A block of tiles at a time: its inputs are transformed, the products of its
// points made, and its outputs transformed back, all in the cache.
#include "kernel/winograd.h"

#include <stdlib.h>
#include <string.h>

#include "base/constant.h"
#include "base/memory.h"
#include "base/packed.h"
#include "kernel/block.h"
#include "kernel/parallel.h"
#include "kernel/winograd_tile.h"

enum {
  LANES = ESP_WINOGRAD_LANES,
  MOST_IN = ESP_WINOGRAD_IN * ESP_WINOGRAD_IN, // pixels of a tile
  MOST_OUT = ESP_WINOGRAD_OUT * ESP_WINOGRAD_OUT,
  FEW = 24 // tiles: a thread that has fewer would wait for all the weights
};
// Of transformed values in a block: weights are read once for each.
static const size_t FEWEST_BYTES = 768 << 10, MOST_BYTES = 3 << 20;

struct esp_winograd {
  esp_conv_problem problem;
  const esp_winograd_tile *tile;
  int64_t down, across; // tiles of a sample
  int64_t most;         // tiles of a block
  int64_t blocks;       // of tiles of the batch
  int64_t groups;       // of output channels
  size_t scratch_each;
  float *weights; // [points] packed blocks
  float *bias;    // [M], zeros where there is none
};

// What a way takes for a sample, in products for each pair of channels: those
// that it makes, of some rows at least, as fewer do not fill the registers; as
// many as some more rows for weights that come from beyond the cache; and its
// transforms.  With these numbers the cheapest is the fastest for all shapes of
// the usual networks, measured on AVX-512 (docs/performance.md).
static const double FEWEST_ROWS = 4, STREAMED = 8, TRANSFORMED = 8;

// A part of a convolution is made as the whole is.
static int64_t channels_of(const esp_conv_problem *p) {
  return p->whole_channels > 0 ? p->whole_channels : p->out_channels;
}

// So many numbers are read for each pair of channels.
static double rows_streamed(const esp_conv_problem *p, int numbers) {
  static const double BYTES = 768 << 10; // fewer are near, or soon
  const double bytes = numbers * (double)sizeof(float) *
                       (double)(p->in_channels * channels_of(p));
  return bytes < BYTES ? STREAMED * bytes / BYTES : STREAMED;
}

static double cost_of(const esp_conv_problem *p,
                      const esp_winograd_tile *tile) {
  const double in = (double)p->in_channels, out = (double)channels_of(p);
  const double tiles = (double)(esp_winograd_count(tile, p->out[0]) *
                                esp_winograd_count(tile, p->out[1]));
  const double rows = tiles < FEWEST_ROWS ? FEWEST_ROWS : tiles;
  return tile->points * (rows + rows_streamed(p, tile->points) +
                         TRANSFORMED * tiles * (1 / in + 1 / out));
}

static double cost_of_direct(const esp_conv_problem *p) {
  enum { TAPS = 9 };
  return TAPS * ((double)(p->out[0] * p->out[1]) + rows_streamed(p, TAPS));
}

static bool is_possible(const esp_conv_problem *p) {
  if (p->axes != 2 || p->groups != 1 || !esp_block_available()) return false;
  if (p->in_layout != ESP_CHANNELS_LAST || p->out_layout != ESP_CHANNELS_LAST) {
    return false;
  }
  for (int i = 0; i < 2; i++) {
    if (p->kernel[i] != 3 || p->stride[i] != 1 || p->dilation[i] != 1) {
      return false;
    }
  }
  return p->in_channels % LANES == 0 && p->out_channels % LANES == 0 &&
         p->in_channels > 0 && p->out_channels > 0;
}

// NULL: the direct way is faster.
static const esp_winograd_tile *tile_for(const esp_conv_problem *p) {
  static const double WORTH = 0.9; // of the direct way's time
  if (!is_possible(p)) return NULL;
  const esp_winograd_tile *best = NULL;
  double least = WORTH * cost_of_direct(p);
  for (int i = 0; i < ESP_WINOGRAD_TILES; i++) {
    const double cost = cost_of(p, &esp_winograd_tiles[i]);
    if (cost >= least) continue;
    best = &esp_winograd_tiles[i];
    least = cost;
  }
  return best;
}

bool esp_winograd_suits(const esp_conv_problem *problem) {
  return tile_for(problem) != NULL;
}

double esp_winograd_gain(const esp_conv_problem *problem) {
  const esp_winograd_tile *tile = tile_for(problem);
  return tile != NULL ? cost_of_direct(problem) / cost_of(problem, tile) : 1;
}

const char *esp_winograd_name(const esp_winograd *winograd) {
  return winograd->tile->name;
}

static esp_status pack(esp_winograd *w, const float *weights) {
  const int64_t in = w->problem.in_channels, out = w->problem.out_channels;
  const size_t each = (size_t)(in * out), points = (size_t)w->tile->points;
  const size_t bytes = points * each * sizeof(float);
  void *packed;
  const esp_packed kept =
      esp_packed_find(weights, 9 * each * sizeof(float), bytes, &packed,
                      "%s %lld -> %lld, wide %d", w->tile->name, (long long)in,
                      (long long)out, esp_block_wide());
  w->weights = packed;
  if (packed != NULL) return ESP_OK;
  ESP_TRY(esp_constant_allocate(bytes, &packed));
  w->weights = packed;
  esp_winograd_weights(w->tile, weights, in, out, w->weights);
  esp_packed_keep(&kept, w->weights, bytes);
  return ESP_OK;
}

// From one point to the next: an odd number of lines of the cache, so that no
// two points begin on the same set of it.
static size_t point_step(int64_t tiles, int64_t channels) {
  return (size_t)(tiles * channels / LANES | 1) * LANES;
}

static int64_t tiles_of(const esp_winograd *w) {
  return w->down * w->across * w->problem.batch;
}

// Threads that would have few tiles share them: each makes some of the output
// channels, and reads no weights but theirs, though it transforms all inputs.
static int64_t groups_of(const esp_winograd *w) {
  const int64_t panels = esp_block_panels(w->problem.out_channels);
  const int64_t width = w->problem.width;
  int64_t groups = 1;
  while (2 * groups <= width && 2 * groups <= panels &&
         tiles_of(w) * groups < FEW * width) {
    groups *= 2;
  }
  return groups;
}

// As many for each thread.
static int64_t blocks_of(const esp_winograd *w) {
  int64_t blocks = (tiles_of(w) + w->most - 1) / w->most;
  while (blocks * w->groups % w->problem.width != 0) blocks++;
  return blocks;
}

static void measure(esp_winograd *w) {
  const esp_conv_problem *p = &w->problem;
  const int64_t in = p->in_channels, out = p->out_channels;
  const size_t point = (size_t)w->tile->points * sizeof(float);
  size_t bytes = point * (size_t)(in * out) / 4 * 3;
  if (bytes < FEWEST_BYTES) bytes = FEWEST_BYTES;
  if (bytes > MOST_BYTES) bytes = MOST_BYTES;
  w->down = esp_winograd_count(w->tile, p->out[0]);
  w->across = esp_winograd_count(w->tile, p->out[1]);
  w->most = (int64_t)(bytes / (point * (size_t)(in + out)));
  if (w->most < 1) w->most = 1;
  w->groups = groups_of(w);
  w->blocks = blocks_of(w);
  w->scratch_each = esp_align_up(
      point * (point_step(w->most, in) + point_step(w->most, out)) +
      (size_t)(in + out) * sizeof(float));
}

esp_status esp_winograd_create(const esp_conv_problem *problem,
                               const float *weights, const float *bias,
                               esp_winograd **winograd) {
  esp_winograd *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  self->problem = *problem;
  self->tile = tile_for(problem);
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

typedef struct call {
  const esp_winograd *w;
  const float *x;
  const float *const *added;
  float *y;
  unsigned char *scratch;
} call;

// What a thread computes at a time: channels [begin, end) of so many tiles,
// from `first` on.
typedef struct block {
  const call *c;
  int64_t first, tiles, begin, end;
  float *v, *m; // transformed inputs and outputs
  float *zeros; // a pixel of inputs beyond the sample
  float *spare; // and one of outputs
} block;

// A tile of the batch: its sample, and its first output.
typedef struct place {
  int64_t sample, row, column;
} place;

static place place_of(const esp_winograd *w, int64_t tile) {
  const int64_t each = w->down * w->across, in_sample = tile % each;
  return (place){.sample = tile / each,
                 .row = w->tile->out * (in_sample / w->across),
                 .column = w->tile->out * (in_sample % w->across)};
}

static void gather(const block *b, int64_t tile) {
  const esp_winograd *w = b->c->w;
  const esp_conv_problem *p = &w->problem;
  const place at = place_of(w, b->first + tile);
  const float *d[MOST_IN], **to = d;
  for (int i = 0; i < w->tile->in; i++) {
    const int64_t row = at.row + i - p->before[0];
    for (int j = 0; j < w->tile->in; j++) {
      const int64_t column = at.column + j - p->before[1];
      const bool inside =
          row >= 0 && row < p->in[0] && column >= 0 && column < p->in[1];
      const int64_t pixel = (at.sample * p->in[0] + row) * p->in[1] + column;
      *to++ = inside ? b->c->x + pixel * p->in_channels : b->zeros;
    }
  }
  w->tile->take(d, p->in_channels, b->v + tile * p->in_channels,
                point_step(w->most, p->in_channels));
}

static void multiply(const block *b) {
  const esp_winograd *w = b->c->w;
  const int64_t in = w->problem.in_channels, out = w->problem.out_channels;
  const int64_t from = b->begin / ESP_BLOCK_COLUMNS;
  const int64_t to = esp_block_panels(b->end);
  for (int k = 0; k < w->tile->points; k++) {
    const float *packed = w->weights + k * in * out;
    const bool last = k + 1 == w->tile->points;
    const esp_block product = {.a = b->v + k * point_step(w->most, in),
                               .packed = packed,
                               .after = packed + (last ? 0 : in * out) +
                                        b->begin * in,
                               .c = b->m + k * point_step(w->most, out),
                               .a_step = in,
                               .c_step = out,
                               .n = out,
                               .k = in};
    esp_block_run(&product, b->tiles, from, to);
  }
}

// The posts of some pixels of a row, of which the first output is `first`.
static void apply_posts(const block *b, int64_t first, int64_t pixels) {
  const esp_conv_problem *p = &b->c->w->problem;
  int64_t each = b->end - b->begin;
  if (each == p->out_channels) { // then they lie one after the other
    each *= pixels;
    pixels = 1;
  }
  for (int64_t i = 0; i < pixels; i++, first += p->out_channels) {
    esp_post_apply_at(p->post, p->posts, b->c->added, b->c->y, first, each);
  }
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// What does not lie in the sample goes to the spare pixel.
static void scatter(const block *b, int64_t tile) {
  const esp_winograd *w = b->c->w;
  const esp_conv_problem *p = &w->problem;
  const place at = place_of(w, b->first + tile);
  const int64_t channels = p->out_channels, below = p->out[1] * channels;
  const int64_t rows = least(p->out[0] - at.row, w->tile->out);
  const int64_t columns = least(p->out[1] - at.column, w->tile->out);
  const int64_t first = (at.sample * p->out[0] + at.row) * below +
                        at.column * channels + b->begin;
  float *y[MOST_OUT], **to = y;
  for (int64_t i = 0; i < w->tile->out; i++) {
    for (int64_t j = 0; j < w->tile->out; j++) {
      const bool inside = i < rows && j < columns;
      *to++ = inside ? b->c->y + first + i * below + j * channels : b->spare;
    }
  }
  w->tile->give(b->m + tile * channels + b->begin,
                point_step(w->most, channels), w->bias + b->begin,
                b->end - b->begin, y);
  for (int64_t i = 0; i < rows; i++) apply_posts(b, first + i * below, columns);
}

// Which tiles and channels are the i-th block's: a thread has one group's
// blocks, or few groups', one after the other.
static void cut(block *b, int64_t i) {
  const esp_winograd *w = b->c->w;
  const int64_t tiles = tiles_of(w), out = w->problem.out_channels;
  const int64_t panels = esp_block_panels(out);
  const int64_t group = i / w->blocks, part = i % w->blocks;
  b->first = tiles * part / w->blocks;
  b->tiles = tiles * (part + 1) / w->blocks - b->first;
  b->begin = panels * group / w->groups * ESP_BLOCK_COLUMNS;
  b->end = least(panels * (group + 1) / w->groups * ESP_BLOCK_COLUMNS, out);
}

static void run_blocks(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const esp_winograd *w = c->w;
  const esp_conv_problem *p = &w->problem;
  const int thread = p->width > 1 ? esp_loop_thread() : 0;
  void *mine = c->scratch + (size_t)thread * w->scratch_each;
  block b = {.c = c, .v = mine};
  b.m = b.v + w->tile->points * point_step(w->most, p->in_channels);
  b.zeros = b.m + w->tile->points * point_step(w->most, p->out_channels);
  b.spare = b.zeros + p->in_channels;
  memset(b.zeros, 0, (size_t)p->in_channels * sizeof *b.zeros);
  for (int64_t i = begin; i < end; i++) {
    cut(&b, i);
    for (int64_t t = 0; t < b.tiles; t++) gather(&b, t);
    multiply(&b);
    for (int64_t t = 0; t < b.tiles; t++) scatter(&b, t);
  }
}

void esp_winograd_run(const esp_winograd *winograd, const float *x,
                      const float *const *added, float *y, void *scratch) {
  call c = {.w = winograd, .x = x, .added = added, .y = y, .scratch = scratch};
  esp_loop_over(winograd->problem.width, winograd->groups * winograd->blocks, 1,
                run_blocks, &c);
}
