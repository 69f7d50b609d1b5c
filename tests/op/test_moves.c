// Operators that only move elements: every type, and what older versions gave
// by attributes.
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT, ESP_DOUBLE,         ESP_FLOAT16,       ESP_BFLOAT16,
    ESP_INT8,  ESP_INT16,          ESP_INT32,         ESP_INT64,
    ESP_UINT8, ESP_UINT16,         ESP_UINT32,        ESP_UINT64,
    ESP_BOOL,  ESP_FLOAT8E4M3FN,   ESP_FLOAT8E5M2,    ESP_UINT4,
    ESP_INT4,  ESP_FLOAT8E4M3FNUZ, ESP_FLOAT8E5M2FNUZ};
enum { TYPES = sizeof types / sizeof types[0] };

// Runs and compares; x of 2 x 3 zeros and ones goes to `want`.
static const double x[] = {0, 1, 1, 0, 0, 1};
static void check_move(one_node n, esp_dtype type, esp_shape shape,
                       const double *want) {
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, type, shape, want, 0);
  one_node_free(&n);
}

static void every_type_moves(void) {
  static const int64_t perm[] = {1, 0};
  for (int t = 0; t < TYPES; t++) {
    one_node n = one_node_of("Transpose", 21);
    one_node_ints(&n, "perm", perm, 2);
    one_node_input(&n, types[t], SHAPE(2, 3), x);
    check_move(n, types[t], SHAPE(3, 2), NUMBERS(0, 0, 1, 0, 1, 1));
    n = one_node_of("Reshape", t % 2 == 0 ? 19 : 21);
    one_node_input(&n, types[t], SHAPE(2, 3), x);
    one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(0, -1));
    check_move(n, types[t], SHAPE(2, 3), x);
    n = one_node_of("Slice", 13);
    one_node_input(&n, types[t], SHAPE(2, 3), x);
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(-1));
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(-9));
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(1));
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(-2));
    check_move(n, types[t], SHAPE(2, 2), NUMBERS(1, 0, 1, 0));
    n = one_node_of("Pad", 21);
    one_node_input(&n, types[t], SHAPE(2), NUMBERS(1, 0));
    one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(1, 2));
    one_node_input(&n, types[t], SCALAR, NUMBERS(1));
    check_move(n, types[t], SHAPE(5), NUMBERS(1, 1, 0, 1, 1));
    n = one_node_of("Where", 16);
    one_node_input(&n, ESP_BOOL, SHAPE(2), NUMBERS(1, 0));
    one_node_input(&n, types[t], SHAPE(2, 1), NUMBERS(0, 1));
    one_node_input(&n, types[t], SCALAR, NUMBERS(1));
    check_move(n, types[t], SHAPE(2, 2), NUMBERS(0, 1, 1, 1));
    n = one_node_of("Concat", 13);
    one_node_int(&n, "axis", -1);
    one_node_input(&n, types[t], SHAPE(1, 2), NUMBERS(1, 0));
    one_node_input(&n, types[t], SHAPE(1, 1), NUMBERS(1));
    check_move(n, types[t], SHAPE(1, 3), NUMBERS(1, 0, 1));
    n = one_node_of("Tile", 13);
    one_node_input(&n, types[t], SHAPE(2), NUMBERS(1, 0));
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(2));
    check_move(n, types[t], SHAPE(4), NUMBERS(1, 0, 1, 0));
    n = one_node_of("Expand", 13);
    one_node_input(&n, types[t], SHAPE(2, 1), NUMBERS(1, 0));
    one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(2));
    check_move(n, types[t], SHAPE(2, 2), NUMBERS(1, 1, 0, 0));
  }
}

