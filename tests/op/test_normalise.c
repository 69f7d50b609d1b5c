// Normalisations against their formulas in double, for every floating type.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};
enum { TYPES = 4, N = 2, C = 4, S = 15, COUNT = N * C * S }; // x [2,4,3,5]
static const double positive[] = {0.5, 1, 2, 3};

// Two roundings may add up.
static double tolerance_of(esp_dtype type) {
  return 4 * one_node_tolerance(type);
}

static void moments(const one_node *n, int from, int count, double *mean,
                    double *variance) {
  double sum = 0, squares = 0;
  for (int i = 0; i < count; i++) sum += one_node_in(n, 0, from + i);
  *mean = sum / count;
  for (int i = 0; i < count; i++) {
    const double d = one_node_in(n, 0, from + i) - *mean;
    squares += d * d;
  }
  *variance = squares / count;
}

static void add_channels(one_node *n, esp_dtype type) {
  one_node_input(n, type, SHAPE(N, C, 3, 5), NULL);
  one_node_input(n, type, SHAPE(C), NULL);
  one_node_input(n, type, SHAPE(C), NULL);
}

static void batches_are_normalised_by_given_moments(void) {
  static const int versions[] = {1, 6, 7, 9, 14, 15};
  for (int v = 0; v < 6; v++) {
    for (int t = 0; t < TYPES; t++) {
      one_node n = one_node_of("BatchNormalization", versions[v]);
      if (versions[v] < 7) one_node_int(&n, "is_test", 1);
      add_channels(&n, types[t]);
      one_node_input(&n, types[t], SHAPE(C), NULL);
      one_node_input(&n, types[t], SHAPE(C), positive);
      CHECK_OK(one_node_run(&n, 1));
      double want[COUNT];
      for (int i = 0; i < COUNT; i++) {
        const int c = i / S % C;
        want[i] = (one_node_in(&n, 0, i) - one_node_in(&n, 3, c)) /
                      sqrt(one_node_in(&n, 4, c) + 1e-5) *
                      one_node_in(&n, 1, c) +
                  one_node_in(&n, 2, c);
      }
      one_node_check(&n, 0, types[t], SHAPE(N, C, 3, 5), want,
                     tolerance_of(types[t]));
      one_node_free(&n);
    }
  }
}

static void types_of_a_batch_may_differ(void) {
  one_node n = one_node_of("BatchNormalization", 15);
  one_node_input(&n, ESP_FLOAT16, SHAPE(1, 2), NUMBERS(3, 5));
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(1, 2));
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(0, 1));
  one_node_input(&n, ESP_DOUBLE, SHAPE(2), NUMBERS(1, 1));
  one_node_input(&n, ESP_DOUBLE, SHAPE(2), NUMBERS(4, 4));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT16, SHAPE(1, 2), NUMBERS(1, 5), 1e-3);
  one_node_free(&n);
}

// Training: version 14 gives 3 outputs, 9 and before 5.
static void check_training(int version, int outputs) {
  one_node n = one_node_of("BatchNormalization", version);
  if (version >= 14) one_node_int(&n, "training_mode", 1);
  one_node_float(&n, "momentum", 0.75f);
  add_channels(&n, ESP_DOUBLE);
  one_node_input(&n, ESP_DOUBLE, SHAPE(C), NULL);
  one_node_input(&n, ESP_DOUBLE, SHAPE(C), positive);
  CHECK_OK(one_node_run(&n, outputs));
  double want[COUNT], running[4][C];
  for (int c = 0; c < C; c++) {
    double sum = 0, squares = 0;
    for (int i = 0; i < COUNT; i++) {
      if (i / S % C == c) sum += one_node_in(&n, 0, i);
    }
    const double mean = sum / (N * S);
    for (int i = 0; i < COUNT; i++) {
      const double d = one_node_in(&n, 0, i) - mean;
      if (i / S % C == c) squares += d * d;
    }
    const double variance = squares / (N * S);
    for (int i = 0; i < COUNT; i++) {
      if (i / S % C != c) continue;
      want[i] = (one_node_in(&n, 0, i) - mean) /
                    sqrt(variance + (double)1e-5f) * one_node_in(&n, 1, c) +
                one_node_in(&n, 2, c);
    }
    running[0][c] = one_node_in(&n, 3, c) * 0.75 + mean * 0.25;
    running[1][c] = one_node_in(&n, 4, c) * 0.75 + variance * 0.25;
    running[2][c] = mean;
    running[3][c] = variance;
  }
  one_node_check(&n, 0, ESP_DOUBLE, SHAPE(N, C, 3, 5), want, 1e-12);
  for (int o = 1; o < outputs; o++) {
    one_node_check(&n, o, ESP_DOUBLE, SHAPE(C), running[o - 1], 1e-12);
  }
  one_node_free(&n);
}

