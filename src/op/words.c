// StringNormalizer: words without stop words, in upper or lower case.
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

typedef enum change { NO_CHANGE, TO_LOWER, TO_UPPER } change;

static esp_status change_of(const esp_args *args, change *found) {
  static const char *const names[] = {"NONE", "LOWER", "UPPER", NULL};
  int chosen;
  ESP_TRY(
      esp_choice_of(args->node, "case_change_action", "NONE", names, &chosen));
  *found = (change)chosen;
  return ESP_OK;
}

// Turkish, Azeri and Lithuanian have letters of another case than the rest of
// the world; any other locale may stand in for one that is not installed.
static bool has_own_cases(const char *locale) {
  return strncmp(locale, "tr", 2) == 0 || strncmp(locale, "az", 2) == 0 ||
         strncmp(locale, "lt", 2) == 0;
}

// Opens the node's locale, whose encoding is UTF-8.  The caller frees it.
static esp_status open_locale(const esp_args *args, locale_t *opened) {
  const char *asked = esp_node_string(args->node, "locale", "en_US");
  char name[64] = "C";
  const size_t length = strcspn(asked, ".@");
  if (length < sizeof name - sizeof ".UTF-8") {
    memcpy(name, asked, length);
    memcpy(name + length, ".UTF-8", sizeof ".UTF-8");
  }
  *opened = newlocale(LC_CTYPE_MASK, name, (locale_t)0);
  if (*opened == (locale_t)0 && !has_own_cases(asked)) {
    *opened = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  }
  if (*opened != (locale_t)0) return ESP_OK;
  return ESP_FAIL(ESP_UNSUPPORTED, "the locale %s is not installed", asked);
}

static wint_t changed(wchar_t letter, change how) {
  if (how == TO_LOWER) return towlower((wint_t)letter);
  return how == TO_UPPER ? towupper((wint_t)letter) : (wint_t)letter;
}

// Takes the next letter of *text and steps over it; at the end, 0.  A byte that
// is no UTF-8 is given as a letter of its own, above all that there are.
static wint_t next_letter(const char **text) {
  enum { NOT_A_LETTER = 0x110000 };
  mbstate_t state = {0};
  wchar_t letter = 0;
  const size_t used = mbrtowc(&letter, *text, strlen(*text) + 1, &state);
  if (used == (size_t)-1 || used == (size_t)-2) {
    const unsigned char byte = (unsigned char)*(*text)++;
    return (wint_t)NOT_A_LETTER + byte;
  }
  *text += used;
  return (wint_t)letter;
}

static bool same_folded(const char *a, const char *b) {
  for (;;) {
    const wint_t p = changed((wchar_t)next_letter(&a), TO_LOWER);
    const wint_t q = changed((wchar_t)next_letter(&b), TO_LOWER);
    if (p != q) return false;
    if (p == 0) return true;
  }
}

static bool is_stop_word(const esp_node *node, const char *word) {
  const esp_attribute *stop =
      esp_node_attribute(node, "stopwords", ESP_ATTRIBUTE_STRINGS);
  const bool sensitive = esp_node_int(node, "is_case_sensitive", 0) != 0;
  for (int64_t i = 0; stop != NULL && i < stop->count; i++) {
    if (sensitive ? strcmp(word, stop->strings[i]) == 0
                  : same_folded(word, stop->strings[i])) {
      return true;
    }
  }
  return false;
}

static esp_status infer(const esp_args *args) {
  change how;
  locale_t locale;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_STRING)));
  ESP_TRY(esp_check_ndim(args, 0, 1, 2));
  ESP_TRY(change_of(args, &how));
  esp_shape shape = args->in[0]->shape;
  if (shape.ndim == 2 && shape.dim[0] != 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "input 0 has %lld rows, expected one",
                    (long long)shape.dim[0]);
  }
  ESP_TRY(esp_check_known(args, 0));
  ESP_TRY(open_locale(args, &locale));
  const locale_t before = uselocale(locale);
  char *const *word = args->in[0]->data;
  int64_t kept = 0;
  for (int64_t i = 0; i < esp_shape_count(&shape); i++) {
    kept += !is_stop_word(args->node, word[i]);
  }
  (void)uselocale(before);
  freelocale(locale);
  shape.dim[shape.ndim - 1] = kept > 0 ? kept : 1; // one empty word for none
  esp_set_output(args, 0, ESP_STRING, &shape);
  return ESP_OK;
}

typedef struct prepared {
  locale_t locale;
} prepared;

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  prepared *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  return open_locale(args, &p->locale);
}

static void release(void *state) {
  prepared *p = state;
  if (p != NULL && p->locale != (locale_t)0) freelocale(p->locale);
  free(p);
}

// Writes `word` in another case, unless `to` is NULL, and gives its bytes with
// the closing zero; 0: the word is no UTF-8.
static size_t write_word(const char *word, change how, char *to) {
  mbstate_t state = {0}, written = {0};
  size_t left = strlen(word) + 1, bytes = 0;
  while (left > 0) {
    char letters[MB_LEN_MAX];
    wchar_t letter = 0;
    size_t used = mbrtowc(&letter, word, left, &state);
    if (used == (size_t)-1 || used == (size_t)-2) return 0;
    if (used == 0) used = 1; // the closing zero
    const size_t made =
        wcrtomb(letters, (wchar_t)changed(letter, how), &written);
    if (made == (size_t)-1) return 0;
    if (to != NULL) memcpy(to + bytes, letters, made);
    bytes += made;
    word += used;
    left -= used;
  }
  return bytes;
}

static esp_status change_word(const char *word, change how, esp_arena *arena,
                              char **changed_word) {
  const size_t bytes = write_word(word, how, NULL);
  void *room;
  if (arena == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "strings cannot be made here");
  }
  if (bytes == 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "a word is not UTF-8: \"%.40s\"", word);
  }
  ESP_TRY(esp_arena_take(arena, bytes, 1, &room));
  (void)write_word(word, how, room);
  *changed_word = room;
  return ESP_OK;
}

static esp_status run_in_locale(const esp_args *args, esp_arena *arena) {
  change how;
  ESP_TRY(change_of(args, &how));
  char *const *word = args->in[0]->data;
  char **to = args->out[0]->data;
  int64_t kept = 0;
  for (int64_t i = 0; i < esp_shape_count(&args->in[0]->shape); i++) {
    if (is_stop_word(args->node, word[i])) continue;
    to[kept] = word[i];
    if (how != NO_CHANGE) {
      ESP_TRY(change_word(word[i], how, arena, &to[kept]));
    }
    kept++;
  }
  if (kept == 0) esp_fill_zero(ESP_STRING, to, 1);
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const prepared *p = state;
  const locale_t before = uselocale(p->locale);
  const esp_status status = run_in_locale(args, team.strings);
  (void)uselocale(before);
  return status;
}

const esp_op esp_op_words = {
    .infer = infer, .prepare = prepare, .release = release, .run = run};
