// Dropout as each version means it, and the generator behind it.
#include <math.h>
#include <stdlib.h>

#include "op/mersenne.h"
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};

static void the_generator_is_the_published_one(void) {
  esp_mersenne state;
  uint32_t last = 0;
  esp_mersenne_seed(&state, 5489);
  for (int i = 0; i < 10000; i++) last = esp_mersenne_bits(&state);
  CU_ASSERT_EQUAL(last, 4123659995u); // as the C++ standard asks
}

static void inference_copies(void) {
  static const int versions[] = {1, 6, 7, 10, 12, 13, 22};
  for (int v = 0; v < 7; v++) {
    for (int t = 0; t < 4; t++) {
      one_node n = one_node_of("Dropout", versions[v]);
      if (versions[v] < 7) one_node_int(&n, "is_test", 1);
      one_node_input(&n, types[t], SHAPE(3), NUMBERS(1, -2, 3));
      CHECK_OK(one_node_run(&n, 2));
      one_node_check(&n, 0, types[t], SHAPE(3), NUMBERS(1, -2, 3), 0);
      one_node_check(&n, 1, versions[v] < 10 ? types[t] : ESP_BOOL, SHAPE(3),
                     NUMBERS(1, 1, 1), 0);
      one_node_free(&n);
    }
  }
}

static void training_drops_the_asked_share(void) {
  enum { COUNT = 4000 };
  for (int t = 0; t < 4; t++) {
    one_node n = one_node_of("Dropout", 13);
    one_node_int(&n, "seed", 7);
    one_node_input(&n, types[t], SHAPE(COUNT), NULL);
    one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(0.25));
    one_node_input(&n, ESP_BOOL, SCALAR, NUMBERS(1));
    CHECK_OK(one_node_run(&n, 2));
    int kept = 0;
    for (int i = 0; i < COUNT; i++) {
      const bool k = one_node_at(&n, 1, i) != 0;
      const double want = k ? one_node_in(&n, 0, i) / 0.75 : 0;
      kept += k;
      CU_ASSERT(fabs(one_node_at(&n, 0, i) - want) <=
                8 * one_node_tolerance(types[t]));
    }
    CU_ASSERT(abs(kept - COUNT * 3 / 4) < 120); // over four deviations
    one_node_free(&n);
  }
}

static void a_ratio_of_one_is_refused(void) {
  one_node n = one_node_of("Dropout", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NULL);
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(1));
  one_node_input(&n, ESP_BOOL, SCALAR, NUMBERS(1));
  CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
  check_message("ratio");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(the_generator_is_the_published_one),
      CASE(inference_copies),
      CASE(training_drops_the_asked_share),
      CASE(a_ratio_of_one_is_refused),
      {NULL, NULL},
  };
  return check_run("op/dropout", cases);
}
