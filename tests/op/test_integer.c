// MatMulInteger, QLinearMatMul, ConvInteger and QLinearConv against plain loops
// in double.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype bytes[] = {ESP_UINT8, ESP_INT8};

static double saturate(double v, esp_dtype type) {
  return type == ESP_INT8 ? fmin(fmax(v, -128), 127) : fmin(fmax(v, 0), 255);
}

// Random numbers over the whole range of a type.
static void any_bytes(one_node *n, esp_dtype type, esp_shape shape) {
  double v[512];
  for (int64_t i = 0; i < esp_shape_count(&shape); i++) {
    v[i] = (double)(check_random() % 256) - (type == ESP_INT8 ? 128 : 0);
  }
  one_node_input(n, type, shape, v);
}

enum { M = 5, K = 9, N = 7 };

// (a - a_zero)(b - b_zero) at row m (of all matrices) and column j.
static double product_at(const one_node *n, int b, int bz, int m, int j,
                         int matrix, bool rows, bool columns) {
  double sum = 0;
  for (int k = 0; k < K; k++) {
    sum +=
        (one_node_in(n, 0, m * K + k) - one_node_in(n, 2, rows ? m % M : 0)) *
        (one_node_in(n, b, (matrix * K + k) * N + j) -
         one_node_in(n, bz, columns ? j : 0));
  }
  return sum;
}

static void integer_products_are_exact(void) {
  for (int which = 0; which < 16; which++) {
    const esp_dtype a = bytes[which & 1], b = bytes[which >> 1 & 1];
    const bool rows = which & 4, columns = which & 8;
    one_node n = one_node_of("MatMulInteger", 10);
    any_bytes(&n, a, SHAPE(2, M, K));
    any_bytes(&n, b, SHAPE(2, K, N));
    any_bytes(&n, a, rows ? SHAPE(M) : SCALAR);
    any_bytes(&n, b, columns ? SHAPE(N) : SCALAR);
    CHECK_OK(one_node_run(&n, 1));
    double want[2 * M * N];
    for (int i = 0; i < 2 * M * N; i++) {
      want[i] = product_at(&n, 1, 3, i / N, i % N, i / (M * N), rows, columns);
    }
    one_node_check(&n, 0, ESP_INT32, SHAPE(2, M, N), want, 0);
    one_node_free(&n);
  }
}

static void zero_points_may_be_left_out(void) {
  one_node n = one_node_of("MatMulInteger", 10);
  one_node_input(&n, ESP_UINT8, SHAPE(1, 2), NUMBERS(200, 3));
  one_node_input(&n, ESP_INT8, SHAPE(2, 1), NUMBERS(-100, 2));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT32, SHAPE(1, 1), NUMBERS(-19994), 0);
  one_node_free(&n);
}

static void scaled_products_are_rounded_once(void) {
  for (int which = 0; which < 32; which++) {
    const esp_dtype a = bytes[which & 1], b = bytes[which >> 1 & 1];
    const esp_dtype y = bytes[which >> 4];
    const bool rows = which & 4, columns = which & 8;
    one_node n = one_node_of("QLinearMatMul", 21);
    any_bytes(&n, a, SHAPE(2, M, K));
    double scales[N];
    for (int i = 0; i < N; i++) scales[i] = 0.0625 * (i + 1);
    one_node_input(&n, ESP_FLOAT, rows ? SHAPE(M) : SCALAR, scales);
    any_bytes(&n, a, rows ? SHAPE(M) : SCALAR);
    any_bytes(&n, b, SHAPE(K, N));
    one_node_input(&n, ESP_FLOAT, columns ? SHAPE(N) : SCALAR, scales);
    any_bytes(&n, b, columns ? SHAPE(N) : SCALAR);
    one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(20));
    one_node_input(&n, y, SCALAR, NUMBERS(11));
    CHECK_OK(one_node_run(&n, 1));
    double want[2 * M * N];
    for (int i = 0; i < 2 * M * N; i++) {
      const double sum = product_at(&n, 3, 5, i / N, i % N, 0, rows, columns);
      const double factor =
          scales[rows ? i / N % M : 0] / 20 * scales[columns ? i % N : 0];
      want[i] = saturate(rint(sum * factor) + 11, y);
    }
    one_node_check(&n, 0, y, SHAPE(2, M, N), want, 0);
    one_node_free(&n);
  }
}

