// TopK against sorting, for every type and version.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,   ESP_INT16,
    ESP_INT32, ESP_INT64,  ESP_UINT8,   ESP_UINT16,   ESP_UINT32, ESP_UINT64};
enum { FLOATING = 4, TYPES = 12, A = 2, N = 9, C = 3 };

// The k first of a line by looking for each in turn: few distinct numbers, so
// that there are many equals.
static void reference(const double *x, int k, bool largest, double *values,
                      double *indices) {
  bool taken[N] = {false};
  for (int i = 0; i < k; i++) {
    int best = -1;
    for (int j = 0; j < N; j++) {
      if (taken[j]) continue;
      const bool more = best < 0 || (largest ? x[j * C] > x[best * C]
                                             : x[j * C] < x[best * C]);
      if (more) best = j;
    }
    taken[best] = true;
    values[i * C] = x[best * C];
    indices[i * C] = best;
  }
}

static void check_one(int version, esp_dtype type, int k, bool largest) {
  one_node n = one_node_of("TopK", version);
  double x[A * N * C], values[A * N * C], indices[A * N * C], wanted = k;
  for (int i = 0; i < A * N * C; i++) x[i] = (double)(check_random() % 5);
  one_node_int(&n, "axis", 1);
  if (version >= 11) one_node_int(&n, "largest", largest);
  if (version < 10) one_node_int(&n, "k", k);
  one_node_input(&n, type, SHAPE(A, N, C), x);
  if (version >= 10) one_node_input(&n, ESP_INT64, SHAPE(1), &wanted);
  CHECK_OK(one_node_run(&n, 2));
  for (int r = 0; r < A * C; r++) {
    const int to = r / C * k * C + r % C;
    reference(x + r / C * N * C + r % C, k, largest, values + to, indices + to);
  }
  one_node_check(&n, 0, type, SHAPE(A, k, C), values, 0);
  one_node_check(&n, 1, ESP_INT64, SHAPE(A, k, C), indices, 0);
  one_node_free(&n);
}

static void the_first_of_every_type(void) {
  for (int t = 0; t < TYPES; t++) {
    for (int k = 0; k <= N; k += 3) {
      check_one(11, types[t], k, true);
      check_one(11, types[t], k, false);
    }
  }
  for (int t = 0; t < FLOATING; t++) {
    check_one(1, types[t], 4, true);
    check_one(10, types[t], 4, true);
  }
}

static void nan_comes_last(void) {
  for (int largest = 0; largest < 2; largest++) {
    one_node n = one_node_of("TopK", 11);
    one_node_int(&n, "largest", largest);
    one_node_input(&n, ESP_FLOAT, SHAPE(4), NUMBERS((double)NAN, 2, 1, 3));
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(4));
    CHECK_OK(one_node_run(&n, 2));
    one_node_check(&n, 1, ESP_INT64, SHAPE(4),
                   largest ? NUMBERS(3, 1, 2, 0) : NUMBERS(2, 1, 3, 0), 0);
    one_node_free(&n);
  }
}

static void more_than_there_are_is_refused(void) {
  one_node n = one_node_of("TopK", 10);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(4));
  CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
  check_message("k is 4, but axis 1 has 3");
  one_node_free(&n);
  n = one_node_of("TopK", 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(the_first_of_every_type),
      CASE(nan_comes_last),
      CASE(more_than_there_are_is_refused),
      {NULL, NULL},
  };
  return check_run("op/topk", cases);
}
