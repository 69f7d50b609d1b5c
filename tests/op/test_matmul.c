// MatMul and Gemm against a plain loop in double, for every type.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT,    ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16, ESP_INT32,  ESP_INT64,
                                  ESP_UINT32,   ESP_UINT64};
enum { TYPES = 8, M = 5, K = 9, N = 7 };

// Sums of K products: the rounding of the inputs' type, once for the result.
static double tolerance_of(esp_dtype type) {
  return 2 * one_node_tolerance(type);
}

// Matrix `at` of a times matrix `bt` of b, in c.
static void reference(const one_node *n, int at, int bt, double *c) {
  for (int m = 0; m < M; m++) {
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int k = 0; k < K; k++) {
        sum += one_node_in(n, 0, (at * M + m) * K + k) *
               one_node_in(n, 1, (bt * K + k) * N + j);
      }
      c[m * N + j] = sum;
    }
  }
}

static void leading_dimensions_broadcast(void) {
  static const struct {
    esp_shape a, b, y;
    int batch, at[6], bt[6];
  } rows[] = {
      {{2, {M, K}}, {2, {K, N}}, {2, {M, N}}, 1, {0}, {0}},
      {{3, {2, M, K}}, {2, {K, N}}, {3, {2, M, N}}, 2, {0, 1}, {0, 0}},
      {{2, {M, K}}, {3, {2, K, N}}, {3, {2, M, N}}, 2, {0, 0}, {0, 1}},
      {{4, {2, 1, M, K}},
       {4, {1, 3, K, N}},
       {4, {2, 3, M, N}},
       6,
       {0, 0, 0, 1, 1, 1},
       {0, 1, 2, 0, 1, 2}},
  };
  double want[6 * M * N];
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    for (int t = 0; t < TYPES; t++) {
      one_node n = one_node_of("MatMul", 13);
      one_node_input(&n, types[t], rows[r].a, NULL);
      one_node_input(&n, types[t], rows[r].b, NULL);
      CHECK_OK(one_node_run(&n, 1));
      for (int i = 0; i < rows[r].batch; i++) {
        reference(&n, rows[r].at[i], rows[r].bt[i], want + i * M * N);
      }
      one_node_check(&n, 0, types[t], rows[r].y, want, tolerance_of(types[t]));
      one_node_free(&n);
    }
  }
}

static void vectors_lose_their_axis(void) {
  for (int t = 0; t < TYPES; t++) {
    one_node n = one_node_of("MatMul", 13);
    one_node_input(&n, types[t], SHAPE(2), NUMBERS(1, 2));
    one_node_input(&n, types[t], SHAPE(2), NUMBERS(3, 4));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t], SCALAR, NUMBERS(11), 0);
    one_node_free(&n);
    n = one_node_of("MatMul", 13);
    one_node_input(&n, types[t], SHAPE(2, 2, 1), NUMBERS(1, 2, 3, 4));
    one_node_input(&n, types[t], SHAPE(1), NUMBERS(2));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t], SHAPE(2, 2), NUMBERS(2, 4, 6, 8), 0);
    one_node_free(&n);
  }
}

static void gemm_case(int version, esp_dtype type, bool turn_a, bool turn_b,
                      esp_shape c, float alpha, float beta) {
  one_node n = one_node_of("Gemm", version);
  one_node_int(&n, "transA", turn_a);
  one_node_int(&n, "transB", turn_b);
  one_node_float(&n, "alpha", alpha);
  one_node_float(&n, "beta", beta);
  if (version < 7) one_node_int(&n, "broadcast", 1);
  one_node_input(&n, type, turn_a ? SHAPE(K, M) : SHAPE(M, K), NULL);
  one_node_input(&n, type, turn_b ? SHAPE(N, K) : SHAPE(K, N), NULL);
  one_node_input(&n, type, c, NULL);
  CHECK_OK(one_node_run(&n, 1));
  double want[M * N];
  for (int i = 0; i < M * N; i++) {
    const int m = i / N, j = i % N;
    double sum = 0;
    for (int k = 0; k < K; k++) {
      sum += one_node_in(&n, 0, turn_a ? k * M + m : m * K + k) *
             one_node_in(&n, 1, turn_b ? j * K + k : k * N + j);
    }
    const bool rows = c.ndim == 2 && c.dim[0] != 1;
    const bool columns = c.ndim > 0 && c.dim[c.ndim - 1] != 1;
    const int64_t at = (rows ? m * c.dim[1] : 0) + (columns ? j : 0);
    want[i] = (double)alpha * sum + (double)beta * one_node_in(&n, 2, at);
  }
  one_node_check(&n, 0, type, SHAPE(M, N), want, tolerance_of(type));
  one_node_free(&n);
}

static void gemm_turns_scales_and_adds(void) {
  const esp_shape c[] = {{0}, {1, {N}}, {2, {M, 1}}, {2, {1, N}}, {2, {M, N}}};
  for (int t = 0; t < TYPES; t++) {
    for (int which = 0; which < 4; which++) {
      for (int s = 0; s < 5; s++) {
        gemm_case(13, types[t], which & 1, which >> 1, c[s], 1, 1);
        gemm_case(13, types[t], which & 1, which >> 1, c[s], 2, 3);
      }
      gemm_case(6, types[t], which & 1, which >> 1, c[1], 1, 1);
    }
  }
}

static void an_empty_sum_is_zero(void) {
  one_node n = one_node_of("MatMul", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 0), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(0, 2), NULL);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, 2), NUMBERS(0, 0, 0, 0), 0);
  one_node_free(&n);
}

static void different_inner_dimensions_are_refused(void) {
  one_node n = one_node_of("MatMul", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(4, 2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("3 and 4");
  one_node_free(&n);
}

static void a_scalar_is_refused(void) {
  one_node n = one_node_of("MatMul", 13);
  one_node_input(&n, ESP_FLOAT, SCALAR, NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void old_gemm_needs_its_third_input(void) {
  one_node n = one_node_of("Gemm", 9);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(3, 2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(leading_dimensions_broadcast),
      CASE(vectors_lose_their_axis),
      CASE(gemm_turns_scales_and_adds),
      CASE(an_empty_sum_is_zero),
      CASE(different_inner_dimensions_are_refused),
      CASE(a_scalar_is_refused),
      CASE(old_gemm_needs_its_third_input),
      {NULL, NULL},
  };
  return check_run("op/matmul", cases);
}
