// StringNormalizer: stop words, and letters of one to four bytes.
#include <stdlib.h>

#include "support/check.h"
#include "support/one_node.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__})

static one_node words_node(esp_shape shape, const char *const *words) {
  one_node n = one_node_of("StringNormalizer", 10);
  if (esp_arena_create(&n.strings) != ESP_OK) abort();
  one_node_texts(&n, shape, words);
  return n;
}

static void free_node(one_node *n) {
  esp_arena_free(n->strings);
  one_node_free(n);
}

static void check_words(one_node *n, esp_shape shape, const char *const *want) {
  CHECK_OK(one_node_run(n, 1));
  one_node_check_texts(n, 0, shape, want);
  free_node(n);
}

static void words_are_kept_as_they_are(void) {
  one_node n = words_node(SHAPE(3), WORDS("Monday", "", "\xff"));
  check_words(&n, SHAPE(3), WORDS("Monday", "", "\xff"));
}

static void stop_words_go_in_any_case(void) {
  static const char *const stop[] = {"MONDAY", "\xc3\xa9t\xc3\x89"};
  one_node n = words_node(
      SHAPE(1, 4), WORDS("Monday", "Mon", "\xc3\x89T\xc3\xa9", "mondays"));
  one_node_strings(&n, "stopwords", stop, 2);
  check_words(&n, SHAPE(1, 2), WORDS("Mon", "mondays"));
}

static void stop_words_go_in_their_case(void) {
  static const char *const stop[] = {"monday"};
  one_node n = words_node(SHAPE(2), WORDS("Monday", "monday"));
  one_node_int(&n, "is_case_sensitive", 1);
  one_node_strings(&n, "stopwords", stop, 1);
  check_words(&n, SHAPE(1), WORDS("Monday"));
}

// Letters of one, two and three bytes, and one that grows from two to three.
static void letters_change_their_case(void) {
  one_node n =
      words_node(SHAPE(2), WORDS("aZ1\xc3\xa4\xd0\xb6",
                                 "\xc8\xba\xe1\xba\x9e\xf0\x90\x90\x80"));
  one_node_string(&n, "case_change_action", "LOWER");
  check_words(
      &n, SHAPE(2),
      WORDS("az1\xc3\xa4\xd0\xb6", "\xe2\xb1\xa5\xc3\x9f\xf0\x90\x90\xa8"));
  n = words_node(SHAPE(1), WORDS("aZ1\xc3\xa4\xd0\xb6\xf0\x90\x90\xa8"));
  one_node_string(&n, "case_change_action", "UPPER");
  one_node_string(&n, "locale", "nn_XX");
  check_words(&n, SHAPE(1), WORDS("AZ1\xc3\x84\xd0\x96\xf0\x90\x90\x80"));
}

static void nothing_left_is_one_empty_word(void) {
  static const char *const stop[] = {"a", "b"};
  one_node n = words_node(SHAPE(2), WORDS("a", "B"));
  one_node_strings(&n, "stopwords", stop, 2);
  check_words(&n, SHAPE(1), WORDS(""));
  n = words_node(SHAPE(1, 2), WORDS("a", "B"));
  one_node_strings(&n, "stopwords", stop, 2);
  check_words(&n, SHAPE(1, 1), WORDS(""));
}

static void what_is_no_text_has_no_case(void) {
  one_node n = words_node(SHAPE(1), WORDS("a\xff"));
  one_node_string(&n, "case_change_action", "UPPER");
  CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
  check_message("not UTF-8");
  free_node(&n);
}

static void two_rows_are_refused(void) {
  one_node n = words_node(SHAPE(2, 1), WORDS("a", "b"));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("2 rows");
  free_node(&n);
}

static void an_unknown_change_is_refused(void) {
  one_node n = words_node(SHAPE(1), WORDS("a"));
  one_node_string(&n, "case_change_action", "TITLE");
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("TITLE");
  free_node(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(words_are_kept_as_they_are),
      CASE(stop_words_go_in_any_case),
      CASE(stop_words_go_in_their_case),
      CASE(letters_change_their_case),
      CASE(nothing_left_is_one_empty_word),
      CASE(what_is_no_text_has_no_case),
      CASE(two_rows_are_refused),
      CASE(an_unknown_change_is_refused),
      {NULL, NULL},
  };
  return check_run("op/words", cases);
}
