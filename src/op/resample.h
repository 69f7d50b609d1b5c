// Interpolation along one axis: which elements of the input make one of the
// output, and with what weights.  Private to op/.
#ifndef ESP_OP_RESAMPLE_H
#define ESP_OP_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef enum esp_transform {
  ESP_HALF_PIXEL,
  ESP_HALF_PIXEL_SYMMETRIC,
  ESP_PYTORCH_HALF_PIXEL,
  ESP_ALIGN_CORNERS,
  ESP_ASYMMETRIC,
  ESP_TF_HALF_PIXEL_FOR_NN,
  ESP_TF_CROP_AND_RESIZE
} esp_transform;

typedef enum esp_interpolation {
  ESP_NEAREST,
  ESP_LINEAR,
  ESP_CUBIC
} esp_interpolation;

typedef enum esp_nearest_mode {
  ESP_ROUND_PREFER_FLOOR,
  ESP_ROUND_PREFER_CEIL,
  ESP_FLOOR,
  ESP_CEIL
} esp_nearest_mode;

// How coordinates and weights are found.  Source: ONNX Resize-19.
typedef struct esp_resample {
  esp_transform transform;
  esp_interpolation mode;
  esp_nearest_mode nearest;
  double cubic_a;
  bool exclude_outside, antialias;
} esp_resample;

// An axis; [start, end] of the input, as fractions, counts for
// ESP_TF_CROP_AND_RESIZE.  `in` is positive when `out` is.
typedef struct esp_resample_axis {
  int64_t in, out;
  double scale, start, end; // finite; scale is positive
} esp_resample_axis;

// Output o is the sum of weight[t] * input[index[t]] over t in
// [first[o], first[o + 1]); of an output outside of the input it is empty.
typedef struct esp_taps {
  int64_t *first; // [out + 1]
  int64_t *index;
  double *weight;
} esp_taps;

// ESP_BAD_INPUT: an antialiased output would cover the input many times.
esp_status esp_taps_make(const esp_resample *how, const esp_resample_axis *axis,
                         esp_taps *taps);
void esp_taps_free(esp_taps *taps); // zeroed and half-made ones too

// Weights of the elements at -1, 0, 1 and 2 for a place `ratio` in [0, 1].
// Source: Keys 1981, equation (4).
void esp_cubic_weights(double ratio, double a, double weight[4]);

// A weighted sum of whole numbers on its way into an integer type: truncated,
// as the standard's reference does, but an error of rounding does not cost a
// unit.
double esp_resample_whole(double sum);

#endif
