// The 8-bit floating types: every code, and what lies between and beyond.
#include <math.h>

#include "support/check.h"
#include "tensor/tensor.h"

static const struct {
  esp_dtype type;
  float largest, smallest;
  bool one_zero, infinite;
} kinds[] = {
    {ESP_FLOAT8E4M3FN, 448, 0x1p-9f, false, false},
    {ESP_FLOAT8E4M3FNUZ, 240, 0x1p-10f, true, false},
    {ESP_FLOAT8E5M2, 57344, 0x1p-16f, false, true},
    {ESP_FLOAT8E5M2FNUZ, 57344, 0x1p-17f, true, false},
};
enum { KINDS = 4 };

static void every_code_comes_back(void) {
  for (int k = 0; k < KINDS; k++) {
    for (int code = 0; code < 256; code++) {
      const float v = esp_from_float8(kinds[k].type, (uint8_t)code);
      if (isnan(v)) continue;
      CU_ASSERT_EQUAL(esp_to_float8(kinds[k].type, v, false), code);
    }
  }
}

static void the_ends_are_those_of_the_standard(void) {
  for (int k = 0; k < KINDS; k++) {
    float largest = 0, smallest = INFINITY;
    for (int code = 0; code < 128; code++) {
      const float v = esp_from_float8(kinds[k].type, (uint8_t)code);
      if (isfinite(v) && v > largest) largest = v;
      if (v > 0.0f && v < smallest) smallest = v;
    }
    CU_ASSERT_EQUAL(largest, kinds[k].largest);
    CU_ASSERT_EQUAL(smallest, kinds[k].smallest);
  }
}

// Random numbers go to the nearest code, found by looking at all of them.
static void rounding_is_to_nearest_even(void) {
  for (int k = 0; k < KINDS; k++) {
    for (int round = 0; round < 2000; round++) {
      const int exponent = (int)(check_random() % 20) - 12;
      float v = ldexpf(check_random_float(), exponent);
      if (round % 4 == 0) { // half way between two codes
        const uint8_t code = (uint8_t)(check_random() % 0x7a);
        v = (esp_from_float8(kinds[k].type, code) +
             esp_from_float8(kinds[k].type, (uint8_t)(code + 1))) /
            2;
      }
      int best = 0;
      float distance = INFINITY;
      for (int code = 0; code < 256; code++) {
        const float d =
            fabsf(esp_from_float8(kinds[k].type, (uint8_t)code) - v);
        if (d < distance || (d == distance && code % 2 == 0 && best % 2 == 1)) {
          distance = d;
          best = code;
        }
      }
      const uint8_t got = esp_to_float8(kinds[k].type, v, true);
      CU_ASSERT_EQUAL(esp_from_float8(kinds[k].type, got),
                      esp_from_float8(kinds[k].type, (uint8_t)best));
    }
  }
}

static void what_is_too_large_saturates_or_not(void) {
  for (int k = 0; k < KINDS; k++) {
    const esp_dtype type = kinds[k].type;
    const float most = kinds[k].largest;
    CU_ASSERT_EQUAL(esp_from_float8(type, esp_to_float8(type, 1e30f, true)),
                    most);
    CU_ASSERT_EQUAL(esp_from_float8(type, esp_to_float8(type, -1e6f, true)),
                    -most);
    const float beyond =
        esp_from_float8(type, esp_to_float8(type, 1e30f, false));
    CU_ASSERT(kinds[k].infinite ? isinf(beyond) : isnan(beyond));
    const float infinite =
        esp_from_float8(type, esp_to_float8(type, INFINITY, true));
    CU_ASSERT(kinds[k].one_zero ? isnan(infinite) : infinite == most);
    const float zero = esp_from_float8(type, esp_to_float8(type, -0.0f, true));
    CU_ASSERT(zero == 0.0f && !signbit(zero) == kinds[k].one_zero);
    CU_ASSERT(isnan(esp_from_float8(type, esp_to_float8(type, NAN, true))));
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_code_comes_back),
      CASE(the_ends_are_those_of_the_standard),
      CASE(rounding_is_to_nearest_even),
      CASE(what_is_too_large_saturates_or_not),
      {NULL, NULL},
  };
  return check_run("tensor/float8", cases);
}
