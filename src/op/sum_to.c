// Sums a tensor over the axes along which another one was broadcast to it: the
// gradient of broadcasting.  The program's own operator (model/gradient.c).
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_same_type(args, 0, 1));
  const esp_shape *wide = &args->in[0]->shape, *like = &args->in[1]->shape;
  esp_shape both;
  ESP_TRY(esp_shape_broadcast(wide, like, &both));
  if (!esp_shape_equal(&both, wide)) {
    char first[ESP_SHAPE_TEXT], second[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_BAD_INPUT, "shape %s was not broadcast to %s",
                    esp_shape_text(like, second), esp_shape_text(wide, first));
  }
  esp_set_output(args, 0, args->in[0]->type, like);
  return ESP_OK;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  made->scratch_bytes =
      (size_t)esp_shape_count(&args->out[0]->shape) * sizeof(double);
  return ESP_OK;
}

// The element of the sum to which element i of the wide tensor belongs.
static int64_t place_of(const esp_shape *wide, const esp_shape *like,
                        int64_t i) {
  int64_t place = 0, step = 1;
  for (int d = wide->ndim - 1, k = like->ndim - 1; k >= 0; d--, k--) {
    if (like->dim[k] != 1) place += i % wide->dim[d] * step;
    step *= like->dim[k];
    i /= wide->dim[d];
  }
  return place;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  double *sum = team.scratch;
  const esp_tensor *x = args->in[0], *y = args->out[0];
  const int64_t count = esp_shape_count(&x->shape);
  const int64_t sums = esp_shape_count(&y->shape);
  for (int64_t i = 0; i < sums; i++) sum[i] = 0;
  for (int64_t i = 0; i < count; i++) {
    sum[place_of(&x->shape, &y->shape, i)] += esp_number_at(x, i);
  }
  for (int64_t i = 0; i < sums; i++) esp_number_put(y, i, sum[i]);
  return ESP_OK;
}

const esp_op esp_op_sum_to = {.infer = infer, .prepare = prepare, .run = run};
