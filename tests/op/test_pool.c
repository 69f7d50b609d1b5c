// Pools against a plain loop in double, for every type they take.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pool.h"
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT,    ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16, ESP_INT8,   ESP_UINT8};
enum { PLANES = 6, H = 7, W = 6 }; // x [2,3,7,6]

typedef struct form {
  const char *op;
  int version;
  bool count_pad;
  double power;
  int64_t kernel[2], stride[2], dilation[2], pads[4], out[2];
} form;

// One window: its value, and the pixel of its maximum.
static double pool_one(const one_node *n, const form *f, int plane, int oy,
                       int ox, int pixel[2]) {
  double most = -INFINITY, sum = 0, norm = 0;
  int inside = 0, counted = 0;
  for (int i = 0; i < f->kernel[0] * f->kernel[1]; i++) {
    const int y = (int)(oy * f->stride[0] - f->pads[0] +
                        i / f->kernel[1] * f->dilation[0]);
    const int x = (int)(ox * f->stride[1] - f->pads[1] +
                        i % f->kernel[1] * f->dilation[1]);
    counted += y < H + f->pads[2] && x < W + f->pads[3];
    if (y < 0 || y >= H || x < 0 || x >= W) continue;
    const double v = one_node_in(n, 0, (plane * H + y) * W + x);
    inside++;
    sum += v;
    norm += pow(fabs(v), f->power);
    if (v > most) {
      most = v;
      pixel[0] = y;
      pixel[1] = x;
    }
  }
  if (strcmp(f->op, "MaxPool") == 0) return most;
  if (strcmp(f->op, "LpPool") == 0) return pow(norm, 1 / f->power);
  return sum / (f->count_pad ? counted : inside);
}

static void check_pool(const form *f, esp_dtype type, bool columns) {
  one_node n = one_node_of(f->op, f->version);
  const bool max = strcmp(f->op, "MaxPool") == 0;
  one_node_ints(&n, "kernel_shape", f->kernel, 2);
  one_node_ints(&n, "strides", f->stride, 2);
  one_node_ints(&n, "dilations", f->dilation, 2);
  one_node_ints(&n, "pads", f->pads, 4);
  one_node_int(&n, "ceil_mode", 1);
  if (f->count_pad) one_node_int(&n, "count_include_pad", 1);
  if (columns) one_node_int(&n, "storage_order", 1);
  if (f->version < 2) {
    one_node_float(&n, "p", (float)f->power);
  } else {
    one_node_int(&n, "p", (int64_t)f->power);
  }
  one_node_input(&n, type, SHAPE(2, 3, H, W), NULL);
  CHECK_OK(one_node_run(&n, max ? 2 : 1));
  double want[PLANES * H * W], place[PLANES * H * W];
  const int size = (int)(f->out[0] * f->out[1]);
  for (int i = 0; i < PLANES * size; i++) {
    int pixel[2] = {0};
    want[i] = pool_one(&n, f, i / size, i % size / (int)f->out[1],
                       i % (int)f->out[1], pixel);
    place[i] = i / size * H * W +
               (columns ? pixel[1] * H + pixel[0] : pixel[0] * W + pixel[1]);
  }
  const esp_shape y = SHAPE(2, 3, f->out[0], f->out[1]);
  one_node_check(&n, 0, type, y, want, max ? 0 : 2 * one_node_tolerance(type));
  if (max) one_node_check(&n, 1, ESP_INT64, y, place, 0);
  one_node_free(&n);
}

static void maxima_have_a_place(void) {
  static const form forms[] = {{.op = "MaxPool",
                                .version = 12,
                                .kernel = {3, 2},
                                .stride = {2, 3},
                                .dilation = {1, 2},
                                .pads = {1, 1, 1, 0},
                                .out = {4, 3}},
                               {.op = "MaxPool",
                                .version = 22,
                                .kernel = {2, 3},
                                .stride = {3, 2},
                                .dilation = {2, 1},
                                .pads = {0, 1, 1, 1},
                                .out = {3, 4}}};
  for (int i = 0; i < 2 * 6 * 2; i++) {
    check_pool(&forms[i % 2], types[i / 2 % 6], i / 12 == 1);
  }
}

