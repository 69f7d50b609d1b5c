// Products of bytes, by the library and by the plain loop, against 64-bit sums.
#include "kernel/matmul_bytes.h"

#include <stdlib.h>

#include "support/check.h"

enum { M = 37, N = 45, K = 3001 };
static uint8_t a[M * K], b[K * N], scratch[K * N];
static int32_t c[M * N], a_zero[M], b_zero[N];

static int32_t value(uint8_t bits, bool is_signed) {
  return is_signed ? (int8_t)bits : bits;
}

// All bytes random, or all at the end that makes the largest sums.
static void fill(bool extreme, bool is_signed, uint8_t *to, size_t count) {
  for (size_t i = 0; i < count; i++) {
    to[i] = extreme ? (is_signed ? 0x80 : 0xff) : (uint8_t)check_random();
  }
}

static void check_one(bool a_signed, bool b_signed, int a_step, int b_step,
                      bool extreme, int width) {
  fill(extreme, a_signed, a, sizeof a);
  fill(extreme, b_signed, b, sizeof b);
  for (int m = 0; m < M; m++) {
    a_zero[m] = value((uint8_t)check_random(), a_signed);
  }
  for (int n = 0; n < N; n++) {
    b_zero[n] = value((uint8_t)check_random(), b_signed);
  }
  const esp_matmul_bytes product = {.m = M,
                                    .n = N,
                                    .k = K,
                                    .a_signed = a_signed,
                                    .b_signed = b_signed,
                                    .a = a,
                                    .b = b,
                                    .a_zero = a_zero,
                                    .b_zero = b_zero,
                                    .a_zero_step = a_step,
                                    .b_zero_step = b_step,
                                    .c = c,
                                    .scratch = scratch,
                                    .width = width};
  CHECK_OK(esp_matmul_bytes_run(&product));
  int wrong = 0;
  for (int i = 0; i < M * N; i++) {
    const int m = i / N, n = i % N;
    int64_t sum = 0;
    for (int k = 0; k < K; k++) {
      sum += (int64_t)(value(a[m * K + k], a_signed) - a_zero[m * a_step]) *
             (value(b[k * N + n], b_signed) - b_zero[n * b_step]);
    }
    wrong += c[i] != sum;
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

static void sums_are_exact(void) {
  for (int which = 0; which < 32; which++) {
    check_one(which & 1, which & 2, which >> 2 & 1, which >> 3 & 1, which & 16,
              which % 3 + 1);
  }
}

int main(void) {
  static const check_case cases[] = {CASE(sums_are_exact), {NULL, NULL}};
  return check_run("kernel/matmul_bytes", cases);
}
