#include "base/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// The first range that ends at or after `number`.
static size_t find(const esp_ranges *set, int64_t number) {
  size_t low = 0, high = set->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (set->range[middle].end < number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

esp_status esp_ranges_add(esp_ranges *set, int64_t first, int64_t end) {
  if (first >= end) return ESP_OK;
  const size_t from = find(set, first); // those it meets are from .. to - 1
  size_t to = from;
  while (to < set->count && set->range[to].first <= end) to++;
  if (from < to) {
    if (set->range[from].first < first) first = set->range[from].first;
    if (set->range[to - 1].end > end) end = set->range[to - 1].end;
  }
  const size_t count = set->count - (to - from) + 1;
  ESP_TRY(esp_grow(&set->range, &set->room, count, sizeof *set->range));
  memmove(set->range + from + 1, set->range + to,
          (set->count - to) * sizeof *set->range);
  set->range[from] = (esp_range){first, end};
  set->count = count;
  return ESP_OK;
}

bool esp_ranges_cover(const esp_ranges *set, int64_t first, int64_t end) {
  if (first >= end) return true;
  const size_t at = find(set, end);
  return at < set->count && set->range[at].first <= first;
}

int64_t esp_ranges_total(const esp_ranges *set) {
  int64_t total = 0;
  for (size_t i = 0; i < set->count; i++) {
    total += set->range[i].end - set->range[i].first;
  }
  return total;
}

void esp_ranges_end(esp_ranges *set) {
  free(set->range);
  *set = (esp_ranges){0};
}
