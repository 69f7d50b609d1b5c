// What limits this process beside the affinity mask.  Floor 0.
#ifndef ESP_BASE_LIMITS_H
#define ESP_BASE_LIMITS_H

#include <stdint.h>

typedef struct esp_limits {
  double cpu_quota; // cores' worth of time of the control group; 0: no limit
  int64_t memory_bytes; // of the control group or the machine, the smaller
} esp_limits;

// Reads the control group (version 2) and the machine.  What cannot be read
// counts as no limit.
esp_limits esp_limits_read(void);

#endif
