// Compress and NonZero.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const double zero_to_five[] = {0, 1, 2, 3, 4, 5};

static void compress_takes_slabs_along_an_axis(void) {
  one_node n = one_node_of("Compress", 11);
  one_node_int(&n, "axis", -1);
  one_node_input(&n, ESP_INT16, SHAPE(2, 3), zero_to_five);
  one_node_input(&n, ESP_BOOL, SHAPE(3), NUMBERS(1, 0, 1));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT16, SHAPE(2, 2), NUMBERS(0, 2, 3, 5), 0);
  one_node_free(&n);
}

static void without_an_axis_all_elements_are_a_row(void) {
  one_node n = one_node_of("Compress", 9);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), zero_to_five);
  one_node_input(&n, ESP_BOOL, SHAPE(4), NUMBERS(0, 1, 0, 1)); // shorter
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2), NUMBERS(1, 3), 0);
  one_node_free(&n);
}

static void conditions_beyond_the_end_count_for_nothing(void) {
  one_node n = one_node_of("Compress", 9);
  one_node_int(&n, "axis", 0);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), zero_to_five);
  one_node_input(&n, ESP_BOOL, SHAPE(3), NUMBERS(0, 1, 1));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 3), NUMBERS(3, 4, 5), 0);
  one_node_free(&n);
}

static void a_condition_that_is_no_truth_value_is_refused(void) {
  one_node n = one_node_of("Compress", 9);
  one_node_input(&n, ESP_FLOAT, SHAPE(6), zero_to_five);
  one_node_input(&n, ESP_FLOAT, SHAPE(6), zero_to_five);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  one_node_free(&n);
}

static void nonzero_gives_a_row_for_each_axis(void) {
  static const esp_dtype types[] = {ESP_FLOAT,   ESP_DOUBLE, ESP_FLOAT16,
                                    ESP_INT8,    ESP_UINT64, ESP_BOOL,
                                    ESP_BFLOAT16};
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
    one_node n = one_node_of("NonZero", 13);
    one_node_input(&n, types[t], SHAPE(2, 3), NUMBERS(0, 1, 0, 1, 0, 1));
    const esp_tensor x = n.in[0]; // its content decides the shape
    CHECK_OK(one_node_infer(&n, 1));
    CU_ASSERT_EQUAL(n.out[0].shape.dim[0], 2);
    CU_ASSERT_EQUAL(n.out[0].shape.dim[1], 3);
    int64_t y[6];
    n.out[0].data = y;
    const esp_args args = {.node = &n.node,
                           .nin = 1,
                           .nout = 1,
                           .in = (const esp_tensor *[]){&x},
                           .out = (esp_tensor *[]){&n.out[0]}};
    CHECK_OK(esp_op_run_once(&args));
    static const int64_t want[] = {0, 1, 1, 1, 0, 2};
    check_same_bytes(y, want, sizeof want);
    n.out[0].data = NULL;
    one_node_free(&n);
  }
}

static void minus_zero_is_zero_and_nan_is_not(void) {
  one_node n = one_node_of("NonZero", 9);
  one_node_input(&n, ESP_FLOAT, SHAPE(3), NUMBERS(-0.0, NAN, 0));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT64, SHAPE(1, 1), NUMBERS(1), 0);
  one_node_free(&n);
}

static void empty_text_and_complex_zero_are_zero(void) {
  one_node n = one_node_of("NonZero", 9);
  one_node_input(&n, ESP_STRING, SHAPE(2), NULL);
  ((const char **)n.in[0].data)[0] = "";
  ((const char **)n.in[0].data)[1] = "a";
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT64, SHAPE(1, 1), NUMBERS(1), 0);
  one_node_free(&n);
  n = one_node_of("NonZero", 9);
  one_node_input(&n, ESP_COMPLEX64, SHAPE(2), NULL);
  float *x = n.in[0].data;
  x[0] = x[1] = x[2] = 0;
  x[3] = 1;
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT64, SHAPE(1, 1), NUMBERS(1), 0);
  one_node_free(&n);
}

static void a_scalar_has_no_axes(void) {
  one_node n = one_node_of("NonZero", 13);
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(5));
  CHECK_OK(one_node_infer(&n, 1));
  CU_ASSERT_EQUAL(n.out[0].shape.dim[0], 0);
  CU_ASSERT_EQUAL(n.out[0].shape.dim[1], 1);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(compress_takes_slabs_along_an_axis),
      CASE(without_an_axis_all_elements_are_a_row),
      CASE(conditions_beyond_the_end_count_for_nothing),
      CASE(a_condition_that_is_no_truth_value_is_refused),
      CASE(nonzero_gives_a_row_for_each_axis),
      CASE(minus_zero_is_zero_and_nan_is_not),
      CASE(empty_text_and_complex_zero_are_zero),
      CASE(a_scalar_has_no_axes),
      {NULL, NULL},
  };
  return check_run("choose", cases);
}
