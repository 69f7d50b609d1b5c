// Tiles of outputs by sixteen channels at a time, whose sums stay in registers.
// An output is the bias, to which the taps that lie in the picture are added
// row by row, each with one rounding: how a picture is cut into tiles changes
// no bit.
#include "kernel/depthwise.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/block.h"
#include "kernel/parallel.h"

enum {
  LANES = 16,    // channels of a vector
  MOST_SIZE = 7, // of a kernel
  // Of a tile's outputs, at most: for a kernel of 7 x 7 their sums, two rows of
  // taps and an input fill the registers.
  DOWN = 2,
  ACROSS = 7
};

// What a kernel does to its sums.
typedef enum ending { PLAIN, RECTIFIED, CLIPPED } ending;

typedef struct tile {
  const float *x, *weights;
  float *y;
  int64_t origin;       // of the number of x under the first tap
  int64_t x_row, y_row; // from one row to the next
  int64_t channels;     // from one column to the next
  int begin, end;       // rows that it needs and that lie in the picture
  uint32_t columns;     // columns, a bit for each
  ending ending;
  float low, high; // where it is clipped
} tile;

typedef void (*kernel)(const tile *t);

// By columns of outputs: a row of fewer channels than a vector has; one row;
// two.
typedef struct family {
  const char *name;
  int size, stride;
  kernel narrow[ACROSS + 1], single[ACROSS + 1], twin[ACROSS + 1];
} family;

struct esp_depthwise {
  esp_conv_problem problem;
  const family *family;
  int64_t blocks; // of channels
  int64_t bands;  // of rows of a sample
  ending ending;  // the first post, where there is one that kernels do
  float *weights; // [blocks][1 + taps][LANES]: the bias, then the taps
};

// The last block of channels begins where a whole vector is left.
static int64_t first_of(int64_t channels, int64_t block) {
  const int64_t first = block * LANES, last = channels - LANES;
  return last <= 0 ? 0 : first < last ? first : last;
}

#if defined __x86_64__

#include <immintrin.h>

#define WIDE_CPU __attribute__((target("avx512f")))
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define CHECKED
#endif
#elif defined __SANITIZE_ADDRESS__
#define CHECKED
#endif
#ifdef CHECKED // checks of all addresses take minutes to compile
#define INSIDE WIDE_CPU static
#define UNROLL
#else
#define INSIDE WIDE_CPU __attribute__((always_inline)) static inline
#define UNROLL _Pragma("GCC unroll 20")
#endif

// What is constant where these are called: their loops are unrolled.
typedef struct form {
  int size, stride, down, across;
  bool narrow; // fewer channels than a vector has
} form;

// Row i of the inputs meets row i - r * stride of the taps for the outputs of
// row r; so do columns.
INSIDE bool meets(form f, int i, int r) {
  return i >= r * f.stride && i - r * f.stride < f.size;
}

INSIDE __mmask16 mask_of(const tile *t) {
  return (__mmask16)((1u << t->channels) - 1);
}

INSIDE __m512 fetch(const tile *t, form f, const float *from) {
  __m512 v = f.narrow ? _mm512_maskz_loadu_ps(mask_of(t), from)
                      : _mm512_loadu_ps(from);
  __asm__("" : "+v"(v)); // else it is read anew for each product
  return v;
}

// Adds row i of the inputs to the sums; its first columns, at x, may lie
// outside of the picture, and are not read then.
INSIDE void add_row(const tile *t, form f, int i, const float *x,
                    const float *taps, __m512 (*sum)[ACROSS]) {
  __m512 tap[DOWN][MOST_SIZE];
  const uint32_t columns = t->columns;
  UNROLL for (int r = 0; r < f.down; r++) {
    if (f.down > 1 && !meets(f, i, r)) continue;
    const float *row = taps + (i - r * f.stride) * f.size * LANES;
    UNROLL for (int k = 0; k < f.size; k++) {
      tap[r][k] = _mm512_load_ps(row + k * LANES);
    }
  }
  UNROLL for (int j = 0; j < (f.across - 1) * f.stride + f.size; j++) {
    if ((columns >> j & 1) == 0) continue;
    const __m512 in = fetch(t, f, x + j * t->channels);
    UNROLL for (int r = 0; r < f.down; r++) {
      if (f.down > 1 && !meets(f, i, r)) continue;
      UNROLL for (int o = 0; o < f.across; o++) {
        if (!meets(f, j, o)) continue;
        sum[r][o] = _mm512_fmadd_ps(in, tap[r][j - o * f.stride], sum[r][o]);
      }
    }
  }
}

