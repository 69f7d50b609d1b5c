// Any bytes as IDX or NPY, gzipped or not: the header, then all that it
// announces, in blocks.
#include "input.h"
#include "store/private.h"

static esp_status read_all(esp_packed *packed, const char *path) {
  static unsigned char block[1 << 16];
  size_t left;
  esp_status status = esp_shape_bytes(&packed->shape, packed->type, &left);
  while (status == ESP_OK && left > 0) {
    const size_t part = left < sizeof block ? left : sizeof block;
    status = esp_packed_read(packed, path, block, part);
    left -= part;
  }
  return status == ESP_OK ? esp_packed_end(packed, path) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  const char *path = fuzz_file(bytes, count);
  esp_packed packed;
  esp_fail_clear();
  esp_status status = esp_packed_open(path, &packed);
  if (status == ESP_OK) {
    status = read_all(&packed, path);
    esp_packed_close(&packed);
  }
  if (status != ESP_OK) fuzz_check_message();
  return 0;
}
