#include <math.h>

#include "batch/batch.h"

static bool larger(float a, float b) { return isnan(b) ? !isnan(a) : a > b; }

int64_t esp_argmax(const float *row, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++) {
    if (larger(row[i], row[best])) best = i;
  }
  return best;
}

// Insertion into a list of k: k is small beside the row.
void esp_top_k(const float *row, int64_t count, int k, float *values,
               int64_t *indices) {
  int have = 0;
  for (int64_t i = 0; i < count; i++) {
    if (have == k && !larger(row[i], values[k - 1])) continue;
    int at = have < k ? have++ : k - 1;
    for (; at > 0 && larger(row[i], values[at - 1]); at--) {
      values[at] = values[at - 1];
      indices[at] = indices[at - 1];
    }
    values[at] = row[i];
    indices[at] = i;
  }
}