// Two groups, x [2,4,7,5], w [6,2,3,2], strides 2 and 1, dilations 1 and 2,
// padding on every side but one: y [2,6,4,5].
enum { OH = 4, OW = 5, Y = 2 * 6 * OH * OW };
static void set_windows(one_node *n) {
  static const int64_t strides[] = {2, 1}, dilations[] = {1, 2},
                       pads[] = {1, 1, 1, 1};
  one_node_int(n, "group", 2);
  one_node_ints(n, "strides", strides, 2);
  one_node_ints(n, "dilations", dilations, 2);
  one_node_ints(n, "pads", pads, 4);
}

// Sum at element i of y; x is input 0, w, xz and wz are these inputs.
static double window_sum(const one_node *n, int w, int xz, int wz, int i,
                         bool by_channel) {
  const int sample = i / (6 * OH * OW), m = i / (OH * OW) % 6;
  const int oy = i / OW % OH, ox = i % OW, group = m / 3;
  double sum = 0;
  for (int c = 0; c < 2; c++) {
    for (int ky = 0; ky < 3; ky++) {
      for (int kx = 0; kx < 2; kx++) {
        const int py = oy * 2 + ky - 1, px = ox + 2 * kx - 1;
        if (py < 0 || py >= 7 || px < 0 || px >= 5) continue;
        const int at = ((sample * 4 + group * 2 + c) * 7 + py) * 5 + px;
        sum += (one_node_in(n, 0, at) - one_node_in(n, xz, 0)) *
               (one_node_in(n, w, ((m * 2 + c) * 3 + ky) * 2 + kx) -
                one_node_in(n, wz, by_channel ? m : 0));
      }
    }
  }
  return sum;
}

static void integer_convolutions_are_exact(void) {
  for (int which = 0; which < 8; which++) {
    const esp_dtype x = bytes[which & 1], w = bytes[which >> 1 & 1];
    const bool by_channel = which & 4;
    one_node n = one_node_of("ConvInteger", 10);
    set_windows(&n);
    any_bytes(&n, x, SHAPE(2, 4, 7, 5));
    any_bytes(&n, w, SHAPE(6, 2, 3, 2));
    any_bytes(&n, x, SCALAR);
    any_bytes(&n, w, by_channel ? SHAPE(6) : SCALAR);
    CHECK_OK(one_node_run(&n, 1));
    double want[Y];
    for (int i = 0; i < Y; i++) {
      want[i] = window_sum(&n, 1, 2, 3, i, by_channel);
    }
    one_node_check(&n, 0, ESP_INT32, SHAPE(2, 6, OH, OW), want, 0);
    one_node_free(&n);
  }
}

static void scaled_convolutions_are_rounded_once(void) {
  for (int which = 0; which < 16; which++) {
    const esp_dtype x = bytes[which & 1], w = bytes[which >> 1 & 1];
    const esp_dtype y = bytes[which >> 3];
    const bool by_channel = which & 4;
    const double scales[] = {0.5, 0.25, 0.125, 1, 2, 0.75};
    one_node n = one_node_of("QLinearConv", 10);
    set_windows(&n);
    any_bytes(&n, x, SHAPE(2, 4, 7, 5));
    one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(0.25));
    any_bytes(&n, x, SCALAR);
    any_bytes(&n, w, SHAPE(6, 2, 3, 2));
    one_node_input(&n, ESP_FLOAT, by_channel ? SHAPE(6) : SCALAR, scales);
    any_bytes(&n, w, by_channel ? SHAPE(6) : SCALAR);
    one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(64));
    one_node_input(&n, y, SCALAR, NUMBERS(5));

    CHECK_OK(one_node_run(&n, 1));
    double want[Y];
    for (int i = 0; i < Y; i++) {
      const double factor =
          0.25 / 64 * scales[by_channel ? i / (OH * OW) % 6 : 0];
      want[i] = saturate(
          rint(window_sum(&n, 3, 2, 5, i, by_channel) * factor) + 5, y);
    }
    one_node_check(&n, 0, y, SHAPE(2, 6, OH, OW), want, 0);
    one_node_free(&n);
  }
}

static void a_bias_is_added_before_scaling(void) {
  one_node n = one_node_of("QLinearConv", 10);
  one_node_input(&n, ESP_UINT8, SHAPE(1, 1, 2), NUMBERS(10, 20));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(0.5));
  one_node_input(&n, ESP_UINT8, SCALAR, NUMBERS(0));
  one_node_input(&n, ESP_INT8, SHAPE(2, 1, 1), NUMBERS(1, -1));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(1));
  one_node_input(&n, ESP_INT8, SCALAR, NUMBERS(0));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(1));
  one_node_input(&n, ESP_UINT8, SCALAR, NUMBERS(7));
  one_node_input(&n, ESP_INT32, SHAPE(2), NUMBERS(100, 200));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_UINT8, SHAPE(1, 2, 2), NUMBERS(62, 67, 102, 97), 0);
  one_node_free(&n);
}

