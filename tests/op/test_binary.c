// Operators of two inputs against plain references in double, for every type,
// with broadcasting as each version means it.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

static double add(double a, double b) { return a + b; }
static double subtract(double a, double b) { return a - b; }
static double multiply(double a, double b) { return a * b; }
static double divide(double a, double b) { return a / b; }
static double less(double a, double b) { return a < b; }
static double less_equal(double a, double b) { return a <= b; }
static double greater(double a, double b) { return a > b; }
static double greater_equal(double a, double b) { return a >= b; }
static double equal(double a, double b) { return a == b; }
static double both(double a, double b) { return a != 0 && b != 0; }
static double either(double a, double b) { return a != 0 || b != 0; }
static double one_of(double a, double b) { return (a != 0) != (b != 0); }
static double bits_and(double a, double b) {
  return (double)((int64_t)a & (int64_t)b);
}
static double bits_or(double a, double b) {
  return (double)((int64_t)a | (int64_t)b);
}
static double bits_xor(double a, double b) {
  return (double)((int64_t)a ^ (int64_t)b);
}

enum { FLOATING = 1, SIGNED = 2, UNSIGNED = 4, TRUTH = 8 };
enum { NUMERIC = FLOATING | SIGNED | UNSIGNED, WHOLE = SIGNED | UNSIGNED };
static const struct {
  esp_dtype type;
  int kind;
} types[] = {
    {ESP_FLOAT, FLOATING},    {ESP_DOUBLE, FLOATING}, {ESP_FLOAT16, FLOATING},
    {ESP_BFLOAT16, FLOATING}, {ESP_INT8, SIGNED},     {ESP_INT16, SIGNED},
    {ESP_INT32, SIGNED},      {ESP_INT64, SIGNED},    {ESP_UINT8, UNSIGNED},
    {ESP_UINT16, UNSIGNED},   {ESP_UINT32, UNSIGNED}, {ESP_UINT64, UNSIGNED},
    {ESP_BOOL, TRUTH}};
enum { TYPES = sizeof types / sizeof types[0] };

// a [3,1,5] and b [7,1] give [3,7,5].
static void check_one(const char *op, int version, esp_dtype type,
                      double (*f)(double, double), bool truth) {
  one_node n = one_node_of(op, version);
  one_node_input(&n, type, SHAPE(3, 1, 5), NULL);
  one_node_input(&n, type, SHAPE(7, 1), NULL);
  CHECK_OK(one_node_run(&n, 1));
  double want[105];
  for (int i = 0; i < 105; i++) {
    want[i] = f(one_node_in(&n, 0, i / 35 * 5 + i % 5),
                one_node_in(&n, 1, i / 5 % 7));
  }
  one_node_check(&n, 0, truth ? ESP_BOOL : type, SHAPE(3, 7, 5), want,
                 one_node_tolerance(type));
  one_node_free(&n);
}

static void every_type_broadcasts(void) {
  static const struct {
    const char *op;
    int version, kinds;
    double (*f)(double, double);
    bool truth;
  } rows[] = {
      {"Add", 14, NUMERIC, add, false},
      {"Sub", 14, FLOATING | SIGNED, subtract, false},
      {"Mul", 14, NUMERIC, multiply, false},
      {"Div", 14, FLOATING, divide, false},
      {"Equal", 19, NUMERIC | TRUTH, equal, true},
      {"Less", 13, NUMERIC, less, true},
      {"LessOrEqual", 16, NUMERIC, less_equal, true},
      {"Greater", 13, NUMERIC, greater, true},
      {"GreaterOrEqual", 16, NUMERIC, greater_equal, true},
      {"And", 7, TRUTH, both, true},
      {"Or", 7, TRUTH, either, true},
      {"Xor", 7, TRUTH, one_of, true},
      {"BitwiseAnd", 18, WHOLE, bits_and, false},
      {"BitwiseOr", 18, WHOLE, bits_or, false},
      {"BitwiseXor", 18, WHOLE, bits_xor, false},
  };
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    for (int t = 0; t < TYPES; t++) {
      if ((types[t].kind & rows[r].kinds) == 0) continue;
      check_one(rows[r].op, rows[r].version, types[t].type, rows[r].f,
                rows[r].truth);
    }
  }
}

