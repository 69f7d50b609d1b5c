// What the readers of pictures share.  Private to kernel/.
#ifndef ESP_KERNEL_IMAGE_PRIVATE_H
#define ESP_KERNEL_IMAGE_PRIVATE_H

#include "kernel/image.h"

// Checks the size, and allocates the pixels.
esp_status esp_image_allocate(int64_t height, int64_t width, esp_image *image);

// A reader for each format; image->rgb is freed by the caller after a failure.
typedef esp_status esp_image_reader(const uint8_t *bytes, size_t count,
                                    esp_image *image);
esp_image_reader esp_image_read_bmp, esp_image_read_pnm, esp_image_read_jpeg,
    esp_image_read_png, esp_image_read_webp, esp_image_read_tiff,
    esp_image_read_jpeg2000;

#endif
