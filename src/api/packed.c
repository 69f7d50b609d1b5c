// Packed weights kept on disk, where the user asks for it.
#include <stdio.h>

#include "api/private.h"
#include "base/packed.h"
#include "kernel/library.h"

esp_status esp_use_packed(const char *folder) {
  if (folder == NULL) return ESP_OK;
  char library[128], machine[256];
  (void)snprintf(machine, sizeof machine, "espalier %s, %s", esp_version(),
                 esp_kernel_library(library, sizeof library));
  return esp_packed_use(folder, machine);
}
