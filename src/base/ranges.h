// Sets of whole numbers, kept as ranges.  Floor 0.
#ifndef ESP_BASE_RANGES_H
#define ESP_BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// The numbers first, first + 1, ... end - 1.
typedef struct esp_range {
  int64_t first, end;
} esp_range;

// Ranges in rising order that neither meet nor touch.  Begin with {0}; not safe
// for several threads at once.
typedef struct esp_ranges {
  esp_range *range;
  size_t count, room;
} esp_ranges;

// Adds first ... end - 1; what is there already stays.  Cheap when ranges are
// added in rising order.  ESP_NO_MEMORY: the set is as it was.
esp_status esp_ranges_add(esp_ranges *set, int64_t first, int64_t end);
// Are all of first ... end - 1 in the set?  (None are always.)
bool esp_ranges_cover(const esp_ranges *set, int64_t first, int64_t end);
int64_t esp_ranges_total(const esp_ranges *set); // how many numbers
void esp_ranges_end(esp_ranges *set);            // frees; {0} again

#endif
