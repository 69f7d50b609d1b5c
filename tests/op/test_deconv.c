// ConvTranspose against a plain loop in double, for every floating type.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/deconv.h"
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};

// x [2,4,I,J] and w [4,3,3,2] in two groups: y [2,6,O,P].
enum { I = 4, J = 5, GROUPS = 2, C = 2, M = 3 };
typedef struct sizes {
  int64_t stride[2], dilation[2], before[2], out[2];
} sizes;

static void scatter(const one_node *n, const sizes *s, double *want) {
  const int size = (int)(s->out[0] * s->out[1]);
  for (int i = 0; i < 2 * GROUPS * M * size; i++) {
    want[i] = one_node_in(n, 2, i / size % (GROUPS * M));
  }
  for (int i = 0; i < 2 * GROUPS * C * I * J * M * 6; i++) {
    const int k = i % 6, m = i / 6 % M, x = i / (6 * M);
    const int row = x / J % I, column = x % J, channel = x / (I * J) % 4;
    const int sample = x / (I * J * 4);
    const int64_t a =
        row * s->stride[0] + k / 2 * s->dilation[0] - s->before[0];
    const int64_t b =
        column * s->stride[1] + k % 2 * s->dilation[1] - s->before[1];
    if (a < 0 || a >= s->out[0] || b < 0 || b >= s->out[1]) continue;
    const int plane = (sample * GROUPS + channel / C) * M + m;
    want[plane * size + a * s->out[1] + b] +=
        one_node_in(n, 0, x) * one_node_in(n, 1, (channel * M + m) * 6 + k);
  }
}

// A node with the attributes given so far.
static void check_node(one_node n, esp_dtype type, const sizes *s) {
  one_node_int(&n, "group", GROUPS);
  one_node_ints(&n, "strides", s->stride, 2);
  one_node_ints(&n, "dilations", s->dilation, 2);
  one_node_input(&n, type, SHAPE(2, GROUPS * C, I, J), NULL);
  one_node_input(&n, type, SHAPE(GROUPS * C, M, 3, 2), NULL);
  one_node_input(&n, type, SHAPE(GROUPS * M), NULL);
  CHECK_OK(one_node_run(&n, 1));
  double *want =
      calloc((size_t)(2 * GROUPS * M * s->out[0] * s->out[1]), sizeof *want);
  if (want == NULL) abort();
  scatter(&n, s, want);
  one_node_check(&n, 0, type, SHAPE(2, GROUPS * M, s->out[0], s->out[1]), want,
                 4 * one_node_tolerance(type));
  free(want);
  one_node_free(&n);
}

static void pads_are_taken_away(void) {
  static const int64_t pads[] = {2, 0, 1, 1}, more[] = {1, 0};
  static const sizes s = {{3, 1}, {1, 2}, {2, 0}, {10, 6}};
  static const int versions[] = {1, 11, 22};
  for (int t = 0; t < 4; t++) {
    for (int v = 0; v < 3; v++) {
      one_node n = one_node_of("ConvTranspose", versions[v]);
      one_node_ints(&n, "pads", pads, 4);
      one_node_ints(&n, "output_padding", more, 2);
      check_node(n, types[t], &s);
    }
  }
}

// Of strides 2 and dilations 1 there are 9 by 10 elements.
static void a_given_shape_decides_the_padding(void) {
  static const int64_t asked[] = {6, 9}, larger[] = {11, 10};
  static const sizes upper = {{2, 2}, {1, 1}, {1, 0}, {6, 9}};
  static const sizes lower = {{2, 2}, {1, 1}, {2, 1}, {6, 9}};
  static const sizes beyond = {{2, 2}, {1, 1}, {0, 0}, {11, 10}};
  one_node n = one_node_of("ConvTranspose", 11);
  one_node_ints(&n, "output_shape", asked, 2);
  one_node_string(&n, "auto_pad", "SAME_UPPER");
  check_node(n, ESP_DOUBLE, &upper);
  n = one_node_of("ConvTranspose", 11);
  one_node_ints(&n, "output_shape", asked, 2);
  check_node(n, ESP_DOUBLE, &lower);
  n = one_node_of("ConvTranspose", 1); // the other way round
  one_node_ints(&n, "output_shape", asked, 2);
  check_node(n, ESP_DOUBLE, &upper);
  n = one_node_of("ConvTranspose", 22);
  one_node_ints(&n, "output_shape", larger, 2);
  check_node(n, ESP_FLOAT, &beyond);
}

