// The little that every test shares: running cases, comparing tensors, random
// data from a printed seed.
#ifndef CHECK_H
#define CHECK_H

#include <CUnit/CUnit.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct check_case {
  const char *name;
  void (*run)(void);
} check_case;

#define CASE(function)                                                         \
  { #function, function }

// Runs the cases, up to the one without a name; returns the exit status of the
// process.
int check_run(const char *suite, const check_case *cases);

// Asserts that a call gave `status`, showing the message when it did not.
#define CHECK_STATUS(call, status) check_status((call), (status), #call)
void check_status(esp_status got, esp_status want, const char *call);
#define CHECK_OK(call) CHECK_STATUS(call, ESP_OK)
// Asserts that the last message holds `part`.
void check_message(const char *part);

// Compares n values: |got - want| <= atol + rtol |want|; NaN equals NaN.  One
// assertion for all, the first difference is printed.
void check_close(const float *got, const float *want, size_t n, double rtol,
                 double atol);
// The same bytes, as one assertion.
void check_same_bytes(const void *got, const void *want, size_t bytes);

// A small generator (splitmix64); the seed is printed by check_run and may be
// set by CHECK_SEED.
uint64_t check_random(void);
float check_random_float(void); // uniform in [-1, 1)
void check_fill(float *values, size_t n);

#endif
