// Operators of two inputs, element by element, with broadcasting.
#include "op/binary_loops.h"
#include "op/check.h"
#include "op/family.h"

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

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  if (loop_of(args) == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "inputs of type %s",
                    esp_dtype_text(args->in[0]->type));
  }
  ESP_TRY(esp_check_same_type(args, 0, 1));
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
  return esp_binary_apply(loop_of(args), args->in[0], args->in[1], args->out[0],
                          team.width);
}

const esp_op esp_op_binary = {
    .infer = infer, .run = run, .layout = ESP_LAYOUT_FOLLOWS};
