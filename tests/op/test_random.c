// The operators that draw: types, shapes, distributions, and that a seed fixes
// the numbers.  Seeds are fixed, so that no case fails by chance.
#include <math.h>
#include <stdlib.h>

#include "support/check.h"
#include "support/one_node.h"

enum { COUNT = 20000 };
static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};
static const int64_t square_shape[] = {COUNT / 100, 100};

static one_node drawn(const char *op, esp_dtype type, float seed) {
  one_node n = one_node_of(op, 22);
  one_node_float(&n, "seed", seed);
  one_node_int(&n, "dtype", type);
  one_node_ints(&n, "shape", square_shape, 2);
  return n;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double uniform_below(double x) { return (x + 2) / 5; } // [-2, 3)
static double normal_below(double x) {                        // 1.5, 2
  return 0.5 * erfc(-(x - 1.5) / (2 * sqrt(2)));
}

// The largest distance between the distribution of the numbers of output 0 and
// the one wanted (Kolmogorov-Smirnov).
static double distance_of(const one_node *n, double (*below)(double)) {
  static double x[COUNT];
  for (int i = 0; i < COUNT; i++) x[i] = one_node_at(n, 0, i);
  qsort(x, COUNT, sizeof *x, by_size);
  double worst = 0;
  for (int i = 0; i < COUNT; i++) {
    const double p = below(x[i]);
    worst = fmax(worst, fmax((i + 1.0) / COUNT - p, p - (double)i / COUNT));
  }
  return worst;
}

// Mean, variance (within five deviations of what COUNT numbers give) and
// distribution (the distance of one sample in a thousand is 1.95 / sqrt(n));
// `rounding` of the type adds to each.
static void check_distribution(const one_node *n, double mean, double variance,
                               double (*below)(double), double rounding) {
  double sum = 0, squares = 0;
  for (int i = 0; i < COUNT; i++) sum += one_node_at(n, 0, i);
  for (int i = 0; i < COUNT; i++) {
    squares += pow(one_node_at(n, 0, i) - mean, 2);
  }
  CU_ASSERT(fabs(sum / COUNT - mean) <
            5 * sqrt(variance / COUNT) + rounding * fabs(mean));
  CU_ASSERT(fabs(squares / COUNT - variance) <
            variance * (5 * sqrt(2.0 / COUNT) + rounding));
  CU_ASSERT(distance_of(n, below) < 1.95 / sqrt(COUNT) + rounding);
}

static void uniform_numbers_are_uniform(void) {
  for (int t = 0; t < 4; t++) {
    one_node n = drawn("RandomUniform", types[t], 11);
    one_node_float(&n, "low", -2);
    one_node_float(&n, "high", 3);
    CHECK_OK(one_node_run(&n, 1));
    CU_ASSERT_EQUAL(n.out[0].type, types[t]);
    CU_ASSERT_EQUAL(n.out[0].shape.ndim, 2);
    check_distribution(&n, 0.5, 25.0 / 12, uniform_below,
                       one_node_tolerance(types[t]));
    one_node_free(&n);
  }
}

static void normal_numbers_are_normal(void) {
  for (int t = 0; t < 4; t++) {
    one_node n = drawn("RandomNormal", types[t], 12);
    one_node_float(&n, "mean", 1.5f);
    one_node_float(&n, "scale", 2);
    CHECK_OK(one_node_run(&n, 1));
    CU_ASSERT_EQUAL(n.out[0].type, types[t]);
    check_distribution(&n, 1.5, 4, normal_below, one_node_tolerance(types[t]));
    one_node_free(&n);
  }
}

static void whole_seeds_give_the_numbers_of_numpy(void) {
  static const int64_t five[] = {5};
  static const struct {
    const char *op;
    double want[5];
  } known[] = {{"RandomUniform",
                {0.3745401188473625, 0.9507143064099162, 0.7319939418114051,
                 0.5986584841970366, 0.15601864044243652}},
               {"RandomNormal",
                {0.4967141530112327, -0.13826430117118466, 0.6476885381006925,
                 1.5230298564080254, -0.23415337472333597}}};
  for (int k = 0; k < 2; k++) {
    one_node n = one_node_of(known[k].op, 1);
    one_node_float(&n, "seed", 42);
    one_node_int(&n, "dtype", ESP_DOUBLE);
    one_node_ints(&n, "shape", five, 1);
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_DOUBLE, SHAPE(5), known[k].want, 1e-14);
    one_node_free(&n);
  }
}

