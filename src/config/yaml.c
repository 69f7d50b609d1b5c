// Job files, through libcyaml.  The schema is a mapping of texts made from the
// list of keys; esp_job_set() reads the texts, so that a key means the same in
// a file and as an option.
#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "config/job.h"

enum { MOST_BYTES = 1 << 20 };

typedef struct texts {
#define KEY(member, kind, fallback, argument, help) char *member;
#include "config/job_keys.h"
#undef KEY
} texts;

static const cyaml_schema_field_t fields[] = {
#define KEY(member, kind, fallback, argument, help)                            \
  CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,    \
                         texts, member, 0, CYAML_UNLIMITED),
#include "config/job_keys.h"
#undef KEY
    CYAML_FIELD_END};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, texts, fields)};

// The first complaint of the reader says what; a later one says at which line.
typedef struct complaint {
  char what[256];
  int line;
} complaint;

static void note(cyaml_log_t level, void *context, const char *format,
                 va_list args) __attribute__((format(printf, 3, 0)));
static void note(cyaml_log_t level, void *context, const char *format,
                 va_list args) {
  complaint *c = context;
  char said[256];
  if (level < CYAML_LOG_ERROR) return;
  (void)vsnprintf(said, sizeof said, format, args);
  said[strcspn(said, "\n")] = '\0';
  const char *line = strstr(said, "line: ");
  if (line != NULL && c->line == 0) c->line = atoi(line + strlen("line: "));
  const char *text = strncmp(said, "Load: ", 6) == 0 ? said + 6 : said;
  if (c->what[0] == '\0') (void)snprintf(c->what, sizeof c->what, "%s", text);
}

static esp_status read_file(const char *path, char **text, size_t *bytes) {
  struct stat about;
  FILE *file = fopen(path, "rb");
  if (file == NULL || fstat(fileno(file), &about) != 0) {
    const int reason = errno;
    if (file != NULL) (void)fclose(file);
    return ESP_FAIL(ESP_IO, "cannot open the job file %s: %s", path,
                    strerror(reason));
  }
  esp_status status = ESP_OK;
  void *block = NULL;
  if (!S_ISREG(about.st_mode) || about.st_size > MOST_BYTES) {
    status = ESP_FAIL(ESP_BAD_INPUT,
                      "%s is no job file: expected a YAML file of at most 1 MB",
                      path);
  }
  if (status == ESP_OK) {
    status = esp_allocate_zero((size_t)about.st_size + 1, 1, &block);
  }
  if (status == ESP_OK) {
    *bytes = fread(block, 1, (size_t)about.st_size, file);
    *text = block;
  }
  (void)fclose(file);
  return status;
}

// The line on which a key stands, from 1; 0 when it does not.
static int line_of(const char *text, const char *key, int times) {
  const size_t length = strlen(key);
  int line = 1;
  for (const char *at = text; *at != '\0'; line++) {
    const char *begin = at + strspn(at, " \t");
    const size_t quote = *begin == '"' || *begin == '\'';
    const char *after = begin + quote + length;
    if (strncmp(begin + quote, key, length) == 0 &&
        strspn(after + quote, " \t:") > 0 && --times == 0) {
      return line;
    }
    at += strcspn(at, "\n");
    at += *at == '\n';
  }
  return 0;
}

static esp_status refuse(const char *path, const char *text,
                         const complaint *c) {
  const char *unknown = "Unexpected key: ";
  if (strncmp(c->what, unknown, strlen(unknown)) == 0) {
    const char *key = c->what + strlen(unknown);
    esp_job *spare = NULL; // names the nearest key
    if (esp_job_create(&spare) == ESP_OK) (void)esp_job_set(spare, key, "");
    esp_job_free(spare);
    return esp_fail_within(ESP_BAD_INPUT, "%s:%d", path, line_of(text, key, 1));
  }
  const char *twice = "Mapping field already seen: ";
  if (strncmp(c->what, twice, strlen(twice)) == 0) {
    const char *key = c->what + strlen(twice);
    return ESP_FAIL(ESP_BAD_INPUT, "%s:%d: %s is given a second time", path,
                    line_of(text, key, 2), key);
  }
  return ESP_FAIL(ESP_BAD_INPUT, "%s:%d: %s; expected lines of \"key: value\"",
                  path, c->line, c->what[0] != '\0' ? c->what : "not YAML");
}

static esp_status set_keys(const texts *given, const char *path,
                           const char *text, esp_job *job) {
  const struct {
    const char *name, *value;
  } list[] = {
#define KEY(member, kind, fallback, argument, help) {#member, given->member},
#include "config/job_keys.h"
#undef KEY
  };
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    if (list[i].value == NULL) continue;
    if (esp_job_set(job, list[i].name, list[i].value) != ESP_OK) {
      return esp_fail_within(ESP_BAD_INPUT, "%s:%d", path,
                             line_of(text, list[i].name, 1));
    }
  }
  return ESP_OK;
}

esp_status esp_job_load(esp_job *job, const char *path) {
  char *text = NULL;
  size_t bytes = 0;
  ESP_TRY(read_file(path, &text, &bytes));
  complaint c = {{0}, 0};
  const cyaml_config_t how = {.log_fn = note,
                              .log_ctx = &c,
                              .mem_fn = cyaml_mem,
                              .log_level = CYAML_LOG_ERROR,
                              .flags = CYAML_CFG_NO_ALIAS};
  cyaml_data_t *data = NULL;
  const cyaml_err_t error =
      cyaml_load_data((const uint8_t *)text, bytes, &how, &schema, &data, NULL);
  esp_status status;
  if (error != CYAML_OK || data == NULL) {
    status = refuse(path, text, &c);
  } else { // all or nothing: tried on a spare job first
    esp_job *spare = NULL;
    status = esp_job_create(&spare);
    if (status == ESP_OK) status = set_keys(data, path, text, spare);
    if (status == ESP_OK) status = set_keys(data, path, text, job);
    esp_job_free(spare);
  }
  if (data != NULL) (void)cyaml_free(&how, &schema, data, 0);
  esp_free(text);
  return status;
}
