// RegexFullMatch: which strings a regular expression describes as a whole.
#include <locale.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/pattern.h"
#include "op/samples.h"

#ifdef ESP_HAS_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif

// A compiled expression: in the words of POSIX, with the locale in which it
// reads UTF-8, or, where POSIX has none, by PCRE2.
typedef struct matcher {
  locale_t locale;
  bool compiled;
  regex_t regex;
#ifdef ESP_HAS_PCRE2
  pcre2_code *code; // NULL: POSIX's
#endif
} matcher;

static void free_matcher(void *state) {
  matcher *m = state;
  if (m == NULL) return;
  if (m->compiled) regfree(&m->regex);
  if (m->locale != (locale_t)0) freelocale(m->locale);
#ifdef ESP_HAS_PCRE2
  pcre2_code_free(m->code);
#endif
  free(m);
}

static esp_status compile(matcher *m, const char *pattern, const char *posix) {
  char why[128];
  const locale_t before = uselocale(m->locale);
  const int error = regcomp(&m->regex, posix, REG_EXTENDED | REG_NOSUB);
  if (error != 0) (void)regerror(error, &m->regex, why, sizeof why);
  (void)uselocale(before);
  m->compiled = error == 0;
  if (error == 0) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "pattern \"%s\": %s", pattern, why);
}

// PCRE2 -----------------------------------------------------------------------
#ifdef ESP_HAS_PCRE2
static esp_status compile_rest(matcher *m, const char *pattern) {
  bool lines;
  ESP_TRY(esp_pattern_check(pattern, &lines));
  // Without (?m), $ is the end of all; with it and this option 10.42's
  // pcre2_dfa_match() finds no line's end.
  const uint32_t end = lines ? 0 : PCRE2_DOLLAR_ENDONLY;
  int error;
  PCRE2_SIZE at;
  m->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | end |
                              PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE,
                          &error, &at, NULL);
  if (m->code != NULL) return ESP_OK;
  PCRE2_UCHAR why[128] = "";
  (void)pcre2_get_error_message(error, why, sizeof why);
  return ESP_FAIL(ESP_BAD_INPUT, "pattern \"%s\": %s", pattern, (char *)why);
}

// All states side by side, as RE2 does: no pattern takes exponential time.
static esp_status match_rest(const matcher *m, char *const *text, bool *matches,
                             int64_t count) {
  enum { WORK = 4096 };
  int work[WORK], found = 0;
  pcre2_match_data *data = pcre2_match_data_create(1, NULL);
  if (data == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot match a pattern");
  for (int64_t i = 0; i < count && found >= PCRE2_ERROR_NOMATCH; i++) {
    found = pcre2_dfa_match(m->code, (PCRE2_SPTR)text[i], strlen(text[i]), 0, 0,
                            data, NULL, work, WORK);
    matches[i] = found >= 0;
    const bool no_utf8 =
        found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21;
    if (no_utf8) found = PCRE2_ERROR_NOMATCH;
  }
  pcre2_match_data_free(data);
  if (found >= PCRE2_ERROR_NOMATCH) return ESP_OK;
  return ESP_FAIL(ESP_LIMIT, "a pattern that is too large to be matched");
}
#else
static esp_status compile_rest(matcher *m, const char *pattern) {
  (void)m;
  return ESP_FAIL(ESP_UNSUPPORTED,
                  "pattern \"%s\" has no POSIX counterpart, and this build has "
                  "no PCRE2",
                  pattern);
}
#endif

// The operator ----------------------------------------------------------------

static esp_status fill_matcher(matcher *m, const esp_node *node) {
  const char *pattern = esp_node_string(node, "pattern", NULL);
  char *posix;
  if (pattern == NULL) return ESP_FAIL(ESP_BAD_INPUT, "there is no pattern");
  esp_status status = esp_pattern_translate(pattern, &posix);
  if (status == ESP_UNSUPPORTED) return compile_rest(m, pattern);
  ESP_TRY(status);
  m->locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  status =
      m->locale != (locale_t)0
          ? compile(m, pattern, posix)
          : ESP_FAIL(ESP_UNSUPPORTED, "the locale C.UTF-8 is not installed");
  free(posix);
  return status;
}

// Half-built on failure; the caller frees it either way.
static esp_status make_matcher(const esp_node *node, matcher **made) {
  matcher *m = calloc(1, sizeof *m);
  if (m == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot compile a pattern");
  *made = m;
  return fill_matcher(m, node);
}

static esp_status infer(const esp_args *args) {
  matcher *tried = NULL;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_STRING)));
  const esp_status status = make_matcher(args->node, &tried);
  free_matcher(tried);
  ESP_TRY(status);
  esp_set_output(args, 0, ESP_BOOL, &args->in[0]->shape);
  return ESP_OK;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  matcher *m = NULL;
  (void)width;
  const esp_status status = make_matcher(args->node, &m);
  made->state = m;
  return status;
}

static esp_status match_posix(const matcher *m, char *const *text,
                              bool *matches, int64_t count) {
  const locale_t before = uselocale(m->locale);
  int found = 0;
  for (int64_t i = 0; i < count && (found == 0 || found == REG_NOMATCH); i++) {
    found = regexec(&m->regex, text[i], 0, NULL, 0);
    matches[i] = found == 0;
  }
  (void)uselocale(before);
  if (found == 0 || found == REG_NOMATCH) return ESP_OK;
  return ESP_FAIL(ESP_NO_MEMORY, "cannot match a pattern");
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const matcher *m = state;
  char *const *text = args->in[0]->data;
  bool *matches = args->out[0]->data;
  const int64_t count = esp_shape_count(&args->in[0]->shape);
  (void)team;
#ifdef ESP_HAS_PCRE2
  if (m->code != NULL) return match_rest(m, text, matches, count);
#endif
  return match_posix(m, text, matches, count);
}

const esp_op esp_op_regex = {.samples = esp_samples_elementwise,
                             .infer = infer,
                             .prepare = prepare,
                             .release = free_matcher,
                             .run = run};
