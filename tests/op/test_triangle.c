// Trilu for every diagonal and type.
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,
    ESP_INT16, ESP_INT32,  ESP_INT64,   ESP_UINT8,    ESP_BOOL};
enum { TYPES = 10, N = 2, R = 4, C = 5 };

static void check_one(esp_dtype type, bool upper, bool has_k, double k) {
  one_node n = one_node_of("Trilu", 14);
  one_node_int(&n, "upper", upper);
  one_node_input(&n, type, SHAPE(N, R, C), NULL);
  if (has_k) one_node_input(&n, ESP_INT64, SCALAR, &k);
  CHECK_OK(one_node_run(&n, 1));
  double want[N * R * C];
  for (int i = 0; i < N * R * C; i++) {
    const double distance = i % C - i / C % R - (has_k ? k : 0);
    const bool kept = upper ? distance >= 0 : distance <= 0;
    want[i] = kept ? one_node_in(&n, 0, i) : 0;
  }
  one_node_check(&n, 0, type, SHAPE(N, R, C), want, 0);
  one_node_free(&n);
}

static void every_diagonal_of_every_type(void) {
  const double ks[] = {0, 1, -1, 3, -3, 10, -10, 0x1p62, -0x1p62};
  for (int t = 0; t < TYPES; t++) {
    for (int upper = 0; upper < 2; upper++) {
      check_one(types[t], upper, false, 0);
      for (int k = 0; k < 9; k++) check_one(types[t], upper, true, ks[k]);
    }
  }
}

static void strings_become_empty(void) {
  static const char *const text[] = {"a", "b", "c", "d"};
  static const char *const want[] = {"a", "b", "", "d"};
  one_node n = one_node_of("Trilu", 14);
  one_node_texts(&n, SHAPE(2, 2), text);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check_texts(&n, 0, SHAPE(2, 2), want);
  one_node_free(&n);
}

static void a_vector_is_refused(void) {
  one_node n = one_node_of("Trilu", 14);
  one_node_input(&n, ESP_FLOAT, SHAPE(4), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_diagonal_of_every_type),
      CASE(strings_become_empty),
      CASE(a_vector_is_refused),
      {NULL, NULL},
  };
  return check_run("op/triangle", cases);
}
