// Unique against counting by hand; NonMaxSuppression against its definition.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

// Shapes depend on data here, so the node runs once, with all inputs known.
static void run(one_node *n, int outputs) {
  CHECK_OK(one_node_infer(n, outputs));
  for (int i = 0; i < outputs; i++) {
    n->out[i].data = calloc(esp_tensor_bytes(&n->out[i]) + 1, 1);
  }
  const esp_args args = {.node = &n->node,
                         .nin = n->node.nin,
                         .nout = outputs,
                         .in = n->in_list,
                         .out = n->out_list};
  CHECK_OK(esp_op_run_once(&args));
}

static void check_all(one_node *n, const double *y, const double *first,
                      const double *inverse, const double *count) {
  const double *want[] = {y, first, inverse, count};
  for (int o = 0; o < 4; o++) {
    const int64_t elements = esp_shape_count(&n->out[o].shape);
    for (int64_t i = 0; i < elements; i++) {
      CU_ASSERT_EQUAL(one_node_at(n, o, i), want[o][i]);
    }
  }
  for (int o = 0; o < 4; o++) {
    free(n->out[o].data);
    n->out[o].data = NULL;
  }
}

static void elements_sorted_and_in_their_order(void) {
  static const esp_dtype types[] = {ESP_FLOAT, ESP_INT64, ESP_UINT8,
                                    ESP_FLOAT16};
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
    one_node n = one_node_of("Unique", 11);
    one_node_input(&n, types[t], SHAPE(6), NUMBERS(2, 1, 1, 3, 4, 3));
    run(&n, 4);
    check_all(&n, NUMBERS(1, 2, 3, 4), NUMBERS(1, 0, 3, 4),
              NUMBERS(1, 0, 0, 2, 3, 2), NUMBERS(2, 1, 2, 1));
    one_node_free(&n);

    n = one_node_of("Unique", 11);
    one_node_int(&n, "sorted", 0);
    one_node_input(&n, types[t], SHAPE(6), NUMBERS(2, 1, 1, 3, 4, 3));
    run(&n, 4);
    check_all(&n, NUMBERS(2, 1, 3, 4), NUMBERS(0, 1, 3, 4),
              NUMBERS(0, 1, 1, 2, 3, 2), NUMBERS(1, 2, 2, 1));
    one_node_free(&n);
  }
}

static void text_is_in_the_order_of_its_bytes(void) {
  static const char *const text[] = {"b", "a", "b", "", "\xc3\xa9"};
  static const char *const want[] = {"", "a", "b", "\xc3\xa9"};
  one_node n = one_node_of("Unique", 11);
  one_node_input(&n, ESP_STRING, SHAPE(5), NULL);
  memcpy(n.in[0].data, text, sizeof text);
  CHECK_OK(one_node_run(&n, 4));
  CU_ASSERT_EQUAL_FATAL(n.out[0].shape.dim[0], 4);
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_STRING_EQUAL(((char *const *)n.out[0].data)[i], want[i]);
  }
  one_node_check(&n, 2, ESP_INT64, SHAPE(5), NUMBERS(2, 1, 2, 0, 3), 0);
  one_node_free(&n);
}

static void complex_numbers_are_in_the_order_of_their_parts(void) {
  static const float x[] = {1, 2, 1, -2, 0, 9, 1, 2};
  static const float want[] = {0, 9, 1, -2, 1, 2};
  one_node n = one_node_of("Unique", 11);
  one_node_input(&n, ESP_COMPLEX64, SHAPE(4), NULL);
  memcpy(n.in[0].data, x, sizeof x);
  CHECK_OK(one_node_run(&n, 4));
  CU_ASSERT_EQUAL_FATAL(n.out[0].shape.dim[0], 3);
  check_same_bytes(n.out[0].data, want, sizeof want);
  one_node_check(&n, 3, ESP_INT64, SHAPE(3), NUMBERS(1, 1, 2), 0);
  one_node_free(&n);
}

