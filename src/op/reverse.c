// ReverseSequence: the first steps of each sequence of a batch, last one first.
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/samples.h"

// The time axis, which is 0 or 1; the batch axis is the other one.
static esp_status time_axis_of(const esp_args *args, int *axis) {
  const int64_t time = esp_node_int(args->node, "time_axis", 0);
  const int64_t batch = esp_node_int(args->node, "batch_axis", 1);
  if (time < 0 || time > 1 || batch != 1 - time) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "time_axis is %lld and batch_axis %lld, expected 0 and 1 "
                    "or 1 and 0",
                    (long long)time, (long long)batch);
  }
  *axis = (int)time;
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  int time;
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_INT64)));
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  ESP_TRY(esp_check_ndim(args, 1, 1, 1));
  ESP_TRY(time_axis_of(args, &time));
  const int64_t batch = args->in[0]->shape.dim[1 - time];
  const int64_t lengths = args->in[1]->shape.dim[0];
  if (lengths != batch) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "sequence_lens has %lld numbers, expected one for each of "
                    "%lld sequences",
                    (long long)lengths, (long long)batch);
  }
  esp_set_output(args, 0, args->in[0]->type, &args->in[0]->shape);
  return ESP_OK;
}

typedef struct work {
  const unsigned char *x;
  unsigned char *y;
  const int64_t *length;
  int time;      // axis
  int64_t inner; // dimension 1
  size_t bytes;  // of one step of one sequence
} work;

static void run_steps(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  for (int64_t i = begin; i < end; i++) {
    const int64_t row = i / w->inner, column = i % w->inner;
    const int64_t step = w->time == 0 ? row : column;
    const int64_t length = w->length[w->time == 0 ? column : row];
    int64_t from = i;
    if (step < length) {
      const int64_t other = length - 1 - step;
      from = w->time == 0 ? other * w->inner + column : row * w->inner + other;
    }
    memcpy(w->y + (size_t)i * w->bytes, w->x + (size_t)from * w->bytes,
           w->bytes);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN_BYTES = 1 << 15 };
  (void)state;
  const esp_shape *shape = &args->in[0]->shape;
  work w = {.x = args->in[0]->data,
            .y = args->out[0]->data,
            .length = args->in[1]->data,
            .inner = shape->dim[1]};
  ESP_TRY(time_axis_of(args, &w.time));
  for (int64_t b = 0; b < shape->dim[1 - w.time]; b++) {
    if (w.length[b] >= 0 && w.length[b] <= shape->dim[w.time]) continue;
    return ESP_FAIL(
        ESP_BAD_INPUT, "sequence_lens[%lld] is %lld, expected 0 to %lld",
        (long long)b, (long long)w.length[b], (long long)shape->dim[w.time]);
  }
  w.bytes = (size_t)esp_shape_product(shape, 2, shape->ndim) *
            esp_dtype_bytes(args->in[0]->type);
  if (w.bytes == 0) return ESP_OK;
  esp_loop_over(team.width, shape->dim[0] * shape->dim[1],
                GRAIN_BYTES / (int64_t)w.bytes + 1, run_steps, &w);
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  int time;
  (void)batch;
  if (time_axis_of(args, &time) != ESP_OK || !esp_samples_along(&in[0])) return;
  const bool own = esp_samples_along(&in[1]) // a length for each sample
                       ? in[1].inner == in[0].inner
                       : esp_samples_uniform(args->in[1], 0);
  const bool apart =
      in[0].axis > 1 ? !esp_samples_along(&in[1]) : in[0].axis != time && own;
  esp_samples_give(args, apart ? &in[0] : &esp_samples_mixed, 0, out);
}

const esp_op esp_op_reverse = {.samples = samples, .infer = infer, .run = run};
