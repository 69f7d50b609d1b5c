// The cores that this process may use.  Floor 0.
#ifndef ESP_BASE_TOPOLOGY_H
#define ESP_BASE_TOPOLOGY_H

#include <stddef.h>

#include "base/status.h"

enum { ESP_MAX_CORES = 1024 };

// One processing unit for each physical core of the affinity mask, in order of
// the machine; never those of the whole machine.
typedef struct esp_cores {
  int count;
  int unit[ESP_MAX_CORES]; // operating system's numbers
} esp_cores;

// Reads the affinity mask of this process.
esp_status esp_topology_cores(esp_cores *cores);

// Binds the calling thread, and the threads that it makes later, to these
// units.  A refusal by the system is logged and otherwise harmless.
void esp_topology_bind(const int *unit, int count);

// The machine as hwloc sees it, whatever this process may use of it.
typedef struct esp_hardware {
  char model[96]; // of the processor; "" if unsaid
  int packages, cores, units, numa_nodes;
} esp_hardware;
esp_status esp_topology_hardware(esp_hardware *hardware);

// Writes units as "0-3,8" into text and returns it.
const char *esp_cores_text(const esp_cores *cores, char *text, size_t room);

#endif