static double first_of(const char *name, const float *seed) {
  one_node n = one_node_of("RandomUniformLike", 1);
  n.node.name = name;
  if (seed != NULL) one_node_float(&n, "seed", *seed);
  one_node_input(&n, ESP_DOUBLE, SHAPE(1), NULL);
  CHECK_OK(one_node_run(&n, 1));
  const double first = one_node_at(&n, 0, 0);
  one_node_free(&n);
  return first;
}

static void the_seed_or_else_the_name_fixes_the_numbers(void) {
  const float half = 0.5f, one = 1, minus = -1;
  CU_ASSERT_EQUAL(first_of("a", NULL), first_of("a", NULL));
  CU_ASSERT_NOT_EQUAL(first_of("a", NULL), first_of("b", NULL));
  CU_ASSERT_EQUAL(first_of("a", &one), first_of("b", &one));
  CU_ASSERT_NOT_EQUAL(first_of("a", &half), first_of("a", &one));
  CU_ASSERT_NOT_EQUAL(first_of("a", &minus), first_of("a", &one));
}

static void like_takes_shape_and_type_of_the_input(void) {
  static const char *const ops[] = {"RandomNormalLike", "RandomUniformLike"};
  for (int o = 0; o < 2; o++) {
    for (int t = 0; t < 4; t++) {
      one_node n = one_node_of(ops[o], 22);
      one_node_input(&n, types[t], SHAPE(3, 0, 2), NULL);
      CHECK_OK(one_node_run(&n, 1));
      one_node_check(&n, 0, types[t], SHAPE(3, 0, 2), NULL, 0);
      one_node_free(&n);
    }
    one_node n = one_node_of(ops[o], 22);
    one_node_input(&n, ESP_INT8, SHAPE(2, 2), NULL);
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    check_message("dtype");
    one_node_int(&n, "dtype", ESP_FLOAT);
    CHECK_OK(one_node_run(&n, 1));
    CU_ASSERT_EQUAL(n.out[0].type, ESP_FLOAT);
    one_node_free(&n);
  }
}

static void bernoulli_draws_each_probability(void) {
  enum { EACH = 4000 };
  static const double share[] = {0, 0.25, 0.5, 1};
  static const esp_dtype made[] = {ESP_BOOL, ESP_INT64, ESP_UINT8, ESP_FLOAT16};
  static double p[4 * EACH];
  for (int i = 0; i < 4 * EACH; i++) p[i] = share[i / EACH];
  for (int t = 0; t < 4; t++) {
    one_node n = one_node_of("Bernoulli", t % 2 == 0 ? 15 : 22);
    one_node_float(&n, "seed", 3);
    one_node_int(&n, "dtype", made[t]);
    one_node_input(&n, types[t], SHAPE(4, EACH), p);
    CHECK_OK(one_node_run(&n, 1));
    CU_ASSERT_EQUAL(n.out[0].type, made[t]);
    for (int s = 0; s < 4; s++) {
      double ones = 0;
      for (int i = 0; i < EACH; i++) ones += one_node_at(&n, 0, s * EACH + i);
      CU_ASSERT(fabs(ones / EACH - share[s]) <=
                4 * sqrt(share[s] * (1 - share[s]) / EACH));
    }
    one_node_free(&n);
  }
}

