#include "config/spelling.h"

#include <limits.h>
#include <string.h>

static int least(int a, int b) { return a < b ? a : b; }

// Edits (insert, remove, replace) between two names.
// Source: Wagner, Fischer, "The string-to-string correction problem", 1974.
static int distance(const char *a, const char *b) {
  enum { MOST = 64 };
  int row[MOST + 1];
  const size_t n = strlen(b);
  if (strlen(a) > MOST || n > MOST) return INT_MAX;
  for (size_t j = 0; j <= n; j++) row[j] = (int)j;
  for (size_t i = 1; a[i - 1] != '\0'; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= n; j++) {
      const int above = row[j];
      const int replaced = diagonal + (a[i - 1] != b[j - 1]);
      row[j] = least(replaced, least(above, row[j - 1]) + 1);
      diagonal = above;
    }
  }
  return row[n];
}

esp_status esp_no_such_key(const char *name, const char *(*name_of)(int key),
                           int keys, const char *list) {
  int best = 0;
  for (int k = 1; k < keys; k++) {
    if (distance(name, name_of(k)) < distance(name, name_of(best))) best = k;
  }
  if (distance(name, name_of(best)) <= 3) {
    return ESP_FAIL(ESP_USAGE, "there is no key \"%s\"; did you mean \"%s\"?",
                    name, name_of(best));
  }
  return ESP_FAIL(ESP_USAGE, "there is no key \"%s\"; %s lists them", name,
                  list);
}
