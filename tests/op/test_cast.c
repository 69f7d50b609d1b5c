// Cast and CastLike between all number types.
#include <math.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT,  ESP_DOUBLE, ESP_FLOAT16, ESP_BFLOAT16, ESP_INT8,
    ESP_INT16,  ESP_INT32,  ESP_INT64,   ESP_UINT8,    ESP_UINT16,
    ESP_UINT32, ESP_UINT64, ESP_BOOL};
enum { TYPES = sizeof types / sizeof types[0] };

static void every_type_becomes_every_other(void) {
  for (int from = 0; from < TYPES; from++) {
    for (int to = 0; to < TYPES; to++) {
      one_node n = one_node_of("Cast", 13);
      one_node_int(&n, "to", (int64_t)types[to]);
      one_node_input(&n, types[from], SHAPE(3), NUMBERS(0, 1, 3));
      CHECK_OK(one_node_run(&n, 1));
      const bool truth = types[to] == ESP_BOOL || types[from] == ESP_BOOL;
      one_node_check(&n, 0, types[to], SHAPE(3), NUMBERS(0, 1, truth ? 1 : 3),
                     0);
      one_node_free(&n);
    }
  }
}

static void like_takes_the_type_alone(void) {
  one_node n = one_node_of("CastLike", 15);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2), NUMBERS(1.5, -2.5));
  one_node_input(&n, ESP_BFLOAT16, SHAPE(1), NULL);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_BFLOAT16, SHAPE(2), NUMBERS(1.5, -2.5), 0);
  one_node_free(&n);
}

static void floating_numbers_are_truncated(void) {
  one_node n = one_node_of("Cast", 13);
  one_node_int(&n, "to", ESP_INT32);
  one_node_input(&n, ESP_FLOAT, SHAPE(4), NUMBERS(2.9, -2.9, 0.5, -0.5));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT32, SHAPE(4), NUMBERS(2, -2, 0, 0), 0);
  one_node_free(&n);
}

static void sixty_four_bits_stay(void) {
  one_node n = one_node_of("Cast", 13);
  one_node_int(&n, "to", ESP_UINT64);
  one_node_input(&n, ESP_INT64, SHAPE(1), NULL);
  ((int64_t *)n.in[0].data)[0] = ((int64_t)1 << 62) + 1;
  CHECK_OK(one_node_run(&n, 1));
  CU_ASSERT_EQUAL(((uint64_t *)n.out[0].data)[0], ((uint64_t)1 << 62) + 1);
  one_node_free(&n);
}

static void an_unknown_type_is_refused(void) {
  one_node n = one_node_of("Cast", 13);
  one_node_int(&n, "to", 99);
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_type_becomes_every_other), CASE(like_takes_the_type_alone),
      CASE(floating_numbers_are_truncated), CASE(sixty_four_bits_stay),
      CASE(an_unknown_type_is_refused),     {NULL, NULL},
  };
  return check_run("op/cast", cases);
}
