// Sums over the axes of a broadcast.
#include "support/check.h"
#include "support/one_node.h"

static const double six[] = {1, 2, 3, 4, 5, 6};

static void axes_of_one_are_summed_over(void) {
  one_node n = one_node_of("espalier:SumTo", 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), six);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 1), NULL);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, 1), NUMBERS(6, 15), 0);
  one_node_free(&n);
}

static void axes_that_are_not_there_are_summed_over(void) {
  one_node n = one_node_of("espalier:SumTo", 1);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2, 1, 3), six);
  one_node_input(&n, ESP_DOUBLE, SHAPE(3), NULL);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_DOUBLE, SHAPE(3), NUMBERS(5, 7, 9), 0);
  one_node_free(&n);
}

static void another_shape_is_refused(void) {
  one_node n = one_node_of("espalier:SumTo", 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 1), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("shape [2,3] was not broadcast to [2,1]");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(axes_of_one_are_summed_over),
      CASE(axes_that_are_not_there_are_summed_over),
      CASE(another_shape_is_refused),
      {NULL, NULL},
  };
  return check_run("op/sum_to", cases);
}
