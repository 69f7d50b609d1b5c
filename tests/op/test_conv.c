// Conv against a plain loop in double, for every floating type.
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};

// Two groups, x [2,4,7,5], w [6,2,3,2], strides 2 and 1, dilations 1 and 2,
// padding of one on every side: y [2,6,4,5].
enum { OH = 4, OW = 5, Y = 2 * 6 * OH * OW };

static double window_sum(const one_node *n, int i) {
  const int sample = i / (6 * OH * OW), m = i / (OH * OW) % 6;
  const int oy = i / OW % OH, ox = i % OW, group = m / 3;
  double sum = one_node_in(n, 2, m);
  for (int c = 0; c < 2; c++) {
    for (int ky = 0; ky < 3; ky++) {
      for (int kx = 0; kx < 2; kx++) {
        const int py = oy * 2 + ky - 1, px = ox + 2 * kx - 1;
        if (py < 0 || py >= 7 || px < 0 || px >= 5) continue;
        const int at = ((sample * 4 + group * 2 + c) * 7 + py) * 5 + px;
        sum += one_node_in(n, 0, at) *
               one_node_in(n, 1, ((m * 2 + c) * 3 + ky) * 2 + kx);
      }
    }
  }
  return sum;
}

static void every_type_is_convolved(void) {
  static const int64_t strides[] = {2, 1}, dilations[] = {1, 2},
                       pads[] = {1, 1, 1, 1};
  for (int t = 0; t < 4; t++) {
    one_node n = one_node_of("Conv", 22);
    one_node_int(&n, "group", 2);
    one_node_ints(&n, "strides", strides, 2);
    one_node_ints(&n, "dilations", dilations, 2);
    one_node_ints(&n, "pads", pads, 4);
    one_node_input(&n, types[t], SHAPE(2, 4, 7, 5), NULL);
    one_node_input(&n, types[t], SHAPE(6, 2, 3, 2), NULL);
    one_node_input(&n, types[t], SHAPE(6), NULL);
    CHECK_OK(one_node_run(&n, 1));
    double want[Y];
    for (int i = 0; i < Y; i++) want[i] = window_sum(&n, i);
    one_node_check(&n, 0, types[t], SHAPE(2, 6, OH, OW), want,
                   2 * one_node_tolerance(types[t]));
    one_node_free(&n);
  }
}

static void a_bias_of_another_type_is_refused(void) {
  one_node n = one_node_of("Conv", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 1), NULL);
  one_node_input(&n, ESP_DOUBLE, SHAPE(1), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_type_is_convolved),
      CASE(a_bias_of_another_type_is_refused),
      {NULL, NULL},
  };
  return check_run("op/conv", cases);
}
