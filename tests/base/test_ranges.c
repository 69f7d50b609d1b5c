// Sets of ranges against a table of flags.
#include <stdlib.h>
#include <string.h>

#include "base/ranges.h"
#include "support/check.h"

enum { NUMBERS = 200 };

static void expect_same(const esp_ranges *set, const char *flag) {
  int64_t total = 0;
  for (int i = 0; i < NUMBERS; i++) {
    total += flag[i];
    CU_ASSERT_EQUAL(esp_ranges_cover(set, i, i + 1), flag[i] == 1);
  }
  CU_ASSERT_EQUAL(esp_ranges_total(set), total);
  for (size_t r = 0; r < set->count; r++) {
    CU_ASSERT(set->range[r].first < set->range[r].end);
    if (r > 0) CU_ASSERT(set->range[r - 1].end < set->range[r].first);
  }
}

static void random_ranges_are_what_flags_say(void) {
  for (int round = 0; round < 200; round++) {
    esp_ranges set = {0};
    char flag[NUMBERS] = {0};
    for (int step = 0; step < 40; step++) {
      const int64_t first = (int64_t)(check_random() % NUMBERS);
      const int64_t most = NUMBERS - first < 9 ? NUMBERS - first : 9;
      const int64_t count = (int64_t)(check_random() % (uint64_t)(most + 1));
      CHECK_OK(esp_ranges_add(&set, first, first + count));
      memset(flag + first, 1, (size_t)count);
      CU_ASSERT(esp_ranges_cover(&set, first, first + count));
    }
    expect_same(&set, flag);
    esp_ranges_end(&set);
  }
}

static void gaps_are_not_covered(void) {
  esp_ranges set = {0};
  CHECK_OK(esp_ranges_add(&set, 10, 20));
  CHECK_OK(esp_ranges_add(&set, 30, 40));
  CU_ASSERT(!esp_ranges_cover(&set, 10, 40));
  CU_ASSERT(!esp_ranges_cover(&set, 9, 11));
  CU_ASSERT(esp_ranges_cover(&set, 25, 25)); // no numbers at all
  CHECK_OK(esp_ranges_add(&set, 20, 30));
  CU_ASSERT_EQUAL(set.count, 1);
  CU_ASSERT(esp_ranges_cover(&set, 10, 40));
  esp_ranges_end(&set);
}

int main(void) {
  static const check_case cases[] = {
      CASE(random_ranges_are_what_flags_say),
      CASE(gaps_are_not_covered),
      {NULL, NULL},
  };
  return check_run("base/ranges", cases);
}