INSIDE void put_as(const tile *t, form f, ending end, __m512 (*sum)[ACROSS],
                   float *y) {
  const __m512 low = _mm512_set1_ps(t->low), high = _mm512_set1_ps(t->high);
  UNROLL for (int r = 0; r < f.down; r++) {
    UNROLL for (int o = 0; o < f.across; o++) {
      __m512 v = sum[r][o];
      // Of what is no number the second operand is taken: as esp_post_apply()
      // has it.
      if (end == RECTIFIED) v = _mm512_max_ps(v, _mm512_setzero_ps());
      if (end == CLIPPED) v = _mm512_min_ps(high, _mm512_max_ps(low, v));
      float *to = y + (r * t->y_row + o * t->channels);
      if (f.narrow) {
        _mm512_mask_storeu_ps(to, mask_of(t), v);
      } else {
        _mm512_storeu_ps(to, v);
      }
    }
  }
}

INSIDE void put(const tile *t, form f, __m512 (*sum)[ACROSS], float *y) {
  if (t->ending == PLAIN) {
    put_as(t, f, PLAIN, sum, y);
  } else if (t->ending == RECTIFIED) {
    put_as(t, f, RECTIFIED, sum, y);
  } else {
    put_as(t, f, CLIPPED, sum, y);
  }
}

INSIDE void run_tile(const tile *t, form f) {
  const float *taps = t->weights;
  for (int64_t b = 0; b * LANES < t->channels; b++) {
    const int64_t first = f.narrow ? 0 : first_of(t->channels, b);
    const float *x = t->x + (t->origin + first);
    __m512 sum[DOWN][ACROSS];
    UNROLL for (int r = 0; r < f.down; r++) {
      UNROLL for (int o = 0; o < f.across; o++) {
        sum[r][o] = _mm512_load_ps(taps);
      }
    }
    taps += LANES;
    if (f.down == 1) { // a loop: less code
      for (int i = t->begin; i < t->end; i++) {
        add_row(t, f, i, x + i * t->x_row, taps, sum);
      }
    } else {
      UNROLL for (int i = 0; i < (f.down - 1) * f.stride + f.size; i++) {
        if (i < t->begin || i >= t->end) continue;
        add_row(t, f, i, x + i * t->x_row, taps, sum);
      }
    }
    taps += f.size * f.size * LANES;
    put(t, f, sum, t->y + first);
  }
}

#define KERNEL(kind, across, size, stride, down, narrow)                       \
  WIDE_CPU static void kind##_##size##_##stride##_##across(const tile *t) {    \
    run_tile(t, (form){size, stride, down, across, narrow});                   \
  }
#define NARROW(across, size, stride)                                           \
  KERNEL(narrow, across, size, stride, 1, true)
#define SINGLE(across, size, stride)                                           \
  KERNEL(single, across, size, stride, 1, false)
#define TWIN(across, size, stride)                                             \
  KERNEL(twin, across, size, stride, DOWN, false)
#define UP_TO_3(of, ...)                                                       \
  of(1, __VA_ARGS__) of(2, __VA_ARGS__) of(3, __VA_ARGS__)
#define UP_TO_5(of, ...)                                                       \
  UP_TO_3(of, __VA_ARGS__) of(4, __VA_ARGS__) of(5, __VA_ARGS__)
#define UP_TO_7(of, ...)                                                       \
  UP_TO_5(of, __VA_ARGS__) of(6, __VA_ARGS__) of(7, __VA_ARGS__)
#define KERNELS(size, stride)                                                  \
  UP_TO_7(NARROW, size, stride)                                                \
  UP_TO_7(SINGLE, size, stride)                                                \
  UP_TO_7(TWIN, size, stride)
