// Cast and CastLike between all number types.
#include <math.h>

#include "base/memory.h"

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {
    ESP_FLOAT,      ESP_DOUBLE,         ESP_FLOAT16,
    ESP_BFLOAT16,   ESP_INT8,           ESP_INT16,
    ESP_INT32,      ESP_INT64,          ESP_UINT8,
    ESP_UINT16,     ESP_UINT32,         ESP_UINT64,
    ESP_BOOL,       ESP_FLOAT8E4M3FN,   ESP_FLOAT8E4M3FNUZ,
    ESP_FLOAT8E5M2, ESP_FLOAT8E5M2FNUZ, ESP_UINT4,
    ESP_INT4};
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
  for (int version = 15; version <= 21; version += 2) {
    one_node n = one_node_of("CastLike", version);
    one_node_input(&n, ESP_DOUBLE, SHAPE(2), NUMBERS(1.5, -2.5));
    one_node_input(&n, ESP_BFLOAT16, SHAPE(1), NULL);
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_BFLOAT16, SHAPE(2), NUMBERS(1.5, -2.5), 0);
    one_node_free(&n);
  }
}

static void floating_numbers_are_truncated(void) {
  one_node n = one_node_of("Cast", 13);
  one_node_int(&n, "to", ESP_INT32);
  one_node_input(&n, ESP_FLOAT, SHAPE(4), NUMBERS(2.9, -2.9, 0.5, -0.5));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT32, SHAPE(4), NUMBERS(2, -2, 0, 0), 0);
  one_node_free(&n);
}

// As the standard's own cases have it.
static void bfloat16_is_cut_before_version_19_and_rounded_from_it_on(void) {
  static const double x[] = {1 + 0x1p-8 + 0x1p-9, -1 - 0x1p-8 - 0x1p-9, 3,
                             (double)NAN};
  for (int version = 13; version <= 21; version += 2) {
    const double step = version < 19 ? 0 : 0x1p-7;
    one_node n = one_node_of("Cast", version);
    one_node_int(&n, "to", ESP_BFLOAT16);
    one_node_input(&n, ESP_FLOAT, SHAPE(4), x);
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_BFLOAT16, SHAPE(4),
                   NUMBERS(1 + step, -1 - step, 3, (double)NAN), 0);
    one_node_free(&n);
  }
}

// Just above half way between two float16 numbers, by less than float32 shows.
static void a_double_is_rounded_once(void) {
  const double x[] = {1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11, 1e300, 0x1p-25};
  one_node n = one_node_of("Cast", 13);
  one_node_int(&n, "to", ESP_FLOAT16);
  one_node_input(&n, ESP_DOUBLE, SHAPE(4), x);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT16, SHAPE(4),
                 NUMBERS(1 + 0x1p-10, 1, (double)INFINITY, 0), 0);
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

static void four_bits_wrap_around(void) {
  for (int is_signed = 0; is_signed < 2; is_signed++) {
    one_node n = one_node_of("Cast", 21);
    one_node_int(&n, "to", is_signed ? ESP_INT4 : ESP_UINT4);
    one_node_input(&n, ESP_INT32, SHAPE(4), NUMBERS(7, 8, -9, 17));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, is_signed ? ESP_INT4 : ESP_UINT4, SHAPE(4),
                   is_signed ? NUMBERS(7, -8, 7, 1) : NUMBERS(7, 8, 7, 1), 0);
    one_node_free(&n);
  }
}

static void eight_bits_saturate_or_not(void) {
  for (int saturate = 0; saturate < 2; saturate++) {
    one_node n = one_node_of("Cast", 19);
    one_node_int(&n, "to", ESP_FLOAT8E4M3FN);
    one_node_int(&n, "saturate", saturate);
    one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(1000, -3.3));
    CHECK_OK(one_node_run(&n, 1));
    one_node_check(&n, 0, ESP_FLOAT8E4M3FN, SHAPE(2),
                   NUMBERS(saturate ? 448 : (double)NAN, -3.25), 0);
    one_node_free(&n);
  }
}

static void the_first_versions_name_the_type(void) {
  one_node n = one_node_of("Cast", 1);
  one_node_string(&n, "to", "INT64");
  one_node_input(&n, ESP_FLOAT, SHAPE(2), NUMBERS(1.5, -2.5));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_INT64, SHAPE(2), NUMBERS(1, -2), 0);
  one_node_free(&n);
}

// Numbers to strings, and these back to numbers.
static void check_text(esp_dtype type, double number, const char *text) {
  esp_arena *arena;
  CHECK_OK(esp_arena_create(&arena));
  one_node n = one_node_of("Cast", 13);
  n.strings = arena;
  one_node_int(&n, "to", ESP_STRING);
  one_node_input(&n, type, SHAPE(1), &number);
  CHECK_OK(one_node_run(&n, 1));
  const char *got = ((char **)n.out[0].data)[0];
  CU_ASSERT_STRING_EQUAL(got, text);
  one_node back = one_node_of("Cast", 13);
  one_node_int(&back, "to", type);
  one_node_input(&back, ESP_STRING, SHAPE(1), &number);
  ((const char **)back.in[0].data)[0] = got;
  CHECK_OK(one_node_run(&back, 1));
  CU_ASSERT_EQUAL(one_node_at(&back, 0, 0), one_node_in(&n, 0, 0));
  one_node_free(&n);
  one_node_free(&back);
  esp_arena_free(arena);
}

static void numbers_are_written_and_read(void) {
  check_text(ESP_FLOAT, 0.47892547, "0.47892547");
  check_text(ESP_FLOAT, 0.1, "0.1");
  check_text(ESP_DOUBLE, 0.1, "0.1");
  check_text(ESP_DOUBLE, -1e-5, "-0.00001");
  check_text(ESP_FLOAT16, 0.1, "0.1");
  check_text(ESP_FLOAT, 314, "314");
  check_text(ESP_FLOAT, (double)INFINITY, "INF");
  check_text(ESP_INT64, -12345678901, "-12345678901");
  check_text(ESP_UINT8, 255, "255");
}

static void text_that_is_no_number_is_refused(void) {
  static const char *const bad[] = {"", "hello", "1.5x", "12 3"};
  for (int i = 0; i < 4; i++) {
    one_node n = one_node_of("Cast", 13);
    one_node_int(&n, "to", ESP_FLOAT);
    one_node_input(&n, ESP_STRING, SHAPE(1), NUMBERS(0));
    ((const char **)n.in[0].data)[0] = bad[i];
    CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
    one_node_free(&n);
  }
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
      CASE(every_type_becomes_every_other),
      CASE(like_takes_the_type_alone),
      CASE(floating_numbers_are_truncated),
      CASE(bfloat16_is_cut_before_version_19_and_rounded_from_it_on),
      CASE(a_double_is_rounded_once),
      CASE(sixty_four_bits_stay),
      CASE(an_unknown_type_is_refused),
      CASE(four_bits_wrap_around),
      CASE(eight_bits_saturate_or_not),
      CASE(the_first_versions_name_the_type),
      CASE(numbers_are_written_and_read),
      CASE(text_that_is_no_number_is_refused),
      {NULL, NULL},
  };
  return check_run("op/cast", cases);
}
