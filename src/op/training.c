// One step of an optimiser over any number of tensors: Adagrad, Adam, Momentum.
// Source: ONNX, domain ai.onnx.preview.training, version 1.
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

// How many tensors belong to each that is trained: X, G and the averages V or
// H, or both; the outputs are the new X and the new averages.
static int tensors_of(int op) { return op == ESP_OP_ADAM ? 4 : 3; }

static esp_status check_groups(const esp_args *args, int *trained) {
  const int each = tensors_of(args->node->op);
  const int given = args->nin - 2;
  *trained = given / each;
  if (given < each || given % each != 0 ||
      args->nout != *trained * (each - 1)) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%d inputs and %d outputs, expected 2 and %d for each "
                    "trained tensor, and %d outputs for it",
                    args->nin, args->nout, each, each - 1);
  }
  for (int i = 0; i < args->nin; i++) {
    if (args->in[i] == NULL) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is omitted", i);
    }
    if (i < 2) continue;
    const int first = 2 + (i - 2) % *trained;
    ESP_TRY(
        esp_check_type(args, i, ESP_TYPE(ESP_FLOAT) | ESP_TYPE(ESP_DOUBLE)));
    ESP_TRY(esp_check_same_type(args, first, i));
    if (!esp_shape_equal(&args->in[first]->shape, &args->in[i]->shape)) {
      return ESP_FAIL(ESP_BAD_INPUT, "inputs %d and %d have different shapes",
                      first, i);
    }
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  int trained;
  ESP_TRY(check_groups(args, &trained));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_FLOAT) | ESP_TYPE(ESP_DOUBLE)));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_INT64)));
  for (int i = 0; i < 2; i++) {
    if (esp_shape_count(&args->in[i]->shape) != 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is not one number", i);
    }
  }
  if (args->node->op == ESP_OP_MOMENTUM) {
    const char *mode = esp_node_string(args->node, "mode", "");
    if (strcmp(mode, "standard") != 0 && strcmp(mode, "nesterov") != 0) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "mode is \"%s\", expected standard or nesterov", mode);
    }
  }
  for (int i = 0; i < args->nout; i++) {
    const esp_tensor *x = args->in[2 + i % trained];
    esp_set_output(args, i, x->type, &x->shape);
  }
  return ESP_OK;
}

// The numbers of one step, the same for every element.
typedef struct rule {
  double rate, steps;
  double decay, epsilon, norm, norm_post, alpha, beta;
  bool nesterov;
} rule;

static double attribute(const esp_node *node, const char *name,
                        float fallback) {
  return (double)esp_node_float(node, name, fallback);
}

static rule rule_of(const esp_args *args) {
  const esp_node *node = args->node;
  const bool adam = node->op == ESP_OP_ADAM;
  return (rule){.rate = esp_number_at(args->in[0], 0),
                .steps = esp_number_at(args->in[1], 0),
                .decay = attribute(node, "decay_factor", 0),
                .epsilon = attribute(node, "epsilon", 1e-6f),
                .norm = attribute(node, "norm_coefficient", 0),
                .norm_post = attribute(node, "norm_coefficient_post", 0),
                .alpha = attribute(node, "alpha", adam ? 0.9f : 0),
                .beta = attribute(node, "beta", adam ? 0.999f : 0),
                .nesterov =
                    strcmp(esp_node_string(node, "mode", ""), "nesterov") == 0};
}

// One element: x, its gradient and its averages; *x and a[] become the new
// ones.
static void step_adagrad(const rule *r, double *x, double gradient, double *a) {
  const double g = r->norm * *x + gradient;
  a[0] += g * g;
  *x -= r->rate / (1 + r->steps * r->decay) * g / (sqrt(a[0]) + r->epsilon);
}

static void step_adam(const rule *r, double *x, double gradient, double *a) {
  const double g = r->norm * *x + gradient;
  a[0] = r->alpha * a[0] + (1 - r->alpha) * g;
  a[1] = r->beta * a[1] + (1 - r->beta) * g * g;
  const double rate = r->steps > 0
                          ? r->rate * sqrt(1 - pow(r->beta, r->steps)) /
                                (1 - pow(r->alpha, r->steps))
                          : r->rate;
  *x -= rate * a[0] / (sqrt(a[1]) + r->epsilon);
  *x *= 1 - r->norm_post;
}

static void step_momentum(const rule *r, double *x, double gradient,
                          double *a) {
  const double g = r->norm * *x + gradient;
  a[0] = r->alpha * a[0] + (r->steps > 0 ? r->beta : 1) * g;
  *x -= r->rate * (r->nesterov ? g + r->alpha * a[0] : a[0]);
}

static void step(int op, const rule *r, double *x, double gradient, double *a) {
  switch (op) {
  case ESP_OP_ADAGRAD:
    step_adagrad(r, x, gradient, a);
    break;
  case ESP_OP_ADAM:
    step_adam(r, x, gradient, a);
    break;
  default:
    step_momentum(r, x, gradient, a);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  int trained;
  ESP_TRY(check_groups(args, &trained));
  const rule r = rule_of(args);
  const int averages = tensors_of(args->node->op) - 2;
  for (int t = 0; t < trained; t++) {
    const int64_t count = esp_shape_count(&args->in[2 + t]->shape);
    for (int64_t i = 0; i < count; i++) {
      double a[2] = {0}, x = esp_number_at(args->in[2 + t], i);
      for (int k = 0; k < averages; k++) {
        a[k] = esp_number_at(args->in[2 + (2 + k) * trained + t], i);
      }
      step(args->node->op, &r, &x, esp_number_at(args->in[2 + trained + t], i),
           a);
      for (int k = 0; k <= averages; k++) {
        const esp_tensor *to = args->out[k * trained + t];
        if (to != NULL) esp_number_put(to, i, k == 0 ? x : a[k - 1]);
      }
    }
  }
  return ESP_OK;
}

const esp_op esp_op_training = {.infer = infer, .run = run};
