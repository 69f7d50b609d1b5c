#include "input.h"

#include <espalier/espalier.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(const uint8_t *bytes, size_t count) {
  static char path[64];
  static int file = -1;
  if (file < 0) {
    file = memfd_create("input", 0);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  }
  if (file < 0 || ftruncate(file, 0) != 0 ||
      pwrite(file, bytes, count, 0) != (ssize_t)count) {
    perror("fuzz: no file in memory");
    exit(1);
  }
  return path;
}

void fuzz_check_message(void) {
  if (esp_last_error()[0] == '\0') {
    fprintf(stderr, "fuzz: refused without a message\n");
    abort();
  }
}
