#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "model/private.h"

esp_status esp_file_read(const char *path, unsigned char **bytes,
                         size_t *count) {
  struct stat about;
  FILE *file = fopen(path, "rb");
  if (file == NULL || fstat(fileno(file), &about) != 0) {
    const int reason = errno;
    if (file != NULL) (void)fclose(file);
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(reason));
  }
  esp_status status = ESP_OK;
  void *block = NULL;
  if (!S_ISREG(about.st_mode)) {
    status = ESP_FAIL(ESP_IO, "%s is not a file", path);
  }
  if (status == ESP_OK) status = esp_allocate((size_t)about.st_size, &block);
  if (status == ESP_OK &&
      fread(block, 1, (size_t)about.st_size, file) != (size_t)about.st_size) {
    status = ESP_FAIL(ESP_IO, "cannot read %s", path);
  }
  (void)fclose(file);
  if (status != ESP_OK) {
    esp_free(block);
    return status;
  }
  *bytes = block;
  *count = (size_t)about.st_size;
  return ESP_OK;
}