static void training_takes_moments_of_the_batch(void) {
  check_training(14, 3);
  check_training(15, 3);
  check_training(9, 5);
  check_training(7, 5);
  check_training(6, 5);
}

static void old_versions_normalise_every_element(void) {
  one_node n = one_node_of("BatchNormalization", 7);
  one_node_int(&n, "spatial", 0);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 2), NUMBERS(3, 5));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(1, 2));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(0, 1));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(1, 3));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(4, 1));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 2), NUMBERS(1, 5), 1e-4);
  one_node_free(&n);
}

// Rows of `row` elements; parameters by channel or by group.
static void check_rows(one_node n, esp_dtype type, int row, int parameters) {
  one_node_input(&n, type, SHAPE(N, C, 3, 5), NULL);
  one_node_input(&n, type, SHAPE(parameters), NULL);
  one_node_input(&n, type, SHAPE(parameters), NULL);
  CHECK_OK(one_node_run(&n, 1));
  double want[COUNT];
  for (int i = 0; i < COUNT; i++) {
    double mean, variance;
    moments(&n, i / row * row, row, &mean, &variance);
    const int p = i / S % C * parameters / C;
    want[i] = (one_node_in(&n, 0, i) - mean) / sqrt(variance + 1e-5) *
                  one_node_in(&n, 1, p) +
              one_node_in(&n, 2, p);
  }
  one_node_check(&n, 0, type, SHAPE(N, C, 3, 5), want, tolerance_of(type));
  one_node_free(&n);
}

static void instances_and_groups(void) {
  for (int t = 0; t < TYPES; t++) {
    check_rows(one_node_of("InstanceNormalization", 22), types[t], S, C);
    check_rows(one_node_of("InstanceNormalization", 1), types[t], S, C);
    one_node n = one_node_of("GroupNormalization", 21);
    one_node_int(&n, "num_groups", 2);
    check_rows(n, types[t], 2 * S, C);
    n = one_node_of("GroupNormalization", 18);
    one_node_int(&n, "num_groups", 2);
    check_rows(n, types[t], 2 * S, 2);
  }
}

// Scale of a shape that broadcasts to [2,4,3,5]; `at` gives its element.
static void check_layer(esp_dtype type, int64_t axis, int row, esp_shape scale,
                        int step, int size) {
  one_node n = one_node_of("LayerNormalization", 17);
  one_node_int(&n, "axis", axis);
  one_node_input(&n, type, SHAPE(N, C, 3, 5), NULL);
  one_node_input(&n, type, scale, NULL);
  one_node_input(&n, type, scale, NULL);
  CHECK_OK(one_node_run(&n, 3));
  double want[COUNT], means[COUNT];
  for (int i = 0; i < COUNT; i++) {
    double mean, variance;
    moments(&n, i / row * row, row, &mean, &variance);
    const int p = i / step % size;
    want[i] = (one_node_in(&n, 0, i) - mean) / sqrt(variance + 1e-5) *
                  one_node_in(&n, 1, p) +
              one_node_in(&n, 2, p);
    means[i / row] = mean;
  }
  one_node_check(&n, 0, type, SHAPE(N, C, 3, 5), want, tolerance_of(type));
  for (int r = 0; r < COUNT / row; r++) {
    CU_ASSERT(fabs(one_node_at(&n, 1, r) - means[r]) < 1e-5);
  }
  CU_ASSERT_EQUAL(n.out[1].type, ESP_FLOAT);
  one_node_free(&n);
}

static void layers_take_scales_that_broadcast(void) {
  for (int t = 0; t < TYPES; t++) {
    check_layer(types[t], -1, 5, SHAPE(5), 1, 5);
    check_layer(types[t], 2, S, SHAPE(3, 5), 1, S);
    check_layer(types[t], 1, C * S, SHAPE(C, 3, 5), 1, C * S);
    check_layer(types[t], 2, S, SHAPE(5), 1, 5);
    check_layer(types[t], 2, S, SHAPE(3, 1), 5, 3);
    check_layer(types[t], 2, S, SCALAR, 1, 1);
  }
}

