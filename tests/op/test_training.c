// Steps of optimisers against the formulas, worked out here in double.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const double x[] = {1, -2}, g[] = {0.5, 0.25}, v[] = {0.1, 0.2},
                    h[] = {2, 0.5};

static one_node begin(const char *op, double steps) {
  one_node n = one_node_of(op, 1);
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(0.1));
  one_node_input(&n, ESP_INT64, SCALAR, &steps);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2), x);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2), g);
  return n;
}

static const double rate = (double)0.1f;

static void adagrad_divides_by_all_gradients(void) {
  double want_x[2], want_h[2];
  one_node n = begin("ai.onnx.preview.training:Adagrad", 3);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2), h);
  one_node_float(&n, "decay_factor", 0.5f);
  one_node_float(&n, "epsilon", 0.25f);
  for (int i = 0; i < 2; i++) {
    want_h[i] = h[i] + g[i] * g[i];
    want_x[i] = x[i] - rate / 2.5 * g[i] / (sqrt(want_h[i]) + 0.25);
  }
  CHECK_OK(one_node_run(&n, 2));
  one_node_check(&n, 0, ESP_DOUBLE, SHAPE(2), want_x, 1e-12);
  one_node_check(&n, 1, ESP_DOUBLE, SHAPE(2), want_h, 1e-12);
  one_node_free(&n);
}

static void adam_corrects_its_averages(void) {
  for (int steps = 0; steps < 3; steps++) {
    double want_x[2], want_v[2], want_h[2];
    one_node n = begin("ai.onnx.preview.training:Adam", steps);
    one_node_input(&n, ESP_DOUBLE, SHAPE(2), v);
    one_node_input(&n, ESP_DOUBLE, SHAPE(2), h);
    one_node_float(&n, "alpha", 0.5f);
    one_node_float(&n, "beta", 0.75f);
    one_node_float(&n, "norm_coefficient", 0.125f);
    one_node_float(&n, "norm_coefficient_post", 0.25f);
    for (int i = 0; i < 2; i++) {
      const double all = 0.125 * x[i] + g[i];
      want_v[i] = 0.5 * v[i] + 0.5 * all;
      want_h[i] = 0.75 * h[i] + 0.25 * all * all;
      const double r = steps == 0 ? rate
                                  : rate * sqrt(1 - pow(0.75, steps)) /
                                        (1 - pow(0.5, steps));
      want_x[i] =
          0.75 * (x[i] - r * want_v[i] / (sqrt(want_h[i]) + (double)1e-6f));
    }
    CHECK_OK(one_node_run(&n, 3));
    one_node_check(&n, 0, ESP_DOUBLE, SHAPE(2), want_x, 1e-12);
    one_node_check(&n, 1, ESP_DOUBLE, SHAPE(2), want_v, 1e-12);
    one_node_check(&n, 2, ESP_DOUBLE, SHAPE(2), want_h, 1e-12);
    one_node_free(&n);
  }
}

static void momentum_has_two_modes(void) {
  for (int k = 0; k < 4; k++) {
    const int steps = k % 2;
    double want_x[2], want_v[2];
    one_node n = begin("ai.onnx.preview.training:Momentum", steps);
    one_node_input(&n, ESP_DOUBLE, SHAPE(2), v);
    one_node_float(&n, "alpha", 0.5f);
    one_node_float(&n, "beta", 0.75f);
    one_node_string(&n, "mode", k < 2 ? "standard" : "nesterov");
    for (int i = 0; i < 2; i++) {
      want_v[i] = 0.5 * v[i] + (steps > 0 ? 0.75 : 1) * g[i];
      want_x[i] = x[i] - rate * (k < 2 ? want_v[i] : g[i] + 0.5 * want_v[i]);
    }
    CHECK_OK(one_node_run(&n, 2));
    one_node_check(&n, 0, ESP_DOUBLE, SHAPE(2), want_x, 1e-12);
    one_node_check(&n, 1, ESP_DOUBLE, SHAPE(2), want_v, 1e-12);
    one_node_free(&n);
  }
}

static void a_missing_average_is_refused(void) {
  one_node n = begin("ai.onnx.preview.training:Adam", 1);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2), v);
  CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
  check_message("5 inputs and 2 outputs, expected 2 and 4");
  one_node_free(&n);
}

static void shapes_that_differ_are_refused(void) {
  one_node n = begin("ai.onnx.preview.training:Adagrad", 1);
  one_node_input(&n, ESP_DOUBLE, SHAPE(1), v);
  CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
  check_message("inputs 2 and 4 have different shapes");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(adagrad_divides_by_all_gradients),
      CASE(adam_corrects_its_averages),
      CASE(momentum_has_two_modes),
      CASE(a_missing_average_is_refused),
      CASE(shapes_that_differ_are_refused),
      {NULL, NULL},
  };
  return check_run("op/training", cases);
}
