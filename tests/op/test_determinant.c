// Det, against the expansion by minors.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

enum { MOST = 5 };
static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};

// Along the first row of what is left once `used` columns are taken.
static double expand(const double *a, int m, int row, unsigned used) {
  if (row == m) return 1;
  double sum = 0, sign = 1;
  for (int c = 0; c < m; c++) {
    if (used >> c & 1u) continue;
    sum += sign * a[row * m + c] * expand(a, m, row + 1, used | 1u << c);
    sign = -sign;
  }
  return sum;
}

static void every_order_matches_the_expansion(void) {
  for (int t = 0; t < 4; t++) {
    for (int m = 0; m <= MOST; m++) {
      one_node n = one_node_of("Det", 11);
      one_node_input(&n, types[t], SHAPE(3, 2, m, m), NULL);
      CHECK_OK(one_node_run(&n, 1));
      double want[6];
      for (int i = 0; i < 6; i++) {
        double a[MOST * MOST];
        for (int e = 0; e < m * m; e++) {
          a[e] = one_node_in(&n, 0, (int64_t)i * m * m + e);
        }
        want[i] = expand(a, m, 0, 0);
      }
      one_node_check(&n, 0, types[t], SHAPE(3, 2), want,
                     one_node_tolerance(types[t]));
      one_node_free(&n);
    }
  }
}

static void one_matrix_gives_a_scalar(void) {
  one_node n = one_node_of("Det", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2), NUMBERS(0, 2, 3, 4));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SCALAR, NUMBERS(-6), 0);
  one_node_free(&n);
}

static void a_singular_matrix_gives_zero(void) {
  one_node n = one_node_of("Det", 22);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2, 3, 3),
                 NUMBERS(0, 1, 2, 0, 3, 4, 0, 5, 6, 1, 2, 3, 2, 4, 6, 0, 1, 5));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_DOUBLE, SHAPE(2), NUMBERS(0, 0), 0);
  one_node_free(&n);
}

static void nan_passes_through(void) {
  one_node n = one_node_of("Det", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(3, 3),
                 NUMBERS(0, 1, 2, 0, NAN, 4, 0, 5, 6));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SCALAR, NUMBERS(NAN), 0);
  one_node_free(&n);
}

static void other_than_square_is_refused(void) {
  const esp_shape shapes[] = {SHAPE(2, 3), SHAPE(4)};
  for (int s = 0; s < 2; s++) {
    one_node n = one_node_of("Det", 11);
    one_node_input(&n, ESP_FLOAT, shapes[s], NULL);
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_order_matches_the_expansion), CASE(one_matrix_gives_a_scalar),
      CASE(a_singular_matrix_gives_zero),      CASE(nan_passes_through),
      CASE(other_than_square_is_refused),      {NULL, NULL},
  };
  return check_run("op/determinant", cases);
}
