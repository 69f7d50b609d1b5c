// Col2Im against blocks that are scattered one after the other.
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

enum { N = 2, C = 2, MOST = 3 };

typedef struct layout {
  int axes;
  int64_t image[MOST], block[MOST], stride[MOST], dilation[MOST];
  int64_t pads[2 * MOST];
} layout;

static int64_t product(const int64_t *list, int n) {
  int64_t p = 1;
  for (int i = 0; i < n; i++) p *= list[i];
  return p;
}

// Adds every element of the blocks where it belongs.
static void scatter(const one_node *n, const layout *l, const int64_t *count,
                    double *want) {
  const int64_t pixels = product(l->image, l->axes);
  const int64_t places = product(count, l->axes);
  const int64_t size = product(l->block, l->axes);
  for (int64_t i = 0; i < N * C * size * places; i++) {
    int64_t k = i / places % size, place = i % places, at = 0, step = 1;
    bool inside = true;
    for (int a = l->axes - 1; a >= 0; a--) {
      const int64_t x = place % count[a] * l->stride[a] +
                        k % l->block[a] * l->dilation[a] - l->pads[a];
      inside = inside && x >= 0 && x < l->image[a];
      at += x * step;
      step *= l->image[a];
      place /= count[a];
      k /= l->block[a];
    }
    if (inside) want[i / (places * size) * pixels + at] += one_node_in(n, 0, i);
  }
}

static void check_layout(const layout *l, esp_dtype type) {
  int64_t count[MOST];
  double image[MOST], block[MOST], want[512] = {0};
  esp_shape y = {l->axes + 2, {N, C}};
  for (int a = 0; a < l->axes; a++) {
    count[a] = (l->image[a] + l->pads[a] + l->pads[l->axes + a] -
                l->dilation[a] * (l->block[a] - 1) - 1) /
                   l->stride[a] +
               1;
    image[a] = (double)l->image[a];
    block[a] = (double)l->block[a];
    y.dim[2 + a] = l->image[a];
  }
  one_node n = one_node_of("Col2Im", 18);
  one_node_ints(&n, "strides", l->stride, l->axes);
  one_node_ints(&n, "dilations", l->dilation, l->axes);
  one_node_ints(&n, "pads", l->pads, 2 * l->axes);
  one_node_input(
      &n, type,
      SHAPE(N, C * product(l->block, l->axes), product(count, l->axes)), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(l->axes), image);
  one_node_input(&n, ESP_INT64, SHAPE(l->axes), block);
  CHECK_OK(one_node_run(&n, 1));
  scatter(&n, l, count, want);
  one_node_check(&n, 0, type, y, want, one_node_tolerance(type));
  one_node_free(&n);
}

static void overlapping_blocks_add_up(void) {
  static const layout layouts[] = {
      {1, {9}, {3}, {2}, {1}, {1, 1}},
      {2, {5, 6}, {2, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      {2, {6, 5}, {2, 2}, {2, 1}, {2, 3}, {1, 0, 2, 1}},
      {3, {3, 4, 5}, {1, 2, 3}, {1, 2, 1}, {1, 1, 2}, {0, 1, 0, 0, 1, 2}}};
  static const esp_dtype types[] = {ESP_FLOAT,    ESP_DOUBLE, ESP_FLOAT16,
                                    ESP_BFLOAT16, ESP_INT8,   ESP_UINT64};
  for (int l = 0; l < 4; l++) {
    for (int t = 0; t < 6; t++) check_layout(&layouts[l], types[t]);
  }
}

static void what_is_not_said_is_one_and_zero(void) {
  one_node n = one_node_of("Col2Im", 18);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2, 2), NUMBERS(1, 2, 3, 4));
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(3));
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(2));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 1, 3), NUMBERS(1, 5, 4), 0);
  n.in[0].shape = SHAPE(1, 1, 4);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("expected [N, C * 2, 2]");
  ((int64_t *)n.in[2].data)[0] = 5;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("larger than axis 2");
  ((int64_t *)n.in[2].data)[0] = 0;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(overlapping_blocks_add_up),
      CASE(what_is_not_said_is_one_and_zero),
      {NULL, NULL},
  };
  return check_run("op/col2im", cases);
}
