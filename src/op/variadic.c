// Max, Min, Sum and Mean of any number of inputs, with broadcasting: the first
// two are put together, and then one more at a time.
#include <limits.h>
#include <string.h>

#include "op/binary_loops.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 1, INT_MAX, 1));
  const esp_dtype type = esp_computed_type(args->in[0]->type);
  if (esp_binary_loop_of(args->node->op, type) == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "inputs of type %s",
                    esp_dtype_text(args->in[0]->type));
  }
  esp_shape shape = args->in[0]->shape;
  for (int i = 1; i < args->nin; i++) {
    if (args->in[i] == NULL) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is omitted", i);
    }
    ESP_TRY(esp_check_same_type(args, 0, i));
    if (args->node->version < 8 &&
        !esp_shape_equal(&shape, &args->in[i]->shape)) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "inputs 0 and %d have different shapes, which is allowed "
                      "from opset 8 on",
                      i);
    }
    ESP_TRY(esp_shape_broadcast(&shape, &args->in[i]->shape, &shape));
  }
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static void divide(const esp_tensor *y, int count) {
  const int64_t n = esp_shape_count(&y->shape);
  if (y->type == ESP_DOUBLE) {
    double *d = y->data;
    for (int64_t i = 0; i < n; i++) d[i] /= count;
  } else {
    float *f = y->data;
    for (int64_t i = 0; i < n; i++) f[i] /= (float)count;
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  const esp_binary_loop loop =
      esp_binary_loop_of(args->node->op, args->in[0]->type);
  esp_tensor *y = args->out[0];
  if (args->nin == 1) {
    memmove(y->data, args->in[0]->data, esp_tensor_bytes(y));
    return ESP_OK;
  }
  ESP_TRY(esp_binary_apply(loop, args->in[0], args->in[1], y, team.width));
  for (int i = 2; i < args->nin; i++) {
    ESP_TRY(esp_binary_apply(loop, y, args->in[i], y, team.width));
  }
  if (args->node->op == ESP_OP_MEAN) divide(y, args->nin);
  return ESP_OK;
}

// The third and later inputs are read when the output has been written to.
static bool overlays(const esp_args *args, int i) {
  return i < 2 && esp_overlays_alike(args, i);
}

static const esp_op plain = {.run = run};
const esp_op esp_op_variadic = {.samples = esp_samples_elementwise,
                                .infer = infer,
                                ESP_HALF(plain),
                                .overlays = overlays,
                                .layout = ESP_LAYOUT_FOLLOWS};
