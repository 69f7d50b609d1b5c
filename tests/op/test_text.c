// Strings, and elements of every size, through the operators that only move.
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

static const char *const words[] = {"a", "b", "", "d", "\xc3\xa9", "f"};

// As many of the words as the shape asks for.
static void add_words(one_node *n, esp_shape shape) {
  one_node_texts(n, shape, words);
}

static void text_is_gathered(void) {
  static const char *const want[] = {"d", "\xc3\xa9", "f", "a", "b", ""};
  one_node n = one_node_of("Gather", 13);
  add_words(&n, SHAPE(2, 3));
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(1, 0));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check_texts(&n, 0, SHAPE(2, 3), want);
  one_node_free(&n);
}

static void text_is_transposed(void) {
  static const char *const want[] = {"a", "d", "b", "\xc3\xa9", "", "f"};
  one_node n = one_node_of("Transpose", 13);
  add_words(&n, SHAPE(2, 3));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check_texts(&n, 0, SHAPE(3, 2), want);
  one_node_free(&n);
}

static void text_is_joined(void) {
  static const char *const want[] = {"a", "b", "a", "b", ""};
  one_node n = one_node_of("Concat", 13);
  one_node_int(&n, "axis", 0);
  add_words(&n, SHAPE(2));
  add_words(&n, SHAPE(3));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check_texts(&n, 0, SHAPE(5), want);
  one_node_free(&n);
}

static void text_is_padded_with_empty_strings(void) {
  static const char *const want[] = {"", "a", "b", "", ""};
  one_node n = one_node_of("Pad", 13);
  add_words(&n, SHAPE(2));
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(1, 2));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check_texts(&n, 0, SHAPE(5), want);
  one_node_free(&n);
}

static void text_is_chosen(void) {
  static const char *const want[] = {"a", "", ""};
  one_node n = one_node_of("Where", 16);
  one_node_input(&n, ESP_BOOL, SHAPE(3), NUMBERS(1, 0, 1));
  add_words(&n, SHAPE(3));
  add_words(&n, SHAPE(3));
  ((const char **)n.in[2].data)[1] = "";
  CHECK_OK(one_node_run(&n, 1));
  one_node_check_texts(&n, 0, SHAPE(3), want);
  one_node_free(&n);
}

static void text_is_compared(void) {
  static const double want[] = {1, 0, 0};
  one_node n = one_node_of("Equal", 19);
  add_words(&n, SHAPE(3));
  add_words(&n, SHAPE(1));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_BOOL, SHAPE(3), want, 0);
  one_node_free(&n);
}

static void wide_elements_are_padded(void) {
  static const double zero[2] = {0, 0}, x[2] = {1, -2};
  one_node n = one_node_of("Pad", 13);
  one_node_input(&n, ESP_COMPLEX128, SHAPE(1), NULL);
  memcpy(n.in[0].data, x, sizeof x);
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(1, 0));
  CHECK_OK(one_node_run(&n, 1));
  check_same_bytes(n.out[0].data, zero, sizeof zero);
  check_same_bytes((const double *)n.out[0].data + 2, x, sizeof x);
  one_node_free(&n);
}

static void padding_of_another_type_is_refused(void) {
  one_node n = one_node_of("Pad", 13);
  one_node_input(&n, ESP_DOUBLE, SHAPE(2), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(1, 0));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(1));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(text_is_gathered),
      CASE(text_is_transposed),
      CASE(text_is_joined),
      CASE(text_is_padded_with_empty_strings),
      CASE(text_is_chosen),
      CASE(text_is_compared),
      CASE(wide_elements_are_padded),
      CASE(padding_of_another_type_is_refused),
      {NULL, NULL},
  };
  return check_run("op/text", cases);
}