// Runs a and b, each of one shape, and compares.
static void check_pair(one_node n, esp_dtype a_type, const double *a,
                       esp_dtype b_type, const double *b, int count,
                       const double *want, double tolerance) {
  one_node_input(&n, a_type, SHAPE(count), a);
  one_node_input(&n, b_type, SHAPE(count), b);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, a_type, SHAPE(count), want, tolerance);
  one_node_free(&n);
}

static void a_modulus_has_the_sign_of_the_divisor(void) {
  for (int t = 4; t < 8; t++) {
    check_pair(one_node_of("Mod", 13), types[t].type,
               NUMBERS(-4, 7, 5, 4, -7, 8), types[t].type,
               NUMBERS(2, -3, 8, -2, 3, 5), 6, NUMBERS(0, -2, 5, 0, 2, 3), 0);
  }
}

static void fmod_has_the_sign_of_the_dividend(void) {
  for (int t = 0; t < 8; t++) {
    one_node n = one_node_of("Mod", 13);
    one_node_int(&n, "fmod", 1);
    check_pair(n, types[t].type, NUMBERS(-4, 7, 5, 4, -7, 8), types[t].type,
               NUMBERS(2, -3, 8, -2, 3, 5), 6, NUMBERS(0, 1, 5, 0, -1, 3), 0);
  }
}

static void floating_numbers_ask_for_fmod(void) {
  one_node n = one_node_of("Mod", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("fmod = 1");
  one_node_free(&n);
}

static void shifts_go_both_ways(void) {
  for (int t = 8; t < 12; t++) {
    const double bits = 8 * (double)esp_dtype_bytes(types[t].type);
    for (int left = 0; left < 2; left++) {
      one_node n = one_node_of("BitShift", 11);
      one_node_string(&n, "direction", left ? "LEFT" : "RIGHT");
      check_pair(n, types[t].type, NUMBERS(16, 4, 1, 3, 9), types[t].type,
                 NUMBERS(1, 2, 3, bits, 0), 5,
                 left ? NUMBERS(32, 16, 8, 0, 9) : NUMBERS(8, 1, 0, 0, 9), 0);
    }
  }
}

static void a_shift_without_direction_is_refused(void) {
  one_node n = one_node_of("BitShift", 11);
  one_node_input(&n, ESP_UINT8, SHAPE(2), NULL);
  one_node_input(&n, ESP_UINT8, SHAPE(2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("LEFT or RIGHT");
  one_node_free(&n);
}

static void powers_of_whole_numbers_are_exact(void) {
  const double big = 617673396283947; // 3^31
  check_pair(one_node_of("Pow", 15), ESP_INT64, NUMBERS(3, -3, 2, -1, 5, 1),
             ESP_INT64, NUMBERS(31, 31, -1, -3, 0, -4), 6,
             NUMBERS(big, -big, 0, -1, 1, 1), 0);
}

// A square is a product, with the bits of the power in double.
static void squares_are_rounded_once(void) {
  double x[64];
  one_node n = one_node_of("Pow", 13);
  for (int i = 0; i < 64; i++) x[i] = (double)(float)(0.37 * i - 11.3);
  one_node_input(&n, ESP_FLOAT, SHAPE(64), x);
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NUMBERS(2));
  CHECK_OK(one_node_run(&n, 1));
  for (int i = 0; i < 64; i++) {
    CU_ASSERT_EQUAL(one_node_at(&n, 0, i), (double)(float)pow(x[i], 2));
  }
  one_node_free(&n);
}

static void an_exponent_may_be_of_another_type(void) {
  for (int base = 0; base < 4; base++) {
    for (int power = 0; power < 12; power++) {
      if (base == power) continue;
      check_pair(one_node_of("Pow", 15), types[base].type, NUMBERS(2, 3, 1),
                 types[power].type, NUMBERS(3, 2, 0), 3, NUMBERS(8, 9, 1),
                 one_node_tolerance(types[base].type));
    }
  }
  check_pair(one_node_of("Pow", 15), ESP_INT32, NUMBERS(4, 9, 2), ESP_FLOAT,
             NUMBERS(0.5, 1.5, 100), 3, NUMBERS(2, 27, -1), 0);
}

static void a_division_by_zero_is_refused(void) {
  one_node n = one_node_of("Div", 14);
  one_node_input(&n, ESP_INT32, SHAPE(2), NUMBERS(1, 2));
  one_node_input(&n, ESP_INT32, SHAPE(2), NUMBERS(1, 0));
  CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void a_slope_broadcasts_one_way(void) {
  for (int t = 0; t < 8; t++) {
    one_node n = one_node_of("PRelu", 16);
    one_node_input(&n, types[t].type, SHAPE(3, 2),
                   NUMBERS(-1, 2, -3, 4, 5, -6));
    one_node_input(&n, types[t].type, SHAPE(3, 1), NUMBERS(2, 3, 4));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t].type, SHAPE(3, 2),
                   NUMBERS(-2, 2, -9, 4, 5, -24), 0);
    one_node_free(&n);
  }
  one_node n = one_node_of("PRelu", 16);
  one_node_input(&n, ESP_FLOAT, SHAPE(3, 1), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(3, 2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

// Before opset 7: b's axes begin at `axis` of a [2,3,4].
static void check_old(int version, esp_shape b, int axis, bool has_axis,
                      int step, int size) {
  one_node n = one_node_of("Add", version);
  one_node_int(&n, "broadcast", 1);
  if (has_axis) one_node_int(&n, "axis", axis);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3, 4), NULL);
  one_node_input(&n, ESP_FLOAT, b, NULL);
  CHECK_OK(one_node_run(&n, 1));
  double want[24];
  for (int i = 0; i < 24; i++) {
    want[i] = one_node_in(&n, 0, i) + one_node_in(&n, 1, i / step % size);
  }
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, 3, 4), want, 1e-6);
  one_node_free(&n);
}

