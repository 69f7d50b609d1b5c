// OneHot: every axis, indices from both ends and outside.
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_INT8,  ESP_INT64,  ESP_UINT8};
enum { TYPES = 6 };

static void check_one(esp_dtype index, esp_dtype value, int64_t axis, int inner,
                      esp_shape shape) {
  one_node n = one_node_of("OneHot", 11);
  one_node_int(&n, "axis", axis);
  const bool is_unsigned = index == ESP_UINT8;
  const double indices[] = {0,
                            3,
                            is_unsigned ? 3 : -1,
                            is_unsigned ? 0 : -4,
                            4,
                            is_unsigned ? 7 : -5};
  one_node_input(&n, index, SHAPE(2, 3), indices);
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(4));
  one_node_input(&n, value, SHAPE(2), NUMBERS(2, 5));
  CHECK_OK(one_node_run(&n, 1));
  double want[24];
  for (int i = 0; i < 24; i++) {
    const int from = i / (inner * 4) * inner + i % inner;
    const double at = indices[from] < 0 ? indices[from] + 4 : indices[from];
    want[i] = at == i / inner % 4 ? 5 : 2;
  }
  one_node_check(&n, 0, value, shape, want, 0);
  one_node_free(&n);
}

static void every_axis_and_type(void) {
  for (int i = 0; i < TYPES; i++) {
    for (int v = 0; v < TYPES; v++) {
      check_one(types[i], types[v], -1, 1, SHAPE(2, 3, 4));
      check_one(types[i], types[v], 0, 6, SHAPE(4, 2, 3));
      check_one(types[i], types[v], 1, 3, SHAPE(2, 4, 3));
    }
  }
}

static void three_values_are_refused(void) {
  one_node n = one_node_of("OneHot", 9);
  one_node_input(&n, ESP_INT64, SHAPE(2), NULL);
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(4));
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_axis_and_type),
      CASE(three_values_are_refused),
      {NULL, NULL},
  };
  return check_run("op/onehot", cases);
}
