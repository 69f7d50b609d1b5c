// Pictures as files hold them, to bytes.  Floor 2.
//
// JPEG, PNG, WebP, TIFF and JPEG 2000 by their libraries, where the build has
// found them; BMP and PNM by own readers.  Colours are as the file has them:
// profiles and gamma are not looked at, and what is transparent is shown.
// Numbers of more than eight bits keep their upper eight.
#ifndef ESP_KERNEL_IMAGE_H
#define ESP_KERNEL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { ESP_IMAGE_MOST = 100000000 }; // pixels

typedef struct esp_image {
  int64_t height, width;
  uint8_t *rgb; // [height, width, 3]; free with free()
} esp_image;

// Decodes a picture whose format its first bytes tell.  ESP_BAD_INPUT: none of
// those formats, or damaged.  ESP_UNSUPPORTED: a kind of it that is not read,
// or a library is missing.  ESP_LIMIT: more than ESP_IMAGE_MOST pixels.
esp_status esp_image_decode(const uint8_t *bytes, size_t count,
                            esp_image *image);

#endif
