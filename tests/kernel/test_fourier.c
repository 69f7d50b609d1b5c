// Fourier transforms of every kind of length, against the sum that defines
// them.
#include <math.h>
#include <stdlib.h>

#include "kernel/fourier.h"
#include "support/check.h"

static const double turn = 6.283185307179586;

// Errors, of the largest result, grow like log2(n) times 2^-53.
static double tolerance(int64_t n) { return 4e-16 * (4 + log2((double)n)); }

static void fill(esp_complex *x, int64_t n) {
  uint32_t state = 12345;
  for (int64_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    x[i].re = (double)state / 0x1p31 - 1;
    state = state * 1664525u + 1013904223u;
    x[i].im = (double)state / 0x1p31 - 1;
  }
}

static esp_complex *line_of(int64_t n) {
  esp_complex *line = calloc((size_t)n, sizeof *line);
  if (line == NULL) abort();
  return line;
}

static void transform(esp_complex *x, int64_t n, bool inverse) {
  esp_fourier *plan = NULL;
  CHECK_OK(esp_fourier_create(n, inverse, &plan));
  esp_complex *scratch = line_of(esp_fourier_scratch(plan));
  esp_fourier_run(plan, x, scratch);
  free(scratch);
  esp_fourier_free(plan);
}

// Element k of the transform, by its definition.
static esp_complex sum_of(const esp_complex *x, int64_t n, int64_t k,
                          bool inverse) {
  esp_complex sum = {0, 0};
  for (int64_t j = 0; j < n; j++) {
    const double angle = turn * (double)(j * k % n) / (double)n;
    const double c = cos(angle), s = inverse ? sin(angle) : -sin(angle);
    sum.re += x[j].re * c - x[j].im * s;
    sum.im += x[j].re * s + x[j].im * c;
  }
  return sum;
}

static double size_of(esp_complex a) { return hypot(a.re, a.im); }

// The largest error over `probes` elements, as a part of the largest element.
static double error_of(int64_t n, bool inverse, int64_t probes) {
  esp_complex *x = line_of(n), *y = line_of(n);
  fill(x, n);
  fill(y, n);
  transform(y, n, inverse);
  double worst = 0, largest = 0;
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, size_of(y[i]));
  for (int64_t p = 0; p < probes; p++) {
    const int64_t k = p * n / probes;
    const esp_complex want = sum_of(x, n, k, inverse);
    worst = fmax(worst, hypot(y[k].re - want.re, y[k].im - want.im));
  }
  free(x);
  free(y);
  return worst / largest;
}

static void every_short_length_matches_the_sum(void) {
  for (int64_t n = 1; n <= 300; n++) {
    const double forward = error_of(n, false, n);
    const double back = error_of(n, true, n);
    if (forward > 4 * tolerance(n) || back > 4 * tolerance(n)) {
      printf("\n    n = %lld: errors of %g and %g", (long long)n, forward,
             back);
      CU_FAIL("a transform is wrong");
    }
  }
}

static void long_lengths_match_the_sum_here_and_there(void) {
  static const int64_t lengths[] = {1009,  1024,  4096,  4099,  8192, 10000,
                                    17017, 30030, 65536, 65537, 99999};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    const double error = error_of(lengths[i], false, 16);
    if (error > 16 * tolerance(lengths[i])) {
      printf("\n    n = %lld: an error of %g", (long long)lengths[i], error);
      CU_FAIL("a transform is wrong");
    }
  }
}

static void there_and_back_is_the_length_times_the_line(void) {
  static const int64_t lengths[] = {1 << 18, 177147, 262147};
  for (int i = 0; i < 3; i++) {
    const int64_t n = lengths[i];
    esp_complex *x = line_of(n), *y = line_of(n);
    fill(x, n);
    fill(y, n);
    transform(y, n, false);
    transform(y, n, true);
    double worst = 0;
    for (int64_t k = 0; k < n; k++) {
      worst = fmax(worst, hypot(y[k].re / (double)n - x[k].re,
                                y[k].im / (double)n - x[k].im));
    }
    CU_ASSERT(worst < 16 * tolerance(n));
    free(x);
    free(y);
  }
}

static void a_single_frequency_is_exact_at_quarters(void) {
  esp_complex x[4] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  transform(x, 4, false);
  for (int k = 0; k < 4; k++) {
    CU_ASSERT_EQUAL(x[k].re, k == 1 ? 4 : 0);
    CU_ASSERT_EQUAL(x[k].im, 0);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_short_length_matches_the_sum),
      CASE(long_lengths_match_the_sum_here_and_there),
      CASE(there_and_back_is_the_length_times_the_line),
      CASE(a_single_frequency_is_exact_at_quarters),
      {NULL, NULL},
  };
  return check_run("kernel/fourier", cases);
}