// Blocks of B x B pixels trade places with channels; the other way moves the
// same elements back.
enum { B = 2, D = 3, H = 2, W = 3 };
static void check_depth(esp_dtype type, bool crd, bool to_space) {
  const esp_shape deep = SHAPE(2, D * B * B, H, W);
  const esp_shape wide = SHAPE(2, D, H * B, W * B);
  double want[2 * D * B * B * H * W];
  one_node n = one_node_of(to_space ? "DepthToSpace" : "SpaceToDepth", 13);
  one_node_int(&n, "blocksize", B);
  if (crd) one_node_string(&n, "mode", "CRD");
  one_node_input(&n, type, to_space ? deep : wide, NULL);
  for (int i = 0; i < 2 * D * B * B * H * W; i++) { // i: in the wide one
    const int column = i % (W * B), row = i / (W * B) % (H * B);
    const int c = i / (W * B * H * B) % D, sample = i / (W * B * H * B * D);
    const int block = row % B * B + column % B;
    const int channel = crd ? c * B * B + block : block * D + c;
    const int at =
        ((sample * D * B * B + channel) * H + row / B) * W + column / B;
    want[to_space ? i : at] = one_node_in(&n, 0, to_space ? at : i);
  }
  check_move(n, type, to_space ? wide : deep, want);
}

static void depth_and_space_trade_places(void) {
  for (int t = 0; t < TYPES; t++) {
    check_depth(types[t], false, true);
    check_depth(types[t], true, true);
    check_depth(types[t], false, false);
  }
  one_node n = one_node_of("DepthToSpace", 11);
  one_node_int(&n, "blocksize", 2);
  one_node_string(&n, "mode", "RCD");
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 4, 1, 1), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("mode is \"RCD\"");
  n.attribute[1].s = "CRD";
  n.in[0].shape.dim[1] = 6;
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

static void old_shapes_are_attributes(void) {
  static const int64_t shape[] = {3, -1}, axes[] = {0}, starts[] = {1},
                       ends[] = {3}, one[] = {1}, pads[] = {0, 1, 1, 0};
  one_node n = one_node_of("Reshape", 1);
  one_node_ints(&n, "shape", shape, 2);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), x);
  check_move(n, ESP_FLOAT, SHAPE(3, 2), x);
  n = one_node_of("Squeeze", 1);
  one_node_ints(&n, "axes", axes, 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2, 3), x);
  check_move(n, ESP_FLOAT, SHAPE(2, 3), x);
  n = one_node_of("Unsqueeze", 1);
  one_node_ints(&n, "axes", axes, 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), x);
  check_move(n, ESP_FLOAT, SHAPE(1, 2, 3), x);
  n = one_node_of("Slice", 1);
  one_node_ints(&n, "starts", starts, 1);
  one_node_ints(&n, "ends", ends, 1);
  one_node_ints(&n, "axes", one, 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), x);
  check_move(n, ESP_FLOAT, SHAPE(2, 2), NUMBERS(1, 1, 0, 1));
  for (int version = 1; version < 3; version++) {
    n = one_node_of("Pad", version);
    one_node_ints(&n, version == 1 ? "paddings" : "pads", pads, 4);
    one_node_float(&n, "value", 5);
    one_node_input(&n, ESP_FLOAT16, SHAPE(1, 2), NUMBERS(1, 2));
    check_move(n, ESP_FLOAT16, SHAPE(2, 3), NUMBERS(5, 1, 2, 5, 5, 5));
  }
}

static void axes_are_inputs(void) {
  for (int version = 13; version <= 21; version += 8) {
    for (int t = 0; t < 2; t++) {
      const esp_dtype type = t == 0 ? ESP_INT64 : ESP_FLOAT16;
      one_node n = one_node_of("Squeeze", version);
      one_node_input(&n, type, SHAPE(1, 2, 1, 3), x);
      one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(-2, 0));
      check_move(n, type, SHAPE(2, 3), x);
      n = one_node_of("Unsqueeze", version);
      one_node_input(&n, type, SHAPE(2, 3), x);
      one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(-1, 1));
      check_move(n, type, SHAPE(2, 1, 3, 1), x);
      n = one_node_of("Flatten", version);
      one_node_int(&n, "axis", -1);
      one_node_input(&n, type, SHAPE(1, 2, 3), x);
      check_move(n, type, SHAPE(2, 3), x);
      n = one_node_of("Identity", version);
      one_node_input(&n, type, SHAPE(2, 3), x);
      check_move(n, type, SHAPE(2, 3), x);
    }
  }
}

