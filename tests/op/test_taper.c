// The windows of signal processing, against their formulas.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const char *const windows[] = {"HannWindow", "HammingWindow",
                                      "BlackmanWindow"};
static const double turn = 6.283185307179586;

static double reference(int window, double i, double period) {
  const double a0 = 25.0 / 46.0, t = turn * i / period;
  switch (window) {
  case 0:
    return pow(sin(t / 2), 2);
  case 1:
    return a0 - (1 - a0) * cos(t);
  default:
    return 0.42 - 0.5 * cos(t) + 0.08 * cos(2 * t);
  }
}

static void check_window(int window, esp_dtype type, int size, bool periodic) {
  one_node n = one_node_of(windows[window], 17);
  if (type != ESP_FLOAT) one_node_int(&n, "output_datatype", type);
  if (!periodic) one_node_int(&n, "periodic", 0);
  one_node_input(&n, size % 2 ? ESP_INT32 : ESP_INT64, SCALAR, NUMBERS(size));
  CHECK_OK(one_node_run(&n, 1));
  double want[32];
  for (int i = 0; i < size; i++) {
    want[i] = reference(window, i, periodic ? size : size - 1);
  }
  one_node_check(&n, 0, type, SHAPE(size), want, one_node_tolerance(type));
  one_node_free(&n);
}

static void every_window_matches_its_formula(void) {
  static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                    ESP_BFLOAT16};
  static const int sizes[] = {0, 2, 3, 10, 31};
  for (int w = 0; w < 3; w++) {
    for (int t = 0; t < 4; t++) {
      for (int s = 0; s < 5; s++) {
        check_window(w, types[t], sizes[s], true);
        check_window(w, types[t], sizes[s], false);
      }
    }
  }
}

static void a_symmetric_window_of_one_is_its_peak(void) {
  for (int w = 0; w < 3; w++) {
    one_node n = one_node_of(windows[w], 17);
    one_node_int(&n, "periodic", 0);
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(1));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_FLOAT, SHAPE(1), NUMBERS(1), 1e-6);
    one_node_free(&n);
  }
}

static void whole_types_are_cut_off(void) {
  one_node n = one_node_of("HannWindow", 17);
  one_node_int(&n, "output_datatype", ESP_UINT8);
  one_node_input(&n, ESP_INT32, SCALAR, NUMBERS(4));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_UINT8, SHAPE(4), NUMBERS(0, 0, 1, 0), 0);
  one_node_free(&n);
}

static void wrong_sizes_and_types_are_refused(void) {
  for (int wrong = 0; wrong < 3; wrong++) {
    one_node n = one_node_of("HannWindow", 17);
    if (wrong == 0) one_node_int(&n, "output_datatype", ESP_STRING);
    one_node_input(&n, wrong == 1 ? ESP_FLOAT : ESP_INT64, SCALAR,
                   NUMBERS(wrong == 2 ? -1 : 4));
    CHECK_STATUS(one_node_infer(&n, 1),
                 wrong == 1 ? ESP_UNSUPPORTED : ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

static void a_size_not_yet_known_is_left_to_the_walk(void) {
  one_node n = one_node_of("HannWindow", 17);
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(4));
  void *data = n.in[0].data;
  n.in[0].data = NULL;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  n.in[0].data = data;
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_window_matches_its_formula),
      CASE(a_symmetric_window_of_one_is_its_peak),
      CASE(whole_types_are_cut_off),
      CASE(wrong_sizes_and_types_are_refused),
      CASE(a_size_not_yet_known_is_left_to_the_walk),
      {NULL, NULL},
  };
  return check_run("op/taper", cases);
}
