// Operators of two inputs, element by element, with broadcasting.
#include <math.h>
#include <string.h>

#include "op/binary_loops.h"
#include "op/broadcast.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/samples.h"

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
  const esp_dtype type = esp_computed_type(args->in[0]->type);
  if (node->op == ESP_OP_MOD && esp_node_int(node, "fmod", 0) != 0) {
    return esp_remainder_loop_of(type);
  }
  if (node->op == ESP_OP_BIT_SHIFT) {
    const char *direction = esp_node_string(node, "direction", "");
    return esp_shift_loop_of(strcmp(direction, "LEFT") == 0, type);
  }
  return esp_binary_loop_of(node->op, type);
}

// Where the second operand begins among the axes of the first, before opset 7;
// -1: the operands broadcast as they are.
static esp_status old_axis(const esp_args *args, int *axis) {
  const esp_node *node = args->node;
  const esp_shape *a = &args->in[0]->shape, *b = &args->in[1]->shape;
  *axis = -1;
  if (node->version >= 7) return ESP_OK;
  if (node->op == ESP_OP_PRELU) { // a slope for each channel
    if (b->ndim == 1 && a->ndim > 1) *axis = 1;
    return ESP_OK;
  }
  if (esp_node_int(node, "broadcast", 0) == 0) {
    if (esp_shape_equal(a, b)) return ESP_OK;
    return ESP_FAIL(ESP_BAD_INPUT,
                    "the inputs have different shapes, which before opset 7 "
                    "asks for broadcast = 1");
  }
  const esp_attribute *given =
      esp_node_attribute(node, "axis", ESP_ATTRIBUTE_INT);
  if (given == NULL || b->ndim == 0) return ESP_OK;
  ESP_TRY(esp_check_axis("axis", given->i, a->ndim, axis));
  if (*axis + b->ndim <= a->ndim) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT,
                  "axis %d leaves no room for the %d dimensions of input 1",
                  *axis, b->ndim);
}

// The second operand with as many trailing axes as bring it to its place.
static esp_status placed_operand(const esp_args *args, esp_tensor *b) {
  int axis;
  *b = *args->in[1];
  ESP_TRY(old_axis(args, &axis));
  while (axis >= 0 && axis + b->shape.ndim < args->in[0]->shape.ndim) {
    b->shape.dim[b->shape.ndim++] = 1;
  }
  return ESP_OK;
}

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

static esp_status check_attributes(const esp_args *args) {
  const esp_node *node = args->node;
  const esp_dtype type = args->in[0]->type;
  if (node->op == ESP_OP_MOD && !esp_dtype_is_integer(type) &&
      esp_node_int(node, "fmod", 0) == 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "inputs of type %s ask for fmod = 1",
                    esp_dtype_text(type));
  }
  if (node->op == ESP_OP_BIT_SHIFT) {
    const char *direction = esp_node_string(node, "direction", "");
    if (strcmp(direction, "LEFT") != 0 && strcmp(direction, "RIGHT") != 0) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "direction is \"%s\", expected LEFT or RIGHT", direction);
    }
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(check_attributes(args));
  if (loop_of(args) == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "inputs of type %s",
                    esp_dtype_text(args->in[0]->type));
  }
  if (mixed_power(args)) {
    ESP_TRY(esp_check_type(args, 1, ESP_TYPES_NUMERIC));
  } else {
    ESP_TRY(esp_check_same_type(args, 0, 1));
  }
  esp_shape shape;
  esp_tensor b;
  ESP_TRY(placed_operand(args, &b));
  ESP_TRY(esp_shape_broadcast(&args->in[0]->shape, &b.shape, &shape));
  if (args->node->op == ESP_OP_PRELU &&
      !esp_shape_equal(&shape, &args->in[0]->shape)) {
    return ESP_FAIL(ESP_BAD_INPUT, "the slope does not broadcast to input 0");
  }
  const esp_dtype type =
      compares(args->node->op) ? ESP_BOOL : args->in[0]->type;
  esp_set_output(args, 0, type, &shape);
  return ESP_OK;
}

// The square of float32, which is exact in double: a product has its bits.
static bool is_square(const esp_args *args) {
  const esp_tensor *x = args->in[0], *power = args->in[1];
  return args->node->op == ESP_OP_POW && x->type == ESP_FLOAT &&
         power->type == ESP_FLOAT && esp_shape_count(&power->shape) == 1 &&
         *(const float *)power->data == 2.0f &&
         esp_shape_equal(&x->shape, &args->out[0]->shape);
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  if (mixed_power(args)) {
    run_mixed_power(args);
    return ESP_OK;
  }
  if (is_square(args)) {
    return esp_binary_apply(esp_binary_loop_of(ESP_OP_MUL, ESP_FLOAT),
                            args->in[0], args->in[0], args->out[0], team.width);
  }
  esp_tensor b;
  ESP_TRY(placed_operand(args, &b));
  return esp_binary_apply(loop_of(args), args->in[0], &b, args->out[0],
                          team.width);
}

static const esp_op plain = {.run = run};
const esp_op esp_op_binary = {.samples = esp_samples_elementwise,
                              .infer = infer,
                              ESP_HALF(plain),
                              .overlays = esp_overlays_alike,
                              .layout = ESP_LAYOUT_FOLLOWS};
