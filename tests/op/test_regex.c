// RegexFullMatch: what RE2's syntax says, one pattern and one string at a time.
#include <stdio.h>

#include "support/check.h"
#include "support/one_node.h"

static one_node pattern_node(const char *pattern, const char *text) {
  one_node n = one_node_of("RegexFullMatch", 20);
  if (pattern != NULL) one_node_string(&n, "pattern", pattern);
  one_node_input(&n, ESP_STRING, SHAPE(1), NULL);
  ((const char **)n.in[0].data)[0] = text;
  return n;
}

typedef struct trial {
  const char *pattern, *text;
  int matches;
} trial;

static void try_all(const trial *trials, size_t count) {
  for (size_t i = 0; i < count; i++) {
    one_node n = pattern_node(trials[i].pattern, trials[i].text);
    CHECK_OK(one_node_run(&n, 1));
    if (one_node_at(&n, 0, 0) != trials[i].matches) {
      printf("\n    \"%s\" on \"%s\"", trials[i].pattern, trials[i].text);
    }
    CU_ASSERT_EQUAL(one_node_at(&n, 0, 0), trials[i].matches);
    one_node_free(&n);
  }
}

static void strings_match_as_a_whole(void) {
  static const trial trials[] = {
      {"(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "a@gmail.com", 1},
      {"(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "a@hotmail.com", 0},
      {"www\\.[\\w.-]+\\.com", "www.google.com", 1},
      {"www\\.[\\w.-]+\\.com", "www.google.com.au", 0},
      {"", "", 1},
      {"", "a", 0},
      {"a|ab", "ab", 1},
      {"^a$", "a", 1},
      {"[^a]+^", "b\n", 0},
      {"[^a]^1", "\n1", 0},
      {"1$[^a]", "1\n", 0},
      {"(^a|b$)(^b|)", "a", 1},
      {"a.c", "a\nc", 0},
      {"a.c",
       "a\xc3\xa9"
       "c",
       1}, // one letter of two bytes
      {"a..c",
       "a\xc3\xa9"
       "c",
       0},
      {"[\xc3\xa8\xc3\xa9]+", "\xc3\xa9\xc3\xa8", 1},
      {"[^a]", "\n", 1},
      {"\\d+?x??", "12x", 1},
      {"\\D\\S\\W", "ab-", 1},
      {"\\D\\S\\W", "ab_", 0},
      {"a{2}", "aa", 1},
      {"a{2,}?", "aaa", 1},
      {"a{,2}", "a{,2}", 1},
      {"a{,2}", "aa", 0},
      {"{x}", "{x}", 1},
      {"(?:ab)*", "abab", 1},
      {"(a{1}b{1000}|(c{20}){50}){1}", "ab", 0},
      {"(a{2}b{2}){2}c{900}?|aabbaabb", "aabbaabb", 1},
      {"a{0}b", "b", 1},
      {"[]a]+", "]a]", 1},
      {"[^]a]+", "]", 0},
      {"[\\]\\[\\^\\-\\\\]+", "[]^-\\", 1},
      {"[\\^]+", "^^", 1},
      {"[\\^-]+", "^-", 1},
      {"[\\^[]+", "^[", 1},
      {"[\\^-]+", "a", 0},
      {"[a-]+", "a-", 1},
      {"[-a]+", "-a", 1},
      {"[^-]", "-", 0},
      {"[^\\^]", "^", 0},
      {"[\\d\\s]+", "1 2", 1},
      {"[[:alpha:]_]+", "ab_", 1},
      {"[[:alpha:]]", "\xc3\xa9", 0}, // RE2's classes are ASCII
      {"[^[:word:]]", "\xc3\xa9", 1},
      {"[[:punct:]]+", "[]^-\\`!~", 1},
      {"[^[:punct:]]", "]", 0},
      {"[[:cntrl:][:digit:]]+",
       "\x01\x7f"
       "0",
       1},
      {"(a|b|)", "", 1},
      {"()?a", "a", 1},
      {"[*.]", "*", 1},
      {"\\*\\.\\<\\`", "*.<`", 1},
      {"\\t\\n", "\t\n", 1},
  };
  try_all(trials, sizeof trials / sizeof *trials);
}

static void the_shape_is_kept(void) {
  one_node n = one_node_of("RegexFullMatch", 20);
  one_node_string(&n, "pattern", "a+");
  one_node_input(&n, ESP_STRING, SHAPE(2, 2), NULL);
  const char **text = n.in[0].data;
  text[0] = "a";
  text[1] = "b";
  text[2] = "";
  text[3] = "aa";
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_BOOL, SHAPE(2, 2), NUMBERS(1, 0, 0, 1), 0);
  one_node_free(&n);
}

// What POSIX has no words for, by PCRE2 where the build has it.
static void the_rest_of_the_syntax_matches(void) {
  static const trial trials[] = {
      {"a\\b-b", "a-b", 1},
      {"a\\Bb", "ab", 1},
      {"(?i)stra\xc3\x9f"
       "e",
       "STRA\xc3\x9f"
       "E",
       1},
      {"(?i:a)b", "Ab", 1},
      {"(?i:a)b", "AB", 0},
      {"(?P<name>a)+", "aaa", 1},
      {"\\pL+", "\xc3\xa9t\xc3\xa9", 1},
      {"\\PL", "a", 0},
      {"\\x41\\x{263a}", "A\xe2\x98\xba", 1},
      {"[\\Da]+", "ab", 1},
      {"[\\Da]", "1", 0},
      {"\\Qa.b\\E", "a.b", 1},
      {"\\Qa.b", "axb", 0},
      {"[[:^alpha:]]", "1", 1},
      {"[+--]+", "+,-", 1},
      {"[\xc3\xa0-\xc3\xbc]", "\xc3\xa9", 1},
      {"(?s)a.b", "a\nb", 1},
      {"(?m)a$\\n^b", "a\nb", 1},
      {"(?i)a$", "a\n", 0}, // the end is the end
      {"\\Aa\\z", "a", 1},
      {"(?i)\\w", "\xc3\xa9", 0}, // ASCII's letters, as RE2 has it
      {"(?i)(a|aa)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0},
      {"(?i)a", "\xff", 0}, // no UTF-8
  };
  one_node n = pattern_node("(?i)a", "A");
  const bool there = one_node_infer(&n, 1) == ESP_OK;
  one_node_free(&n);
  if (!there) {
    printf("skipped: this build has no PCRE2 ");
    return;
  }
  try_all(trials, sizeof trials / sizeof *trials);
}

static void what_is_not_of_re2_is_refused(void) {
  static const char *const patterns[] = {
      "(?i)(a)\\1",    "(?i)a(?=b)", "(?i)(?<!a)b", "(?i)(?>a)", "(?i)a++",
      "(?i)\\Ka",      "(?i)\\Ra",   "(?R)",        "(*UCP)a",   "(?i)a*+",
      "(?i)(?#note)a", "(?i)\\Ca",   "(?i)(?(1)a)", "(?i)\\g1"};
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    one_node n = pattern_node(patterns[i], "a");
    const esp_status status = one_node_infer(&n, 1);
    CU_ASSERT(status == ESP_BAD_INPUT || status == ESP_UNSUPPORTED);
    one_node_free(&n);
  }
}

static void what_is_no_pattern_is_refused(void) {
  static const char *const patterns[] = {"(a",
                                         "[a",
                                         "[",
                                         "[^",
                                         "a)",
                                         "a)|(b",
                                         "a**",
                                         "a{2}{3}",
                                         "*a",
                                         "(|+a)",
                                         "[[:letter:]]",
                                         "a{1001}",
                                         "(a{40}b){40}",
                                         "((a{1000}){1000}){1000}",
                                         "a{99999999999999999999}",
                                         NULL};
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    one_node n = pattern_node(patterns[i], "a");
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

static void numbers_are_refused(void) {
  one_node n = one_node_of("RegexFullMatch", 20);
  one_node_string(&n, "pattern", "a");
  one_node_input(&n, ESP_FLOAT, SHAPE(1), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(strings_match_as_a_whole),
      CASE(the_shape_is_kept),
      CASE(the_rest_of_the_syntax_matches),
      CASE(what_is_not_of_re2_is_refused),
      CASE(what_is_no_pattern_is_refused),
      CASE(numbers_are_refused),
      {NULL, NULL},
  };
  return check_run("op/regex", cases);
}
