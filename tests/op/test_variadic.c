// Max, Min, Sum and Mean against plain references in double.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,   ESP_INT16,
    ESP_INT32, ESP_INT64,  ESP_UINT8,   ESP_UINT16,   ESP_UINT32, ESP_UINT64};
enum { FLOATING = 4, TYPES = 12 };

static double put_together(const char *op, double a, double b, double c) {
  if (op[0] == 'S') return a + b + c;
  if (op[1] == 'e') return (a + b + c) / 3;
  return op[1] == 'a' ? fmax(a, fmax(b, c)) : fmin(a, fmin(b, c));
}

// Three inputs [5,1,3], [4,3] and [1] give [5,4,3].
static void check_one(const char *op, int version, esp_dtype type) {
  one_node n = one_node_of(op, version);
  one_node_input(&n, type, SHAPE(5, 1, 3), NULL);
  one_node_input(&n, type, SHAPE(4, 3), NULL);
  one_node_input(&n, type, SHAPE(1), NULL);
  CHECK_OK(one_node_run(&n, 1));
  double want[60];
  for (int i = 0; i < 60; i++) {
    want[i] = put_together(op, one_node_in(&n, 0, i / 12 * 3 + i % 3),
                           one_node_in(&n, 1, i % 12), one_node_in(&n, 2, 0));
  }
  one_node_check(&n, 0, type, SHAPE(5, 4, 3), want, one_node_tolerance(type));
  one_node_free(&n);
}

static void every_type_broadcasts(void) {
  for (int t = 0; t < TYPES; t++) {
    check_one("Max", 13, types[t]);
    check_one("Min", 13, types[t]);
  }
  for (int t = 0; t < FLOATING; t++) {
    check_one("Sum", 13, types[t]);
    check_one("Mean", 13, types[t]);
  }
}

static void one_input_is_copied(void) {
  one_node n = one_node_of("Mean", 8);
  one_node_input(&n, ESP_FLOAT16, SHAPE(3), NUMBERS(1, 2, 3));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT16, SHAPE(3), NUMBERS(1, 2, 3), 0);
  one_node_free(&n);
}

static void a_mean_of_integers_is_refused(void) {
  one_node n = one_node_of("Mean", 13);
  one_node_input(&n, ESP_INT32, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  one_node_free(&n);
}

static void old_versions_do_not_broadcast(void) {
  one_node n = one_node_of("Sum", 6);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("opset 8");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_type_broadcasts),
      CASE(one_input_is_copied),
      CASE(a_mean_of_integers_is_refused),
      CASE(old_versions_do_not_broadcast),
      {NULL, NULL},
  };
  return check_run("op/variadic", cases);
}