static void old_versions_align_by_axis(void) {
  for (int version = 1; version <= 6; version += 5) {
    check_old(version, SHAPE(2), 0, true, 12, 2);
    check_old(version, SHAPE(3), 1, true, 4, 3);
    check_old(version, SHAPE(3), -2, true, 4, 3);
    check_old(version, SHAPE(2, 3), 0, true, 4, 6);
    check_old(version, SHAPE(3, 4), 1, true, 1, 12);
    check_old(version, SHAPE(4), 0, false, 1, 4);
    check_old(version, SCALAR, 0, false, 1, 1);
  }
}

static void old_versions_refuse_what_they_did_not_ask_for(void) {
  one_node n = one_node_of("Mul", 6);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("broadcast = 1");
  one_node_int(&n, "broadcast", 1);
  one_node_int(&n, "axis", 2);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void an_old_slope_is_by_channel(void) {
  one_node n = one_node_of("PRelu", 6);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2, 2), NUMBERS(-1, 1, -2, 2));
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(10, 100));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 2, 2), NUMBERS(-10, 1, -200, 2), 0);
  one_node_free(&n);
}

static void strings_are_compared(void) {
  static const char *const a[] = {"one", "two", ""}, *const b[] = {"two"};
  one_node n = one_node_of("Equal", 19);
  one_node_input(&n, ESP_STRING, SHAPE(3), NUMBERS(0, 0, 0));
  one_node_input(&n, ESP_STRING, SHAPE(1), NUMBERS(0));
  memcpy(n.in[0].data, a, sizeof a);
  memcpy(n.in[1].data, b, sizeof b);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_BOOL, SHAPE(3), NUMBERS(0, 1, 0), 0);
  one_node_free(&n);
}

static void types_must_agree(void) {
  one_node n = one_node_of("Add", 14);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NULL);
  one_node_input(&n, ESP_FLOAT16, SHAPE(2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_type_broadcasts),
      CASE(a_modulus_has_the_sign_of_the_divisor),
      CASE(fmod_has_the_sign_of_the_dividend),
      CASE(floating_numbers_ask_for_fmod),
      CASE(shifts_go_both_ways),
      CASE(a_shift_without_direction_is_refused),
      CASE(powers_of_whole_numbers_are_exact),
      CASE(squares_are_rounded_once),
      CASE(an_exponent_may_be_of_another_type),
      CASE(a_division_by_zero_is_refused),
      CASE(a_slope_broadcasts_one_way),
      CASE(old_versions_align_by_axis),
      CASE(old_versions_refuse_what_they_did_not_ask_for),
      CASE(an_old_slope_is_by_channel),
      CASE(strings_are_compared),
      CASE(types_must_agree),
      {NULL, NULL},
  };
  return check_run("op/binary", cases);
}
