// TfIdfVectorizer: against counting at every place, and the ways to weigh.
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

// 1-grams 2, 3, 5, 4; 2-grams (5,6) (7,8) (6,7); a 3-gram (2,3,5).
static const int64_t pool[] = {2, 3, 5, 4, 5, 6, 7, 8, 6, 7, 2, 3, 5};
static const int64_t starts[] = {0, 4, 10};
static const int64_t columns[] = {7, 1, 2, 3, 4, 5, 6, 0};
static const float weights[] = {.5F, 1, 2, 3, 4, 5, 6, 7};
enum { POOL = 13, LENGTHS = 3, GRAMS = 8 };

// A node with n-grams of lengths 1 to `lengths` in its pool.
static one_node node_of(const int64_t *start, int lengths,
                        const int64_t *column, int grams) {
  one_node n = one_node_of("TfIdfVectorizer", 9);
  one_node_ints(&n, "ngram_counts", start, lengths);
  one_node_ints(&n, "ngram_indexes", column, grams);
  return n;
}

static void ask(one_node *n, int least, int most, int64_t skips,
                const char *mode) {
  one_node_int(n, "min_gram_length", least);
  one_node_int(n, "max_gram_length", most);
  one_node_int(n, "max_skip_count", skips);
  one_node_string(n, "mode", mode);
}

static one_node grams_node(int least, int most, int64_t skips,
                           const char *mode) {
  one_node n = node_of(starts, LENGTHS, columns, GRAMS);
  ask(&n, least, most, skips, mode);
  return n;
}

// How often n-gram `gram` is in a row.
static int count_gram(const double *row, int length, int gram, int skips) {
  static const int begin[] = {0, 1, 2, 3, 4, 6, 8, 10};
  const int size = gram < 4 ? 1 : gram < 7 ? 2 : 3;
  int count = 0;
  for (int step = 1; step <= (size == 1 ? 1 : skips + 1); step++) {
    for (int i = 0; i < length; i++) {
      int same = 0;
      for (int k = 0; k < size && i + k * step < length; k++) {
        same += row[i + k * step] == (double)pool[begin[gram] + k];
      }
      count += same == size;
    }
  }
  return count;
}

static const double text[] = {2, 3, 5, 2, 6, 3, 7, 5, 8, 4, 2, 5,
                              5, 6, 7, 8, 6, 7, 8, 2, 2, 3, 3, 5};

static void check_mode(esp_dtype type, int least, int most, int skips,
                       const char *mode) {
  one_node n = grams_node(least, most, skips, mode);
  one_node_ints(&n, "pool_int64s", pool, POOL);
  one_node_floats(&n, "weights", weights, GRAMS);
  one_node_input(&n, type, SHAPE(2, 12), text);
  CHECK_OK(one_node_run(&n, 1));
  double want[2 * GRAMS] = {0};
  for (int i = 0; i < 2 * GRAMS; i++) {
    const int gram = i % GRAMS, size = gram < 4 ? 1 : gram < 7 ? 2 : 3;
    if (size < least || size > most) continue;
    const int count = count_gram(text + i / GRAMS * 12, 12, gram, skips);
    const double weight =
        mode[0] == 'T' && mode[2] == '\0' ? 1 : (double)weights[gram];
    want[i / GRAMS * GRAMS + columns[gram]] =
        weight * (mode[0] == 'I' ? count > 0 : count);
  }
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, GRAMS), want, 0);
  one_node_free(&n);
}

static void every_length_skip_and_weight(void) {
  static const char *const modes[] = {"TF", "IDF", "TFIDF"};
  for (int m = 0; m < 3; m++) {
    for (int least = 1; least <= 3; least++) {
      for (int most = least; most <= 3; most++) {
        for (int skips = 0; skips < 7; skips++) {
          check_mode(skips % 2 == 0 ? ESP_INT64 : ESP_INT32, least, most, skips,
                     modes[m]);
        }
      }
    }
  }
}

static void text_is_counted(void) {
  static const char *const words[] = {"b", "a", "a", "b"};
  static const char *const row[] = {"a", "b", "a", "a", "b"};
  static const int64_t begin[] = {0, 2}, column[] = {1, 0, 4};
  one_node n = node_of(begin, 2, column, 3);
  ask(&n, 1, 2, 0, "TF");
  one_node_strings(&n, "pool_strings", words, 4);
  one_node_input(&n, ESP_STRING, SHAPE(5), NULL);
  memcpy(n.in[0].data, row, sizeof row);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(5), NUMBERS(3, 2, 0, 0, 2), 0);
  one_node_free(&n);
}

static void skips_beyond_the_text_count_nothing(void) {
  one_node n = grams_node(2, 3, INT64_MAX, "TF");
  one_node_ints(&n, "pool_int64s", pool, POOL);
  one_node_input(&n, ESP_INT64, SHAPE(2), NUMBERS(5, 6));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(8), NUMBERS(0, 0, 0, 0, 1, 0, 0, 0),
                 0);
  one_node_free(&n);
}

static void an_ngram_that_the_pool_has_twice_counts_for_both(void) {
  static const int64_t twice[] = {5, 6, 5}, begin[] = {0}, column[] = {0, 2, 3};
  one_node n = node_of(begin, 1, column, 3);
  ask(&n, 1, 1, 0, "TF");
  one_node_ints(&n, "pool_int64s", twice, 3);
  one_node_input(&n, ESP_INT64, SHAPE(4), NUMBERS(5, 6, 7, 5));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(4), NUMBERS(2, 0, 1, 2), 0);
  one_node_free(&n);
}

static void a_text_of_nothing_counts_nothing(void) {
  one_node n = grams_node(1, 2, 3, "TF");
  one_node_ints(&n, "pool_int64s", pool, POOL);
  one_node_input(&n, ESP_INT64, SHAPE(0), NULL);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(8), NUMBERS(0, 0, 0, 0, 0, 0, 0, 0),
                 0);
  one_node_free(&n);
}

static void what_does_not_fit_is_refused(void) {
  one_node n = grams_node(1, 4, 0, "TF");
  one_node_ints(&n, "pool_int64s", pool, POOL);
  one_node_input(&n, ESP_INT64, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("lengths from 1 to 3");
  one_node_free(&n);
  n = grams_node(1, 2, 0, "TF"); // half a 3-gram
  one_node_ints(&n, "pool_int64s", pool, POOL - 1);
  one_node_input(&n, ESP_INT64, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("2 items from 10 on");
  one_node_free(&n);
  n = grams_node(1, 2, 0, "TF");
  one_node_input(&n, ESP_INT64, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("pool_strings");
  one_node_free(&n);
  n = grams_node(1, 2, 0, "TF");
  one_node_ints(&n, "pool_int64s", pool, POOL);
  one_node_input(&n, ESP_STRING, SHAPE(3), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_length_skip_and_weight),
      CASE(text_is_counted),
      CASE(skips_beyond_the_text_count_nothing),
      CASE(an_ngram_that_the_pool_has_twice_counts_for_both),
      CASE(a_text_of_nothing_counts_nothing),
      CASE(what_does_not_fit_is_refused),
      {NULL, NULL},
  };
  return check_run("op/ngrams", cases);
}
