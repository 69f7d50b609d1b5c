// CumSum: running sums along an axis.  Floating sums are made in double, one
// line after the other in the order of the axis.
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/samples.h"

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_NUMERIC));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_INT32) | ESP_TYPE(ESP_INT64)));
  if (esp_shape_count(&args->in[1]->shape) != 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "input 1, the axis, must be one number");
  }
  esp_set_output(args, 0, args->in[0]->type, &args->in[0]->shape);
  return ESP_OK;
}

typedef struct work {
  const esp_tensor *x, *y;
  int64_t n, inner; // length of a line, step between its elements
  bool exclusive, reverse;
} work;

// One line; the sum of what comes before is written, then or after adding.
#define LINE(s, t, d, sum_type)                                                \
  static void line_##s(const work *w, int64_t at) {                            \
    const t *x = (const t *)w->x->data + at;                                   \
    t *y = (t *)w->y->data + at;                                               \
    sum_type sum = 0;                                                          \
    for (int64_t i = 0; i < w->n; i++) {                                       \
      const int64_t k = (w->reverse ? w->n - 1 - i : i) * w->inner;            \
      if (w->exclusive) y[k] = (t)sum;                                         \
      sum += (sum_type)x[k];                                                   \
      if (!w->exclusive) y[k] = (t)sum;                                        \
    }                                                                          \
  }
#define REAL_LINE(s, t, d) LINE(s, t, d, double)
#define WHOLE_LINE(s, t, d) LINE(s, t, d, uint64_t)
ESP_FLOATING_TYPES(REAL_LINE)
ESP_INTEGER_TYPES(WHOLE_LINE)

#define CALL(s, t, d)                                                          \
  case d:                                                                      \
    line_##s(w, at);                                                           \
    break;
static void run_lines(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  for (int64_t r = begin; r < end; r++) {
    const int64_t at = r / w->inner * w->n * w->inner + r % w->inner;
    switch (w->x->type) {
      ESP_ALL_TYPES(CALL)
    default:
      break;
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  (void)state;
  const esp_shape *shape = &args->in[0]->shape;
  int axis;
  ESP_TRY(
      esp_check_axis("axis", esp_whole_at(args->in[1], 0), shape->ndim, &axis));
  work w = {.x = args->in[0],
            .y = args->out[0],
            .n = shape->dim[axis],
            .inner = esp_shape_product(shape, axis + 1, shape->ndim),
            .exclusive = esp_node_int(args->node, "exclusive", 0) != 0,
            .reverse = esp_node_int(args->node, "reverse", 0) != 0};
  const int64_t count = esp_shape_count(shape);
  if (count == 0) return ESP_OK;
  esp_loop_over(team.width, count / w.n, GRAIN / w.n + 1, run_lines, &w);
  return ESP_OK;
}

static const esp_op plain = {.run = run};
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  int axis;
  (void)batch;
  if (args->in[1]->data == NULL ||
      esp_check_axis("axis", esp_whole_at(args->in[1], 0),
                     args->in[0]->shape.ndim, &axis) != ESP_OK) {
    return;
  }
  esp_samples_past(args, &in[0], axis, out);
}

const esp_op esp_op_cumulate = {
    .samples = samples, .infer = infer, ESP_HALF(plain)};
