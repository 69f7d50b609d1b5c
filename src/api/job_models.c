// One model, or several that run over the same rows as branches of one graph.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "base/hash.h"

enum { MOST_MODELS = 64 };

typedef struct several {
  esp_graph_part part[MOST_MODELS];
  char *name[MOST_MODELS], *file[MOST_MODELS];
  int count;
} several;

// "NAME=FILE", or a file whose name without folder and ending is the name.
static esp_status read_line(several *s, const char *line, size_t length) {
  if (s->count == MOST_MODELS) {
    return ESP_FAIL(ESP_LIMIT, "more than %d models", MOST_MODELS);
  }
  char *text = strndup(line, length);
  if (text == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot read models");
  char *equals = strchr(text, '='), *file = equals != NULL ? equals + 1 : text;
  const char *slash = strrchr(file, '/');
  const char *from = equals != NULL ? text : slash != NULL ? slash + 1 : file;
  const char *end = equals != NULL ? equals : strrchr(from, '.');
  const size_t letters =
      end != NULL && end > from ? (size_t)(end - from) : strlen(from);
  const int at = s->count++;
  s->name[at] = strndup(from, letters);
  s->file[at] = strdup(file);
  free(text);
  if (s->name[at] == NULL || s->file[at] == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot read models");
  }
  if (letters == 0 || s->file[at][0] == '\0' ||
      strchr(s->name[at], '/') != NULL) {
    return ESP_FAIL(ESP_USAGE, "models: \"%.*s\", expected FILE or NAME=FILE",
                    (int)length, line);
  }
  for (int i = 0; i < at; i++) {
    if (strcmp(s->name[i], s->name[at]) != 0) continue;
    return ESP_FAIL(ESP_USAGE,
                    "models: two are named %s: give one as NAME=FILE",
                    s->name[at]);
  }
  return ESP_OK;
}

static esp_status read_lines(several *s, const char *list) {
  while (*list != '\0') {
    const size_t length = strcspn(list, "\n");
    if (length > 0) ESP_TRY(read_line(s, list, length));
    list += length + (list[length] == '\n');
  }
  return ESP_OK;
}

// Rank 0 alone finds out what a model says of itself, which takes reading all
// of it; the others get it with esp_models_share().
static esp_status load_one(const esp_running *run, const char *file,
                           esp_graph **graph, esp_model_info *info) {
  *info = (esp_model_info){0};
  return esp_model_load(file, graph,
                        esp_comm_rank(run->comm) == 0 ? info : NULL);
}

void esp_models_share(esp_running *run) {
  esp_comm_broadcast(run->comm, 0, &run->info, sizeof run->info);
}

// What is said of one goes for all, the hash is of all.
static esp_status load_all(esp_running *run, several *s) {
  uint64_t hash = ESP_HASH_BEGIN;
  for (int m = 0; m < s->count; m++) {
    esp_model_info info;
    ESP_TRY(load_one(run, s->file[m], &s->part[m].graph, &info));
    s->part[m].name = s->name[m];
    hash = esp_hash(hash, &info.hash, sizeof info.hash);
    hash = esp_hash(hash, s->name[m], strlen(s->name[m]) + 1);
    if (m == 0) {
      run->info = info;
    } else {
      run->info.weight_bytes += info.weight_bytes;
      run->info.file_bytes += info.file_bytes;
      run->info.mapped_bytes += info.mapped_bytes;
    }
  }
  run->info.hash = hash;
  return ESP_OK;
}

static esp_status join(esp_running *run, several *s) {
  ESP_TRY(load_all(run, s));
  const esp_status status = esp_graph_join(s->part, s->count, &run->model);
  for (int m = 0; m < s->count; m++) s->part[m].graph = NULL; // taken over
  return status;
}

static char *in_one_line(const char *lines) {
  char *text = strdup(lines);
  for (char *c = text; c != NULL && *c != '\0'; c++) {
    if (*c == '\n') *c = ' ';
  }
  return text;
}

static esp_status load(esp_running *run) {
  const esp_job *job = run->job;
  if (job->models == NULL) {
    return load_one(run, job->model, &run->model, &run->info);
  }
  several *s = calloc(1, sizeof *s);
  if (s == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot read models");
  esp_status status = read_lines(s, job->models);
  if (status == ESP_OK) status = join(run, s);
  for (int m = 0; m < s->count; m++) {
    esp_graph_free(s->part[m].graph);
    free(s->name[m]);
    free(s->file[m]);
  }
  free(s);
  return status;
}

esp_status esp_models_load(esp_running *run) {
  const esp_job *job = run->job;
  run->model_text = in_one_line(job->models != NULL ? job->models : job->model);
  if (run->model_text == NULL) return ESP_FAIL(ESP_NO_MEMORY, "no memory");
  ESP_TRY(esp_precision_named(job->precision, &run->accuracy.precision));
  ESP_TRY(load(run));
  esp_graph_set_precision(run->model, run->accuracy.precision);
  return ESP_OK;
}
// The part of an input's name that says of which model it is; 0: of all.
static size_t model_of(const char *input) {
  const char *slash = strchr(input, '/');
  return slash != NULL ? (size_t)(slash - input) : 0;
}

static bool is_given(const esp_running *run, const char *input) {
  const char *first = run->job->input_name;
  if (first != NULL && strcmp(first, input) == 0) return true;
  for (int i = 1; i < run->sources; i++) {
    if (strcmp(run->given[i].name, input) == 0) return true;
  }
  for (int i = 0; i < run->state.count; i++) {
    if (strcmp(run->state.tie[i].input, input) == 0) return true;
  }
  return false;
}

static esp_status feed_like_first(esp_running *run, const char *input) {
  if (run->sources == ESP_MOST_SOURCES) {
    return ESP_FAIL(ESP_LIMIT, "more than %d inputs of the models are fed",
                    ESP_MOST_SOURCES);
  }
  esp_given *given = &run->given[run->sources++];
  given->name = strdup(input);
  given->spec = strdup(run->given[0].spec);
  given->like_first = true;
  return given->name != NULL && given->spec != NULL
             ? ESP_OK
             : ESP_FAIL(ESP_NO_MEMORY, "cannot feed the models");
}

esp_status esp_models_feed(esp_running *run) {
  const esp_graph *model = run->model;
  if (run->job->models == NULL) return ESP_OK;
  bool by_input = run->job->input_name != NULL; // `input` feeds one already
  const char *before = NULL;
  for (int i = 0; i < model->ninput; i++) {
    const char *name = model->value[model->input[i]].name;
    const size_t length = model_of(name);
    const bool begins = before == NULL || length == 0 ||
                        model_of(before) != length ||
                        strncmp(before, name, length) != 0;
    before = name;
    if (!begins || is_given(run, name)) continue;
    if (by_input) ESP_TRY(feed_like_first(run, name));
    by_input = true;
  }
  return ESP_OK;
}
