// Einsum in all its forms against sums written out.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,   ESP_INT16,
    ESP_INT32, ESP_INT64,  ESP_UINT8,   ESP_UINT16,   ESP_UINT32, ESP_UINT64};
enum { TYPES = 12, I = 3, J = 5, K = 4 };

static one_node einsum(const char *equation) {
  one_node n = one_node_of("Einsum", 12);
  one_node_string(&n, "equation", equation);
  return n;
}

static void products_of_matrices_in_every_type(void) {
  static const char *const equations[] = {"ij,jk->ik", "ij,jk",
                                          " i j , jk-> ik", "Ab,bC->AC"};
  for (int e = 0; e < 4; e++) {
    for (int t = 0; t < TYPES; t++) {
      one_node n = einsum(equations[e]);
      double a[I * J], b[J * K], want[I * K] = {0};
      for (int i = 0; i < I * J; i++) a[i] = i % 4;
      for (int i = 0; i < J * K; i++) b[i] = i % 3;
      one_node_input(&n, types[t], SHAPE(I, J), a);
      one_node_input(&n, types[t], SHAPE(J, K), b);
      for (int i = 0; i < I * K * J; i++) {
        const int r = i / (K * J), k = i / J % K, j = i % J;
        want[r * K + k] += a[r * J + j] * b[j * K + k];
      }
      CHECK_OK(one_node_run(&n, 1));
      one_node_check(&n, 0, types[t], SHAPE(I, K), want,
                     one_node_tolerance(types[t]));
      one_node_free(&n);
    }
  }
}

// One input of [3,3] = 1 ... 9.
static void check_square(const char *equation, esp_shape shape,
                         const double *want) {
  one_node n = einsum(equation);
  one_node_input(&n, ESP_FLOAT, SHAPE(3, 3),
                 NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, shape, want, 0);
  one_node_free(&n);
}

static void one_input_turns_sums_and_walks_its_diagonal(void) {
  const double turned[] = {1, 4, 7, 2, 5, 8, 3, 6, 9};
  check_square("ij->ji", SHAPE(3, 3), turned);
  check_square("ba", SHAPE(3, 3), turned); // letters in order
  check_square("ij->", SCALAR, NUMBERS(45));
  check_square("ij->i", SHAPE(3), NUMBERS(6, 15, 24));
  check_square("ii->i", SHAPE(3), NUMBERS(1, 5, 9));
  check_square("ii", SCALAR, NUMBERS(15));
  check_square("...j->...", SHAPE(3), NUMBERS(6, 15, 24));
  check_square("...->...", SHAPE(3, 3), NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9));
  check_square("...ii->...i", SHAPE(3), NUMBERS(1, 5, 9));
}

static void an_ellipsis_broadcasts(void) {
  static const char *const equations[] = {"...ij,...jk->...ik", "...ij,...jk"};
  for (int e = 0; e < 2; e++) {
    one_node n = einsum(equations[e]);
    one_node_input(&n, ESP_FLOAT, SHAPE(2, 1, I, J), NULL);
    one_node_input(&n, ESP_FLOAT, SHAPE(3, J, K), NULL);
    CHECK_OK(one_node_run(&n, 1));
    double want[2 * 3 * I * K];
    for (int o = 0; o < 2 * 3 * I * K; o++) {
      const int k = o % K, i = o / K % I, c = o / (K * I) % 3,
                r = o / (K * I * 3);
      want[o] = 0;
      for (int j = 0; j < J; j++) {
        want[o] += one_node_in(&n, 0, (r * I + i) * J + j) *
                   one_node_in(&n, 1, (c * J + j) * K + k);
      }
    }
    one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, 3, I, K), want, 1e-6);
    one_node_free(&n);
  }
}

static void three_inputs_are_multiplied(void) {
  one_node n = einsum("i,j,k->kji");
  one_node_input(&n, ESP_INT32, SHAPE(2), NUMBERS(1, 2));
  one_node_input(&n, ESP_INT32, SHAPE(1), NUMBERS(5));
  one_node_input(&n, ESP_INT32, SHAPE(2), NUMBERS(3, 7));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT32, SHAPE(2, 1, 2), NUMBERS(15, 30, 35, 70), 0);
  one_node_free(&n);
}