static void averages_count_what_they_are_told(void) {
  static const form forms[] = {{.op = "AveragePool",
                                .version = 10,
                                .kernel = {3, 2},
                                .stride = {2, 3},
                                .dilation = {1, 1},
                                .pads = {1, 1, 1, 0},
                                .out = {4, 3}},
                               {.op = "AveragePool",
                                .version = 19,
                                .count_pad = true,
                                .kernel = {3, 2},
                                .stride = {2, 3},
                                .dilation = {1, 2},
                                .pads = {1, 1, 1, 0},
                                .out = {4, 3}},
                               {.op = "AveragePool",
                                .version = 22,
                                .count_pad = true,
                                .kernel = {2, 3},
                                .stride = {3, 2},
                                .dilation = {2, 1},
                                .pads = {0, 1, 1, 1},
                                .out = {3, 4}}};
  for (int i = 0; i < 3 * 4; i++)
    check_pool(&forms[i % 3], types[i / 3], false);
}

static void norms_have_a_power(void) {
  static const int versions[] = {1, 2, 11, 18, 22};
  for (int i = 0; i < 5 * 4 * 3; i++) {
    const form f = {.op = "LpPool",
                    .version = versions[i % 5],
                    .power = 1 + i / 20,
                    .kernel = {3, 2},
                    .stride = {2, 3},
                    .dilation = {1, 2},
                    .pads = {1, 1, 1, 0},
                    .out = {4, 3}};
    check_pool(&f, types[i / 5 % 4], false);
  }
}

static void all_that_is_spatial_is_pooled(void) {
  static const char *const ops[] = {"GlobalMaxPool", "GlobalAveragePool",
                                    "GlobalLpPool"};
  static const esp_shape shapes[] = {
      {2, {2, 3}}, {4, {2, 3, 5, 4}}, {6, {1, 2, 2, 1, 3, 2}}};
  for (int i = 0; i < 3 * 3 * 4; i++) {
    const esp_shape x = shapes[i / 3 % 3];
    const esp_dtype type = types[i / 9];
    one_node n = one_node_of(ops[i % 3], 22);
    one_node_input(&n, type, x, NULL);
    CHECK_OK(one_node_run(&n, 1));
    const int size = (int)esp_shape_product(&x, 2, x.ndim);
    double want[6] = {0};
    esp_shape y = x;
    for (int d = 2; d < y.ndim; d++) y.dim[d] = 1;
    for (int p = 0; p < x.dim[0] * x.dim[1]; p++) {
      double sum = 0, norm = 0, most = -INFINITY;
      for (int s = 0; s < size; s++) {
        const double v = one_node_in(&n, 0, p * size + s);
        sum += v;
        norm += v * v;
        most = fmax(most, v);
      }
      want[p] = i % 3 == 0 ? most : i % 3 == 1 ? sum / size : sqrt(norm);
    }
    one_node_check(&n, 0, type, y, want, 2 * one_node_tolerance(type));
    one_node_free(&n);
  }
}

static void not_a_number_is_the_maximum(void) {
  static const int64_t kernel[] = {3};
  for (int t = 0; t < 2; t++) {
    one_node n = one_node_of("MaxPool", 12);
    one_node_ints(&n, "kernel_shape", kernel, 1);
    one_node_input(&n, types[t], SHAPE(1, 1, 5), NUMBERS(1, NAN, 5, 2, NAN));
    CHECK_OK(one_node_run(&n, 2));
    for (int i = 0; i < 3; i++) CU_ASSERT_TRUE(isnan(one_node_at(&n, 0, i)));
    one_node_check(&n, 1, ESP_INT64, SHAPE(1, 1, 3), NUMBERS(1, 1, 4), 0);
    one_node_free(&n);
  }
}

