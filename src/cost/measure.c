#include <unistd.h>

#include "cost/cost.h"
#include "kernel/speed.h"

esp_machine esp_cost_typical(void) {
  return (esp_machine){.flops_per_second = 50e9,
                       .bytes_per_second = 8e9,
                       .call_seconds = 2e-6,
                       .cache_bytes = 1e6,
                       .links = {{[ESP_SAME_RANK] = {5e-6, 0},
                                  [ESP_SAME_NODE] = {40e-6, 4e9}, // ADR 0012
                                  [ESP_OTHER_NODE] = {100e-6, 1e9}}}};
}

esp_status esp_cost_measure(esp_machine *machine) {
  *machine = esp_cost_typical();
  // Products and convolutions reach about nine tenths of what a core can do
  // (docs/performance.md).
  double peak;
  ESP_TRY(esp_kernel_peak(12, &peak));
  machine->flops_per_second = 0.9 * peak;
  ESP_TRY(esp_kernel_copying(&machine->bytes_per_second));
  const long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (cache > 0) machine->cache_bytes = (double)cache;
  // What a rank of the same node made comes from another core's cache, or is
  // copied where memory cannot be shared (ADR 0012).
  machine->links.over[ESP_SAME_NODE].bytes_per_second =
      machine->bytes_per_second / 2;
  return ESP_OK;
}