#define FAMILIES(of) of(3, 1) of(3, 2) of(5, 1) of(5, 2) of(7, 1) of(7, 2)
FAMILIES(KERNELS)

#define NAME(across, kind, size, stride) kind##_##size##_##stride##_##across,
#define FAMILY(size, stride)                                                   \
  {"depthwise:" #size "x" #size,                                               \
   size,                                                                       \
   stride,                                                                     \
   {NULL, UP_TO_7(NAME, narrow, size, stride)},                                \
   {NULL, UP_TO_7(NAME, single, size, stride)},                                \
   {NULL, UP_TO_7(NAME, twin, size, stride)}},
static const family families[] = {FAMILIES(FAMILY)};

static const family *family_of(const esp_conv_problem *p) {
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
    const family *f = &families[i];
    if (p->kernel[0] == f->size && p->kernel[1] == f->size &&
        p->stride[0] == f->stride && p->stride[1] == f->stride) {
      return f;
    }
  }
  return NULL;
}

#else

static const family *family_of(const esp_conv_problem *p) {
  (void)p;
  return NULL;
}

#endif

// Pixels 2 KB apart, or a multiple of that, fall on two sets of the nearest
// cache or one, and a tile's drive one another out: oneDNN is as fast or faster
// with few taps (measured on Zen 4; docs/performance.md).
static bool collides(const esp_conv_problem *p) {
  return p->in_channels % 512 == 0 && p->kernel[0] == 3;
}

bool esp_depthwise_suits(const esp_conv_problem *p) {
  return p->axes == 2 && p->groups > 1 && p->groups == p->in_channels &&
         p->groups == p->out_channels && p->dilation[0] == 1 &&
         p->dilation[1] == 1 && p->in_layout == ESP_CHANNELS_LAST &&
         p->out_layout == ESP_CHANNELS_LAST && esp_block_wide() &&
         family_of(p) != NULL && !collides(p);
}

// Of outputs in a band.
static int64_t rows_of(const esp_conv_problem *p) {
  return p->in_channels < LANES ? 1 : DOWN;
}

static void pack(esp_depthwise *d, const float *weights, const float *bias) {
  const int64_t channels = d->problem.in_channels;
  const int64_t taps = d->problem.kernel[0] * d->problem.kernel[1];
  float *to = d->weights;
  for (int64_t b = 0; b < d->blocks; b++, to += (1 + taps) * LANES) {
    const int64_t first = first_of(channels, b);
    for (int64_t i = 0; i < LANES && first + i < channels; i++) {
      const int64_t c = first + i;
      if (bias != NULL) to[i] = bias[c];
      for (int64_t k = 0; k < taps; k++) {
        to[(1 + k) * LANES + i] = weights[c * taps + k];
      }
    }
  }
}

static ending ending_of(const esp_conv_problem *p) {
  if (p->posts == 0) return PLAIN;
  if (p->post[0].kind == ESP_KERNEL_RELU) return RECTIFIED;
  return p->post[0].kind == ESP_KERNEL_CLIP ? CLIPPED : PLAIN;
}

esp_status esp_depthwise_create(const esp_conv_problem *problem,
                                const float *weights, const float *bias,
                                esp_depthwise **depthwise) {
  esp_depthwise *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  const int64_t taps = problem->kernel[0] * problem->kernel[1];
  self->problem = *problem;
  self->family = family_of(problem);
  self->blocks = (problem->in_channels + LANES - 1) / LANES;
  self->bands = (problem->out[0] + rows_of(problem) - 1) / rows_of(problem);
  self->ending = ending_of(problem);
  void *block;
  const esp_status status =
      esp_allocate_zero((size_t)(self->blocks * (1 + taps) * LANES),
                        sizeof *self->weights, &block);
  if (status != ESP_OK) {
    esp_depthwise_free(self);
    return status;
  }
  self->weights = block;
  pack(self, weights, bias);
  *depthwise = self;
  return ESP_OK;
}

