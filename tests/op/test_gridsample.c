// GridSample and AffineGrid against the standard's formulas in double, of one
// to three spatial axes.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

typedef struct reference {
  const char *mode, *padding;
  bool aligned;
  int axes;
} reference;

static double reflect(double x, double low, double high) {
  if (high <= low) return low;
  while (x < low || x > high) x = x < low ? 2 * low - x : 2 * high - x;
  return x;
}

// Weights of the elements of an axis of n for a coordinate.
enum { MOST = 8 };
static void weigh(const reference *r, double grid, int n, double weight[MOST]) {
  const double low = r->aligned ? 0 : -0.5, high = r->aligned ? n - 1 : n - 0.5;
  double x = low + (grid + 1) / 2 * (high - low);
  const bool nearest = strcmp(r->mode, "nearest") == 0;
  const bool cubic = strstr(r->mode, "cubic") != NULL;
  const bool zeros = strcmp(r->padding, "zeros") == 0;
  const bool border = strcmp(r->padding, "border") == 0;
  if (nearest) x = r->axes == 3 ? round(x) : rint(x);
  if (x < low || x > high) {
    if (border) x = fmin(fmax(x, 0), n - 1);
    if (!zeros && !border) x = reflect(x, low, high);
  }
  if (nearest && !zeros && x > n - 1) x = n - 1;
  memset(weight, 0, MOST * sizeof *weight);
  for (int j = -30; j < 30; j++) {
    const double d = fabs(j - x), a = -0.75;
    double w = d < 1 ? 1 - d : 0;
    if (nearest) w = j == floor(x);
    if (cubic) {
      w = d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
          : d < 2 ? a * (d * d * d - 5 * d * d + 8 * d - 4)
                  : 0;
    }
    double at = j;
    if (zeros && (j < 0 || j >= n)) continue;
    if (!zeros && !border) at = reflect(j, low, high);
    weight[(int)fmin(fmax(at, 0), n - 1)] += w;
  }
}

// [2, 2, then n] sampled at 5 (times 2 times 1) places.
static void check_sampled(const reference *r, esp_dtype type) {
  static const int64_t n[] = {3, 4, 2};
  one_node node = one_node_of("GridSample", r->mode[0] == 'b' ? 16 : 22);
  one_node_string(&node, "mode", r->mode);
  one_node_string(&node, "padding_mode", r->padding);
  one_node_int(&node, "align_corners", r->aligned);
  esp_shape x = {r->axes + 2, {2, 2}}, grid = {r->axes + 2, {2, 5, 2, 1}};
  memcpy(x.dim + 2, n, (size_t)r->axes * sizeof n[0]);
  grid.dim[r->axes + 1] = r->axes;
  esp_shape y = {r->axes + 2, {2, 2, 5, 2, 1}};
  const int64_t points = esp_shape_product(&y, 2, y.ndim);
  const int64_t plane = esp_shape_product(&x, 2, x.ndim);
  one_node_input(&node, type, x, NULL);
  double places[60];
  for (int i = 0; i < 60; i++) places[i] = 2.2 * (double)check_random_float();
  const bool half = type == ESP_FLOAT16 || type == ESP_BFLOAT16;
  one_node_input(&node, half ? type : ESP_FLOAT, grid, places);
  CHECK_OK(one_node_run(&node, 1));
  double want[40];
  for (int64_t i = 0; i < 4 * points; i++) {
    const int64_t sample = i / (2 * points), p = sample * points + i % points;
    double weight[3][MOST] = {{1}, {1}, {1}};
    for (int a = 0; a < r->axes; a++) {
      const double at = one_node_in(&node, 1, p * r->axes + r->axes - 1 - a);
      weigh(r, at, (int)n[a], weight[a]);
    }
    want[i] = 0;
    for (int64_t e = 0; e < plane; e++) {
      int64_t rest = e;
      double w = 1;
      for (int a = r->axes - 1; a >= 0; a--) {
        w *= weight[a][rest % n[a]];
        rest /= n[a];
      }
      want[i] += w * one_node_in(&node, 0, i / points * plane + e);
    }
  }
  one_node_check(&node, 0, type, y, want, one_node_tolerance(type));
  one_node_free(&node);
}

