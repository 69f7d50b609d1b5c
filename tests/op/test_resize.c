// Resize and Upsample: every mode against dense weights in double, worked out
// from the standard's formulas.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

// An axis as the reference sees it.
typedef struct reference {
  const char *mode, *transform, *nearest;
  double a, start, end;
  bool exclude, antialias;
} reference;

static double place(const reference *r, int64_t o, int64_t in, int64_t out,
                    double scale) {
  const double x = (double)o, n = (double)in, length = scale * n;
  if (scale == 1 && strcmp(r->transform, "tf_half_pixel_for_nn") == 0)
    return x; // it keeps its size
  if (strcmp(r->transform, "asymmetric") == 0) return x / scale;
  if (strcmp(r->transform, "align_corners") == 0)
    return length == 1 ? 0 : x * (n - 1) / (length - 1);
  if (strcmp(r->transform, "tf_half_pixel_for_nn") == 0)
    return (x + 0.5) / scale;
  if (strcmp(r->transform, "tf_crop_and_resize") == 0)
    return out > 1 ? r->start * (n - 1) +
                         x * (r->end - r->start) * (n - 1) / ((double)out - 1)
                   : 0.5 * (r->start + r->end) * (n - 1);
  if (strcmp(r->transform, "half_pixel_symmetric") == 0)
    return n / 2 * (1 - (double)out / length) + (x + 0.5) / scale - 0.5;
  if (strcmp(r->transform, "pytorch_half_pixel") == 0 && out == 1) return 0;
  return (x + 0.5) / scale - 0.5;
}

static double filter(const reference *r, double x) {
  x = fabs(x);
  if (strcmp(r->mode, "linear") == 0) return x < 1 ? 1 - x : 0;
  if (x <= 1) return (r->a + 2) * pow(x, 3) - (r->a + 3) * pow(x, 2) + 1;
  return x < 2 ? r->a * (pow(x, 3) - 5 * pow(x, 2) + 8 * x - 4) : 0;
}

static double nearest(const reference *r, double x) {
  if (strcmp(r->nearest, "floor") == 0) return floor(x);
  if (strcmp(r->nearest, "ceil") == 0) return ceil(x);
  if (x - floor(x) == 0.5)
    return strcmp(r->nearest, "round_prefer_ceil") == 0 ? ceil(x) : floor(x);
  return rint(x);
}

enum { MOST = 16 };

// Weights of all elements of an axis; false: the output is outside.
static bool weigh(const reference *r, int64_t o, int64_t in, int64_t out,
                  double scale, double weight[MOST]) {
  const double x = place(r, o, in, out, scale), last = (double)in - 1;
  memset(weight, 0, MOST * sizeof *weight);
  if (strcmp(r->transform, "tf_crop_and_resize") == 0 && (x < 0 || x > last))
    return false;
  if (strcmp(r->mode, "nearest") == 0) {
    weight[(int)fmin(fmax(nearest(r, x), 0), last)] = 1;
    return true;
  }
  const double stretch = r->antialias && scale < 1 ? scale : 1;
  double sum = 0;
  for (int j = -64; j < 64; j++) {
    const double w = filter(r, (j - x) * stretch);
    if (r->exclude && (j < 0 || j > last)) continue;
    weight[(int)fmin(fmax(j, 0), last)] += w;
    sum += w;
  }
  for (int j = 0; j < in; j++) weight[j] /= sum;
  return true;
}

