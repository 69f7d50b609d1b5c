#include <stdio.h>

#include "api/private.h"
#include "comm/comm.h"
#include "kernel/library.h"
#include "store/store.h"

esp_status esp_versions(char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot list the versions");
  char line[256];
  fprintf(out, "espalier %s\n", esp_version());
  fprintf(out, "%s\n", esp_kernel_library(line, sizeof line));
  fprintf(out, "%s\n", esp_store_library(line, sizeof line));
  fprintf(out, "%s\n", esp_comm_library(line, sizeof line));
  if (fclose(out) != 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list the versions");
  }
  return ESP_OK;
}
