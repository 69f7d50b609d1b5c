// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear against the
// standard's formulas in double.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const struct {
  esp_dtype type;
  double low, high;
} integers[] = {{ESP_UINT8, 0, 255},    {ESP_INT8, -128, 127},
                {ESP_UINT16, 0, 65535}, {ESP_INT16, -32768, 32767},
                {ESP_UINT4, 0, 15},     {ESP_INT4, -8, 7}};
static const esp_dtype floats8[] = {ESP_FLOAT8E4M3FN, ESP_FLOAT8E4M3FNUZ,
                                    ESP_FLOAT8E5M2, ESP_FLOAT8E5M2FNUZ};
static const esp_dtype reals[] = {ESP_FLOAT, ESP_FLOAT16, ESP_BFLOAT16};
enum { INTEGERS = 6, FLOATS8 = 4, REALS = 3 };

static double saturate(double v, int t) {
  return fmin(fmax(v, integers[t].low), integers[t].high);
}

static void ties_go_to_even_and_ends_hold(void) {
  for (int r = 0; r < REALS; r++) {
    for (int t = 0; t < INTEGERS; t++) {
      one_node n = one_node_of("QuantizeLinear", 21);
      const double x[] = {0, 1, 3, 5, -1, -3, 1e4, -1e4, 13};
      double want[9];
      one_node_input(&n, reals[r], SHAPE(9), x);
      one_node_input(&n, reals[r], SCALAR, NUMBERS(2));
      one_node_input(&n, integers[t].type, SCALAR, NUMBERS(3));
      CHECK_OK(one_node_run(&n, 1));
      for (int i = 0; i < 9; i++) {
        want[i] = saturate(rint(one_node_in(&n, 0, i) / 2) + 3, t);
      }
      one_node_check(&n, 0, integers[t].type, SHAPE(9), want, 0);
      one_node_free(&n);
    }
  }
}

static void eight_bit_floats_are_rounded(void) {
  for (int t = 0; t < FLOATS8; t++) {
    one_node n = one_node_of("QuantizeLinear", 19);
    one_node_input(&n, ESP_FLOAT, SHAPE(4), NUMBERS(0, 2, 6.4, 1e30));
    one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(2));
    one_node_input(&n, floats8[t], SCALAR, NUMBERS(0));
    CHECK_OK(one_node_run(&n, 1));
    const bool wide = t >= 2;
    one_node_check(
        &n, 0, floats8[t], SHAPE(4),
        NUMBERS(0, 1, wide ? 3 : 3.25, wide ? 57344 : (t == 0 ? 448 : 240)), 0);
    one_node_free(&n);
  }
}

static void a_type_may_be_asked_for(void) {
  one_node n = one_node_of("QuantizeLinear", 21);
  one_node_int(&n, "output_dtype", ESP_INT16);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(1000, -1000));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(0.5));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT16, SHAPE(2), NUMBERS(2000, -2000), 0);
  one_node_input(&n, ESP_INT8, SCALAR, NUMBERS(0));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("output_dtype");
  one_node_free(&n);
}

// Scales along the middle axis of [2,6,5]: one for each index, or for blocks.
static void check_axis(bool back, int64_t axis, int64_t block, int scales) {
  enum { COUNT = 60 };
  for (int t = 0; t < 2; t++) {
    one_node n = one_node_of(back ? "DequantizeLinear" : "QuantizeLinear", 21);
    const esp_dtype type = integers[t].type;
    one_node_int(&n, "axis", axis);
    if (block > 0) one_node_int(&n, "block_size", block);
    const esp_shape grain = block > 0 ? SHAPE(2, scales, 5) : SHAPE(scales);
    double scale[COUNT], zero[COUNT], want[COUNT];
    for (int i = 0; i < COUNT; i++) {
      scale[i] = 0.25 * (double)(i % 7 + 1);
      zero[i] = i % 5;
    }
    one_node_input(&n, back ? type : ESP_FLOAT, SHAPE(2, 6, 5), NULL);
    one_node_input(&n, ESP_FLOAT, grain, scale);
    one_node_input(&n, type, grain, zero);
    CHECK_OK(one_node_run(&n, 1));
    for (int i = 0; i < COUNT; i++) {
      const int index = i / 5 % 6;
      const int at = block > 0
                         ? (i / 30 * scales + index / (int)block) * 5 + i % 5
                         : index;
      const double v = one_node_in(&n, 0, i);
      want[i] = back ? (v - zero[at]) * scale[at]
                     : saturate(rint(v / scale[at]) + zero[at], t);
    }
    one_node_check(&n, 0, back ? ESP_FLOAT : type, SHAPE(2, 6, 5), want, 0);
    one_node_free(&n);
  }
}

