// Serialised tensors of the types that are stored in their own way.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "support/check.h"
#include "support/wire.h"

enum { DIMS = 1, TYPE = 2, FLOATS = 4, INT32S = 5, STRINGS = 6, RAW = 9 };

static char path[] = "/tmp/test_tensor_XXXXXX";
static esp_arena *arena;
static esp_tensor tensor;

static wire begin(int type, int64_t count) {
  wire w = {0};
  wire_int(&w, DIMS, count);
  wire_int(&w, TYPE, type);
  return w;
}

static esp_status read_back(wire *w) {
  esp_datum *value = NULL;
  wire_write(w, path);
  wire_end(w);
  const esp_status status =
      esp_model_read_value(path, ESP_KIND_TENSOR, arena, &value);
  if (status == ESP_OK) tensor = value->tensor; // its bytes are the arena's
  esp_datum_drop(value);
  return status;
}

static void four_bits_are_unpacked_from_raw_data(void) {
  static const unsigned char packed[] = {0x8f, 0x21, 0x07};
  static const signed char with_sign[] = {-1, -8, 1, 2, 7};
  static const unsigned char without[] = {15, 8, 1, 2, 7};
  wire w = begin(ESP_INT4, 5);
  wire_bytes(&w, RAW, packed, sizeof packed);
  CHECK_OK(read_back(&w));
  check_same_bytes(tensor.data, with_sign, sizeof with_sign);
  w = begin(ESP_UINT4, 5);
  wire_bytes(&w, RAW, packed, sizeof packed);
  CHECK_OK(read_back(&w));
  check_same_bytes(tensor.data, without, sizeof without);
}

static void four_bits_are_unpacked_from_numbers(void) {
  static const int64_t packed[] = {0x8f, 0x21, 0x07};
  static const signed char want[] = {-1, -8, 1, 2, 7};
  wire w = begin(ESP_INT4, 5);
  wire_ints(&w, INT32S, packed, 3);
  CHECK_OK(read_back(&w));
  check_same_bytes(tensor.data, want, sizeof want);
}

static void four_bits_of_a_wrong_length_are_refused(void) {
  static const unsigned char packed[] = {1, 2, 3, 4};
  wire w = begin(ESP_INT4, 5);
  wire_bytes(&w, RAW, packed, sizeof packed);
  CHECK_STATUS(read_back(&w), ESP_BAD_INPUT);
  check_message("4 bytes or numbers of data, its shape asks for 3");
}

static void eight_bit_floats_keep_their_bits(void) {
  static const int64_t bits[] = {0x38, 0xff, 0x80};
  static const unsigned char want[] = {0x38, 0xff, 0x80};
  for (int type = ESP_FLOAT8E4M3FN; type <= ESP_FLOAT8E5M2FNUZ; type++) {
    wire w = begin(type, 3);
    wire_ints(&w, INT32S, bits, 3);
    CHECK_OK(read_back(&w));
    CU_ASSERT_EQUAL(tensor.type, type);
    check_same_bytes(tensor.data, want, sizeof want);
  }
}

static void complex_numbers_are_pairs(void) {
  static const float pairs[] = {1, -2, 3, 4};
  wire w = begin(ESP_COMPLEX64, 2);
  wire_bytes(&w, FLOATS, pairs, sizeof pairs);
  CHECK_OK(read_back(&w));
  CU_ASSERT_EQUAL(tensor.type, ESP_COMPLEX64);
  check_same_bytes(tensor.data, pairs, sizeof pairs);
}

static void strings_are_read(void) {
  wire w = begin(ESP_STRING, 2);
  wire_text(&w, STRINGS, "");
  wire_text(&w, STRINGS, "\xc3\xa9t\xc3\xa9");
  CHECK_OK(read_back(&w));
  char *const *text = tensor.data;
  CU_ASSERT_STRING_EQUAL(text[0], "");
  CU_ASSERT_STRING_EQUAL(text[1], "\xc3\xa9t\xc3\xa9");
}

static void strings_with_zero_bytes_are_refused(void) {
  wire w = begin(ESP_STRING, 1);
  wire_bytes(&w, STRINGS, "a\0b", 3);
  CHECK_STATUS(read_back(&w), ESP_UNSUPPORTED);
  check_message("zero byte");
}

static void strings_in_raw_data_are_refused(void) {
  wire w = begin(ESP_STRING, 1);
  wire_bytes(&w, RAW, "12345678", 8); // must not become a pointer
  CHECK_STATUS(read_back(&w), ESP_BAD_INPUT);
}

int main(void) {
  static const check_case cases[] = {
      CASE(four_bits_are_unpacked_from_raw_data),
      CASE(four_bits_are_unpacked_from_numbers),
      CASE(four_bits_of_a_wrong_length_are_refused),
      CASE(eight_bit_floats_keep_their_bits),
      CASE(complex_numbers_are_pairs),
      CASE(strings_are_read),
      CASE(strings_with_zero_bytes_are_refused),
      CASE(strings_in_raw_data_are_refused),
      {NULL, NULL},
  };
  if (mkstemp(path) < 0 || esp_arena_create(&arena) != ESP_OK) return 1;
  const int result = check_run("model/tensor", cases);
  esp_arena_free(arena);
  (void)unlink(path);
  return result;
}