static void old_axes_have_their_defaults(void) {
  one_node n = one_node_of("Concat", 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(1, 2));
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1), NUMBERS(3));
  check_move(n, ESP_FLOAT, SHAPE(1, 3), NUMBERS(1, 2, 3));
  n = one_node_of("Tile", 1);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 2), NUMBERS(1, 2));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(2));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(1));
  check_move(n, ESP_FLOAT, SHAPE(1, 4), NUMBERS(1, 2, 1, 2));
}

static void splits_of_every_version(void) {
  static const int64_t sizes[] = {1, 3};
  for (int version = 1; version <= 18; version++) {
    one_node n = one_node_of("Split", version);
    one_node_input(&n, ESP_INT32, SHAPE(4), NUMBERS(1, 2, 3, 4));
    if (version < 13) {
      one_node_ints(&n, "split", sizes, 2);
    } else {
      one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(1, 3));
    }
    CHECK_OK(one_node_run(&n, 2));
    one_node_check(&n, 0, ESP_INT32, SHAPE(1), NUMBERS(1), 0);
    one_node_check(&n, 1, ESP_INT32, SHAPE(3), NUMBERS(2, 3, 4), 0);
    one_node_free(&n);
  }
}

static one_node split_by_input(int version, const double *sizes) {
  one_node n = one_node_of("Split", version);
  one_node_input(&n, ESP_FLOAT, SHAPE(4), NUMBERS(1, 2, 3, 4));
  one_node_input(&n, ESP_FLOAT, SHAPE(2), sizes);
  return n;
}

static void split_1_takes_sizes_of_the_type_that_it_splits(void) {
  one_node n = split_by_input(1, NUMBERS(1, 3));
  CHECK_OK(one_node_run(&n, 2));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(1), NUMBERS(1), 0);
  one_node_check(&n, 1, ESP_FLOAT, SHAPE(3), NUMBERS(2, 3, 4), 0);
  one_node_free(&n);
}

static void sizes_that_a_split_cannot_have_are_refused(void) {
  static const int64_t sizes[] = {1, 3};
  one_node n = split_by_input(1, NUMBERS(1.5, 2.5));
  CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
  check_message("size 0 is 1.5");
  one_node_free(&n);
  n = split_by_input(1, NUMBERS(1, 3));
  one_node_ints(&n, "split", sizes, 2);
  CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
  check_message("attribute split and in input 1");
  one_node_free(&n);
  for (int version = 2; version < 13; version++) {
    n = split_by_input(version, NUMBERS(1, 3));
    CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
    check_message("2 inputs, expected 1 to 1");
    one_node_free(&n);
  }
}

static void the_last_part_may_be_smaller_from_18_on(void) {
  one_node n = one_node_of("Split", 18);
  one_node_int(&n, "num_outputs", 3);
  one_node_input(&n, ESP_INT32, SHAPE(5), NUMBERS(1, 2, 3, 4, 5));
  CHECK_OK(one_node_run(&n, 3));
  one_node_check(&n, 2, ESP_INT32, SHAPE(1), NUMBERS(5), 0);
  CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
  check_message("num_outputs is 3 for 2");
  one_node_free(&n);
}

static void a_reshape_to_other_counts_is_refused(void) {
  one_node n = one_node_of("Reshape", 13);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(1), NUMBERS(5));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
  n = one_node_of("Reshape", 4);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("attribute shape");
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_type_moves),
      CASE(depth_and_space_trade_places),
      CASE(old_shapes_are_attributes),
      CASE(axes_are_inputs),
      CASE(old_axes_have_their_defaults),
      CASE(splits_of_every_version),
      CASE(split_1_takes_sizes_of_the_type_that_it_splits),
      CASE(sizes_that_a_split_cannot_have_are_refused),
      CASE(the_last_part_may_be_smaller_from_18_on),
      CASE(a_reshape_to_other_counts_is_refused),
      {NULL, NULL},
  };
  return check_run("op/moves", cases);
}