static void scales_lie_along_an_axis(void) {
  for (int back = 0; back < 2; back++) {
    check_axis(back, 1, 0, 6);
    check_axis(back, -2, 0, 6);
  }
}

static void scales_are_shared_by_blocks(void) {
  for (int back = 0; back < 2; back++) {
    check_axis(back, 1, 2, 3);
    check_axis(back, 1, 4, 2); // the last block is shorter
    check_axis(back, 1, 6, 1);
  }
}

static void every_type_comes_back(void) {
  for (int r = 0; r < REALS; r++) {
    for (int t = 0; t < INTEGERS; t++) {
      one_node n = one_node_of("DequantizeLinear", 21);
      one_node_input(&n, integers[t].type, SHAPE(3), NUMBERS(0, 3, 7));
      one_node_input(&n, reals[r], SCALAR, NUMBERS(0.5));
      one_node_input(&n, integers[t].type, SCALAR, NUMBERS(1));
      CHECK_OK(one_node_run(&n, 1));
      one_node_check(&n, 0, reals[r], SHAPE(3), NUMBERS(-0.5, 1, 3), 0);
      one_node_free(&n);
    }
    for (int t = 0; t < FLOATS8; t++) {
      one_node n = one_node_of("DequantizeLinear", 19);
      one_node_input(&n, floats8[t], SHAPE(3), NUMBERS(0, -1.5, 3));
      one_node_input(&n, reals[r], SCALAR, NUMBERS(0.5));
      CHECK_OK(one_node_run(&n, 1));
      one_node_check(&n, 0, reals[r], SHAPE(3), NUMBERS(0, -0.75, 1.5), 0);
      one_node_free(&n);
    }
  }
}

static void wide_integers_have_no_zero_point(void) {
  one_node n = one_node_of("DequantizeLinear", 10);
  one_node_input(&n, ESP_INT32, SHAPE(2), NUMBERS(1000000, -4));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(0.25));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2), NUMBERS(250000, -1), 0);
  one_node_free(&n);
}

static void a_range_is_found(void) {
  one_node n = one_node_of("DynamicQuantizeLinear", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(6), NUMBERS(0, 2, -3, -2.5, 1.34, 0.5));
  CHECK_OK(one_node_run(&n, 3));
  one_node_check(&n, 0, ESP_UINT8, SHAPE(6), NUMBERS(153, 255, 0, 26, 221, 179),
                 0);
  one_node_check(&n, 1, ESP_FLOAT, SCALAR, NUMBERS(0.0196078438), 1e-9);
  one_node_check(&n, 2, ESP_UINT8, SCALAR, NUMBERS(153), 0);
  one_node_free(&n);
}

static void all_zeros_are_quantised(void) {
  one_node n = one_node_of("DynamicQuantizeLinear", 11);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(0, 0));
  CHECK_OK(one_node_run(&n, 3));
  one_node_check(&n, 0, ESP_UINT8, SHAPE(2), NUMBERS(0, 0), 0);
  one_node_free(&n);
}

static void scales_that_do_not_fit_are_refused(void) {
  one_node n = one_node_of("QuantizeLinear", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("3 indices of axis 1");
  one_node_free(&n);
  n = one_node_of("DequantizeLinear", 21);
  one_node_int(&n, "block_size", 2);
  one_node_input(&n, ESP_INT8, SHAPE(2, 6), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 4), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("blocks of 2");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(ties_go_to_even_and_ends_hold),
      CASE(eight_bit_floats_are_rounded),
      CASE(a_type_may_be_asked_for),
      CASE(scales_lie_along_an_axis),
      CASE(scales_are_shared_by_blocks),
      CASE(every_type_comes_back),
      CASE(wide_integers_have_no_zero_point),
      CASE(a_range_is_found),
      CASE(all_zeros_are_quantised),
      CASE(scales_that_do_not_fit_are_refused),
      {NULL, NULL},
  };
  return check_run("op/quantise", cases);
}
