// Operators that make tensors from shapes and attributes.
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT,  ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,
    ESP_INT16,  ESP_INT32,  ESP_INT64,   ESP_UINT8,    ESP_UINT16,
    ESP_UINT32, ESP_UINT64, ESP_BOOL};
enum { SIGNED = 8, NUMERIC = 12, TYPES = 13 };

static void a_diagonal_of_every_type(void) {
  for (int t = 0; t < TYPES; t++) {
    for (int k = -3; k <= 4; k++) {
      one_node n = one_node_of("EyeLike", 22);
      one_node_int(&n, "dtype", types[t]);
      one_node_int(&n, "k", k);
      one_node_input(&n, ESP_INT32, SHAPE(3, 4), NULL);
      CHECK_OK(one_node_run(&n, 1));
      double want[12];
      for (int i = 0; i < 12; i++) want[i] = i % 4 - i / 4 == k;
      one_node_check(&n, 0, types[t], SHAPE(3, 4), want, 0);
      one_node_free(&n);
    }
  }
}

static void there_are_no_ones_of_strings(void) {
  static const char *const text[] = {"a", "b"};
  one_node n = one_node_of("EyeLike", 22);
  one_node_texts(&n, SHAPE(1, 2), text);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void a_value_of_every_type(void) {
  for (int t = 0; t < TYPES; t++) {
    one_node n = one_node_of("ConstantOfShape", 21);
    one_node_input(&n, types[t], SHAPE(1), NUMBERS(1));
    one_node m = one_node_of("ConstantOfShape", 20 + t % 2);
    m.attribute[m.node.nattribute++] = (esp_attribute){
        .name = "value", .kind = ESP_ATTRIBUTE_TENSOR, .tensor = n.in[0]};
    one_node_input(&m, ESP_INT64, SHAPE(2), NUMBERS(2, 3));
    CHECK_OK(one_node_run(&m, 1));
    one_node_check(&m, 0, types[t], SHAPE(2, 3), NUMBERS(1, 1, 1, 1, 1, 1), 0);
    one_node_free(&m);
    one_node_free(&n);
  }
}

static void zero_is_the_value_when_none_is_given(void) {
  one_node n = one_node_of("ConstantOfShape", 9);
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(2));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2), NUMBERS(0, 0), 0);
  one_node_free(&n);
}

static void ranges_of_every_type(void) {
  for (int t = 0; t < NUMERIC; t++) {
    one_node n = one_node_of("Range", 11);
    one_node_input(&n, types[t], SCALAR, NUMBERS(2));
    one_node_input(&n, types[t], SCALAR, NUMBERS(9));
    one_node_input(&n, types[t], SCALAR, NUMBERS(3));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t], SHAPE(3), NUMBERS(2, 5, 8), 0);
    one_node_free(&n);
    if (t >= SIGNED) continue;
    n = one_node_of("Range", 11);
    one_node_input(&n, types[t], SCALAR, NUMBERS(5));
    one_node_input(&n, types[t], SCALAR, NUMBERS(-1));
    one_node_input(&n, types[t], SCALAR, NUMBERS(-2));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t], SHAPE(3), NUMBERS(5, 3, 1), 0);
    one_node_free(&n);
  }
}

static void a_range_that_never_arrives_is_refused(void) {
  one_node n = one_node_of("Range", 11);
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(0));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(5));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(0));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void shapes_and_sizes_of_every_type(void) {
  static const int versions[] = {15, 19, 21};
  for (int t = 0; t < TYPES; t++) {
    one_node n = one_node_of("Size", versions[t % 3]);
    one_node_input(&n, types[t], SHAPE(2, 3, 4), NULL);
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_INT64, SCALAR, NUMBERS(24), 0);
    one_node_free(&n);
    n = one_node_of("Shape", versions[t % 3]);
    one_node_int(&n, "start", -2);
    one_node_input(&n, types[t], SHAPE(2, 3, 4), NULL);
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_INT64, SHAPE(2), NUMBERS(3, 4), 0);
    one_node_free(&n);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_diagonal_of_every_type),
      CASE(there_are_no_ones_of_strings),
      CASE(a_value_of_every_type),
      CASE(zero_is_the_value_when_none_is_given),
      CASE(ranges_of_every_type),
      CASE(a_range_that_never_arrives_is_refused),
      CASE(shapes_and_sizes_of_every_type),
      {NULL, NULL},
  };
  return check_run("op/constant", cases);
}
