// DeformConv against the formula in double.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

enum { N = 2, C = 4, OC = 6, H = 5, W = 6 };

typedef struct layout {
  int64_t kernel[2], stride[2], dilation[2], pads[4];
  int64_t groups, offset_groups;
  bool bias, mask;
} layout;

static double sample(const one_node *n, int64_t plane, double y, double x) {
  double sum = 0;
  for (int i = 0; i < H * W; i++) {
    const double wy = 1 - fabs(y - i / W), wx = 1 - fabs(x - i % W);
    if (wy <= 0 || wx <= 0) continue;
    sum += wy * wx * one_node_in(n, 0, plane * H * W + i);
  }
  return sum;
}

static void check_layout(const layout *l, esp_dtype type) {
  int64_t out[2];
  const int64_t in[2] = {H, W}, taps = l->kernel[0] * l->kernel[1];
  for (int a = 0; a < 2; a++) {
    out[a] = (in[a] + l->pads[a] + l->pads[2 + a] -
              l->dilation[a] * (l->kernel[a] - 1) - 1) /
                 l->stride[a] +
             1;
  }
  const int64_t points = out[0] * out[1], share = C / l->groups;
  one_node n = one_node_of("DeformConv", 22);
  one_node_ints(&n, "strides", l->stride, 2);
  one_node_ints(&n, "dilations", l->dilation, 2);
  one_node_ints(&n, "pads", l->pads, 4);
  one_node_int(&n, "group", l->groups);
  one_node_int(&n, "offset_group", l->offset_groups);
  one_node_input(&n, type, SHAPE(N, C, H, W), NULL);
  one_node_input(&n, type, SHAPE(OC, share, l->kernel[0], l->kernel[1]), NULL);
  one_node_input(&n, type,
                 SHAPE(N, l->offset_groups * taps * 2, out[0], out[1]), NULL);
  if (l->bias) one_node_input(&n, type, SHAPE(OC), NULL);
  if (l->mask) {
    if (!l->bias) one_node_omit(&n);
    one_node_input(&n, type, SHAPE(N, l->offset_groups * taps, out[0], out[1]),
                   NULL);
  }
  CHECK_OK(one_node_run(&n, 1));
  double want[1024];
  for (int64_t i = 0; i < N * OC * points; i++) {
    const int64_t s = i / (OC * points), o = i / points % OC, p = i % points;
    want[i] = l->bias ? one_node_in(&n, 3, o) : 0;
    for (int64_t j = 0; j < share * taps; j++) {
      const int64_t c = o / (OC / l->groups) * share + j / taps, k = j % taps;
      const int64_t tap =
          (s * l->offset_groups + c / (C / l->offset_groups)) * taps + k;
      const double y = (double)(p / out[1] * l->stride[0] - l->pads[0] +
                                k / l->kernel[1] * l->dilation[0]) +
                       one_node_in(&n, 2, 2 * tap * points + p);
      const double x = (double)(p % out[1] * l->stride[1] - l->pads[1] +
                                k % l->kernel[1] * l->dilation[1]) +
                       one_node_in(&n, 2, (2 * tap + 1) * points + p);
      const double m = l->mask ? one_node_in(&n, 4, tap * points + p) : 1;
      want[i] += m * one_node_in(&n, 1, o * share * taps + j) *
                 sample(&n, s * C + c, y, x);
    }
  }
  // A sum of up to 36 products of numbers up to 64.
  one_node_check(&n, 0, type, SHAPE(N, OC, out[0], out[1]), want,
                 8 * one_node_tolerance(type));
  one_node_free(&n);
}

static void taps_lie_where_offsets_put_them(void) {
  static const layout layouts[] = {
      {{2, 2}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1, 1, false, false},
      {{3, 2}, {2, 1}, {1, 2}, {1, 0, 0, 1}, 2, 1, true, false},
      {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, 2, true, true},
      {{1, 1}, {1, 2}, {1, 1}, {0, 0, 0, 0}, 2, 4, false, true}};
  static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                    ESP_BFLOAT16};
  for (int l = 0; l < 4; l++) {
    for (int t = 0; t < 4; t++) check_layout(&layouts[l], types[t]);
  }
}

// The values that the standard prints for its own cases.
static void as_the_standard_prints(void) {
  static const int64_t pads[] = {1, 1, 1, 1};
  const double x[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  double offset[128] = {0}, mask[16];
  one_node n = one_node_of("DeformConv", 19);
  one_node_ints(&n, "pads", pads, 4);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 3, 3), x);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 2, 2), NUMBERS(1, 1, 1, 1));
  offset[0] = 0.5;
  offset[5 * 16 + 6] = -0.1;
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 8, 4, 4), offset);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(
      &n, 0, ESP_FLOAT, SHAPE(1, 1, 4, 4),
      NUMBERS(0, 1, 3, 2, 3, 8, 11.9, 7, 9, 20, 24, 13, 6, 13, 15, 8), 1e-6);
  one_node_free(&n);
  n = one_node_of("DeformConv", 22);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 3, 3), x);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 2, 2), NUMBERS(1, 1, 1, 1));
  offset[5 * 4 + 1] = -0.1;
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 8, 2, 2), offset);
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NUMBERS(1));
  for (int i = 0; i < 16; i++) mask[i] = i == 2 * 4 + 3 ? 0.2 : 1;
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 4, 2, 2), mask);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 2, 2),
                 NUMBERS(10.5, 12.9, 21, 19.4), 1e-6);
  one_node_free(&n);
}

static void offsets_that_are_no_numbers_read_nothing(void) {
  one_node n = one_node_of("DeformConv", 19);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 1, 2), NUMBERS(1, 2));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 1, 1), NUMBERS(3));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2, 1, 2),
                 NUMBERS(NAN, 0, 0, INFINITY));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 1, 2), NUMBERS(0, 0), 0);
  n.in[2].shape = SHAPE(1, 1, 1, 2);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("offset is [1,1,1,2], expected [1,2,1,2]");
  one_node_int(&n, "group", 2);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(taps_lie_where_offsets_put_them),
      CASE(as_the_standard_prints),
      CASE(offsets_that_are_no_numbers_read_nothing),
      {NULL, NULL},
  };
  return check_run("op/deform", cases);
}
