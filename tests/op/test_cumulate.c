// CumSum against running sums in double.
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT,    ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16, ESP_INT32,  ESP_INT64,
                                  ESP_UINT32,   ESP_UINT64};
enum { TYPES = 8, A = 3, B = 5, C = 2 };

// Along the middle axis of [3,5,2].
static void check_one(esp_dtype type, bool exclusive, bool reverse) {
  one_node n = one_node_of("CumSum", 14);
  one_node_int(&n, "exclusive", exclusive);
  one_node_int(&n, "reverse", reverse);
  one_node_input(&n, type, SHAPE(A, B, C), NULL);
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(-2));
  CHECK_OK(one_node_run(&n, 1));
  double want[A * B * C];
  for (int i = 0; i < A * C; i++) {
    double sum = 0;
    for (int k = 0; k < B; k++) {
      const int at = i / C * B * C + (reverse ? B - 1 - k : k) * C + i % C;
      const double v = one_node_in(&n, 0, at);
      want[at] = exclusive ? sum : sum + v;
      sum += v;
    }
  }
  one_node_check(&n, 0, type, SHAPE(A, B, C), want, one_node_tolerance(type));
  one_node_free(&n);
}

static void every_direction_and_type(void) {
  for (int t = 0; t < TYPES; t++) {
    for (int which = 0; which < 4; which++) {
      check_one(types[t], which & 1, which >> 1);
    }
  }
}

static void an_axis_outside_is_refused(void) {
  one_node n = one_node_of("CumSum", 14);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NULL);
  one_node_input(&n, ESP_INT32, SCALAR, NUMBERS(1));
  CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void a_list_of_axes_is_refused(void) {
  one_node n = one_node_of("CumSum", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2), NULL);
  one_node_input(&n, ESP_INT32, SHAPE(2), NUMBERS(0, 1));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_direction_and_type),
      CASE(an_axis_outside_is_refused),
      CASE(a_list_of_axes_is_refused),
      {NULL, NULL},
  };
  return check_run("op/cumulate", cases);
}
