// Scatter, ScatterElements and ScatterND against plain loops.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

static void elements_go_where_the_indices_say(void) {
  for (int version = 9; version <= 18; version++) {
    one_node n =
        one_node_of(version < 11 ? "Scatter" : "ScatterElements", version);
    one_node_int(&n, "axis", 1);
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 5), NUMBERS(1, 2, 3, 4, 5));
    one_node_input(&n, ESP_INT64, SHAPE(1, 2), NUMBERS(1, -2));
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(11, 21));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 5), NUMBERS(1, 11, 3, 21, 5), 0);
    one_node_free(&n);
  }
}

static const char *const reductions[] = {"none", "add", "mul", "max", "min"};
enum { REDUCTIONS = 5 };

static double combine(double a, double b, const char *how) {
  if (strcmp(how, "add") == 0) return a + b;
  if (strcmp(how, "mul") == 0) return a * b;
  if (strcmp(how, "max") == 0) return fmax(a, b);
  return strcmp(how, "min") == 0 ? fmin(a, b) : b;
}

// Duplicate indices are combined, in order.
static void reductions_combine_in_every_type(void) {
  static const esp_dtype types[] = {
      ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,   ESP_INT16,
      ESP_INT32, ESP_INT64,  ESP_UINT8,   ESP_UINT16,   ESP_UINT32, ESP_UINT64};
  static const double index[] = {0, 2, 1, 2, 2, 0};
  static const double x[] = {1, 2, 3, 4, 5, 6}, update[] = {2, 3, 1, 2, 4, 1};
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
    for (int h = 0; h < REDUCTIONS; h++) {
      double want[6];
      memcpy(want, x, sizeof want);
      for (int i = 0; i < 6; i++) { // [3,2], axis 0
        double *at = &want[(int)index[i] * 2 + i % 2];
        *at = combine(*at, update[i], reductions[h]);
      }
      one_node n = one_node_of("ScatterElements", 18);
      one_node_string(&n, "reduction", reductions[h]);
      one_node_input(&n, types[t], SHAPE(3, 2), x);
      one_node_input(&n, ESP_INT32, SHAPE(3, 2), index);
      one_node_input(&n, types[t], SHAPE(3, 2), update);
      CHECK_OK(one_node_run(&n, 1));
      one_node_check(&n, 0, types[t], SHAPE(3, 2), want, 0);
      one_node_free(&n);
    }
  }
}

static void slabs_go_where_the_tuples_say(void) {
  one_node n = one_node_of("ScatterND", 18);
  one_node_string(&n, "reduction", "max");
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2, 2),
                 NUMBERS(1, 2, 3, 4, 5, 6, 7, 8));
  one_node_input(&n, ESP_INT64, SHAPE(2, 2), NUMBERS(0, 1, -1, 0));
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2), NUMBERS(9, 0, 0, 9));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, 2, 2),
                 NUMBERS(1, 2, 9, 4, 5, 9, 7, 8), 0);
  one_node_free(&n);
}

static one_node three_numbers(int version, const char *reduction,
                              esp_dtype type) {
  one_node n = one_node_of("ScatterND", version);
  if (reduction != NULL) one_node_string(&n, "reduction", reduction);
  one_node_input(&n, type, SHAPE(3), NUMBERS(1, 2, 3));
  one_node_input(&n, ESP_INT64, SHAPE(2, 1), NUMBERS(0, 2));
  one_node_input(&n, type, SHAPE(2), NUMBERS(0, 1));
  return n;
}

static void not_a_number_wins(void) {
  for (int how = 3; how < REDUCTIONS; how++) {
    one_node n = three_numbers(18, reductions[how], ESP_FLOAT);
    ((float *)n.in[0].data)[0] = NAN;
    ((float *)n.in[2].data)[1] = NAN;
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_FLOAT, SHAPE(3), NUMBERS(NAN, 2, NAN), 0);
    one_node_free(&n);
  }
}

static void large_integers_are_exact(void) {
  one_node n = three_numbers(18, "max", ESP_UINT64);
  ((uint64_t *)n.in[0].data)[0] = UINT64_MAX;
  ((uint64_t *)n.in[2].data)[1] = UINT64_MAX - 1;
  CHECK_OK(one_node_run(&n, 1));
  const uint64_t want[] = {UINT64_MAX, 2, UINT64_MAX - 1};
  check_same_bytes(n.out[0].data, want, sizeof want);
  one_node_free(&n);
}

static void truth_values_are_joined(void) {
  static const double want[REDUCTIONS][3] = {
      {0, 1, 1}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}, {0, 1, 1}};
  for (int how = 0; how < REDUCTIONS; how++) {
    one_node n = three_numbers(18, reductions[how], ESP_BOOL);
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_BOOL, SHAPE(3), want[how], 0);
    one_node_free(&n);
  }
}

static void complex_numbers_are_multiplied(void) {
  static const float x[] = {1, 2, 3, 4, 5, 6}, by[] = {0, 1, 2, -1};
  static const float want[] = {-2, 1, 3, 4, 16, 7};
  one_node n = three_numbers(16, "mul", ESP_COMPLEX64);
  memcpy(n.in[0].data, x, sizeof x);
  memcpy(n.in[2].data, by, sizeof by);
  CHECK_OK(one_node_run(&n, 1));
  check_same_bytes(n.out[0].data, want, sizeof want);
  one_node_free(&n);
}

static void reductions_need_their_opset(void) {
  static const struct {
    int version;
    const char *reduction;
    esp_dtype type;
    esp_status want;
  } each[] = {{13, "add", ESP_FLOAT, ESP_BAD_INPUT},
              {16, "add", ESP_FLOAT, ESP_OK},
              {16, "max", ESP_FLOAT, ESP_BAD_INPUT},
              {18, "max", ESP_FLOAT, ESP_OK},
              {18, "mean", ESP_FLOAT, ESP_BAD_INPUT},
              {18, "max", ESP_COMPLEX64, ESP_UNSUPPORTED}};
  for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
    one_node n =
        three_numbers(each[i].version, each[i].reduction, each[i].type);
    CHECK_STATUS(one_node_infer(&n, 1), each[i].want);
    one_node_free(&n);
  }
}

static void what_does_not_fit_is_refused(void) {
  one_node n = one_node_of("ScatterElements", 16);
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NUMBERS(1, 2, 3));
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(0, 3));
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(1, 2));
  CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
  check_message("index 3 is outside [-3,3)");
  one_node_free(&n);

  n = one_node_of("ScatterND", 16);
  one_node_input(&n, ESP_FLOAT, SHAPE(3, 2), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(2, 1), NUMBERS(0, 1));
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("updates are [2,3], expected [2,2]");
  one_node_free(&n);

  n = one_node_of("ScatterElements", 18);
  one_node_string(&n, "reduction", "mean");
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(0));
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("mean");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(elements_go_where_the_indices_say),
      CASE(reductions_combine_in_every_type),
      CASE(slabs_go_where_the_tuples_say),
      CASE(not_a_number_wins),
      CASE(large_integers_are_exact),
      CASE(truth_values_are_joined),
      CASE(complex_numbers_are_multiplied),
      CASE(reductions_need_their_opset),
      CASE(what_does_not_fit_is_refused),
      {NULL, NULL},
  };
  return check_run("scatter", cases);
}
