// Col2Im: blocks that slide over an image, added up where they overlap.
#include <stdlib.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"

enum { AXES = ESP_MAX_NDIM - 2, MOST = 1 << 30 }; // of any extent

// The image, the block, and how many blocks there are along each axis.
typedef struct blocks {
  int axes;
  int64_t image[AXES], block[AXES], count[AXES];
  int64_t stride[AXES], dilation[AXES], before[AXES];
  int64_t channels, pixels, places, size; // size: elements of a block
} blocks;

static esp_status list_of(const esp_node *node, const char *name, int wanted,
                          int64_t least, int64_t *list) {
  int count;
  const int64_t *given = esp_node_ints(node, name, &count);
  if (given == NULL) {
    for (int i = 0; i < wanted; i++) list[i] = least;
    return ESP_OK;
  }
  if (count != wanted) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s has %d numbers, expected %d", name,
                    count, wanted);
  }
  for (int i = 0; i < wanted; i++) {
    list[i] = given[i];
    if (given[i] >= least && given[i] <= MOST) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "%s holds %lld", name, (long long)given[i]);
  }
  return ESP_OK;
}

static esp_status count_blocks(blocks *b, int i, int64_t after) {
  if (b->image[i] < 1 || b->image[i] > MOST || b->block[i] < 1 ||
      b->block[i] > MOST) {
    return ESP_FAIL(ESP_BAD_INPUT, "an image of %lld, a block of %lld",
                    (long long)b->image[i], (long long)b->block[i]);
  }
  const int64_t room = b->image[i] + b->before[i] + after -
                       (b->block[i] - 1) * b->dilation[i] - 1;
  if (room < 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "the block is larger than axis %d", i + 2);
  }
  b->count[i] = room / b->stride[i] + 1;
  return ESP_OK;
}

static esp_status blocks_of(const esp_args *args, blocks *b) {
  const esp_shape *x = &args->in[0]->shape;
  int64_t pads[2 * AXES];
  int count;
  *b = (blocks){.pixels = 1, .places = 1, .size = 1};
  ESP_TRY(esp_list_of(args, 1, "-", 1, b->image, AXES, &b->axes));
  ESP_TRY(esp_list_of(args, 2, "-", 1, b->block, AXES, &count));
  if (b->axes < 1 || count != b->axes) {
    return ESP_FAIL(ESP_BAD_INPUT, "an image of %d axes, blocks of %d", b->axes,
                    count);
  }
  ESP_TRY(list_of(args->node, "strides", b->axes, 1, b->stride));
  ESP_TRY(list_of(args->node, "dilations", b->axes, 1, b->dilation));
  ESP_TRY(list_of(args->node, "pads", 2 * b->axes, 0, pads));
  memcpy(b->before, pads, (size_t)b->axes * sizeof pads[0]);
  for (int i = 0; i < b->axes; i++) {
    ESP_TRY(count_blocks(b, i, pads[b->axes + i]));
    if (__builtin_mul_overflow(b->pixels, b->image[i], &b->pixels) ||
        __builtin_mul_overflow(b->places, b->count[i], &b->places) ||
        __builtin_mul_overflow(b->size, b->block[i], &b->size)) {
      return ESP_FAIL(ESP_BAD_INPUT, "the image is too large");
    }
  }
  if (x->dim[1] % b->size != 0 || x->dim[2] != b->places) {
    char have[ESP_SHAPE_TEXT];
    return ESP_FAIL(
        ESP_BAD_INPUT, "input 0 is %s, expected [N, C * %lld, %lld]",
        esp_shape_text(x, have), (long long)b->size, (long long)b->places);
  }
  b->channels = x->dim[1] / b->size;
  return ESP_OK;
}

// x [N, C * block, places] to y [N, C, image...].
static esp_status infer(const esp_args *args) {
  blocks b;
  ESP_TRY(esp_check_arity(args, 3, 3, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_NUMERIC));
  ESP_TRY(esp_check_ndim(args, 0, 3, 3));
  ESP_TRY(blocks_of(args, &b));
  esp_shape y = {b.axes + 2, {args->in[0]->shape.dim[0], b.channels}};
  memcpy(y.dim + 2, b.image, (size_t)b.axes * sizeof y.dim[0]);
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  return (esp_work){.flops = (double)esp_shape_count(&args->in[0]->shape),
                    .bytes = (double)esp_tensor_bytes(args->in[0]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

// Where element `inside` of the blocks stands for a pixel: the place of the
// block, or -1 when none has it there.
static int64_t place_of(const blocks *b, int64_t pixel, int64_t inside) {
  int64_t place = 0, step = 1;
  for (int i = b->axes - 1; i >= 0; i--) {
    const int64_t at = pixel % b->image[i] + b->before[i] -
                       inside % b->block[i] * b->dilation[i];
    if (at < 0 || at % b->stride[i] != 0 || at / b->stride[i] >= b->count[i]) {
      return -1;
    }
    place += at / b->stride[i] * step;
    step *= b->count[i];
    pixel /= b->image[i];
    inside /= b->block[i];
  }
  return place;
}

typedef struct task {
  const esp_args *args;
  blocks b;
} task;

// Pixels [begin, end) of all channels: each gathers what is added to it.
typedef void (*gather_loop)(const blocks *b, const void *from, void *to,
                            int64_t begin, int64_t end);

#define GATHER(suffix, type, sum_type)                                         \
  static void gather_##suffix(const blocks *b, const void *from, void *to,     \
                              int64_t begin, int64_t end) {                    \
    for (int64_t i = begin; i < end; i++) {                                    \
      const type *x =                                                          \
          (const type *)from + i / b->pixels * b->size * b->places;            \
      sum_type sum = 0;                                                        \
      for (int64_t k = 0; k < b->size; k++) {                                  \
        const int64_t place = place_of(b, i % b->pixels, k);                   \
        if (place >= 0) sum += (sum_type)x[k * b->places + place];             \
      }                                                                        \
      ((type *)to)[i] = (type)sum;                                             \
    }                                                                          \
  }
#define REAL(suffix, type, dtype) GATHER(suffix, type, double)
#define WHOLE(suffix, type, dtype) GATHER(suffix, type, uint64_t) // wraps
ESP_FLOATING_TYPES(REAL)
ESP_INTEGER_TYPES(WHOLE)

#define ROW(suffix, type, dtype) [dtype] = gather_##suffix,
static const gather_loop gather_of[ESP_DTYPES] = {ESP_ALL_TYPES(ROW)};

static void run_range(int64_t begin, int64_t end, void *argument) {
  const task *t = argument;
  gather_of[t->args->in[0]->type](&t->b, t->args->in[0]->data,
                                  t->args->out[0]->data, begin, end);
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  task *t = malloc(sizeof *t);
  if (t == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = t;
  return blocks_of(args, &t->b);
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 1024 };
  task t = *(const task *)state;
  t.args = args;
  esp_loop_over(team.width, esp_shape_count(&args->out[0]->shape), GRAIN,
                run_range, &t);
  return ESP_OK;
}

static const esp_op plain = {.infer = infer,
                             .work = work,
                             .prepare = prepare,
                             .release = free,
                             .run = run};

const esp_op esp_op_col2im = {.samples = esp_samples_leading,
                              .infer = infer,
                              .work = work,
                              ESP_HALF(plain)};
