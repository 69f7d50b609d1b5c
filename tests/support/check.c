#include "support/check.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

int check_run(const char *suite, const check_case *cases) {
  const char *asked = getenv("CHECK_SEED");
  state = asked != NULL ? strtoull(asked, NULL, 0) : 20261122u;
  printf("seed %llu\n", (unsigned long long)state);
  if (CU_initialize_registry() != CUE_SUCCESS) return EXIT_FAILURE;
  CU_pSuite added = CU_add_suite(suite, NULL, NULL);
  for (const check_case *c = cases; added && c->name; c++) {
    (void)CU_add_test(added, c->name, c->run);
  }
  CU_basic_set_mode(CU_BRM_VERBOSE);
  (void)CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  bool ran = CU_get_number_of_tests_run() > 0;
  CU_cleanup_registry();
  return ran && failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void check_status(esp_status got, esp_status want, const char *call) {
  if (got != want) {
    printf("\n    %s gave \"%s\" (%s), expected \"%s\"", call,
           esp_status_text(got), esp_last_error(), esp_status_text(want));
  }
  CU_ASSERT_EQUAL(got, want);
}

void check_message(const char *part) {
  bool holds = strstr(esp_last_error(), part) != NULL;
  if (!holds) {
    printf("\n    message \"%s\" does not hold \"%s\"", esp_last_error(), part);
  }
  CU_ASSERT(holds);
}

void check_close(const float *got, const float *want, size_t n, double rtol,
                 double atol) {
  size_t wrong = 0;
  for (size_t i = 0; i < n; i++) {
    double g = (double)got[i], w = (double)want[i];
    if (isnan(g) && isnan(w)) continue;
    if (g == w || fabs(g - w) <= atol + rtol * fabs(w)) continue;
    if (wrong++ == 0) {
      printf("\n    element %zu is %.9g, expected %.9g", i, g, w);
    }
  }
  if (wrong > 0) printf(" (%zu of %zu differ)", wrong, n);
  CU_ASSERT_EQUAL(wrong, 0);
}

void check_same_bytes(const void *got, const void *want, size_t bytes) {
  const unsigned char *g = got, *w = want;
  size_t i = 0;
  while (i < bytes && g[i] == w[i]) i++;
  if (i < bytes) printf("\n    byte %zu of %zu differs", i, bytes);
  CU_ASSERT_EQUAL(i, bytes);
}

// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
// OOPSLA 2014.
uint64_t check_random(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float check_random_float(void) {
  return (float)(check_random() >> 40) * 0x1p-23f - 1.0f;
}

void check_fill(float *values, size_t n) {
  for (size_t i = 0; i < n; i++) values[i] = check_random_float();
}