// Two axes of [1, 2, in, in]; the outer ones are kept.
static void check_two_axes(const reference *r, esp_dtype type,
                           const double *scales, const double *sizes) {
  enum { H = 5, W = 7 };
  one_node n = one_node_of("Resize", 19);
  one_node_string(&n, "mode", r->mode);
  one_node_string(&n, "coordinate_transformation_mode", r->transform);
  one_node_string(&n, "nearest_mode", r->nearest);
  one_node_float(&n, "cubic_coeff_a", (float)r->a);
  one_node_float(&n, "extrapolation_value", 9);
  one_node_int(&n, "exclude_outside", r->exclude);
  one_node_int(&n, "antialias", r->antialias);
  one_node_input(&n, type, SHAPE(1, 2, H, W), NULL);
  if (strcmp(r->transform, "tf_crop_and_resize") == 0) {
    one_node_input(&n, ESP_FLOAT, SHAPE(8),
                   NUMBERS(0, 0, r->start, r->start, 1, 1, r->end, r->end));
  } else {
    one_node_omit(&n);
  }
  if (scales != NULL) {
    one_node_input(&n, ESP_FLOAT, SHAPE(4),
                   NUMBERS(1, 1, scales[0], scales[1]));
  } else {
    one_node_omit(&n);
    one_node_input(&n, ESP_INT64, SHAPE(4), NUMBERS(1, 2, sizes[0], sizes[1]));
  }
  CHECK_OK(one_node_run(&n, 1));
  const int64_t h = n.out[0].shape.dim[2], w = n.out[0].shape.dim[3];
  const double sh = scales != NULL ? (double)(float)scales[0] : sizes[0] / H;
  const double sw = scales != NULL ? (double)(float)scales[1] : sizes[1] / W;
  double want[2 * MOST * MOST];
  for (int64_t i = 0; i < 2 * h * w; i++) {
    double wh[MOST], ww[MOST], sum = 0;
    const bool inside =
        weigh(r, i / w % h, H, h, sh, wh) && weigh(r, i % w, W, w, sw, ww);
    for (int k = 0; inside && k < H * W; k++)
      sum +=
          wh[k / W] * ww[k % W] * one_node_in(&n, 0, i / (h * w) * H * W + k);
    want[i] = inside ? sum : 9;
  }
  one_node_check(&n, 0, type, SHAPE(1, 2, h, w), want,
                 one_node_tolerance(type));
  one_node_free(&n);
}

static const char *const transforms[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
enum { TRANSFORMS = 7 };

static void check_all(reference r, esp_dtype type) {
  for (int t = 0; t < TRANSFORMS; t++) {
    r.transform = transforms[t];
    r.start = 0.25;
    r.end = 1.125; // some of it outside
    check_two_axes(&r, type, (const double[]){2, 1.5}, NULL);
    check_two_axes(&r, type, (const double[]){0.6, 0.35}, NULL);
    check_two_axes(&r, type, NULL, (const double[]){11, 3});
    check_two_axes(&r, type, NULL, (const double[]){1, 7});
  }
}

static void linear_and_cubic_in_every_place(void) {
  for (int options = 0; options < 4; options++) {
    const reference cubic = {.mode = "cubic",
                             .nearest = "floor",
                             .a = options == 3 ? -0.5 : -0.75,
                             .exclude = (options & 1) != 0,
                             .antialias = (options & 2) != 0};
    reference linear = cubic;
    linear.mode = "linear";
    check_all(cubic, ESP_FLOAT);
    check_all(linear, ESP_FLOAT);
    check_all(linear, ESP_DOUBLE);
    check_all(linear, ESP_BFLOAT16);
  }
  const reference half = {.mode = "linear", .nearest = "floor"};
  check_all(half, ESP_FLOAT16);
}

static void nearest_of_every_type(void) {
  static const char *const modes[] = {"round_prefer_floor", "round_prefer_ceil",
                                      "floor", "ceil"};
  static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                    ESP_INT8,  ESP_BOOL,   ESP_UINT16,
                                    ESP_INT64, ESP_UINT4};
  for (int m = 0; m < 4; m++) {
    for (int t = 0; t < 8; t++) {
      reference r = {.mode = "nearest", .nearest = modes[m]};
      for (int c = 0; c < TRANSFORMS - 1; c++) {
        r.transform = transforms[c];
        check_two_axes(&r, types[t], (const double[]){2, 0.5}, NULL);
        check_two_axes(&r, types[t], NULL, (const double[]){7, 9});
      }
    }
  }
}

