// Operators of one input against their formulas in double, for every type.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,   ESP_INT16,
    ESP_INT32, ESP_INT64,  ESP_UINT8,   ESP_UINT16,   ESP_UINT32, ESP_UINT64};
enum { FLOATING = 4, SIGNED = 8, TYPES = 12 };

static double cube(double v) { return v * v * v; }
static double relu(double v) { return fmax(v, 0); }
static double negative(double v) { return -v; }
static double reciprocal(double v) { return 1 / v; }
static double sign(double v) { return (v > 0) - (v < 0); }
static double sigmoid(double v) { return 1 / (1 + exp(-v)); }
static double softplus(double v) { return log(1 + exp(v)); }
static double softsign(double v) { return v / (1 + fabs(v)); }
static double mish(double v) { return v * tanh(softplus(v)); }
static double leaky(double v) { return v < 0 ? 0.25 * v : v; }
static double elu(double v) { return v < 0 ? 0.25 * (exp(v) - 1) : v; }
static double celu(double v) {
  return fmax(0, v) + fmin(0, 0.25 * (exp(v / 0.25) - 1));
}
static double thresholded(double v) { return v > 0.25 ? v : 0; }
static double hard_sigmoid(double v) {
  return fmax(0, fmin(1, 0.25 * v + 0.5));
}
static double hard_swish(double v) { return v * fmax(0, fmin(1, v / 6 + 0.5)); }
static double selu(double v) {
  return v > 0 ? 1.05070102214813232421875 * v
               : 1.05070102214813232421875 * 0.25 * (exp(v) - 1);
}
static double gelu(double v) { return 0.5 * v * (1 + erf(v / sqrt(2))); }
static double gelu_tanh(double v) {
  return 0.5 * v * (1 + tanh(sqrt(2 / acos(-1.0)) * (v + 0.044715 * cube(v))));
}
static double shrink(double v) {
  return v < -0.5 ? v + 0.25 : (v > 0.5 ? v - 0.25 : 0);
}

// Inputs lie in (-span, span), or in (0, span) for a negative span.
static void check_one(const char *op, int version, esp_dtype type,
                      double (*f)(double), double span, bool alpha) {
  enum { N = 37 };
  one_node n = one_node_of(op, version);
  double x[N], want[N];
  for (int i = 0; i < N; i++) {
    const double v = (double)check_random_float();
    x[i] = span < 0 ? (1.1 + v) / 2.1 * -span : v * span;
  }
  if (alpha) one_node_float(&n, "alpha", 0.25f);
  if (f == shrink) one_node_float(&n, "bias", 0.25f);
  if (f == gelu_tanh) one_node_string(&n, "approximate", "tanh");
  one_node_input(&n, type, SHAPE(N), x);
  CHECK_OK(one_node_run(&n, 1));
  for (int i = 0; i < N; i++) want[i] = f(one_node_in(&n, 0, i));
  one_node_check(&n, 0, type, SHAPE(N), want, one_node_tolerance(type));
  one_node_free(&n);
}

static void formulas_hold_for_every_floating_type(void) {
  static const struct {
    const char *op;
    int version;
    double (*f)(double);
    double span;
    bool alpha;
  } rows[] = {
      {"Abs", 13, fabs, 4, false},
      {"Acos", 22, acos, 1, false},
      {"Asin", 22, asin, 1, false},
      {"Asinh", 22, asinh, 4, false},
      {"Atan", 22, atan, 4, false},
      {"Atanh", 22, atanh, 0.9, false},
      {"Ceil", 13, ceil, 4, false},
      {"Celu", 12, celu, 4, true},
      {"Cos", 22, cos, 4, false},
      {"Cosh", 22, cosh, 2, false},
      {"Elu", 22, elu, 4, true},
      {"Erf", 13, erf, 2, false},
      {"Exp", 13, exp, 2, false},
      {"Floor", 13, floor, 4, false},
      {"Gelu", 20, gelu, 4, false},
      {"Gelu", 20, gelu_tanh, 4, false},
      {"HardSigmoid", 22, hard_sigmoid, 4, true},
      {"HardSwish", 22, hard_swish, 4, false},
      {"LeakyRelu", 16, leaky, 4, true},
      {"Log", 13, log, -4, false},
      {"Mish", 18, mish, 4, false},
      {"Mish", 22, mish, 4, false},
      {"Neg", 13, negative, 4, false},
      {"Reciprocal", 13, reciprocal, -4, false},
      {"Relu", 14, relu, 4, false},
      {"Round", 22, rint, 4, false},
      {"Selu", 22, selu, 4, true},
      {"Shrink", 9, shrink, 1, false},
      {"Sigmoid", 13, sigmoid, 4, false},
      {"Sign", 13, sign, 4, false},
      {"Sin", 22, sin, 4, false},
      {"Sinh", 22, sinh, 2, false},
      {"Softplus", 22, softplus, 4, false},
      {"Softsign", 22, softsign, 4, false},
      {"Sqrt", 13, sqrt, -4, false},
      {"Tan", 22, tan, 1, false},
      {"Tanh", 13, tanh, 4, false},
      {"ThresholdedRelu", 22, thresholded, 1, true},
  };
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    for (int t = 0; t < FLOATING; t++) {
      check_one(rows[r].op, rows[r].version, types[t], rows[r].f, rows[r].span,
                rows[r].alpha);
    }
  }
}

