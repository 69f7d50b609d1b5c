// Operators of two inputs, element by element, with broadcasting.
#include <math.h>

#include "op/binary_loops.h"
#include "op/broadcast.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

static bool compares(int op) {
  switch (op) {
  case ESP_OP_EQUAL:
  case ESP_OP_LESS:
  case ESP_OP_LESS_OR_EQUAL:
  case ESP_OP_GREATER:
  case ESP_OP_GREATER_OR_EQUAL:
  case ESP_OP_AND:
  case ESP_OP_OR:
  case ESP_OP_XOR:
    return true;
  default:
    return false;
  }
}

static esp_binary_loop loop_of(const esp_args *args) {
  const esp_node *node = args->node;
  const esp_dtype type = args->in[0]->type;
  if (node->op == ESP_OP_MOD && esp_node_int(node, "fmod", 0) != 0) {
    return esp_remainder_loop_of(type);
  }
  return esp_binary_loop_of(node->op, type);
}

enum {
  NUMBERS = ESP_TYPES_INTEGER | ESP_TYPE(ESP_FLOAT) | ESP_TYPE(ESP_DOUBLE)
};

// From opset 12 on an exponent may be of another type than its base.
static bool mixed_power(const esp_args *args) {
  return args->node->op == ESP_OP_POW && args->node->version >= 12 &&
         args->in[0]->type != args->in[1]->type;
}

static void run_mixed_power(const esp_args *args) {
  esp_broadcast p;
  esp_broadcast_plan(args->in, 2, args->out[0], &p);
  const int last = p.ndim - 1;
  for (int64_t run = 0; run < p.outer; run++) {
    int64_t at[ESP_BROADCAST_INPUTS];
    esp_broadcast_at(&p, 2, run, at);
    for (int64_t i = 0; i < p.inner; i++) {
      const double base =
          esp_number_at(args->in[0], at[0] + i * p.stride[0][last]);
      const double power =
          esp_number_at(args->in[1], at[1] + i * p.stride[1][last]);
      esp_number_put(args->out[0], run * p.inner + i, pow(base, power));
    }
  }
}

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  if (loop_of(args) == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "inputs of type %s",
                    esp_dtype_text(args->in[0]->type));
  }
  if (mixed_power(args)) {
    ESP_TRY(esp_check_type(args, 1, NUMBERS));
  } else {
    ESP_TRY(esp_check_same_type(args, 0, 1));
  }
  esp_shape shape;
  ESP_TRY(
      esp_shape_broadcast(&args->in[0]->shape, &args->in[1]->shape, &shape));
  if (args->node->op == ESP_OP_PRELU &&
      !esp_shape_equal(&shape, &args->in[0]->shape)) {
    return ESP_FAIL(ESP_BAD_INPUT, "the slope does not broadcast to input 0");
  }
  const esp_dtype type =
      compares(args->node->op) ? ESP_BOOL : args->in[0]->type;
  esp_set_output(args, 0, type, &shape);
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  if (mixed_power(args)) {
    run_mixed_power(args);
    return ESP_OK;
  }
  return esp_binary_apply(loop_of(args), args->in[0], args->in[1], args->out[0],
                          team.width);
}

const esp_op esp_op_binary = {
    .infer = infer, .run = run, .layout = ESP_LAYOUT_FOLLOWS};
