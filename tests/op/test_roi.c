// RoiAlign and MaxRoiPool against the formulas in double.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

enum {
  N = 2,
  C = 3,
  H = 5,
  W = 7,
  R = 4,
  OH = 2,
  OW = 3,
  COUNT = R * C * OH * OW
};

// The regions: one inside, one over the edge, one outside, an empty one.
static const double rois[R][4] = {
    {1, 2, 9, 7}, {-3, 4, 5, 13}, {40, 40, 50, 50}, {6, 6, 6, 6}};
static const double images[R] = {1, 0, 1, 0};

static double pixel(const one_node *n, int64_t image, int64_t c, double y,
                    double x) {
  return one_node_in(n, 0, ((image * C + c) * H + (int)y) * W + (int)x);
}

typedef struct reference {
  bool max, half;
  int ratio;
} reference;

// The mean, or the largest weighted element, of samples in an output.
static double aligned(const one_node *n, const reference *r, int i) {
  const int roi = i / (C * OH * OW), c = i / (OH * OW) % C;
  const int oy = i / OW % OH, ox = i % OW;
  const double shift = r->half ? 0.5 : 0, scale = 0.5;
  const double left = rois[roi][0] * scale - shift;
  const double top = rois[roi][1] * scale - shift;
  double w = rois[roi][2] * scale - shift - left;
  double h = rois[roi][3] * scale - shift - top;
  if (!r->half) {
    w = fmax(w, 1);
    h = fmax(h, 1);
  }
  const double bh = h / OH, bw = w / OW;
  const int sh = r->ratio > 0 ? r->ratio : (int)ceil(bh);
  const int sw = r->ratio > 0 ? r->ratio : (int)ceil(bw);
  double sum = 0, most = -HUGE_VAL;
  for (int s = 0; s < sh * sw; s++) {
    double y = top + oy * bh + (s / sw + 0.5) * bh / sh;
    double x = left + ox * bw + (s % sw + 0.5) * bw / sw;
    if (y < -1 || y > H || x < -1 || x > W) {
      most = fmax(most, 0);
      continue;
    }
    y = fmin(fmax(y, 0), H - 1);
    x = fmin(fmax(x, 0), W - 1);
    for (int k = 0; k < 4; k++) {
      const double py = fmin(floor(y) + k / 2, H - 1);
      const double px = fmin(floor(x) + k % 2, W - 1);
      const double wy = k / 2 ? y - floor(y) : 1 - (y - floor(y));
      const double wx = k % 2 ? x - floor(x) : 1 - (x - floor(x));
      const double v = wy * wx * pixel(n, (int64_t)images[roi], c, py, px);
      sum += v;
      most = fmax(most, v);
    }
  }
  if (sh * sw == 0) return 0;
  return r->max ? most : sum / (sh * sw);
}

static void check_aligned(const reference *r, int version, esp_dtype type) {
  one_node n = one_node_of("RoiAlign", version);
  one_node_int(&n, "output_height", OH);
  one_node_int(&n, "output_width", OW);
  one_node_int(&n, "sampling_ratio", r->ratio);
  one_node_float(&n, "spatial_scale", 0.5);
  one_node_string(&n, "mode", r->max ? "max" : "avg");
  if (version >= 16 && !r->half) {
    one_node_string(&n, "coordinate_transformation_mode", "output_half_pixel");
  }
  one_node_input(&n, type, SHAPE(N, C, H, W), NULL);
  one_node_input(&n, type, SHAPE(R, 4), rois[0]);
  one_node_input(&n, ESP_INT64, SHAPE(R), images);
  CHECK_OK(one_node_run(&n, 1));
  double want[COUNT];
  for (int i = 0; i < COUNT; i++) want[i] = aligned(&n, r, i);
  one_node_check(&n, 0, type, SHAPE(R, C, OH, OW), want,
                 one_node_tolerance(type));
  one_node_free(&n);
}

static void regions_are_sampled(void) {
  static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                    ESP_BFLOAT16};
  for (int t = 0; t < 4; t++) {
    for (int i = 0; i < 8; i++) {
      const reference r = {(i & 1) != 0, (i & 2) != 0, (i & 4) ? 2 : 0};
      check_aligned(&r, 22, types[t]);
      if (!r.half) check_aligned(&r, 10, types[t]);
    }
  }
}

static double pooled(const one_node *n, int i) {
  const int roi = i / (C * OH * OW), c = i / (OH * OW) % C;
  double first[2], size[2], from[2], to[2];
  for (int a = 0; a < 2; a++) { // y, x
    const int64_t at = roi * 5 + 2 - a;
    const int o = a == 0 ? i / OW % OH : i % OW, out = a == 0 ? OH : OW;
    first[a] = round(one_node_in(n, 1, at) * 0.5);
    size[a] = fmax(round(one_node_in(n, 1, at + 2) * 0.5) - first[a] + 1, 1);
    from[a] = fmax(first[a] + floor(o * size[a] / out), 0);
    to[a] = fmin(first[a] + ceil((o + 1) * size[a] / out), a == 0 ? H : W);
  }
  double most = -HUGE_VAL;
  for (double y = from[0]; y < to[0]; y++) {
    for (double x = from[1]; x < to[1]; x++)
      most = fmax(most, pixel(n, (int64_t)images[roi], c, y, x));
  }
  return from[0] < to[0] && from[1] < to[1] ? most : 0;
}

static void regions_are_pooled(void) {
  static const int64_t size[] = {OH, OW};
  static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16};
  double with_image[R * 5];
  for (int i = 0; i < R * 5; i++)
    with_image[i] = i % 5 == 0 ? images[i / 5] : rois[i / 5][i % 5 - 1];
  for (int t = 0; t < 3; t++) {
    one_node n = one_node_of("MaxRoiPool", t == 0 ? 1 : 22);
    one_node_ints(&n, "pooled_shape", size, 2);
    one_node_float(&n, "spatial_scale", 0.5);
    one_node_input(&n, types[t], SHAPE(N, C, H, W), NULL);
    one_node_input(&n, types[t], SHAPE(R, 5), with_image);
    CHECK_OK(one_node_run(&n, 1));
    double want[COUNT];
    for (int i = 0; i < COUNT; i++) want[i] = pooled(&n, i);
    one_node_check(&n, 0, types[t], SHAPE(R, C, OH, OW), want, 0);
    one_node_free(&n);
  }
}

static void check_refused(const double *region, double image) {
  one_node n = one_node_of("RoiAlign", 16);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 2, 2), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 4), region);
  one_node_input(&n, ESP_INT64, SHAPE(1), &image);
  CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void regions_of_no_image_or_size_are_refused(void) {
  check_refused(NUMBERS(0, 0, 1, 1), 1);
  check_message("image 1 of 1");
  check_refused(NUMBERS(0, 0, 1, 1), -1);
  check_refused(NUMBERS(0, 0, NAN, 1), 0);
  check_refused(NUMBERS(0, 0, 1e5, 1e5), 0);
  check_message("samples an output");
}

int main(void) {
  static const check_case cases[] = {
      CASE(regions_are_sampled),
      CASE(regions_are_pooled),
      CASE(regions_of_no_image_or_size_are_refused),
      {NULL, NULL},
  };
  return check_run("op/roi", cases);
}