// The values that the standard prints for its antialiased cases.
static void antialiased_as_the_standard_prints(void) {
  double x[16];
  for (int i = 0; i < 16; i++) x[i] = i + 1;
  for (int cubic = 0; cubic < 2; cubic++) {
    one_node n = one_node_of("Resize", 18);
    one_node_string(&n, "mode", cubic ? "cubic" : "linear");
    one_node_int(&n, "antialias", 1);
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 4, 4), x);
    one_node_omit(&n);
    one_node_input(&n, ESP_FLOAT, SHAPE(4), NUMBERS(1, 1, 0.6, 0.6));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 2, 2),
                   cubic ? NUMBERS(2.5180721, 4.2858863, 9.589329, 11.357142)
                         : NUMBERS(2.875, 4.5, 9.375, 11),
                   1e-6);
    one_node_free(&n);
  }
}

static void whole_numbers_are_truncated_and_held(void) {
  static const esp_dtype types[] = {ESP_UINT8, ESP_INT8};
  for (int t = 0; t < 2; t++) {
    const double top = t == 0 ? 255 : 127, low = t == 0 ? 0 : -128;
    one_node n = one_node_of("Resize", 13);
    one_node_string(&n, "mode", "cubic");
    one_node_input(&n, types[t], SHAPE(8),
                   NUMBERS(low, low, top, top, low, low, top, top));
    one_node_omit(&n);
    one_node_input(&n, ESP_FLOAT, SHAPE(1), NUMBERS(2));
    CHECK_OK(one_node_run(&n, 1));
    CU_ASSERT_EQUAL(one_node_at(&n, 0, 2), low); // overshoots
    CU_ASSERT_EQUAL(one_node_at(&n, 0, 6), top);
    one_node_free(&n);
  }
  one_node n = one_node_of("Resize", 13); // all 100: the weights' sum is 1
  one_node_string(&n, "mode", "linear");
  one_node_input(&n, ESP_INT32, SHAPE(3), NUMBERS(100, 100, 100));
  one_node_omit(&n);
  one_node_omit(&n);
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(7));
  CHECK_OK(one_node_run(&n, 1));
  for (int i = 0; i < 7; i++) CU_ASSERT_EQUAL(one_node_at(&n, 0, i), 100);
  one_node_free(&n);
}

static void some_axes_keep_their_ratio(void) {
  static const int64_t axes[] = {-1, 1};
  static const char *const policies[] = {"not_larger", "not_smaller"};
  for (int p = 0; p < 2; p++) {
    one_node n = one_node_of("Resize", 18);
    one_node_string(&n, "keep_aspect_ratio_policy", policies[p]);
    one_node_ints(&n, "axes", axes, 2);
    one_node_input(&n, ESP_FLOAT, SHAPE(3, 4, 2), NULL);
    one_node_omit(&n);
    one_node_omit(&n);
    one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(5, 6)); // by 2.5 and 1.5
    CHECK_OK(one_node_infer(&n, 1));
    const esp_shape want = p == 0 ? SHAPE(3, 6, 3) : SHAPE(3, 10, 5);
    CU_ASSERT(esp_shape_equal(&n.out[0].shape, &want));
    one_node_free(&n);
  }
}

static void older_versions_scale_without_centres(void) {
  const double want[] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4};
  for (int version = 9; version <= 10; version++) {
    one_node n = one_node_of(version == 9 ? "Upsample" : "Resize", version);
    one_node_input(&n, ESP_INT16, SHAPE(2, 2), NUMBERS(1, 2, 3, 4));
    one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(1, 3));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_INT16, SHAPE(2, 6), want, 0);
    one_node_free(&n);
  }
  one_node n = one_node_of("Upsample", 1);
  one_node_string(&n, "mode", "bilinear");
  one_node_float(&n, "height_scale", 1);
  one_node_float(&n, "width_scale", 2);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 1, 2), NUMBERS(1, 2));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 1, 4), NUMBERS(1, 1.5, 2, 2), 0);
  one_node_free(&n);
  n = one_node_of("Upsample", 7);
  n.attribute[n.node.nattribute++] =
      (esp_attribute){.name = "scales",
                      .kind = ESP_ATTRIBUTE_FLOATS,
                      .floats = (const float[]){2, 1},
                      .count = 2};
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(1, 2));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, 2), NUMBERS(1, 2, 1, 2), 0);
  one_node_free(&n);
}

