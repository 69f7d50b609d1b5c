// Cast and CastLike between numbers and truth values.
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/number.h"

static esp_status infer(const esp_args *args) {
  const bool like = args->node->op == ESP_OP_CAST_LIKE;
  ESP_TRY(esp_check_arity(args, like ? 2 : 1, like ? 2 : 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ANY));
  const int64_t to =
      like ? (int64_t)args->in[1]->type : esp_node_int(args->node, "to", 0);
  if (to < 0 || to >= ESP_DTYPES || (ESP_TYPES_ANY >> (unsigned)to & 1u) == 0) {
    return ESP_FAIL(ESP_UNSUPPORTED, "a cast to type %lld (%s)", (long long)to,
                    esp_dtype_text((esp_dtype)to));
  }
  esp_set_output(args, 0, (esp_dtype)to, &args->in[0]->shape);
  return ESP_OK;
}

static void run_range(int64_t begin, int64_t end, void *argument) {
  const esp_args *args = argument;
  const esp_tensor *x = args->in[0], *y = args->out[0];
  if (x->type == ESP_UINT8 && y->type == ESP_FLOAT) { // images
    const uint8_t *from = x->data;
    float *to = y->data;
    for (int64_t i = begin; i < end; i++) to[i] = (float)from[i];
    return;
  }
  for (int64_t i = begin; i < end; i++) {
    esp_number_store(y->type, y->data, i, esp_number_load(x->type, x->data, i));
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  (void)state;
  esp_args kept = *args;
  esp_loop_over(team.width, esp_shape_count(&args->in[0]->shape), GRAIN,
                run_range, &kept);
  return ESP_OK;
}

const esp_op esp_op_cast = {
    .infer = infer, .run = run, .layout = ESP_LAYOUT_FOLLOWS};