static void scalars_and_empty_sums(void) {
  one_node n = einsum(",i->i");
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(3));
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(1, 2));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2), NUMBERS(3, 6), 0);
  one_node_free(&n);
  n = einsum("ij->i");
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 0), NULL);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2), NUMBERS(0, 0), 0);
  one_node_free(&n);
}

// Large enough for the kernel of matrix products; every order of axes.
static void large_products_go_through_the_kernel(void) {
  enum { B = 3, M = 11, N = 13, L = 17 };
  // Strides of b, m, k in the first input and of b, k, n in the second, and of
  // b, m, n in the output, by equation.
  static const struct {
    const char *equation;
    esp_shape a, b, y;
    int sa[3], sb[3], sy[3];
  } rows[] = {
      {"bmk,bkn->bmn",
       {3, {B, M, L}},
       {3, {B, L, N}},
       {3, {B, M, N}},
       {M * L, L, 1},
       {L * N, N, 1},
       {M * N, N, 1}},
      {"bkm,nbk->nmb",
       {3, {B, L, M}},
       {3, {N, B, L}},
       {3, {N, M, B}},
       {L * M, 1, M},
       {L, 1, B * L},
       {1, B, M * B}},
      {"mkb,nkb->mbn",
       {3, {M, L, B}},
       {3, {N, L, B}},
       {3, {M, B, N}},
       {1, L * B, B},
       {1, B, L * B},
       {N, B * N, 1}},
      {"...k,...kn->...n",
       {3, {B, M, L}},
       {4, {B, 1, L, N}},
       {3, {B, M, N}},
       {M * L, L, 1},
       {L * N, N, 1},
       {M * N, N, 1}},
  };
  static double want[B * M * N];
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    one_node n = einsum(rows[r].equation);
    one_node_input(&n, ESP_FLOAT, rows[r].a, NULL);
    one_node_input(&n, ESP_FLOAT, rows[r].b, NULL);
    CHECK_OK(one_node_run(&n, 1));
    for (int i = 0; i < B * M * N; i++) {
      const int b = i / (M * N), m = i / N % M, c = i % N;
      double sum = 0;
      for (int k = 0; k < L; k++) {
        sum += one_node_in(&n, 0,
                           b * rows[r].sa[0] + m * rows[r].sa[1] +
                               k * rows[r].sa[2]) *
               one_node_in(&n, 1,
                           b * rows[r].sb[0] + k * rows[r].sb[1] +
                               c * rows[r].sb[2]);
      }
      want[b * rows[r].sy[0] + m * rows[r].sy[1] + c * rows[r].sy[2]] = sum;
    }
    one_node_check(&n, 0, ESP_FLOAT, rows[r].y, want, 1e-5);
    one_node_free(&n);
  }
}

static void bad_equations_are_refused(void) {
  static const char *const bad[] = {
      "i",    "ij,jk->ik", "i1->i", "ij->k",    "ij->ii",
      "ij-i", "ij->i->j",  "..ij",  "......ij", "ijk"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    one_node n = einsum(bad[i]);
    one_node_input(&n, ESP_FLOAT, SHAPE(2, 2), NULL);
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

static void extents_must_agree(void) {
  one_node n = einsum("ij,jk->ik");
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(4, 2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("input 1 has 4 where another has 3");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(products_of_matrices_in_every_type),
      CASE(one_input_turns_sums_and_walks_its_diagonal),
      CASE(an_ellipsis_broadcasts),
      CASE(three_inputs_are_multiplied),
      CASE(scalars_and_empty_sums),
      CASE(large_products_go_through_the_kernel),
      CASE(bad_equations_are_refused),
      CASE(extents_must_agree),
      {NULL, NULL},
  };
  return check_run("op/einsum", cases);
}