static void neighbours_are_normalised_together(void) {
  for (int t = 0; t < TYPES; t++) {
    one_node n = one_node_of("LRN", 13);
    one_node_int(&n, "size", 3);
    one_node_float(&n, "alpha", 0.5f);
    one_node_float(&n, "bias", 2);
    one_node_input(&n, types[t], SHAPE(N, C, 3, 5), NULL);
    CHECK_OK(one_node_run(&n, 1));
    double want[COUNT];
    for (int i = 0; i < COUNT; i++) {
      double sum = 0;
      for (int c = -1; c <= 1; c++) {
        if (i / S % C + c < 0 || i / S % C + c >= C) continue;
        const double v = one_node_in(&n, 0, i + c * S);
        sum += v * v;
      }
      want[i] = one_node_in(&n, 0, i) / pow(2 + 0.5 / 3 * sum, 0.75);
    }
    one_node_check(&n, 0, types[t], SHAPE(N, C, 3, 5), want,
                   tolerance_of(types[t]));
    one_node_free(&n);
  }
}

static void norms_of_an_axis_become_one(void) {
  for (int t = 0; t < TYPES; t++) {
    for (int p = 1; p <= 2; p++) {
      one_node n = one_node_of("LpNormalization", 22);
      one_node_int(&n, "p", p);
      one_node_int(&n, "axis", 1);
      one_node_input(&n, types[t], SHAPE(N, C, 3, 5), NULL);
      CHECK_OK(one_node_run(&n, 1));
      double want[COUNT];
      for (int i = 0; i < COUNT; i++) {
        double sum = 0;
        for (int c = 0; c < C; c++) {
          const double v =
              one_node_in(&n, 0, (i / (C * S) * C + c) * S + i % S);
          sum += p == 2 ? v * v : fabs(v);
        }
        want[i] = one_node_in(&n, 0, i) / (p == 2 ? sqrt(sum) : sum);
      }
      one_node_check(&n, 0, types[t], SHAPE(N, C, 3, 5), want,
                     tolerance_of(types[t]));
      one_node_free(&n);
    }
  }
}

static void mean_and_variance_of_axes_are_taken_away(void) {
  static const int64_t axes[] = {1, -1};
  for (int t = 0; t < TYPES; t++) {
    one_node n = one_node_of("MeanVarianceNormalization", 13);
    one_node_ints(&n, "axes", axes, 2);
    one_node_input(&n, types[t], SHAPE(2, 3, 2), NULL);
    CHECK_OK(one_node_run(&n, 1));
    double want[12];
    for (int s = 0; s < 2; s++) {
      double mean, variance;
      moments(&n, s * 6, 6, &mean, &variance);
      for (int i = s * 6; i < s * 6 + 6; i++) {
        want[i] = (one_node_in(&n, 0, i) - mean) / (sqrt(variance) + 1e-9);
      }
    }
    one_node_check(&n, 0, types[t], SHAPE(2, 3, 2), want,
                   tolerance_of(types[t]));
    one_node_free(&n);
  }
}

static void wrong_channels_are_refused(void) {
  one_node n = one_node_of("InstanceNormalization", 6);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 4, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(4), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("4 channels");
  one_node_free(&n);
}

static void groups_that_do_not_divide_are_refused(void) {
  one_node n = one_node_of("GroupNormalization", 21);
  one_node_int(&n, "num_groups", 3);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 4, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(4), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(4), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("num_groups is 3");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(batches_are_normalised_by_given_moments),
      CASE(types_of_a_batch_may_differ),
      CASE(training_takes_moments_of_the_batch),
      CASE(old_versions_normalise_every_element),
      CASE(instances_and_groups),
      CASE(layers_take_scales_that_broadcast),
      CASE(neighbours_are_normalised_together),
      CASE(norms_of_an_axis_become_one),
      CASE(mean_and_variance_of_axes_are_taken_away),
      CASE(wrong_channels_are_refused),
      CASE(groups_that_do_not_divide_are_refused),
      {NULL, NULL},
  };
  return check_run("op/normalise", cases);
}
