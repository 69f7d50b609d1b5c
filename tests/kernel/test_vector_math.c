// Elementary functions against double, over all magnitudes of float32.
#include "kernel/vector_math.h"

#include <math.h>
#include <string.h>

#include "support/check.h"

enum { N = 4097 };
static float x[N], y[N];

// Random floats of every exponent; then what is special.
static void fill(void) {
  for (int i = 0; i < N; i++) {
    const uint32_t bits = (uint32_t)check_random();
    memcpy(&x[i], &bits, sizeof bits);
    if (i % 2 == 0) x[i] = 20 * check_random_float();
    if (i % 16 == 1) x[i] = 110 * check_random_float();
  }
  const float special[] = {0.0f,  -0.0f,   INFINITY, -INFINITY, NAN,
                           88.7f, -103.9f, 1e-30f,   1e-40f,    -87.4f,
                           0.35f, -0.35f,  88.8f};
  memcpy(x, special, sizeof special);
}

// Units in the last place between what we got and the exact value.
static double distance(float got, double want) {
  const float nearest = (float)want;
  if (isnan(got) || isnan(nearest))
    return isnan(got) && isnan(nearest) ? 0 : 1e9;
  if (got == nearest) return 0;
  if (isinf(got) || isinf(nearest)) return 1e9;
  const float unit = nextafterf(fabsf(nearest), INFINITY) - fabsf(nearest);
  return fabs((double)got - want) / (double)unit;
}

static double exact_sigmoid(double v) { return 1 / (1 + exp(-v)); }

static void check_function(void (*f)(const float *, float *, int64_t),
                           double (*exact)(double), double most) {
  double worst = 0;
  for (int round = 0; round < 50; round++) {
    fill();
    f(x, y, N);
    for (int i = 0; i < N; i++) {
      const double d = distance(y[i], exact((double)x[i]));
      if (d > worst) {
        worst = d;
        if (d > most)
          printf("\n    at %.9g: %.9g, %.1f units off", (double)x[i],
                 (double)y[i], d);
      }
    }
  }
  CU_ASSERT(worst <= most);
}

static void exp_is_close(void) { check_function(esp_vector_exp, exp, 2); }
static void tanh_is_close(void) { check_function(esp_vector_tanh, tanh, 4); }
static void sigmoid_is_close(void) {
  check_function(esp_vector_sigmoid, exact_sigmoid, 4);
}

static void erf_is_close(void) { check_function(esp_vector_erf, erf, 2); }

static double exact_gelu(double v) { return 0.5 * v * erfc(-v * M_SQRT1_2); }
static double exact_gelu_tanh(double v) {
  const double u = 1.5957691216057308 * (v + 0.044715 * v * v * v);
  return v / (1 + exp(-u));
}

// Two bounds: one that matters to whoever adds values up, and a wide one on how
// much of a tiny value far below zero may be lost.
static void check_gelu(void (*f)(const float *, float *, int64_t),
                       double (*exact)(double)) {
  int bad = 0;
  for (int round = 0; round < 50; round++) {
    fill();
    f(x, y, N);
    for (int i = 0; i < N; i++) {
      const double v = (double)x[i];
      const double want = v < -20 ? -0.0 : exact(v);
      const double off = fabs((double)y[i] - want);
      if (isnan(x[i])) bad += !isnan(y[i]);
      if (isfinite(x[i])) {
        bad += off > 0x1p-22 * fabs(v) + 1e-44;
        bad += off > 0x1p-14 * fabs(want) + 1e-35;
      }
    }
  }
  CU_ASSERT_EQUAL(bad, 0);
  CU_ASSERT_EQUAL(y[2], INFINITY);
  CU_ASSERT(y[3] == 0);
}
static void gelu_is_close(void) { check_gelu(esp_vector_gelu, exact_gelu); }
static void gelu_by_tanh_is_close(void) {
  check_gelu(esp_vector_gelu_tanh, exact_gelu_tanh);
}

static void the_place_does_not_change_the_bits(void) {
  float alone;
  fill();
  esp_vector_tanh(x, y, N);
  for (int i = 0; i < N; i += 7) {
    esp_vector_tanh(&x[i], &alone, 1);
    check_same_bytes(&alone, &y[i], sizeof alone);
  }
}

static void sums_and_maxima_are_found(void) {
  for (int n = 0; n < 100; n++) {
    double sum = 0;
    float most = -INFINITY;
    for (int i = 0; i < n; i++) {
      x[i] = check_random_float();
      sum += (double)x[i];
      most = fmaxf(most, x[i]);
    }
    double squares = 0;
    for (int i = 0; i < n; i++)
      squares += ((double)x[i] - 0.5) * ((double)x[i] - 0.5);
    CU_ASSERT(fabs(esp_vector_sum(x, n) - sum) < 1e-12);
    CU_ASSERT(fabs(esp_vector_squares(x, 0.5, n) - squares) < 1e-12);
    CU_ASSERT_EQUAL(esp_vector_max(x, n), most);
  }
  x[3] = NAN;
  CU_ASSERT(isnan(esp_vector_sum(x, 99)));
  CU_ASSERT(!isnan(esp_vector_max(x, 99)));
}

// At most a few units of 1, or of the cell where that is larger.
static void a_step_of_an_lstm_is_close(void) {
  enum { CELLS = 37 };
  static float gates[4 * CELLS], h[4 * CELLS], bias[4 * CELLS];
  for (int round = 0; round < 200; round++) {
    float c[CELLS], out[CELLS], before[CELLS];
    for (int i = 0; i < 4 * CELLS; i++) {
      gates[i] = (round % 4 == 0 ? 200 : 6) * check_random_float();
      h[i] = check_random_float();
      bias[i] = check_random_float();
    }
    for (int i = 0; i < CELLS; i++) before[i] = c[i] = 3 * check_random_float();
    gates[round % CELLS] = NAN; // of the first gate
    esp_vector_lstm(gates, h, bias, c, out, CELLS);
    for (int i = 0; i < CELLS; i++) {
      double g[4];
      for (int k = 0; k < 4; k++) {
        const int at = k * CELLS + i;
        g[k] = (double)(gates[at] + h[at] + bias[at]);
      }
      const double cell = exact_sigmoid(g[2]) * (double)before[i] +
                          exact_sigmoid(g[0]) * tanh(g[3]);
      const double want = exact_sigmoid(g[1]) * tanh(cell);
      if (i == round % CELLS) {
        CU_ASSERT(isnan(c[i]) && isnan(out[i]));
      } else {
        CU_ASSERT(fabs((double)c[i] - cell) <= 3e-7 * fmax(1, fabs(cell)));
        CU_ASSERT(fabs((double)out[i] - want) <= 5e-7);
      }
    }
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(exp_is_close),
      CASE(tanh_is_close),
      CASE(sigmoid_is_close),
      CASE(erf_is_close),
      CASE(gelu_is_close),
      CASE(gelu_by_tanh_is_close),
      CASE(a_step_of_an_lstm_is_close),
      CASE(the_place_does_not_change_the_bits),
      CASE(sums_and_maxima_are_found),
      {NULL, NULL},
  };
  return check_run("kernel/vector_math", cases);
}