static void same_multiplies_by_the_stride(void) {
  static const sizes upper = {{2, 1}, {1, 1}, {0, 0}, {8, 5}};
  static const sizes lower = {{2, 1}, {1, 1}, {1, 1}, {8, 5}};
  one_node n = one_node_of("ConvTranspose", 22);
  one_node_string(&n, "auto_pad", "SAME_UPPER");
  check_node(n, ESP_FLOAT, &upper);
  n = one_node_of("ConvTranspose", 22);
  one_node_string(&n, "auto_pad", "SAME_LOWER");
  check_node(n, ESP_FLOAT, &lower);
  n = one_node_of("ConvTranspose", 1);
  one_node_string(&n, "auto_pad", "SAME_LOWER");
  check_node(n, ESP_FLOAT, &lower);
}

// A sample alone has the bytes that it has in a batch.
static void a_sample_does_not_feel_its_batch(void) {
  one_node both = one_node_of("ConvTranspose", 11), one = both;
  double x[2 * 3 * 7], w[3 * 2 * 3];
  for (int i = 0; i < 42; i++) x[i] = (double)check_random_float();
  for (int i = 0; i < 18; i++) w[i] = (double)check_random_float();
  one_node_input(&both, ESP_FLOAT, SHAPE(2, 3, 7), x);
  one_node_input(&both, ESP_FLOAT, SHAPE(3, 2, 3), w);
  one_node_input(&one, ESP_FLOAT, SHAPE(1, 3, 7), x + 21);
  one_node_input(&one, ESP_FLOAT, SHAPE(3, 2, 3), w);
  CHECK_OK(one_node_run(&both, 1));
  CHECK_OK(one_node_run(&one, 1));
  for (int i = 0; i < 18; i++) {
    CU_ASSERT_EQUAL(one_node_at(&one, 0, i), one_node_at(&both, 0, 18 + i));
  }
  one_node_free(&both);
  one_node_free(&one);
}

// Weights that are known beforehand and ones that are not: the same bytes.
static void weights_may_come_late(void) {
  enum { IN_CHANNELS = 6, OUT_CHANNELS = 4, SIDE = 5, OUT = 11 };
  const esp_deconv_problem p = {.type = ESP_FLOAT,
                                .batch = 2,
                                .groups = 2,
                                .in_channels = IN_CHANNELS,
                                .out_channels = OUT_CHANNELS,
                                .in = {1, SIDE, SIDE},
                                .out = {1, OUT, OUT},
                                .kernel = {1, 3, 3},
                                .stride = {1, 2, 2},
                                .dilation = {1, 1, 1},
                                .width = 2};
  static float x[2 * IN_CHANNELS * SIDE * SIDE],
      w[IN_CHANNELS * OUT_CHANNELS / 2 * 9];
  static float y[2][2 * OUT_CHANNELS * OUT * OUT];
  for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = check_random_float();
  for (size_t i = 0; i < sizeof w / sizeof *w; i++) w[i] = check_random_float();
  for (int late = 0; late < 2; late++) {
    esp_deconv *d = NULL;
    void *scratch = NULL;
    CHECK_OK(esp_deconv_create(&p, late ? NULL : w, &d));
    CHECK_OK(esp_allocate(esp_deconv_scratch(d), &scratch));
    CHECK_OK(esp_deconv_run(d, x, w, NULL, y[late], scratch));
    esp_free(scratch);
    esp_deconv_free(d);
  }
  CU_ASSERT_EQUAL(memcmp(y[0], y[1], sizeof y[0]), 0);
}

static void three_axes_and_no_bias(void) {
  one_node n = one_node_of("ConvTranspose", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 1, 2, 1), NUMBERS(2, 3));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 2, 2, 1), NUMBERS(1, 10, 100, 1e3));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 2, 3, 1),
                 NUMBERS(2, 23, 30, 200, 2300, 3000), 0);
  one_node_free(&n);
}

static void misfits_are_refused(void) {
  static const int64_t one[] = {1}, much[] = {9, 9};
  for (int i = 0; i < 5; i++) {
    one_node n = one_node_of("ConvTranspose", 11);
    if (i == 0) one_node_int(&n, "group", 2);
    if (i == 1) one_node_ints(&n, "output_padding", much, 2);
    if (i == 2) one_node_ints(&n, "pads", much, 2);
    if (i == 3) one_node_ints(&n, "output_shape", much, 2);
    if (i == 4) one_node_ints(&n, "strides", one, 1);
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 3, 7), NULL);
    one_node_input(&n, ESP_FLOAT, SHAPE(3, 2, 3), NULL);
    if (i == 4) one_node_input(&n, ESP_FLOAT, SHAPE(3), NULL);
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(pads_are_taken_away),
      CASE(a_given_shape_decides_the_padding),
      CASE(same_multiplies_by_the_stride),
      CASE(a_sample_does_not_feel_its_batch),
      CASE(weights_may_come_late),
      CASE(three_axes_and_no_bias),
      CASE(misfits_are_refused),
      {NULL, NULL},
  };
  return check_run("op/deconv", cases);
}
