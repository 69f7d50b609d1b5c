// Reductions against a plain loop in double, over every axis and type.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,   ESP_INT16,
    ESP_INT32, ESP_INT64,  ESP_UINT8,   ESP_UINT16,   ESP_UINT32, ESP_UINT64};
enum { FLOATING = 4, TYPES = 12 };
enum { A = 3, B = 5, C = 7 }; // the input's axes

static double start(const char *op) {
  if (strcmp(op, "ReduceMax") == 0) return -(double)INFINITY;
  if (strcmp(op, "ReduceMin") == 0) return (double)INFINITY;
  return strcmp(op, "ReduceProd") == 0;
}
static double step(const char *op, double sum, double v) {
  if (strcmp(op, "ReduceMax") == 0) return fmax(sum, v);
  if (strcmp(op, "ReduceMin") == 0) return fmin(sum, v);
  if (strcmp(op, "ReduceProd") == 0) return sum * v;
  if (strcmp(op, "ReduceL1") == 0) return sum + fabs(v);
  if (strcmp(op, "ReduceLogSumExp") == 0) return sum + exp(v);
  if (strcmp(op, "ReduceL2") == 0 || strcmp(op, "ReduceSumSquare") == 0) {
    return sum + v * v;
  }
  return sum + v;
}
static double finish(const char *op, double sum, int count) {
  if (strcmp(op, "ReduceMean") == 0) return sum / count;
  if (strcmp(op, "ReduceL2") == 0) return sqrt(sum);
  if (strncmp(op, "ReduceLog", 9) == 0) return log(sum);
  return sum;
}

// Reduces the middle axis of [3,5,7] (positive numbers, so that logarithms
// are), which is given as the version gives it.
static void check_one(const char *op, int version, bool as_input,
                      esp_dtype type) {
  static const int64_t axes[] = {1};
  one_node n = one_node_of(op, version);
  double x[A * B * C], want[A * C];
  for (int i = 0; i < A * B * C; i++) x[i] = (double)(check_random() % 3 + 1);
  one_node_input(&n, type, SHAPE(A, B, C), x);
  if (as_input) {
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(1));
  } else {
    one_node_ints(&n, "axes", axes, 1);
  }
  one_node_int(&n, "keepdims", 0);
  CHECK_OK(one_node_run(&n, 1));
  for (int i = 0; i < A * C; i++) {
    double sum = start(op);
    for (int k = 0; k < B; k++) {
      sum = step(op, sum, x[i / C * B * C + k * C + i % C]);
    }
    want[i] = finish(op, sum, B);
    if (esp_dtype_is_integer(type)) want[i] = trunc(want[i]);
    if (type == ESP_INT8 && want[i] > 127) want[i] -= 256;
  }
  one_node_check(&n, 0, type, SHAPE(A, C), want, one_node_tolerance(type));
  one_node_free(&n);
}

static void every_type_is_reduced(void) {
  static const char *const ops[] = {
      "ReduceL1",  "ReduceL2",       "ReduceLogSum", "ReduceLogSumExp",
      "ReduceMax", "ReduceMean",     "ReduceMin",    "ReduceProd",
      "ReduceSum", "ReduceSumSquare"};
  for (size_t o = 0; o < sizeof ops / sizeof ops[0]; o++) {
    for (int t = 0; t < TYPES; t++) {
      check_one(ops[o], 18, true, types[t]);
      check_one(ops[o], strcmp(ops[o], "ReduceSum") == 0 ? 11 : 13, false,
                types[t]);
      check_one(ops[o], 1, false, types[t]);
    }
  }
}

static void no_axes_are_all_axes(void) {
  one_node n = one_node_of("ReduceSum", 13);
  one_node_input(&n, ESP_INT32, SHAPE(2, 2), NUMBERS(1, 2, 3, 4));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT32, SHAPE(1, 1), NUMBERS(10), 0);
  one_node_int(&n, "noop_with_empty_axes", 1);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT32, SHAPE(2, 2), NUMBERS(1, 2, 3, 4), 0);
  one_node_free(&n);
}

static void truth_has_a_maximum(void) {
  for (int most = 0; most < 2; most++) {
    one_node n = one_node_of(most ? "ReduceMax" : "ReduceMin", 20);
    one_node_input(&n, ESP_BOOL, SHAPE(3, 2), NUMBERS(0, 0, 1, 0, 1, 1));
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(-1));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_BOOL, SHAPE(3, 1),
                   most ? NUMBERS(0, 1, 1) : NUMBERS(0, 0, 1), 0);
    one_node_free(&n);
  }
}

static void nothing_gives_the_neutral_number(void) {
  static const struct {
    const char *op;
    esp_dtype type;
    double want;
  } rows[] = {{"ReduceSum", ESP_FLOAT, 0},
              {"ReduceProd", ESP_FLOAT, 1},
              {"ReduceL1", ESP_FLOAT, 0},
              {"ReduceLogSum", ESP_FLOAT, -(double)INFINITY},
              {"ReduceMax", ESP_FLOAT, -(double)INFINITY},
              {"ReduceMax", ESP_INT8, -128},
              {"ReduceMin", ESP_INT16, 32767},
              {"ReduceMin", ESP_UINT8, 255},
              {"ReduceMin", ESP_BOOL, 1}};
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    one_node n = one_node_of(rows[r].op, 20);
    one_node_input(&n, rows[r].type, SHAPE(2, 0), NULL);
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(1));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, rows[r].type, SHAPE(2, 1),
                   NUMBERS(rows[r].want, rows[r].want), 0);
    one_node_free(&n);
  }
}

static void wide_integers_are_exact(void) {
  const int64_t big = ((int64_t)1 << 60) + 1;
  one_node n = one_node_of("ReduceMax", 18);
  one_node_input(&n, ESP_INT64, SHAPE(2), NULL);
  ((int64_t *)n.in[0].data)[0] = big;
  ((int64_t *)n.in[0].data)[1] = big - 1;
  CHECK_OK(one_node_run(&n, 1));
  CU_ASSERT_EQUAL(((int64_t *)n.out[0].data)[0], big);
  one_node_free(&n);
}

static void the_first_or_the_last_of_equals_is_named(void) {
  for (int t = 0; t < TYPES; t++) {
    for (int last = 0; last < 2; last++) {
      one_node n = one_node_of("ArgMax", 13);
      one_node_int(&n, "axis", -1);
      one_node_int(&n, "keepdims", 0);
      one_node_int(&n, "select_last_index", last);
      one_node_input(&n, types[t], SHAPE(2, 4),
                     NUMBERS(1, 3, 3, 2, 5, 4, 1, 5));
      CHECK_OK(one_node_run(&n, 1));
      one_node_check(&n, 0, ESP_INT64, SHAPE(2),
                     last ? NUMBERS(2, 3) : NUMBERS(1, 0), 0);
      one_node_free(&n);
    }
  }
}

static void an_axis_outside_is_refused(void) {
  one_node n = one_node_of("ReduceSum", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(2));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("[-2,2)");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_type_is_reduced),
      CASE(no_axes_are_all_axes),
      CASE(truth_has_a_maximum),
      CASE(nothing_gives_the_neutral_number),
      CASE(wide_integers_are_exact),
      CASE(the_first_or_the_last_of_equals_is_named),
      CASE(an_axis_outside_is_refused),
      {NULL, NULL},
  };
  return check_run("op/reduce", cases);
}