static void one_nan_is_as_good_as_another(void) {
  one_node n = one_node_of("Unique", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(4), NUMBERS(NAN, 1, NAN, INFINITY));
  CHECK_OK(one_node_run(&n, 4));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(3), NUMBERS(1, INFINITY, NAN), 0);
  one_node_check(&n, 1, ESP_INT64, SHAPE(3), NUMBERS(1, 3, 0), 0);
  one_node_free(&n);
}

static void columns_are_compared_whole(void) {
  one_node n = one_node_of("Unique", 11);
  one_node_int(&n, "axis", 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 4), NUMBERS(1, 0, 1, 0, 2, 5, 2, 4));
  run(&n, 4);
  CU_ASSERT_EQUAL(n.out[0].shape.dim[1], 3);
  check_all(&n, NUMBERS(0, 0, 1, 4, 5, 2), NUMBERS(3, 1, 0),
            NUMBERS(2, 1, 2, 0), NUMBERS(1, 1, 2));
  one_node_free(&n);
}

static void nothing_has_no_unique_elements(void) {
  one_node n = one_node_of("Unique", 11);
  one_node_input(&n, ESP_INT32, SHAPE(0), NULL);
  run(&n, 4);
  CU_ASSERT_EQUAL(n.out[0].shape.dim[0], 0);
  check_all(&n, NULL, NULL, NULL, NULL);
  one_node_free(&n);
}

static void boxes_that_overlap_the_best_go(void) {
  for (int centred = 0; centred < 2; centred++) {
    one_node n = one_node_of("NonMaxSuppression", 11);
    one_node_int(&n, "center_point_box", centred);
    static const double corner[] = {0, 0, 2, 2, 0, 0, 2, 1.9, 4, 4, 6, 6};
    static const double centre[] = {1, 1, 2, 2, .95, 1, 1.9, 2, 5, 5, 2, 2};
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 3, 4), centred ? centre : corner);
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 2, 3),
                   NUMBERS(.5, .9, .3, .8, .1, .2));
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(2));
    one_node_input(&n, ESP_FLOAT, SHAPE(1), NUMBERS(.5));
    one_node_input(&n, ESP_FLOAT, SHAPE(1), NUMBERS(.25));
    run(&n, 1);
    CU_ASSERT_EQUAL(n.out[0].shape.dim[0], 3);
    static const double want[] = {0, 0, 1, 0, 0, 2, 0, 1, 0};
    for (int i = 0; i < 9; i++) CU_ASSERT_EQUAL(one_node_at(&n, 0, i), want[i]);
    free(n.out[0].data);
    n.out[0].data = NULL;
    one_node_free(&n);
  }
}

static void a_score_equal_to_the_threshold_stays(void) {
  one_node n = one_node_of("NonMaxSuppression", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 3, 4),
                 NUMBERS(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 3), NUMBERS(.25, .5, .125));
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(3));
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NUMBERS(.5));
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NUMBERS(.25));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT64, SHAPE(2, 3), NUMBERS(0, 0, 1, 0, 0, 0), 0);
  one_node_free(&n);
}

static void without_a_number_no_box_is_selected(void) {
  one_node n = one_node_of("NonMaxSuppression", 10);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2, 4), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 2), NULL);
  CHECK_OK(one_node_infer(&n, 1));
  CU_ASSERT_EQUAL(n.out[0].shape.dim[0], 0);
  one_node_free(&n);

  n = one_node_of("NonMaxSuppression", 10);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2, 4), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("boxes are [1,2,4] and scores [1,1,3]");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(elements_sorted_and_in_their_order),
      CASE(text_is_in_the_order_of_its_bytes),
      CASE(complex_numbers_are_in_the_order_of_their_parts),
      CASE(one_nan_is_as_good_as_another),
      CASE(columns_are_compared_whole),
      CASE(nothing_has_no_unique_elements),
      CASE(boxes_that_overlap_the_best_go),
      CASE(a_score_equal_to_the_threshold_stays),
      CASE(without_a_number_no_box_is_selected),
      {NULL, NULL},
  };
  return check_run("unique", cases);
}