// Every channel alone, and all of them side by side in blocks: same bytes.
static void channels_do_not_feel_one_another(void) {
  enum { CHANNELS = 75, SIDE = 9 };
  static float x[CHANNELS * SIDE * SIDE], across[CHANNELS * SIDE * SIDE];
  static float alone[CHANNELS * SIDE * SIDE], beside[CHANNELS * SIDE * SIDE];
  esp_pool_problem p = {.type = ESP_FLOAT,
                        .batch = 1,
                        .channels = CHANNELS,
                        .in = {1, SIDE, SIDE},
                        .out = {1, 5, 5},
                        .kernel = {1, 3, 3},
                        .stride = {1, 2, 2},
                        .dilation = {1, 1, 1},
                        .before = {0, 1, 1},
                        .after = {0, 1, 1}};
  for (int i = 0; i < CHANNELS * SIDE * SIDE; i++) {
    x[i] = i % 97 == 5 ? NAN : check_random_float();
    across[i % (SIDE * SIDE) * CHANNELS + i / (SIDE * SIDE)] = x[i];
  }
  for (int kind = ESP_POOL_MAX; kind <= ESP_POOL_AVERAGE; kind++) {
    p.kind = (esp_pool_kind)kind;
    p.channels_last = false;
    esp_pool_run(&p, x, alone, NULL, false, 1);
    p.channels_last = true;
    esp_pool_run(&p, across, beside, NULL, false, 2);
    for (int i = 0; i < CHANNELS * 25; i++) {
      const float a = alone[i], b = beside[i % 25 * CHANNELS + i / 25];
      CU_ASSERT_TRUE(a == b || (isnan(a) && isnan(b)));
    }
  }
}

// The standard's formula for VALID gives the same size with ceil_mode.
static void valid_windows_are_not_rounded_up(void) {
  static const int64_t kernel[] = {2}, stride[] = {2};
  one_node n = one_node_of("MaxPool", 12);
  one_node_ints(&n, "kernel_shape", kernel, 1);
  one_node_ints(&n, "strides", stride, 1);
  one_node_int(&n, "ceil_mode", 1);
  one_node_string(&n, "auto_pad", "VALID");
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 5), NUMBERS(1, 4, 3, 2, 7));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 2), NUMBERS(4, 3), 0);
  one_node_free(&n);
}

static void maxima_go_back(void) {
  static const int64_t kernel[] = {2, 2}, strides[] = {2, 2};
  for (int t = 0; t < 4; t++) {
    one_node n = one_node_of("MaxUnpool", t % 2 == 0 ? 11 : 22);
    one_node_ints(&n, "kernel_shape", kernel, 2);
    one_node_ints(&n, "strides", strides, 2);
    one_node_input(&n, types[t], SHAPE(1, 1, 1, 2), NUMBERS(3, 4));
    one_node_input(&n, ESP_INT64, SHAPE(1, 1, 1, 2), NUMBERS(5, 2));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t], SHAPE(1, 1, 2, 4),
                   NUMBERS(0, 0, 4, 0, 0, 3, 0, 0), 0);
    // In a larger output a maximum keeps its row and column.
    one_node_input(&n, ESP_INT64, SHAPE(4), NUMBERS(1, 1, 3, 5));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, types[t], SHAPE(1, 1, 3, 5),
                   NUMBERS(0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    one_node_free(&n);
  }
}

static void misfits_are_refused(void) {
  static const int64_t kernel[] = {2};
  for (int i = 0; i < 4; i++) {
    one_node n = one_node_of(i == 0 ? "LpPool" : "MaxUnpool", 11);
    if (i != 1) one_node_ints(&n, "kernel_shape", kernel, 1);
    if (i == 0) one_node_int(&n, "p", 0);
    one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 2), NULL);
    if (i > 0) {
      one_node_input(&n, ESP_INT64, SHAPE(1, 1, i == 2 ? 1 : 2), NUMBERS(0, 9));
    }
    CHECK_STATUS(i == 3 ? one_node_run(&n, 1) : one_node_infer(&n, 1),
                 ESP_BAD_INPUT);
    one_node_free(&n);
  }
  one_node n = one_node_of("AveragePool", 22);
  one_node_ints(&n, "kernel_shape", kernel, 1);
  one_node_input(&n, ESP_INT8, SHAPE(1, 1, 2), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(maxima_have_a_place),
      CASE(averages_count_what_they_are_told),
      CASE(norms_have_a_power),
      CASE(all_that_is_spatial_is_pooled),
      CASE(not_a_number_is_the_maximum),
      CASE(channels_do_not_feel_one_another),
      CASE(valid_windows_are_not_rounded_up),
      CASE(maxima_go_back),
      CASE(misfits_are_refused),
      {NULL, NULL},
  };
  return check_run("op/pool", cases);
}