// Numbers in, numbers out, for the types [first, last).
static void check_numbers(one_node n, const double *x, int count,
                          const double *want, int first, int last) {
  for (int t = first; t < last; t++) {
    one_node again = n;
    one_node_input(&again, types[t], SHAPE(count), x);
    CHECK_OK(one_node_run(&again, 1));
    one_node_check(&again, 0, types[t], SHAPE(count), want,
                   one_node_tolerance(types[t]));
    one_node_free(&again);
  }
}

static void integers_are_computed_whole(void) {
  check_numbers(one_node_of("Abs", 13), NUMBERS(-3, 0, 5), 3, NUMBERS(3, 0, 5),
                FLOATING, SIGNED);
  check_numbers(one_node_of("Abs", 13), NUMBERS(3, 0, 5), 3, NUMBERS(3, 0, 5),
                SIGNED, TYPES);
  check_numbers(one_node_of("Neg", 13), NUMBERS(-3, 0, 5), 3, NUMBERS(3, 0, -5),
                FLOATING, SIGNED);
  check_numbers(one_node_of("Sign", 13), NUMBERS(-3, 0, 5), 3,
                NUMBERS(-1, 0, 1), FLOATING, SIGNED);
  check_numbers(one_node_of("Sign", 13), NUMBERS(3, 0, 5), 3, NUMBERS(1, 0, 1),
                SIGNED, TYPES);
  check_numbers(one_node_of("Relu", 14), NUMBERS(-3, 0, 5), 3, NUMBERS(0, 0, 5),
                FLOATING, SIGNED);
  one_node n = one_node_of("Shrink", 9); // what is left of 1.5 and of 0.5
  one_node_float(&n, "lambd", 1);
  one_node_float(&n, "bias", 1.5F);
  check_numbers(n, NUMBERS(-3, 1, 5), 3, NUMBERS(-1, 0, 3), FLOATING, SIGNED);
  check_numbers(n, NUMBERS(2, 0, 5), 3, NUMBERS(0, 0, 3), SIGNED, TYPES);
  check_numbers(one_node_of("BitwiseNot", 18), NUMBERS(-3, 0, 5), 3,
                NUMBERS(2, -1, -6), FLOATING, SIGNED);
}

static void the_bits_of_unsigned_numbers_turn(void) {
  one_node n = one_node_of("BitwiseNot", 18);
  one_node_input(&n, ESP_UINT16, SHAPE(2), NUMBERS(0, 255));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_UINT16, SHAPE(2), NUMBERS(65535, 65280), 0);
  one_node_free(&n);
}

static void acosh_begins_at_one(void) {
  check_numbers(one_node_of("Acosh", 22), NUMBERS(1, 2, 0.5), 3,
                NUMBERS(0, acosh(2), (double)NAN), 0, FLOATING);
}

// Clip with each bound there or omitted.
static void check_clip(esp_dtype type, bool low, bool high) {
  const double x[] = {0, 2, 3, 5, 7, 9};
  double want[6];
  one_node n = one_node_of("Clip", 13);
  one_node_input(&n, type, SHAPE(6), x);
  if (low) {
    one_node_input(&n, type, SCALAR, NUMBERS(3));
  } else {
    one_node_omit(&n);
  }
  if (high) one_node_input(&n, type, SCALAR, NUMBERS(7));
  CHECK_OK(one_node_run(&n, 1));
  for (int i = 0; i < 6; i++) {
    want[i] = low && x[i] < 3 ? 3 : x[i];
    if (high && want[i] > 7) want[i] = 7;
  }
  one_node_check(&n, 0, type, SHAPE(6), want, 0);
  one_node_free(&n);
}

