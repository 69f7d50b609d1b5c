#include "kernel/image.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/image_private.h"

esp_status esp_image_allocate(int64_t height, int64_t width, esp_image *image) {
  if (height < 1 || width < 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "a picture of %lld x %lld pixels",
                    (long long)height, (long long)width);
  }
  if (height > ESP_IMAGE_MOST || width > ESP_IMAGE_MOST / height) {
    return ESP_FAIL(ESP_LIMIT, "a picture of %lld x %lld pixels, at most %d",
                    (long long)height, (long long)width, ESP_IMAGE_MOST);
  }
  image->height = height;
  image->width = width;
  image->rgb = calloc((size_t)(height * width), 3);
  return image->rgb != NULL
             ? ESP_OK
             : ESP_FAIL(ESP_NO_MEMORY, "cannot decode a picture");
}

static bool begins(const uint8_t *bytes, size_t count, const char *with,
                   size_t length) {
  return count >= length && memcmp(bytes, with, length) == 0;
}

static esp_image_reader *reader_of(const uint8_t *bytes, size_t count) {
  static const struct {
    const char *with;
    size_t length;
    esp_image_reader *read;
  } known[] = {
      {"\xff\xd8\xff", 3, esp_image_read_jpeg},
      {"\x89PNG\r\n\x1a\n", 8, esp_image_read_png},
      {"BM", 2, esp_image_read_bmp},
      {"II*\0", 4, esp_image_read_tiff},
      {"MM\0*", 4, esp_image_read_tiff},
      {"\0\0\0\x0cjP  \r\n\x87\n", 12, esp_image_read_jpeg2000},
      {"\xff\x4f\xff\x51", 4, esp_image_read_jpeg2000},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (begins(bytes, count, known[i].with, known[i].length)) {
      return known[i].read;
    }
  }
  if (begins(bytes, count, "RIFF", 4) && count >= 12 &&
      memcmp(bytes + 8, "WEBP", 4) == 0) {
    return esp_image_read_webp;
  }
  const bool pnm =
      count >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6';
  return pnm ? esp_image_read_pnm : NULL;
}

esp_status esp_image_decode(const uint8_t *bytes, size_t count,
                            esp_image *image) {
  esp_image_reader *const read = reader_of(bytes, count);
  *image = (esp_image){0};
  if (read == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "no picture in JPEG, PNG, WebP, TIFF, "
                                   "JPEG 2000, BMP or PNM");
  }
  const esp_status status = read(bytes, count, image);
  if (status != ESP_OK) {
    free(image->rgb);
    image->rgb = NULL;
  }
  return status;
}
