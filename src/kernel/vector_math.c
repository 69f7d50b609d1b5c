#include "kernel/vector_math.h"

#include <math.h>
#include <string.h>

#include "kernel/vectors.h"

static inline float float_of(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2; exp(r) by its
// series to r^7, where the rest is below half a unit in the last place.  2^k is
// made in two factors, so that results below the smallest normal number are
// reached.
static inline float exp_of(float x) {
  const float high = 88.8f, low = -104.0f; // overflow, and underflow to zero
  const float above = x > low ? x : low;   // NaN becomes a number here
  const float inside = above > high ? high : above;
  const float k = rintf(inside * 1.44269504f);
  // ln 2 in two parts: k times the first has no rounding error.
  const float r = (inside - k * 0.693359375f) - k * -2.12194440e-4f;
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * (r * r) + r + 1.0f;
  const int32_t whole = (int32_t)k, half = whole / 2;
  const float y =
      p * float_of((half + 127) << 23) * float_of((whole - half + 127) << 23);
  return x != x ? x : y; // NaN stays
}

ESP_VECTORS void esp_vector_exp(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = exp_of(x[i]);
}

ESP_VECTORS void esp_vector_sigmoid(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float e = exp_of(-fabsf(x[i])); // at most 1: nothing overflows
    y[i] = (x[i] < 0.0f ? e : 1.0f) / (1.0f + e);
  }
}

// Near zero by the odd series x - x^3/3 + ..., elsewhere by exp(2|x|).
static inline float tanh_of(float x) {
  const float a = fabsf(x);
  const float s = x * x;
  float p = -8.8632355e-3f;
  p = p * s + 2.1869488e-2f;
  p = p * s + -5.3968254e-2f;
  p = p * s + 1.3333333e-1f;
  p = p * s + -3.3333333e-1f;
  const float small = x + x * (s * p);
  const float large = 1.0f - 2.0f / (exp_of(2.0f * a) + 1.0f);
  const float big = x < 0.0f ? -large : large;
  return a < 0.35f ? small : (x != x ? x : big);
}

ESP_VECTORS void esp_vector_tanh(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = tanh_of(x[i]);
}

// Element i goes to lane i % LANES; the lanes are put together in their order.
enum { LANES = 16 };

ESP_VECTORS double esp_vector_sum(const float *x, int64_t n) {
  double lane[LANES] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int l = 0; l < LANES; l++) lane[l] += (double)x[i + l];
  }
  for (int l = 0; i < n; i++, l++) lane[l] += (double)x[i];
  for (int l = 0; l < LANES; l++) sum += lane[l];
  return sum;
}

ESP_VECTORS double esp_vector_squares(const float *x, double mean, int64_t n) {
  double lane[LANES] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int l = 0; l < LANES; l++) {
      const double d = (double)x[i + l] - mean;
      lane[l] += d * d;
    }
  }
  for (int l = 0; i < n; i++, l++) {
    lane[l] += ((double)x[i] - mean) * ((double)x[i] - mean);
  }
  for (int l = 0; l < LANES; l++) sum += lane[l];
  return sum;
}

ESP_VECTORS float esp_vector_max(const float *x, int64_t n) {
  float lane[LANES], most = -INFINITY;
  for (int l = 0; l < LANES; l++) lane[l] = -INFINITY;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int l = 0; l < LANES; l++) {
      lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    }
  }
  for (int l = 0; i < n; i++, l++) lane[l] = x[i] > lane[l] ? x[i] : lane[l];
  for (int l = 0; l < LANES; l++) most = lane[l] > most ? lane[l] : most;
  return most;
}
