#include "config/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/spelling.h"
#include "config/yaml.h"

// Where a key lies in the job: one of these, by its kind.
typedef union place {
  char **text;
  int64_t *number;
  bool *flag;
} place;

#define DEFAULT_TEXT(value) (value)
#define DEFAULT_LIST(value) (value)
#define DEFAULT_INT(value) #value
#define DEFAULT_FLAG(value) ((value) ? "true" : "false")

static const esp_job_key keys[] = {
#define KEY(member, kind, fallback, argument, help)                            \
  {#member, ESP_KEY_##kind, DEFAULT_##kind(fallback), (argument), (help)},
#include "config/job_keys.h"
#undef KEY
};
enum { KEYS = sizeof keys / sizeof keys[0] };

const esp_job_key *esp_job_keys(int *count) {
  *count = KEYS;
  return keys;
}

static place place_of(esp_job *job, int key) {
#define PLACE_TEXT(member)                                                     \
  { .text = &job->member }
#define PLACE_LIST(member) PLACE_TEXT(member)
#define PLACE_INT(member)                                                      \
  { .number = &job->member }
#define PLACE_FLAG(member)                                                     \
  { .flag = &job->member }
  const place places[KEYS] = {
#define KEY(member, kind, fallback, argument, help) PLACE_##kind(member),
#include "config/job_keys.h"
#undef KEY
  };
  return places[key];
}

static bool same_name(const char *key, const char *given) {
  while (*key != '\0' && (*key == *given || (*key == '_' && *given == '-'))) {
    key++;
    given++;
  }
  return *key == '\0' && *given == '\0';
}

static int find_key(const char *name) {
  for (int k = 0; k < KEYS; k++) {
    if (same_name(keys[k].name, name)) return k;
  }
  return -1;
}

bool esp_job_has_key(const char *name) { return find_key(name) >= 0; }

bool esp_job_takes_list(const char *name) {
  const int k = find_key(name);
  return k >= 0 && keys[k].kind == ESP_KEY_LIST;
}

static const char *name_of(int key) { return keys[key].name; }

static esp_status no_such_key(const char *name) {
  return esp_no_such_key(name, name_of, KEYS, "espalier run --help");
}

// Choices are words separated by bars: "a|b|c".  "FILE|..." is none: capitals
// stand for something, except where all letters of all words are capitals.
static bool has_choices(const char *argument) {
  if (strchr(argument, '|') == NULL) return false;
  return strspn(argument, "abcdefghijklmnopqrstuvwxyz0123456789|") ==
             strlen(argument) ||
         strspn(argument, "NCHW|") == strlen(argument);
}

static bool is_choice(const char *argument, const char *value) {
  const size_t length = strlen(value);
  for (const char *word = argument; *word != '\0';) {
    const size_t n = strcspn(word, "|");
    if (n == length && strncmp(word, value, n) == 0) return true;
    word += n + (word[n] == '|');
  }
  return false;
}

static esp_status copy_text(const char *value, char **text) {
  char *copy = strdup(value);
  if (copy == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot keep \"%s\"", value);
  free(*text);
  *text = copy;
  return ESP_OK;
}

static esp_status set_text(const esp_job_key *key, const char *value,
                           char **text) {
  if (has_choices(key->argument) && !is_choice(key->argument, value)) {
    return ESP_FAIL(ESP_USAGE, "%s is \"%s\", expected one of %s", key->name,
                    value, key->argument);
  }
  if (value[0] == '\0') {
    return ESP_FAIL(ESP_USAGE, "%s has no value, expected %s", key->name,
                    key->argument);
  }
  return copy_text(value, text);
}

static esp_status set_number(const esp_job_key *key, const char *value,
                             int64_t *number) {
  char *end;
  errno = 0;
  const long long read = strtoll(value, &end, 10);
  if (*value == '\0' || *end != '\0' || errno != 0 || read < -1 ||
      read > INT64_MAX / 2) {
    return ESP_FAIL(ESP_USAGE, "%s is \"%s\", expected a whole number",
                    key->name, value);
  }
  *number = read;
  return ESP_OK;
}

static esp_status set_flag(const esp_job_key *key, const char *value,
                           bool *flag) {
  if (is_choice("true|yes|on", value)) {
    *flag = true;
  } else if (is_choice("false|no|off", value)) {
    *flag = false;
  } else {
    return ESP_FAIL(ESP_USAGE, "%s is \"%s\", expected true or false",
                    key->name, value);
  }
  return ESP_OK;
}

esp_status esp_job_set(esp_job *job, const char *name, const char *value) {
  const int k = find_key(name);
  if (k < 0) return no_such_key(name);
  const place p = place_of(job, k);
  switch (keys[k].kind) {
  case ESP_KEY_TEXT:
  case ESP_KEY_LIST:
    return set_text(&keys[k], value, p.text);
  case ESP_KEY_INT:
    return set_number(&keys[k], value, p.number);
  default:
    return set_flag(&keys[k], value, p.flag);
  }
}

static esp_status set_any(void *job, const char *name, const char *text) {
  return esp_job_set(job, name, text);
}

// All or nothing: tried on a spare job first.
esp_status esp_job_load(esp_job *job, const char *path) {
  static const esp_yaml yaml = {.kind = "job",
                                .has_key = esp_job_has_key,
                                .takes_list = esp_job_takes_list,
                                .set = set_any};
  esp_job *spare = NULL;
  ESP_TRY(esp_job_create(&spare));
  esp_status status = esp_yaml_load(&yaml, path, spare);
  if (status == ESP_OK) status = esp_yaml_load(&yaml, path, job);
  esp_job_free(spare);
  return status;
}

const char *esp_job_get(const esp_job *job, const char *name) {
  const int k = find_key(name);
  if (k < 0) return NULL;
#define KEY(member, kind, fallback, argument, help) GET_##kind(member)
#define GET_TEXT(member)                                                       \
  if (strcmp(keys[k].name, #member) == 0) return job->member;
#define GET_LIST(member) GET_TEXT(member)
#define GET_INT(member)
#define GET_FLAG(member)                                                       \
  if (strcmp(keys[k].name, #member) == 0) return job->member ? "true" : "false";
#include "config/job_keys.h"
#undef KEY
  return NULL;
}

esp_status esp_job_create(esp_job **job) {
  esp_job *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make a job");
  for (int k = 0; k < KEYS; k++) {
    if (keys[k].fallback == NULL) continue;
    const esp_status status = esp_job_set(self, keys[k].name, keys[k].fallback);
    if (status != ESP_OK) {
      esp_job_free(self);
      return status;
    }
  }
  *job = self;
  return ESP_OK;
}

void esp_job_free(esp_job *job) {
  if (job == NULL) return;
  for (int k = 0; k < KEYS; k++) {
    if (keys[k].kind == ESP_KEY_TEXT || keys[k].kind == ESP_KEY_LIST) {
      free(*place_of(job, k).text);
    }
  }
  free(job);
}

esp_status esp_job_copy(const esp_job *job, esp_job **copy) {
  ESP_TRY(esp_job_create(copy));
  esp_status status = ESP_OK;
#define KEY(member, kind, fallback, argument, help)                            \
  if (status == ESP_OK) status = COPY_##kind(member);
#define COPY_TEXT(member)                                                      \
  job->member != NULL ? copy_text(job->member, &(*copy)->member) : ESP_OK
#define COPY_LIST(member) COPY_TEXT(member)
#define COPY_INT(member) ((*copy)->member = job->member, ESP_OK)
#define COPY_FLAG(member) ((*copy)->member = job->member, ESP_OK)
#include "config/job_keys.h"
#undef KEY
  if (status != ESP_OK) esp_job_free(*copy);
  return status;
}

static esp_status check_numbers(const esp_job *job) {
  const struct {
    const char *name;
    int64_t number, most;
  } numbers[] = {{"batch", job->batch, 1 << 24},
                 {"replicas", job->replicas, 1 << 24},
                 {"memory", job->memory, 1 << 30},
                 {"streams", job->streams, 1024},
                 {"workers", job->workers, 1024},
                 {"width", job->width, 1024},
                 {"top_k", job->top_k, 1 << 20},
                 {"journal_seconds", job->journal_seconds, 1 << 30},
                 {"silence_seconds", job->silence_seconds, 3600}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (numbers[i].number >= 0 && numbers[i].number <= numbers[i].most)
      continue;
    return ESP_FAIL(ESP_USAGE, "%s is %lld, expected 0 to %lld",
                    numbers[i].name, (long long)numbers[i].number,
                    (long long)numbers[i].most);
  }
  return ESP_OK;
}

esp_status esp_job_check(const esp_job *job) {
  const struct {
    const char *name, *text;
  } needed[] = {{"model", job->models != NULL ? job->models : job->model},
                {"input", job->input},
                {"output", job->output}};
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
    if (needed[i].text == NULL) {
      return ESP_FAIL(ESP_USAGE,
                      "%s is missing: give it in the job file or as --%s",
                      needed[i].name, needed[i].name);
    }
  }
  if (job->model != NULL && job->models != NULL) {
    return ESP_FAIL(ESP_USAGE, "model and models are given: one of them");
  }
  if (job->score != NULL && strcmp(job->score, "none") != 0 &&
      job->labels == NULL) {
    return ESP_FAIL(ESP_USAGE, "score is %s, but labels are missing",
                    job->score);
  }
  if (job->sequence != NULL && job->state == NULL) {
    return ESP_FAIL(ESP_USAGE, "sequence is given, but no state that it "
                               "begins anew: give state INPUT=OUTPUT");
  }
  if (job->state != NULL && job->batch > 1) {
    return ESP_FAIL(ESP_USAGE,
                    "batch is %lld, but with state the rows of a sequence go "
                    "one by one",
                    (long long)job->batch);
  }
  return check_numbers(job);
}
