// Losses against their formulas in double, for every floating type.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};
// x [2,3,2,3]: 12 targets of 3 classes.
enum { N = 2, C = 3, S = 6, TARGETS = N * S, COUNT = N * C * S };
static const double classes[TARGETS] = {0, 2, 1, 1, -5, 2, 0, 0, 1, -5, 2, 1};
static const double weights[C] = {0.5, 2, 1.25};

typedef struct form {
  const char *op, *reduction;
  int version;
  bool weighted;
} form;

static double log_probability(const one_node *n, int sample, int c, int s) {
  double sum = 0;
  for (int k = 0; k < C; k++) {
    sum += exp(one_node_in(n, 0, (sample * C + k) * S + s));
  }
  return one_node_in(n, 0, (sample * C + c) * S + s) - log(sum);
}

// Losses of the targets; the last two are the sum and the mean.
static void losses(const one_node *n, bool softmax, bool weighted,
                   double *loss) {
  double sum = 0, total = 0;
  for (int i = 0; i < TARGETS; i++) {
    const int c = (int)classes[i], sample = i / S, s = i % S;
    loss[i] = 0;
    if (c < 0) continue;
    const double w = weighted ? one_node_in(n, 2, c) : 1;
    loss[i] = -w * (softmax ? log_probability(n, sample, c, s)
                            : one_node_in(n, 0, (sample * C + c) * S + s));
    sum += loss[i];
    total += w;
  }
  loss[TARGETS] = sum;
  loss[TARGETS + 1] = sum / total;
}

static void check_form(form f, esp_dtype type, esp_dtype target) {
  const bool softmax = strcmp(f.op, "SoftmaxCrossEntropyLoss") == 0;
  one_node n = one_node_of(f.op, f.version);
  if (f.reduction != NULL) one_node_string(&n, "reduction", f.reduction);
  one_node_int(&n, "ignore_index", -5);
  one_node_input(&n, type, SHAPE(N, C, 2, 3), NULL);
  one_node_input(&n, target, SHAPE(N, 2, 3), classes);
  if (f.weighted) one_node_input(&n, type, SHAPE(C), weights);
  CHECK_OK(one_node_run(&n, softmax ? 2 : 1));
  double want[TARGETS + 2], logs[COUNT];
  const double tolerance = 2 * one_node_tolerance(type);
  losses(&n, softmax, f.weighted, want);
  if (f.reduction != NULL && strcmp(f.reduction, "none") == 0) {
    one_node_check(&n, 0, type, SHAPE(N, 2, 3), want, tolerance);
  } else {
    one_node_check(&n, 0, type, SCALAR, want + TARGETS + (f.reduction == NULL),
                   tolerance);
  }
  for (int i = 0; i < COUNT; i++) {
    logs[i] = log_probability(&n, i / (C * S), i / S % C, i % S);
  }
  if (softmax) {
    one_node_check(&n, 1, type, SHAPE(N, C, 2, 3), logs, tolerance);
  }
  one_node_free(&n);
}

static void every_form_follows_its_formula(void) {
  static const char *const reductions[] = {NULL, "none", "sum"};
  static const char *const ops[] = {"NegativeLogLikelihoodLoss",
                                    "SoftmaxCrossEntropyLoss"};
  for (int i = 0; i < 4 * 3 * 2 * 2 * 2; i++) {
    const form f = {.op = ops[i / 12 % 2],
                    .reduction = reductions[i / 4 % 3],
                    .version = i / 24 % 2 == 0 ? 12 : 22,
                    .weighted = i / 48 == 1};
    check_form(f, types[i % 4], i / 24 % 2 == 0 ? ESP_INT32 : ESP_INT64);
  }
}

// All targets ignored: a mean over nothing, no class is looked up.
static void a_mean_over_nothing_is_not_a_number(void) {
  one_node n = one_node_of("NegativeLogLikelihoodLoss", 13);
  one_node_int(&n, "ignore_index", 7);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(7, 7));
  CHECK_OK(one_node_run(&n, 1));
  CU_ASSERT_TRUE(isnan(one_node_at(&n, 0, 0)));
  one_node_free(&n);
}

static void large_scores_do_not_overflow(void) {
  one_node n = one_node_of("SoftmaxCrossEntropyLoss", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(3000, 2999));
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(1));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SCALAR, NUMBERS(1.3132616875), 1e-6);
  one_node_free(&n);
}

static void an_unknown_class_is_refused(void) {
  static const double bad[] = {-1, 3};
  for (int i = 0; i < 2; i++) {
    one_node n = one_node_of("SoftmaxCrossEntropyLoss", 13);
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 3), NULL);
    one_node_input(&n, ESP_INT64, SHAPE(1), &bad[i]);
    CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

static void misfits_are_refused(void) {
  one_node n = one_node_of("NegativeLogLikelihoodLoss", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3, 4), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(2, 3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
  n = one_node_of("NegativeLogLikelihoodLoss", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(2), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
  n = one_node_of("NegativeLogLikelihoodLoss", 13);
  one_node_string(&n, "reduction", "most");
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_form_follows_its_formula),
      CASE(a_mean_over_nothing_is_not_a_number),
      CASE(large_scores_do_not_overflow),
      CASE(an_unknown_class_is_refused),
      CASE(misfits_are_refused),
      {NULL, NULL},
  };
  return check_run("op/loss", cases);
}
