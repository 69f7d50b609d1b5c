// Pad in every mode, and CenterCropPad: against a walk from element to element.
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

// Which of n elements stands at place `at`; -1: none.
static int64_t walk(const char *mode, int64_t at, int64_t n) {
  if (strcmp(mode, "constant") == 0) return at < 0 || at >= n ? -1 : at;
  while (at < 0 || at >= n) {
    if (strcmp(mode, "edge") == 0) at = at < 0 ? 0 : n - 1;
    if (strcmp(mode, "wrap") == 0) at += at < 0 ? n : -n;
    if (strcmp(mode, "reflect") == 0)
      at = n == 1 ? 0 : (at < 0 ? -at : 2 * (n - 1) - at);
  }
  return at;
}

enum { MOST = 16 };

// Axis 1 of [2, n] is padded; cut ends count as gone before others repeat.
static void check_pad(const char *mode, int64_t n, int64_t before,
                      int64_t after, esp_dtype type) {
  const int64_t first = before < 0 ? -before : 0;
  const int64_t left = n - first - (after < 0 ? -after : 0);
  const int64_t out = n + before + after;
  one_node node =
      one_node_of("Pad", mode[0] == 'w' ? 19 : 18); // no wrap before
  one_node_string(&node, "mode", mode);
  one_node_input(&node, type, SHAPE(2, n), NULL);
  one_node_input(&node, ESP_INT64, SHAPE(2),
                 NUMBERS((double)before, (double)after));
  one_node_input(&node, type, SCALAR, NUMBERS(3));
  one_node_input(&node, ESP_INT32, SHAPE(1), NUMBERS(-1));
  CHECK_OK(one_node_run(&node, 1));
  double want[2 * MOST];
  for (int64_t i = 0; i < 2 * out; i++) {
    const int64_t at = walk(mode, i % out - before - first, left);
    want[i] = at < 0 ? 3 : one_node_in(&node, 0, i / out * n + first + at);
  }
  one_node_check(&node, 0, type, SHAPE(2, out), want, 0);
  one_node_free(&node);
}

static void every_mode_pads_and_cuts(void) {
  static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
  for (int m = 0; m < 4; m++) {
    for (int64_t before = -1; before < 6; before++) {
      for (int64_t after = -2; after < 6; after++) {
        check_pad(modes[m], 4, before, after, ESP_INT16);
      }
    }
    check_pad(modes[m], 1, 3, 4, ESP_FLOAT16);
    check_pad(modes[m], 3, 7, 5, ESP_DOUBLE);
  }
}

static void what_is_left_of_nothing_is_constant(void) {
  check_pad("constant", 2, -4, 5, ESP_FLOAT);
  one_node n = one_node_of("Pad", 13);
  one_node_string(&n, "mode", "edge");
  one_node_input(&n, ESP_FLOAT, SHAPE(0), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(1, 0));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("nothing to be padded with");
  one_node_free(&n);
}

static void check_centre(int64_t n, int64_t size, esp_dtype type) {
  static const int64_t axes[] = {-1};
  one_node node = one_node_of("CenterCropPad", 18);
  one_node_ints(&node, "axes", axes, 1);
  one_node_input(&node, type, SHAPE(2, n), NULL);
  one_node_input(&node, ESP_INT32, SHAPE(1), NUMBERS((double)size));
  CHECK_OK(one_node_run(&node, 1));
  double want[2 * MOST];
  for (int64_t i = 0; i < 2 * size; i++) {
    const int64_t at =
        i % size + (size < n ? (n - size) / 2 : -((size - n) / 2));
    want[i] = at < 0 || at >= n ? 0 : one_node_in(&node, 0, i / size * n + at);
  }
  one_node_check(&node, 0, type, SHAPE(2, size), want, 0);
  one_node_free(&node);
}

static void the_centre_is_cut_and_padded(void) {
  for (int64_t n = 0; n < 7; n++) {
    for (int64_t size = 0; size < 9; size++) {
      check_centre(n, size, ESP_FLOAT);
      check_centre(n, size, ESP_UINT8);
    }
  }
}

static void all_axes_are_centred_together(void) {
  one_node n = one_node_of("CenterCropPad", 18);
  one_node_input(&n, ESP_FLOAT, SHAPE(3, 2), NUMBERS(1, 2, 3, 4, 5, 6));
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(1, 5));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1, 5), NUMBERS(0, 3, 4, 0, 0), 0);
  n.in[1].shape.dim[0] = 1;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("1 sizes for 2 axes");
  n.in[1].shape.dim[0] = 2;
  ((int64_t *)n.in[1].data)[0] = -1;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_mode_pads_and_cuts),
      CASE(what_is_left_of_nothing_is_constant),
      CASE(the_centre_is_cut_and_padded),
      CASE(all_axes_are_centred_together),
      {NULL, NULL},
  };
  return check_run("op/pad", cases);
}
