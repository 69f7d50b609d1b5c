#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/private.h"

static esp_status map(const char *path, int file, const unsigned char **bytes,
                      size_t *count) {
  struct stat about;
  if (fstat(file, &about) != 0) {
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(errno));
  }
  if (!S_ISREG(about.st_mode)) {
    return ESP_FAIL(ESP_IO, "%s is not a file", path);
  }
  static const unsigned char nothing[1];
  const void *address = nothing;
  if (about.st_size > 0) {
    address =
        mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  }
  if (address == MAP_FAILED) {
    return ESP_FAIL(ESP_IO, "cannot read %s: %s", path, strerror(errno));
  }
  *bytes = address;
  *count = (size_t)about.st_size;
  return ESP_OK;
}

esp_status esp_file_map(const char *path, const unsigned char **bytes,
                        size_t *count) {
  const int file = open(path, O_RDONLY | O_NONBLOCK); // a pipe would wait
  if (file < 0) {
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(errno));
  }
  const esp_status status = map(path, file, bytes, count);
  (void)close(file);
  return status;
}

void esp_file_unmap(const unsigned char *bytes, size_t count) {
  if (count > 0) (void)munmap((void *)(uintptr_t)bytes, count);
}
