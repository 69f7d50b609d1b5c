// MeanVarianceNormalization: x less its mean, over its standard deviation, over
// some axes.  Both are made in double, in a fixed order.
#include <math.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/reduction.h"
#include "op/samples.h"

static esp_status form_of(const esp_args *args, esp_reduction *f) {
  static const int64_t usual[] = {0, 2, 3};
  const esp_shape *x = &args->in[0]->shape;
  bool gone[ESP_MAX_NDIM] = {false};
  int count;
  const int64_t *axes = esp_node_ints(args->node, "axes", &count);
  if (axes == NULL) {
    axes = usual;
    count = 3;
  }
  for (int i = 0; i < count; i++) {
    int axis;
    ESP_TRY(esp_check_axis("axes", axes[i], x->ndim, &axis));
    gone[axis] = true;
  }
  esp_reduction_of(x, gone, f);
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  esp_reduction f;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(form_of(args, &f));
  esp_set_output(args, 0, args->in[0]->type, &args->in[0]->shape);
  return ESP_OK;
}

typedef struct job {
  const esp_tensor *x, *y;
  esp_reduction f;
} job;

static void run_rows(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_reduction *f = &j->f;
  for (int64_t r = begin; r < end; r++) {
    const int64_t base = esp_reduction_row(f, r);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < f->count; i++) {
      const int64_t at = base + esp_reduction_element(f, i);
      sum += esp_number_at(j->x, at);
    }
    const double mean = sum / (double)f->count;
    for (int64_t i = 0; i < f->count; i++) {
      const int64_t at = base + esp_reduction_element(f, i);
      const double d = esp_number_at(j->x, at) - mean;
      squares += d * d;
    }
    // The standard's own formula adds 1e-9, so that a constant row is 0.
    const double deviation = sqrt(squares / (double)f->count) + 1e-9;
    for (int64_t i = 0; i < f->count; i++) {
      const int64_t at = base + esp_reduction_element(f, i);
      esp_number_put(j->y, at, (esp_number_at(j->x, at) - mean) / deviation);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 2048 };
  (void)state;
  job j = {.x = args->in[0], .y = args->out[0]};
  ESP_TRY(form_of(args, &j.f));
  if (esp_shape_count(&args->in[0]->shape) == 0) return ESP_OK;
  esp_loop_over(team.width, j.f.rows, GRAIN / j.f.count + 1, run_rows, &j);
  return ESP_OK;
}

static const esp_op plain = {.run = run};
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  int count;
  (void)batch;
  const int64_t *axes = esp_node_ints(args->node, "axes", &count);
  static const int64_t usual[] = {0, 2, 3};
  const int ndim = args->in[0]->shape.ndim;
  if (axes == NULL) {
    axes = usual;
    count = 3;
  }
  bool mixed = false;
  for (int i = 0; i < count; i++) {
    mixed = mixed || (axes[i] + ndim) % ndim == in[0].axis;
  }
  esp_samples_give(args, mixed ? &esp_samples_mixed : &in[0], 0, out);
}

const esp_op esp_op_standardise = {
    .samples = samples, .infer = infer, ESP_HALF(plain)};
