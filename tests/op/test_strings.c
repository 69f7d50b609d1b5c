// StringConcat with broadcasting; StringSplit as Python's split() does it,
// but that white space at the end goes in any case.
#include <stdlib.h>

#include "support/check.h"
#include "support/one_node.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__})

static one_node strings_node(const char *op) {
  one_node n = one_node_of(op, 20);
  if (esp_arena_create(&n.strings) != ESP_OK) abort();
  return n;
}

static void free_node(one_node *n) {
  esp_arena_free(n->strings);
  one_node_free(n);
}

static void strings_are_joined(void) {
  one_node n = strings_node("StringConcat");
  one_node_texts(&n, SHAPE(2), WORDS("abc", ""));
  one_node_texts(&n, SHAPE(2), WORDS(".com", "\xc3\xa9"));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check_texts(&n, 0, SHAPE(2), WORDS("abc.com", "\xc3\xa9"));
  free_node(&n);
}

static void joining_broadcasts(void) {
  one_node n = strings_node("StringConcat");
  one_node_texts(&n, SHAPE(2, 1), WORDS("a", "b"));
  one_node_texts(&n, SHAPE(3), WORDS("x", "y", "z"));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check_texts(&n, 0, SHAPE(2, 3),
                       WORDS("ax", "ay", "az", "bx", "by", "bz"));
  free_node(&n);
  n = strings_node("StringConcat");
  one_node_texts(&n, SHAPE(2), WORDS("a", "b"));
  one_node_texts(&n, SHAPE(3), WORDS("x", "y", "z"));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  free_node(&n);
}

static void numbers_are_refused(void) {
  one_node n = strings_node("StringConcat");
  one_node_texts(&n, SHAPE(1), WORDS("a"));
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  free_node(&n);
}

static void without_an_arena_nothing_is_made(void) {
  one_node n = one_node_of("StringConcat", 20);
  one_node_texts(&n, SHAPE(1), WORDS("a"));
  one_node_texts(&n, SHAPE(1), WORDS("b"));
  CHECK_STATUS(one_node_run(&n, 1), ESP_UNSUPPORTED);
  one_node_free(&n);
}

typedef struct splitting {
  const char *text, *delimiter; // NULL: none given
  int64_t most;                 // -1: none given
  int64_t count;
  const char *part[4];
} splitting;

static void check_split(const splitting *s) {
  one_node n = strings_node("StringSplit");
  if (s->delimiter != NULL) one_node_string(&n, "delimiter", s->delimiter);
  if (s->most >= 0) one_node_int(&n, "maxsplit", s->most);
  one_node_texts(&n, SCALAR, &s->text);
  CHECK_OK(one_node_run(&n, 2));
  one_node_check_texts(&n, 0, SHAPE(s->count), s->part);
  one_node_check(&n, 1, ESP_INT64, SCALAR, NUMBERS((double)s->count), 0);
  free_node(&n);
}

static void a_string_is_split(void) {
  static const splitting each[] = {
      {"a.b", ".", -1, 2, {"a", "b"}},
      {"a..b.", ".", -1, 4, {"a", "", "b", ""}},
      {"", ".", -1, 1, {""}},
      {"a--b-c", "--", -1, 2, {"a", "b-c"}},
      {"a.b.c", ".", 1, 2, {"a", "b.c"}},
      {"a.b", ".", 0, 1, {"a.b"}},
      {" a \t\nb  c ", NULL, -1, 3, {"a", "b", "c"}},
      {" a b  c ", "", -1, 3, {"a", "b", "c"}},
      {" a  b  c", NULL, 1, 2, {"a", "b  c"}},
      {" a b \n", NULL, 1, 2, {"a", "b"}},
      {"  a b ", NULL, 0, 1, {"a b"}},
      {"a\xe3\x80\x80z\xe2\x80\x83\xc2\xa0z", NULL, -1, 3, {"a", "z", "z"}},
      {"\xe2\x80\x8b\xc3\xa9", NULL, -1, 1, {"\xe2\x80\x8b\xc3\xa9"}},
      {"  ", NULL, -1, 0, {NULL}},
      {"", NULL, -1, 0, {NULL}},
  };
  for (size_t i = 0; i < sizeof each / sizeof *each; i++) check_split(&each[i]);
}

static void shorter_ones_are_padded(void) {
  one_node n = strings_node("StringSplit");
  one_node_string(&n, "delimiter", ",");
  one_node_texts(&n, SHAPE(2, 1), WORDS("a", "b,c,d"));
  CHECK_OK(one_node_run(&n, 2));
  one_node_check_texts(&n, 0, SHAPE(2, 1, 3),
                       WORDS("a", "", "", "b", "c", "d"));
  one_node_check(&n, 1, ESP_INT64, SHAPE(2, 1), NUMBERS(1, 3), 0);
  free_node(&n);
}

static void no_strings_have_no_parts(void) {
  one_node n = strings_node("StringSplit");
  one_node_input(&n, ESP_STRING, SHAPE(0), NULL);
  CHECK_OK(one_node_infer(&n, 2));
  CU_ASSERT_EQUAL(n.out[0].shape.ndim, 2);
  CU_ASSERT_EQUAL(n.out[0].shape.dim[1], 0);
  free_node(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(strings_are_joined),       CASE(joining_broadcasts),
      CASE(numbers_are_refused),      CASE(without_an_arena_nothing_is_made),
      CASE(a_string_is_split),        CASE(shorter_ones_are_padded),
      CASE(no_strings_have_no_parts), {NULL, NULL},
  };
  return check_run("op/strings", cases);
}
