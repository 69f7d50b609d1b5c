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

// x [1,2,8] and w [3,2,3] with one stride and dilation, at this padding.
static void check_line(one_node n, int stride, int dilation, int before,
                       int out) {
  const int64_t strides[] = {stride}, dilations[] = {dilation};
  one_node_ints(&n, "strides", strides, 1);
  one_node_ints(&n, "dilations", dilations, 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2, 8), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(3, 2, 3), NULL);
  CHECK_OK(one_node_run(&n, 1));
  double want[3 * 8] = {0};
  for (int i = 0; i < 3 * out; i++) {
    for (int k = 0; k < 6; k++) { // a channel and a tap
      const int at = i % out * stride + k % 3 * dilation - before;
      if (at < 0 || at >= 8) continue;
      want[i] += one_node_in(&n, 0, k / 3 * 8 + at) *
                 one_node_in(&n, 1, i / out * 6 + k);
    }
  }
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 3, out), want, 1e-5);
  one_node_free(&n);
}

static void every_auto_pad_on_one_axis(void) {
  static const struct {
    const char *word;
    int stride, dilation, before, out;
  } forms[] = {{"SAME_UPPER", 3, 1, 0, 3}, {"SAME_LOWER", 3, 1, 1, 3},
               {"SAME_UPPER", 2, 2, 1, 4}, {"SAME_LOWER", 2, 2, 2, 4},
               {"VALID", 1, 3, 0, 2},      {"", 1, 1, 0, 6}};
  static const int versions[] = {1, 11, 22};
  for (int i = 0; i < 6 * 3; i++) {
    one_node n = one_node_of("Conv", versions[i / 6]);
    one_node_string(&n, "auto_pad", forms[i % 6].word);
    check_line(n, forms[i % 6].stride, forms[i % 6].dilation,
               forms[i % 6].before, forms[i % 6].out);
  }
}

// One channel, a cube of 2 x 3 x 2 and a kernel of 2 x 2 x 1.
static void three_axes(void) {
  for (int t = 0; t < 4; t++) {
    one_node n = one_node_of("Conv", 11);
    one_node_input(&n, types[t], SHAPE(1, 1, 2, 3, 2),
                   NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    one_node_input(&n, types[t], SHAPE(1, 1, 2, 2, 1), NUMBERS(1, 2, 3, 4));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t], SHAPE(1, 1, 1, 2, 2),
                   NUMBERS(64, 74, 84, 94), one_node_tolerance(types[t]));
    one_node_free(&n);
  }
}

static void wrong_attributes_are_refused(void) {
  static const int64_t kernel[] = {2}, pads[] = {-1, 0}, strides[] = {0};
  for (int i = 0; i < 5; i++) {
    one_node n = one_node_of(i == 4 ? "ConvTranspose" : "Conv", 11);
    if (i == 0 || i == 4) one_node_ints(&n, "kernel_shape", kernel, 1);
    if (i == 1) one_node_ints(&n, "pads", pads, 2);
    if (i == 2) one_node_ints(&n, "strides", strides, 1);
    if (i == 3) one_node_string(&n, "auto_pad", "SAME");
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 4), NULL);
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 3), NULL);
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

// Legal, but more than there are loops for; and no spatial axis at all.
static void four_axes_are_not_supported(void) {
  static const char *const ops[] = {"Conv", "ConvTranspose", "MaxPool"};
  static const int64_t kernel[] = {1, 1, 1, 1};
  for (int i = 0; i < 6; i++) {
    const esp_shape shape = i < 3 ? SHAPE(1, 1, 2, 2, 2, 2) : SHAPE(1, 1);
    one_node n = one_node_of(ops[i % 3], 11);
    if (i % 3 == 2) one_node_ints(&n, "kernel_shape", kernel, 4);
    one_node_input(&n, ESP_FLOAT, shape, NULL);
    if (i % 3 != 2) one_node_input(&n, ESP_FLOAT, shape, NULL);
    CHECK_STATUS(one_node_infer(&n, 1),
                 i < 3 ? ESP_UNSUPPORTED : ESP_BAD_INPUT);
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
      CASE(every_auto_pad_on_one_axis),
      CASE(three_axes),
      CASE(wrong_attributes_are_refused),
      CASE(four_axes_are_not_supported),
      CASE(a_bias_of_another_type_is_refused),
      {NULL, NULL},
  };
  return check_run("op/conv", cases);
}
