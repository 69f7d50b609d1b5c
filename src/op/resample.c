#include "op/resample.h"

#include <math.h>
#include <stdlib.h>

static double cubic_at(double x, double a) {
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static double linear_at(double x) {
  x = fabs(x);
  return x < 1 ? 1 - x : 0;
}

void esp_cubic_weights(double ratio, double a, double weight[4]) {
  for (int i = 0; i < 4; i++) weight[i] = cubic_at(i - 1 - ratio, a);
}

double esp_resample_whole(double sum) {
  return trunc(sum + copysign(0x1p-30, sum));
}

// Where output o lies among the input's elements.  The length of the output is
// the one before it was rounded to a whole number, as the standard's own cases
// have it.
static double place(const esp_resample *how, const esp_resample_axis *axis,
                    int64_t o) {
  const double x = (double)o, in = (double)axis->in, scale = axis->scale;
  const double length = scale * in;
  // An axis that keeps its size is not moved; only tf_half_pixel_for_nn, which
  // is meant for resized axes, would do so.
  if (scale == 1 && how->transform != ESP_TF_CROP_AND_RESIZE) return x;
  switch (how->transform) {
  case ESP_ASYMMETRIC:
    return x / scale;
  case ESP_ALIGN_CORNERS:
    return length == 1 ? 0 : x * (in - 1) / (length - 1);
  case ESP_TF_HALF_PIXEL_FOR_NN:
    return (x + 0.5) / scale;
  case ESP_PYTORCH_HALF_PIXEL:
    return axis->out > 1 ? (x + 0.5) / scale - 0.5 : 0;
  case ESP_HALF_PIXEL_SYMMETRIC:
    return in / 2 * (1 - (double)axis->out / length) + (x + 0.5) / scale - 0.5;
  case ESP_TF_CROP_AND_RESIZE:
    if (axis->out < 2) return 0.5 * (axis->start + axis->end) * (in - 1);
    return axis->start * (in - 1) +
           x * (axis->end - axis->start) * (in - 1) / ((double)axis->out - 1);
  case ESP_HALF_PIXEL:
  default:
    return (x + 0.5) / scale - 0.5;
  }
}

static double to_nearest(esp_nearest_mode mode, double x) {
  switch (mode) {
  case ESP_FLOOR:
    return floor(x);
  case ESP_CEIL:
    return ceil(x);
  case ESP_ROUND_PREFER_CEIL:
    return floor(x + 0.5);
  case ESP_ROUND_PREFER_FLOOR:
  default:
    return ceil(x - 0.5);
  }
}

// Elements that one output is made of, counted from `from` on.
typedef struct span {
  double stretch; // at most 1: of the filter when it is stretched
  int64_t from, count;
} span;

static span span_of(const esp_resample *how, double scale) {
  span s = {.stretch = 1};
  if (how->mode == ESP_NEAREST) return (span){1, 0, 1};
  if (how->antialias && scale < 1) s.stretch = scale;
  const double support = how->mode == ESP_CUBIC ? 2 : 1;
  s.from = (int64_t)floor(-support / s.stretch) + 1;
  s.count = 2 - 2 * s.from;
  return s;
}

// Adds a weight; what lies outside is the element at the edge.
static void add_tap(esp_taps *taps, int64_t begin, int64_t *end, int64_t index,
                    double weight) {
  if (weight == 0) return; // so that 0 times infinity is not computed
  if (*end > begin && taps->index[*end - 1] == index) {
    taps->weight[*end - 1] += weight;
    return;
  }
  taps->index[*end] = index;
  taps->weight[(*end)++] = weight;
}

// The taps of one output, from `begin` on; gives their end.
static int64_t tap(const esp_resample *how, const esp_resample_axis *axis,
                   const span *s, double x, int64_t begin, esp_taps *taps) {
  const double base =
      how->mode == ESP_NEAREST ? to_nearest(how->nearest, x) : floor(x);
  int64_t end = begin;
  double sum = 0;
  for (int64_t i = s->from; i < s->from + s->count; i++) {
    const double at = base + (double)i, last = (double)axis->in - 1;
    const double far = (at - x) * s->stretch;
    double weight = 1;
    if (how->mode == ESP_LINEAR) weight = linear_at(far);
    if (how->mode == ESP_CUBIC) weight = cubic_at(far, how->cubic_a);
    if (how->exclude_outside && how->mode != ESP_NEAREST &&
        (at < 0 || at > last)) {
      continue;
    }
    const double held = at < 0 ? 0 : (at > last ? last : at);
    add_tap(taps, begin, &end, (int64_t)held, weight);
    sum += weight;
  }
  if (how->exclude_outside || s->stretch < 1) {
    for (int64_t t = begin; t < end; t++) taps->weight[t] /= sum;
  }
  return end;
}

esp_status esp_taps_make(const esp_resample *how, const esp_resample_axis *axis,
                         esp_taps *taps) {
  const bool cropped = how->transform == ESP_TF_CROP_AND_RESIZE;
  if (how->antialias && how->mode != ESP_NEAREST && axis->out > 0 &&
      axis->scale * (double)axis->in < 0.25) {
    return ESP_FAIL(ESP_BAD_INPUT, "a scale of %g for an axis of %lld",
                    axis->scale, (long long)axis->in);
  }
  const span s = span_of(how, axis->scale);
  // Taps outside are merged at the edges.
  const size_t most = (size_t)(s.count > axis->in ? axis->in : s.count);
  const size_t out = (size_t)axis->out;
  taps->first = malloc((out + 1) * sizeof *taps->first);
  taps->index = malloc((out * most + 1) * sizeof *taps->index);
  taps->weight = malloc((out * most + 1) * sizeof *taps->weight);
  if (taps->first == NULL || taps->index == NULL || taps->weight == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  }
  int64_t end = 0;
  for (int64_t o = 0; o < axis->out; o++) {
    const double x = place(how, axis, o);
    taps->first[o] = end;
    if (cropped && (x < 0 || x > (double)axis->in - 1)) continue;
    end = tap(how, axis, &s, x, end, taps);
  }
  taps->first[axis->out] = end;
  return ESP_OK;
}

void esp_taps_free(esp_taps *taps) {
  free(taps->first);
  free(taps->index);
  free(taps->weight);
  *taps = (esp_taps){0};
}