static void bounds_may_be_omitted(void) {
  for (int t = 0; t < TYPES; t++) {
    for (int which = 0; which < 4; which++) {
      check_clip(types[t], (which & 1) != 0, (which & 2) != 0);
    }
  }
}

static void crossed_bounds_give_the_upper_one(void) {
  for (int t = 0; t < TYPES; t++) {
    one_node n = one_node_of("Clip", 13);
    one_node_input(&n, types[t], SHAPE(3), NUMBERS(1, 4, 9));
    one_node_input(&n, types[t], SCALAR, NUMBERS(6));
    one_node_input(&n, types[t], SCALAR, NUMBERS(3));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t], SHAPE(3), NUMBERS(3, 3, 3), 0);
    one_node_free(&n);
  }
}

static void wide_integers_are_clipped_exactly(void) {
  one_node n = one_node_of("Clip", 12);
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(0x1p60, 0x1p62));
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(0));
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(0));
  ((int64_t *)n.in[0].data)[0] += 3;
  ((int64_t *)n.in[2].data)[0] = ((int64_t)1 << 60) + 1;
  CHECK_OK(one_node_run(&n, 1));
  CU_ASSERT_EQUAL(((int64_t *)n.out[0].data)[0], ((int64_t)1 << 60) + 1);
  one_node_free(&n);
}

static void old_bounds_are_attributes(void) {
  for (int version = 1; version <= 6; version += 5) {
    one_node n = one_node_of("Clip", version);
    one_node_float(&n, "min", -1);
    one_node_float(&n, "max", 2);
    one_node_input(&n, ESP_FLOAT, SHAPE(3), NUMBERS(-5, 0.5, 5));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_FLOAT, SHAPE(3), NUMBERS(-1, 0.5, 2), 0);
    one_node_free(&n);
  }
}

static void infinities_are_found_by_sign(void) {
  for (int t = 0; t < FLOATING; t++) {
    for (int which = 0; which < 4; which++) {
      one_node n = one_node_of("IsInf", 20);
      one_node_int(&n, "detect_negative", which & 1);
      one_node_int(&n, "detect_positive", which >> 1);
      one_node_input(
          &n, types[t], SHAPE(4),
          NUMBERS(-(double)INFINITY, 1, (double)INFINITY, (double)NAN));
      CHECK_OK(one_node_run(&n, 1));
      one_node_check(&n, 0, ESP_BOOL, SHAPE(4),
                     NUMBERS(which & 1, 0, which >> 1, 0), 0);
      one_node_free(&n);
    }
  }
}

static void nan_is_found(void) {
  for (int t = 0; t < FLOATING; t++) {
    one_node n = one_node_of("IsNaN", 20);
    one_node_input(&n, types[t], SHAPE(3),
                   NUMBERS(1, (double)NAN, (double)INFINITY));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_BOOL, SHAPE(3), NUMBERS(0, 1, 0), 0);
    one_node_free(&n);
  }
}

static void integers_have_no_sine(void) {
  one_node n = one_node_of("Sin", 22);
  one_node_input(&n, ESP_INT32, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  check_message("int32");
  one_node_free(&n);
}

static void a_bound_of_two_numbers_is_refused(void) {
  one_node n = one_node_of("Clip", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(formulas_hold_for_every_floating_type),
      CASE(integers_are_computed_whole),
      CASE(the_bits_of_unsigned_numbers_turn),
      CASE(acosh_begins_at_one),
      CASE(bounds_may_be_omitted),
      CASE(crossed_bounds_give_the_upper_one),
      CASE(wide_integers_are_clipped_exactly),
      CASE(old_bounds_are_attributes),
      CASE(infinities_are_found_by_sign),
      CASE(nan_is_found),
      CASE(integers_have_no_sine),
      CASE(a_bound_of_two_numbers_is_refused),
      {NULL, NULL},
  };
  return check_run("op/unary", cases);
}
