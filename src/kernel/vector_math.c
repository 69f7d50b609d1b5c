#include "kernel/vector_math.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/vectors.h"

static inline float float_of(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// c ? a : b, of which both are computed: with a branch in it a loop does not
// become vectors everywhere.
static inline float pick(bool c, float a, float b) {
  int32_t x, y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  const int32_t mask = -(int32_t)c;
  return float_of((x & mask) | (y & ~mask));
}

// exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2; exp(r), which is
// given, by its series to r^7, where the rest is below half a unit in the last
// place.
static inline float exp_rest(float x, int32_t *whole) {
  const float k = rintf(x * 1.44269504f);
  // ln 2 in two parts: k times the first has no rounding error.
  const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  *whole = (int32_t)k;
  return p * (r * r) + r + 1.0f;
}

// 2^k in two factors, so that results below the smallest normal number are
// reached.
static inline float exp_of(float x) {
  const float high = 88.8f, low = -104.0f; // overflow, and underflow to zero
  const float above = x > low ? x : low;   // NaN becomes a number here
  int32_t whole;
  const float p = exp_rest(above > high ? high : above, &whole);
  const int32_t half = whole / 2;
  const float y =
      p * float_of((half + 127) << 23) * float_of((whole - half + 127) << 23);
  return pick(x != x, x, y); // NaN stays
}

static inline float sigmoid_of(float x) {
  const float e = exp_of(-fabsf(x)); // at most 1: nothing overflows
  return pick(x < 0.0f, e, 1.0f) / (1.0f + e);
}

ESP_VECTORS void esp_vector_exp(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = exp_of(x[i]);
}

ESP_VECTORS void esp_vector_sigmoid(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = sigmoid_of(x[i]);
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
  const float big = pick(x < 0.0f, -large, large);
  return pick(a < 0.35f, small, pick(x != x, x, big));
}

ESP_VECTORS void esp_vector_tanh(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = tanh_of(x[i]);
}

// exp(x) as above, of what is held at most at 40: products of two such are
// finite, and 2^k needs one factor.  NaN stays.
static inline float small_exp(float x) {
  const float above = x > -80.0f ? x : -80.0f; // NaN becomes a number here
  int32_t whole;
  const float p = exp_rest(above > 40.0f ? 40.0f : above, &whole);
  return pick(x != x, x, p * float_of((whole + 127) << 23));
}

// sigmoid(a) tanh(b) with one division; near b = 0 as exact as 1 - exp is.
static inline float sigmoid_tanh(float a, float b) {
  const float e = small_exp(-a), f = small_exp(-2.0f * b);
  return (1.0f - f) / ((1.0f + e) * (1.0f + f));
}

ESP_VECTORS ESP_CONTRACTED void esp_vector_lstm(const float *x, const float *h,
                                                const float *bias,
                                                float *restrict c,
                                                float *restrict y, int64_t n) {
  for (int64_t k = 0; k < n; k++) {
    const float in = x[k] + h[k] + bias[k];
    const float out = x[n + k] + h[n + k] + bias[n + k];
    const float keep = x[2 * n + k] + h[2 * n + k] + bias[2 * n + k];
    const float new = x[3 * n + k] + h[3 * n + k] + bias[3 * n + k];
    const float cell = c[k] / (1.0f + small_exp(-keep)) + sigmoid_tanh(in, new);
    c[k] = cell;
    y[k] = sigmoid_tanh(out, cell);
  }
}

// The polynomials are least-maximum fits that tests/kernel/fit_erf.py makes.

// erf(x) = x + x p(x^2) up to where the other takes over.
static const float ERF_NEAR = 0.92f;
static inline float erf_near(float x) {
  const float s = x * x;
  float p = 8.21542651e-05f;
  p = p * s + -8.10596588e-04f;
  p = p * s + 5.19779724e-03f;
  p = p * s + -2.68581043e-02f;
  p = p * s + 1.12836725e-01f;
  p = p * s + -3.76126323e-01f;
  p = p * s + 1.28379166e-01f;
  return x + x * p;
}

// 1 - erf(a) = exp(p(a)) from there on: p is log(erfc(a)).
static inline float erfc_far(float a) {
  const float most = 9.3f; // there it is 2^-127
  const float inside = a < most ? a : most;
  float p = 2.9490022e-09f;
  p = p * inside + -1.71044388e-07f;
  p = p * inside + 4.43271622e-06f;
  p = p * inside + -6.80811952e-05f;
  p = p * inside + 6.94574789e-04f;
  p = p * inside + -5.01611656e-03f;
  p = p * inside + 2.68115214e-02f;
  p = p * inside + -1.10384618e-01f;
  p = p * inside + -6.31770902e-01f;
  p = p * inside + -1.13016216e+00f;
  p = p * inside + 2.86025966e-04f;
  return exp_of(p);
}

static inline float erf_of(float x) {
  const float a = fabsf(x);
  const float far = 1.0f - erfc_far(a);
  const float sided = pick(x < 0.0f, -far, far);
  return pick(a < ERF_NEAR, erf_near(x), pick(x != x, x, sided));
}

ESP_VECTORS void esp_vector_erf(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = erf_of(x[i]);
}

// What the normal distribution has beyond a, at most 12.9: 2^p, whose exponent
// is a polynomial below 3 and another one from there on, and is taken apart
// into k = round(p) and a rest of at most 1/2.
static inline float normal_tail(float a) {
  const bool near = a < 3.0f;
  const float t = a - (near ? 0.0f : 6.0f);
  float p = (near ? -3.48779914e-06f : 8.26861356e-09f);
  p = p * t + (near ? 4.53863115e-05f : -2.03075902e-07f);
  p = p * t + (near ? -2.07741635e-04f : 2.28195722e-06f);
  p = p * t + (near ? -9.86056532e-05f : -1.93045057e-05f);
  p = p * t + (near ? 7.02804788e-03f : 1.72068134e-04f);
  p = p * t + (near ? -5.24801299e-02f : -1.66598777e-03f);
  p = p * t + (near ? -4.59211078e-01f : -7.04037850e-01f);
  p = p * t + (near ? -1.15110517e+00f : -8.88482380e+00f);
  p = p * t + (near ? -9.99999986e-01f : -2.99168372e+01f);
  const float k = rintf(p), r = p - k;
  float y = 1.54780220e-04f;
  y = y * r + 1.34004317e-03f;
  y = y * r + 9.61799452e-03f;
  y = y * r + 5.55032722e-02f;
  y = y * r + 2.40226515e-01f;
  y = y * r + 6.93147207e-01f;
  y = y * r + 1.00000000e+00f;
  return y * float_of(((int32_t)k + 127) << 23);
}

// Below zero by the small tail itself: 1 + erf would lose it.
static inline float gelu_of(float x) {
  const float a = fabsf(x), most = 12.9f; // there it is 2^-125
  const float tail = normal_tail(a < most ? a : most);
  const float share = pick(x < 0.0f, tail, 1.0f - tail);
  return pick(x < -20.0f, -0.0f, x * share); // and -INFINITY
}

ESP_VECTORS ESP_CONTRACTED void esp_vector_gelu(const float *x, float *y,
                                                int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = gelu_of(x[i]);
}

// 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2 u)).
static inline float gelu_tanh_of(float x) {
  const float v = x > -20.0f ? x : -20.0f; // the cube stays a number
  const float w = v < 20.0f ? v : 20.0f;
  const float u = 1.59576912f * (w + 0.044715f * w * w * w);
  const float e = exp_of(-fabsf(u));
  const float share = pick(u < 0.0f, e, 1.0f) / (1.0f + e);
  return pick(x != x, x, pick(x < -20.0f, -0.0f, x * share));
}

ESP_VECTORS void esp_vector_gelu_tanh(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = gelu_tanh_of(x[i]);
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

ESP_VECTORS static void subtract(const float *x, float by, float *y,
                                 int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] - by;
}

ESP_VECTORS static void multiply(float by, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] *= by;
}

void esp_vector_softmax(const float *x, float *y, int64_t n) {
  subtract(x, esp_vector_max(x, n), y, n);
  esp_vector_exp(y, y, n);
  multiply((float)(1 / esp_vector_sum(y, n)), y, n);
}

ESP_VECTORS void esp_vector_normalise(const float *x, double mean,
                                      double factor, const float *scale,
                                      const float *shift, float *y, int64_t n) {
  if (shift == NULL) {
    for (int64_t i = 0; i < n; i++) {
      y[i] = (float)(((double)x[i] - mean) * factor * (double)scale[i]);
    }
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    y[i] = (float)(((double)x[i] - mean) * factor * (double)scale[i] +
                   (double)shift[i]);
  }
}