// Channels last gives what row major does.
static void channels_last_is_followed(void) {
  enum { C = 3, H = 4, W = 5, OH = 8, OW = 10 };
  for (int linear = 0; linear < 2; linear++) {
    one_node n = one_node_of("Resize", 13);
    one_node_string(&n, "mode", linear ? "linear" : "nearest");
    one_node_input(&n, ESP_FLOAT, SHAPE(1, C, H, W), NULL);
    one_node_omit(&n);
    one_node_input(&n, ESP_FLOAT, SHAPE(4), NUMBERS(1, 1, 2, 2));
    CHECK_OK(one_node_run(&n, 1));
    float turned[C * H * W], got[C * OH * OW];
    for (int i = 0; i < C * H * W; i++)
      turned[i % (H * W) * C + i / (H * W)] = (float)one_node_in(&n, 0, i);
    esp_tensor x = n.in[0], y = n.out[0];
    x.layout = y.layout = ESP_CHANNELS_LAST;
    x.data = turned;
    y.data = got;
    const esp_args args = {.node = &n.node,
                           .nin = 3,
                           .nout = 1,
                           .in = (const esp_tensor *[]){&x, NULL, &n.in[2]},
                           .out = (esp_tensor *[]){&y}};
    CHECK_OK(esp_op_run_once(&args));
    for (int i = 0; i < C * OH * OW; i++) {
      CU_ASSERT_DOUBLE_EQUAL((double)got[i % (OH * OW) * C + i / (OH * OW)],
                             one_node_at(&n, 0, i), 1e-6);
    }
    one_node_free(&n);
  }
}

static void nothing_stays_nothing(void) {
  one_node n = one_node_of("Resize", 13);
  one_node_string(&n, "mode", "linear");
  one_node_input(&n, ESP_FLOAT, SHAPE(0, 2), NULL);
  one_node_omit(&n);
  one_node_omit(&n);
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(0, 1e12)); // no table of it
  CHECK_OK(one_node_run(&n, 1));
  CHECK_OK(one_node_infer(&n, 1));
  ((int64_t *)n.in[3].data)[0] = 1;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void check_refused(const char *mode, const double *scale, bool sizes,
                          esp_status status) {
  one_node n = one_node_of("Resize", 13);
  one_node_string(&n, "mode", mode);
  one_node_input(&n, ESP_BOOL, SHAPE(2), NULL);
  one_node_omit(&n);
  one_node_input(&n, ESP_FLOAT, SHAPE(1), scale);
  if (sizes) one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(3));
  CHECK_STATUS(one_node_infer(&n, 1), status);
  one_node_free(&n);
}

static void what_cannot_be_resized_is_refused(void) {
  check_refused("nearest", NUMBERS(2), true, ESP_BAD_INPUT);
  check_refused("nearest", NUMBERS(-2), false, ESP_BAD_INPUT);
  check_refused("nearest", NUMBERS(NAN), false, ESP_BAD_INPUT);
  check_refused("nearest", NUMBERS(1e30), false, ESP_BAD_INPUT);
  check_refused("area", NUMBERS(2), false, ESP_BAD_INPUT);
  check_refused("linear", NUMBERS(2), false, ESP_UNSUPPORTED); // of bool
  one_node n = one_node_of("Resize", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2), NULL);
  one_node_omit(&n);
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NUMBERS(2));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("1 scales or sizes for 2 axes");
  n.in[2].shape.dim[0] = 0; // empty: omitted
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(linear_and_cubic_in_every_place),
      CASE(nearest_of_every_type),
      CASE(antialiased_as_the_standard_prints),
      CASE(whole_numbers_are_truncated_and_held),
      CASE(some_axes_keep_their_ratio),
      CASE(older_versions_scale_without_centres),
      CASE(channels_last_is_followed),
      CASE(nothing_stays_nothing),
      CASE(what_cannot_be_resized_is_refused),
      {NULL, NULL},
  };
  return check_run("op/resize", cases);
}