static void
bernoulli_keeps_the_type_and_refuses_other_than_probabilities(void) {
  static const double wrong[] = {-0.5, 1.5, NAN};
  for (int w = 0; w < 3; w++) {
    one_node n = one_node_of("Bernoulli", 15);
    one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(0.5, wrong[w]));
    CHECK_OK(one_node_infer(&n, 1));
    CU_ASSERT_EQUAL(n.out[0].type, ESP_FLOAT);
    CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
    check_message("probability 1");
    one_node_free(&n);
  }
}

// Chi-squared over four classes, the second of which is impossible.
static void multinomial_draws_in_proportion(void) {
  static const double share[2][4] = {{0.1, 0, 0.6, 0.3}, {0.5, 0.25, 0, 0.25}};
  double logs[8];
  for (int i = 0; i < 8; i++) logs[i] = log(share[i / 4][i % 4]) + 3;
  for (int t = 0; t < 3; t++) {
    one_node n = one_node_of("Multinomial", t == 1 ? 7 : 22);
    one_node_float(&n, "seed", 5);
    one_node_int(&n, "sample_size", COUNT);
    if (t == 1) one_node_int(&n, "dtype", ESP_INT64);
    one_node_input(&n, types[t], SHAPE(2, 4), logs);
    CHECK_OK(one_node_run(&n, 1));
    CU_ASSERT_EQUAL(n.out[0].type, t == 1 ? ESP_INT64 : ESP_INT32);
    for (int row = 0; row < 2; row++) {
      double found[4] = {0}, chi = 0;
      for (int i = 0; i < COUNT; i++) {
        const double c = one_node_at(&n, 0, row * COUNT + i);
        CU_ASSERT_FATAL(c >= 0 && c < 4);
        found[(int)c]++;
      }
      for (int c = 0; c < 4; c++) {
        const double want = COUNT * share[row][c];
        if (want == 0) CU_ASSERT_EQUAL(found[c], 0);
        if (want > 0) chi += pow(found[c] - want, 2) / want;
      }
      CU_ASSERT(chi < 13.8); // two degrees of freedom: one in a thousand
    }
    one_node_free(&n);
  }
}

static void rows_without_a_class_are_refused(void) {
  static const double wrong[] = {-INFINITY, NAN, INFINITY};
  for (int w = 0; w < 3; w++) {
    one_node n = one_node_of("Multinomial", 7);
    one_node_input(&n, ESP_FLOAT, SHAPE(2, 2),
                   NUMBERS(0, 1, wrong[w], wrong[w]));
    CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
    check_message("row 1");
    one_node_free(&n);
  }
  one_node n = one_node_of("Multinomial", 7);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 0), NULL);
  CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void wrong_attributes_are_refused(void) {
  static const int64_t negative[] = {2, -1};
  static const char *const says[] = {"shape is missing", "dimension of -1",
                                     "dtype is 7"};
  for (int w = 0; w < 3; w++) {
    one_node n = one_node_of("RandomNormal", 1);
    if (w > 0) one_node_ints(&n, "shape", w == 1 ? negative : square_shape, 2);
    if (w == 2) one_node_int(&n, "dtype", ESP_INT64);
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    check_message(says[w]);
    one_node_free(&n);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(uniform_numbers_are_uniform),
      CASE(normal_numbers_are_normal),
      CASE(whole_seeds_give_the_numbers_of_numpy),
      CASE(the_seed_or_else_the_name_fixes_the_numbers),
      CASE(like_takes_shape_and_type_of_the_input),
      CASE(bernoulli_draws_each_probability),
      CASE(bernoulli_keeps_the_type_and_refuses_other_than_probabilities),
      CASE(multinomial_draws_in_proportion),
      CASE(rows_without_a_class_are_refused),
      CASE(wrong_attributes_are_refused),
      {NULL, NULL},
  };
  return check_run("op/random", cases);
}