void esp_depthwise_free(esp_depthwise *depthwise) {
  if (depthwise == NULL) return;
  esp_free(depthwise->weights);
  free(depthwise);
}

const char *esp_depthwise_name(const esp_depthwise *depthwise) {
  return depthwise->family->name;
}

typedef struct call {
  const esp_depthwise *d;
  const esp_conv_work *work;
} call;

// Of `count` places from `first` on, those that lie in [0, in).
static int64_t begin_of(int64_t first, int64_t count) {
  return first >= 0 ? 0 : -first < count ? -first : count;
}
static int64_t end_of(int64_t first, int64_t count, int64_t in) {
  return in < first ? 0 : in - first < count ? in - first : count;
}

static uint32_t columns_of(int64_t first, int64_t count, int64_t in) {
  const uint32_t before = (UINT32_C(1) << begin_of(first, count)) - 1;
  return ((UINT32_C(1) << end_of(first, count, in)) - 1) & ~before;
}

// The rows of outputs from `row` on of a sample.
static void run_tiles(const call *c, int64_t sample, int64_t row, int64_t rows,
                      float *y) {
  const esp_depthwise *d = c->d;
  const esp_conv_problem *p = &d->problem;
  const family *f = d->family;
  const kernel *run = p->in_channels < LANES ? f->narrow
                      : rows == 1            ? f->single
                                             : f->twin;
  const int64_t tall = (rows - 1) * f->stride + f->size;
  const int64_t top = row * f->stride - p->before[0];
  const int64_t x_row = p->in[1] * p->in_channels;
  tile t = {.x = (const float *)c->work->x + sample * p->in[0] * x_row,
            .weights = d->weights,
            .x_row = x_row,
            .y_row = p->out[1] * p->in_channels,
            .channels = p->in_channels,
            .begin = (int)begin_of(top, tall),
            .end = (int)end_of(top, tall, p->in[0]),
            .ending = d->ending,
            .low = p->post[0].alpha,
            .high = p->post[0].beta};
  const int64_t tiles = (p->out[1] + ACROSS - 1) / ACROSS;
  for (int64_t i = 0; i < tiles; i++) {
    const int64_t column = p->out[1] * i / tiles;
    const int64_t across = p->out[1] * (i + 1) / tiles - column;
    const int64_t left = column * f->stride - p->before[1];
    t.origin = top * x_row + left * p->in_channels;
    t.y = y + column * p->in_channels;
    t.columns = columns_of(left, (across - 1) * f->stride + f->size, p->in[1]);
    run[across](&t);
  }
}

static void run_band(const call *c, int64_t sample, int64_t row) {
  const esp_conv_work *work = c->work;
  const esp_conv_problem *p = &c->d->problem;
  const int64_t left = p->out[0] - row, most = rows_of(p);
  const int64_t rows = left < most ? left : most;
  const int64_t y_row = p->out[1] * p->in_channels;
  const int64_t first = (sample * p->out[0] + row) * y_row;
  const int done = c->d->ending != PLAIN;
  run_tiles(c, sample, row, rows, work->y + first);
  esp_post_apply_at(p->post + done, p->posts - done, work->added + done,
                    work->y, first, rows * y_row);
  if (work->after != NULL) {
    work->after(work->context, first, first + rows * y_row);
  }
}

static void run_bands(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const int64_t bands = c->d->bands;
  for (int64_t i = begin; i < end; i++) {
    run_band(c, i / bands, i % bands * rows_of(&c->d->problem));
  }
}

// Bands that are worth a thread's while.
static int64_t grain_of(const esp_conv_problem *p) {
  static const int64_t FLOPS = 250000;
  const int64_t band =
      2 * rows_of(p) * p->out[1] * p->in_channels * p->kernel[0] * p->kernel[1];
  return 1 + FLOPS / band;
}

void esp_depthwise_run(const esp_depthwise *depthwise,
                       const esp_conv_work *work) {
  call c = {.d = depthwise, .work = work};
  const esp_conv_problem *p = &depthwise->problem;
  esp_loop_over(p->width, p->batch * depthwise->bands, grain_of(p), run_bands,
                &c);
}
