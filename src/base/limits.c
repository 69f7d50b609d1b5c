#include "base/limits.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// The folder of this process's control group: the line "0::/path".
static void group_folder(char *folder, size_t room) {
  char line[512];
  (void)snprintf(folder, room, "/sys/fs/cgroup");
  FILE *file = fopen("/proc/self/cgroup", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "0::/", 4) != 0) continue;
    line[strcspn(line, "\n")] = '\0';
    (void)snprintf(folder, room, "/sys/fs/cgroup%s", line + 3);
  }
  if (file != NULL) (void)fclose(file);
}

// Reads up to two numbers of a file of the group; "max" stays 0.
static void read_numbers(const char *folder, const char *name, double *first,
                         double *second) {
  char path[700];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  if (fscanf(file, "%lf", first) != 1) *first = 0;
  if (second != NULL && fscanf(file, "%lf", second) != 1) *second = 0;
  (void)fclose(file);
}

esp_limits esp_limits_read(void) {
  char folder[600];
  double quota = 0, period = 0, memory = 0;
  esp_limits limits = {.memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) *
                                       (int64_t)sysconf(_SC_PAGESIZE)};
  group_folder(folder, sizeof folder);
  read_numbers(folder, "cpu.max", &quota, &period);
  read_numbers(folder, "memory.max", &memory, NULL);
  if (quota > 0 && period > 0) limits.cpu_quota = quota / period;
  if (memory > 0 && memory < (double)limits.memory_bytes) {
    limits.memory_bytes = (int64_t)memory;
  }
  return limits;
}
