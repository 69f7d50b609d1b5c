// ImageDecoder: a file's bytes to pixels.  Source: ONNX ImageDecoder-20.
#include "kernel/image.h"

#include <stdlib.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/samples.h"

enum { RGB, BGR, GRAYSCALE };

static esp_status format_of(const esp_args *args, int *format) {
  static const char *const names[] = {"RGB", "BGR", "Grayscale", NULL};
  return esp_choice_of(args->node, "pixel_format", "RGB", names, format);
}

static esp_status decode(const esp_args *args, esp_image *image) {
  const esp_tensor *x = args->in[0];
  return esp_image_decode(x->data, (size_t)x->shape.dim[0], image);
}

// How large it is only the picture tells: it is decoded here and in run().
static esp_status infer(const esp_args *args) {
  int format;
  esp_image image;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_UINT8)));
  ESP_TRY(esp_check_ndim(args, 0, 1, 1));
  ESP_TRY(format_of(args, &format));
  ESP_TRY(esp_check_known(args, 0));
  ESP_TRY(decode(args, &image));
  free(image.rgb);
  const esp_shape shape = {
      3, {image.height, image.width, format == GRAYSCALE ? 1 : 3}};
  esp_set_output(args, 0, ESP_UINT8, &shape);
  return ESP_OK;
}

// The luma of ITU-R BT.601 in 16 bits after the point, as Pillow rounds it,
// which made the standard's cases.
static uint8_t luma(const uint8_t *rgb) {
  const uint32_t sum = rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u;
  return (uint8_t)((sum + 0x8000) >> 16);
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  int format;
  esp_image image;
  (void)state;
  (void)team;
  ESP_TRY(format_of(args, &format));
  ESP_TRY(decode(args, &image));
  uint8_t *y = args->out[0]->data;
  for (int64_t i = 0; i < image.height * image.width; i++) {
    const uint8_t *rgb = image.rgb + 3 * i;
    if (format == GRAYSCALE) {
      y[i] = luma(rgb);
    } else {
      y[3 * i] = rgb[format == RGB ? 0 : 2];
      y[3 * i + 1] = rgb[1];
      y[3 * i + 2] = rgb[format == RGB ? 2 : 0];
    }
  }
  free(image.rgb);
  return ESP_OK;
}

const esp_op esp_op_image = {
    .samples = esp_samples_all_mixed, .infer = infer, .run = run};
