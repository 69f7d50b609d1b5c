// Dropout: a copy, or in training some elements made zero and the others scaled
// up.  Which ones depends on the seed alone, which is 0 when none is given.
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/mersenne.h"
#include "op/number.h"
#include "op/samples.h"

// Training is asked for by an input from opset 12 on, never from 7 to 11, and
// before that by is_test = 0.
static bool trains(const esp_args *args) {
  if (args->node->version < 7) {
    return esp_node_int(args->node, "is_test", 0) == 0;
  }
  return args->node->version >= 12 && esp_has_input(args, 2) &&
         esp_whole_at(args->in[2], 0) != 0;
}

static esp_status infer(const esp_args *args) {
  const int version = args->node->version;
  ESP_TRY(esp_check_arity(args, 1, version < 12 ? 1 : 3, 2));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING | ESP_TYPES_FLOAT8));
  for (int i = 1; i < 3; i++) {
    if (!esp_has_input(args, i)) continue;
    ESP_TRY(esp_check_type(args, i,
                           i == 1 ? ESP_TYPES_FLOATING : ESP_TYPE(ESP_BOOL)));
    if (esp_shape_count(&args->in[i]->shape) != 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d must be one number", i);
    }
  }
  const esp_tensor *x = args->in[0];
  esp_set_output(args, 0, x->type, &x->shape);
  esp_set_output(args, 1, version < 10 ? x->type : ESP_BOOL, &x->shape);
  return ESP_OK;
}

// Drops in the order of the elements, on one thread: the generator has one
// state.
static void drop(const esp_args *args, double ratio) {
  const esp_tensor *x = args->in[0], *y = args->out[0];
  const esp_tensor *mask = args->nout > 1 ? args->out[1] : NULL;
  const int64_t count = esp_shape_count(&x->shape);
  esp_mersenne state;
  esp_mersenne_seed(&state, (uint32_t)esp_node_int(args->node, "seed", 0));
  for (int64_t i = 0; i < count; i++) {
    const bool kept = esp_mersenne_uniform(&state) >= ratio;
    if (mask != NULL) esp_whole_put(mask, i, kept);
    if (y == NULL) continue;
    esp_number_put(y, i, kept ? esp_number_at(x, i) / (1 - ratio) : 0);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  double ratio = 0;
  if (trains(args)) {
    ratio = args->node->version < 12
                ? (double)esp_node_float(args->node, "ratio", 0.5f)
                : 0.5;
    if (esp_has_input(args, 1)) ratio = esp_number_at(args->in[1], 0);
    if (!(ratio >= 0 && ratio < 1)) {
      return ESP_FAIL(ESP_BAD_INPUT, "the ratio is %g, expected 0 <= ratio < 1",
                      ratio);
    }
  }
  if (ratio > 0) {
    drop(args, ratio);
    return ESP_OK;
  }
  const esp_tensor *x = args->in[0];
  if (args->out[0] != NULL) {
    memcpy(args->out[0]->data, x->data, esp_tensor_bytes(x));
  }
  const esp_tensor *mask = args->nout > 1 ? args->out[1] : NULL;
  const int64_t count = mask != NULL ? esp_shape_count(&mask->shape) : 0;
  for (int64_t i = 0; i < count; i++) esp_whole_put(mask, i, 1);
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  (void)batch;
  esp_samples_give(args, &in[0], 0, out);
}

const esp_op esp_op_dropout = {.samples = samples, .infer = infer, .run = run};
