// Classes and top k, with ties and with NaN.
#include <math.h>

#include "batch/batch.h"
#include "support/check.h"

static void the_largest_is_the_class(void) {
  const float row[4] = {-1, 3, 2, 3};
  CU_ASSERT_EQUAL(esp_argmax(row, 4), 1); // the first of equals
}

static void nan_is_never_the_class(void) {
  const float row[3] = {NAN, -INFINITY, NAN};
  CU_ASSERT_EQUAL(esp_argmax(row, 3), 1);
  const float none[2] = {NAN, NAN};
  CU_ASSERT_EQUAL(esp_argmax(none, 2), 0);
}

static void top_k_falls(void) {
  const float row[6] = {0, 5, NAN, 5, 7, -1};
  float values[6];
  int64_t indices[6];
  esp_top_k(row, 6, 6, values, indices);
  const int64_t want[6] = {4, 1, 3, 0, 5, 2};
  for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(indices[i], want[i]);
  CU_ASSERT(isnan(values[5]));
  CU_ASSERT_EQUAL(values[0], 7);
}

static void top_one_is_the_class(void) {
  for (int round = 0; round < 200; round++) {
    float row[9], value;
    int64_t index;
    check_fill(row, 9);
    esp_top_k(row, 9, 1, &value, &index);
    CU_ASSERT_EQUAL(index, esp_argmax(row, 9));
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(the_largest_is_the_class),
      CASE(nan_is_never_the_class),
      CASE(top_k_falls),
      CASE(top_one_is_the_class),
      {NULL, NULL},
  };
  return check_run("batch/score", cases);
}
