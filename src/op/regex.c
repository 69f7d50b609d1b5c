// RegexFullMatch: which strings a regular expression describes as a whole.
#include <locale.h>
#include <regex.h>
#include <stdlib.h>

#include "op/check.h"
#include "op/family.h"
#include "op/pattern.h"
#include "op/samples.h"

// A compiled expression, and the locale in which it reads UTF-8.
typedef struct matcher {
  locale_t locale;
  bool compiled;
  regex_t regex;
} matcher;

static void free_matcher(void *state) {
  matcher *m = state;
  if (m == NULL) return;
  if (m->compiled) regfree(&m->regex);
  if (m->locale != (locale_t)0) freelocale(m->locale);
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

static esp_status fill_matcher(matcher *m, const esp_node *node) {
  const char *pattern = esp_node_string(node, "pattern", NULL);
  char *posix;
  if (pattern == NULL) return ESP_FAIL(ESP_BAD_INPUT, "there is no pattern");
  ESP_TRY(esp_pattern_translate(pattern, &posix));
  m->locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  const esp_status status =
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

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const matcher *m = state;
  char *const *text = args->in[0]->data;
  bool *matches = args->out[0]->data;
  const int64_t count = esp_shape_count(&args->in[0]->shape);
  (void)team;
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

const esp_op esp_op_regex = {.samples = esp_samples_elementwise,
                             .infer = infer,
                             .prepare = prepare,
                             .release = free_matcher,
                             .run = run};
