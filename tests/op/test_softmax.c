// Softmax, LogSoftmax and Hardmax against a plain loop in double.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};
enum { TYPES = 4, COUNT = 3 * 5 * 7 };

static void reference(const char *op, const double *x, double *y, int n,
                      int inner) {
  int best = 0;
  double sum = 0;
  for (int i = 1; i < n; i++) best = x[i * inner] > x[best * inner] ? i : best;
  for (int i = 0; i < n; i++) sum += exp(x[i * inner] - x[best * inner]);
  for (int i = 0; i < n; i++) {
    const double v = x[i * inner] - x[best * inner];
    y[i * inner] =
        op[0] == 'H' ? i == best : (op[0] == 'S' ? exp(v) / sum : v - log(sum));
  }
}

// Input [3,5,7]; n numbers with `inner` between them are normalised together.
static void check_one(const char *op, int version, int64_t axis, bool has_axis,
                      int n, int inner, esp_dtype type) {
  one_node node = one_node_of(op, version);
  if (has_axis) one_node_int(&node, "axis", axis);
  one_node_input(&node, type, SHAPE(3, 5, 7), NULL);
  CHECK_OK(one_node_run(&node, 1));
  double x[COUNT], want[COUNT];
  for (int i = 0; i < COUNT; i++) x[i] = one_node_in(&node, 0, i);
  for (int r = 0; r < COUNT / n; r++) {
    const int at = r / inner * n * inner + r % inner;
    reference(op, x + at, want + at, n, inner);
  }
  one_node_check(&node, 0, type, SHAPE(3, 5, 7), want,
                 one_node_tolerance(type));
  one_node_free(&node);
}

static void every_axis_of_every_type(void) {
  static const char *const ops[] = {"Softmax", "LogSoftmax", "Hardmax"};
  for (int o = 0; o < 3; o++) {
    for (int t = 0; t < TYPES; t++) {
      check_one(ops[o], 13, 0, true, 3, 35, types[t]);
      check_one(ops[o], 13, 1, true, 5, 7, types[t]);
      check_one(ops[o], 13, 0, false, 7, 1, types[t]);
    }
  }
}

static void old_versions_make_two_dimensions(void) {
  static const char *const ops[] = {"Softmax", "LogSoftmax", "Hardmax"};
  for (int o = 0; o < 3; o++) {
    for (int version = 1; version <= 11; version += 10) {
      check_one(ops[o], version, 0, true, 105, 1, ESP_FLOAT);
      check_one(ops[o], version, 0, false, 35, 1, ESP_FLOAT);
      check_one(ops[o], version, 2, true, 7, 1, ESP_FLOAT);
    }
  }
}

static void large_numbers_do_not_overflow(void) {
  one_node n = one_node_of("LogSoftmax", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NUMBERS(10000, 10001, 10002));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(3),
                 NUMBERS(-2.40760596, -1.40760596, -0.40760596), 1e-6);
  one_node_free(&n);
}

static void an_axis_outside_is_refused(void) {
  one_node n = one_node_of("Softmax", 13);
  one_node_int(&n, "axis", 2);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_axis_of_every_type),
      CASE(old_versions_make_two_dimensions),
      CASE(large_numbers_do_not_overflow),
      CASE(an_axis_outside_is_refused),
      {NULL, NULL},
  };
  return check_run("op/softmax", cases);
}