static void check_paddings(const char *mode, int axes, esp_dtype type) {
  static const char *const paddings[] = {"zeros", "border", "reflection"};
  for (int p = 0; p < 6; p++) {
    const reference r = {mode, paddings[p / 2], p % 2 != 0, axes};
    check_sampled(&r, type);
  }
}

static void between_elements_in_every_mode(void) {
  for (int axes = 1; axes <= 3; axes++) {
    check_paddings("linear", axes, ESP_FLOAT);
    check_paddings("linear", axes, ESP_DOUBLE);
    check_paddings("cubic", axes, ESP_FLOAT);
    check_paddings("nearest", axes, ESP_FLOAT);
    check_paddings("nearest", axes, ESP_INT64);
  }
  check_paddings("bilinear", 2, ESP_FLOAT);
  check_paddings("bicubic", 2, ESP_FLOAT);
  check_paddings("linear", 2, ESP_FLOAT16);
  check_paddings("linear", 2, ESP_BFLOAT16);
  check_paddings("nearest", 2, ESP_BOOL);
}

static void places_that_are_no_numbers_are_outside(void) {
  for (int border = 0; border < 2; border++) {
    one_node n = one_node_of("GridSample", 20);
    one_node_string(&n, "padding_mode", border ? "border" : "zeros");
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 1, 2), NUMBERS(3, 5));
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 3, 2),
                   NUMBERS(NAN, 0, INFINITY, 0, -INFINITY, 0));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 1, 3),
                   border ? NUMBERS(3, 5, 3) : NUMBERS(0, 0, 0), 0);
    one_node_free(&n);
  }
}

static void other_grids_are_refused(void) {
  one_node n = one_node_of("GridSample", 20);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 2, 2), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 3, 3, 3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("expected 1 of 2");
  n.in[1].shape = SHAPE(1, 3, 3, 2);
  CHECK_OK(one_node_infer(&n, 1));
  n.in[0].shape.dim[2] = 0;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void check_affine(int axes, bool aligned, esp_dtype type) {
  const int64_t size[] = {2, 1, 3, 2, 4};
  one_node n = one_node_of("AffineGrid", 20);
  one_node_int(&n, "align_corners", aligned);
  one_node_input(&n, type, SHAPE(2, axes, axes + 1), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(axes + 2), NUMBERS(2, 1, 3, 2, 4));
  CHECK_OK(one_node_run(&n, 1));
  double want[144];
  esp_shape y = {axes + 2, {2}};
  memcpy(y.dim + 1, size + 2, (size_t)axes * sizeof size[0]);
  y.dim[axes + 1] = axes;
  for (int64_t i = 0; i < esp_shape_count(&y); i++) {
    const int64_t row = i % axes, per = esp_shape_product(&y, 1, axes + 1);
    int64_t rest = i / axes % per;
    const int64_t theta = (i / axes / per * axes + row) * (axes + 1);
    want[i] = one_node_in(&n, 0, theta + axes);
    for (int a = axes - 1; a >= 0; a--) {
      const double k = (double)(rest % size[2 + a]), d = (double)size[2 + a];
      rest /= size[2 + a];
      want[i] += one_node_in(&n, 0, theta + axes - 1 - a) *
                 (aligned ? -1 + k * 2 / (d - 1) : -1 + 1 / d + k * 2 / d);
    }
  }
  one_node_check(&n, 0, type, y, want, one_node_tolerance(type));
  one_node_free(&n);
}

static void affine_grids_of_two_and_three_axes(void) {
  static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                    ESP_BFLOAT16};
  for (int t = 0; t < 4; t++) {
    for (int i = 0; i < 4; i++) check_affine(2 + i / 2, i % 2 != 0, types[t]);
  }
}

static void other_sizes_are_refused(void) {
  one_node n = one_node_of("AffineGrid", 20);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2, 3), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(5), NUMBERS(2, 1, 3, 2, 4));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  n.in[1].shape.dim[0] = 4;
  CHECK_OK(one_node_infer(&n, 1));
  ((int64_t *)n.in[1].data)[3] = 0;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(between_elements_in_every_mode),
      CASE(places_that_are_no_numbers_are_outside),
      CASE(other_grids_are_refused),
      CASE(affine_grids_of_two_and_three_axes),
      CASE(other_sizes_are_refused),
      {NULL, NULL},
  };
  return check_run("op/gridsample", cases);
}