static void rows_of_the_result_may_have_scales(void) {
  one_node n = one_node_of("QLinearMatMul", 10);
  one_node_input(&n, ESP_UINT8, SHAPE(2, 1), NUMBERS(10, 20));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(1));
  one_node_input(&n, ESP_UINT8, SCALAR, NUMBERS(0));
  one_node_input(&n, ESP_UINT8, SHAPE(1, 2), NUMBERS(1, 3));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(1));
  one_node_input(&n, ESP_UINT8, SCALAR, NUMBERS(0));
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(2, 5));
  one_node_input(&n, ESP_UINT8, SHAPE(2), NUMBERS(1, 2));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_UINT8, SHAPE(2, 2), NUMBERS(6, 16, 6, 14), 0);
  one_node_free(&n);
}

static void eight_bit_floats_are_multiplied(void) {
  static const esp_dtype kinds[] = {ESP_FLOAT8E4M3FN, ESP_FLOAT8E4M3FNUZ,
                                    ESP_FLOAT8E5M2, ESP_FLOAT8E5M2FNUZ};
  for (int t = 0; t < 4; t++) {
    one_node n = one_node_of("QLinearMatMul", 21);
    one_node_input(&n, kinds[t], SHAPE(1, 2), NUMBERS(2, -1.5));
    one_node_input(&n, ESP_FLOAT16, SCALAR, NUMBERS(0.5));
    one_node_input(&n, kinds[t], SCALAR, NUMBERS(0));
    one_node_input(&n, kinds[t], SHAPE(2, 2), NUMBERS(4, 8, -2, 1e9));
    one_node_input(&n, ESP_FLOAT16, SHAPE(2), NUMBERS(1, 4));
    one_node_input(&n, kinds[t], SCALAR, NUMBERS(0));
    one_node_input(&n, ESP_FLOAT16, SCALAR, NUMBERS(0.5));
    one_node_input(&n, kinds[t], SCALAR, NUMBERS(0));
    CHECK_OK(one_node_run(&n, 1));
    CU_ASSERT_EQUAL(one_node_at(&n, 0, 0), t < 2 ? 11 : 12);
    const double most = one_node_in(&n, 3, 3); // 1e9, saturated
    CU_ASSERT(one_node_at(&n, 0, 1) <= -most / 2);
    one_node_free(&n);
  }
}

static void zero_points_of_another_type_are_refused(void) {
  one_node n = one_node_of("MatMulInteger", 10);
  any_bytes(&n, ESP_UINT8, SHAPE(M, K));
  any_bytes(&n, ESP_UINT8, SHAPE(K, N));
  any_bytes(&n, ESP_INT8, SCALAR);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void too_many_zero_points_are_refused(void) {
  one_node n = one_node_of("MatMulInteger", 10);
  any_bytes(&n, ESP_UINT8, SHAPE(M, K));
  any_bytes(&n, ESP_UINT8, SHAPE(K, N));
  any_bytes(&n, ESP_UINT8, SHAPE(M + 1));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("expected 1 or 5");
  one_node_free(&n);
}

static void groups_that_do_not_divide_are_refused(void) {
  one_node n = one_node_of("ConvInteger", 10);
  one_node_int(&n, "group", 3);
  any_bytes(&n, ESP_UINT8, SHAPE(1, 4, 3));
  any_bytes(&n, ESP_UINT8, SHAPE(6, 2, 1));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("3 groups");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(integer_products_are_exact),
      CASE(zero_points_may_be_left_out),
      CASE(scaled_products_are_rounded_once),
      CASE(integer_convolutions_are_exact),
      CASE(scaled_convolutions_are_rounded_once),
      CASE(a_bias_is_added_before_scaling),
      CASE(rows_of_the_result_may_have_scales),
      CASE(eight_bit_floats_are_multiplied),
      CASE(zero_points_of_another_type_are_refused),
      CASE(too_many_zero_points_are_refused),
      CASE(groups_that_do_not_divide_are_refused),
      {NULL, NULL},
  };
  return check_run("op/integer", cases);
}
