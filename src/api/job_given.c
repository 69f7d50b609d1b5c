// What a job says of the model's inputs, by name: which files, which number,
// which output of the row before.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"

// A line NAME=REST.
typedef struct pair {
  const char *name, *rest;
  size_t name_length, rest_length;
} pair;

// Takes the next line of a list; false: there is none.
static bool next_line(const char **list, pair *p) {
  const char *line = *list;
  if (line == NULL || *line == '\0') return false;
  const size_t length = strcspn(line, "\n"), name = strcspn(line, "=\n");
  *p = (pair){.name = line, .name_length = name, .rest = line + length};
  if (name < length) {
    p->rest = line + name + 1;
    p->rest_length = length - name - 1;
  }
  *list = line + length + (line[length] == '\n');
  return true;
}

static esp_status wrong_line(const char *key, const pair *p,
                             const char *expected) {
  return ESP_FAIL(ESP_USAGE, "%s: \"%.*s\", expected %s", key,
                  (int)(p->rest + p->rest_length - p->name), p->name, expected);
}

static esp_status too_many(void) {
  return ESP_FAIL(ESP_LIMIT, "more than %d inputs of the model are fed",
                  ESP_MOST_SOURCES);
}

static esp_status copy(const char *text, size_t length, char **made) {
  *made = strndup(text, length);
  return *made != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot feed");
}

// Finds, or adds, what is given for a model input.  The first is that of the
// key `input`, whose name may be NULL.
static esp_status given_for(esp_running *run, const pair *p,
                            esp_given **given) {
  for (int i = 1; i < run->sources; i++) {
    *given = &run->given[i];
    if (strlen((*given)->name) == p->name_length &&
        strncmp((*given)->name, p->name, p->name_length) == 0) {
      return ESP_OK;
    }
  }
  if (run->sources == ESP_MOST_SOURCES) return too_many();
  *given = &run->given[run->sources];
  ESP_TRY(copy(p->name, p->name_length, &(*given)->name));
  run->sources++;
  return ESP_OK;
}

static esp_status append_line(char **lines, const char *line, size_t length) {
  char *made = NULL;
  if (asprintf(&made, "%s%s%.*s", *lines != NULL ? *lines : "",
               *lines != NULL ? "\n" : "", (int)length, line) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot feed the model");
  }
  free(*lines);
  *lines = made;
  return ESP_OK;
}

// Is the rest of a line a number, and nothing else?
static bool is_number(const pair *p, double *value) {
  char *end;
  *value = strtod(p->rest, &end);
  return p->rest_length > 0 && end == p->rest + p->rest_length;
}

static esp_status add_fixed(esp_running *run, const pair *p, double value) {
  if (run->nfixed == ESP_MOST_SOURCES) return too_many();
  esp_fixed *fixed = &run->fixed_input[run->nfixed];
  ESP_TRY(copy(p->name, p->name_length, &fixed->name));
  fixed->value = value;
  run->nfixed++;
  return ESP_OK;
}

// Lines of NAME=FILE:/DATASET, of which those of one name are one long dataset,
// and of NAME=NUMBER.
static esp_status read_inputs(esp_running *run) {
  const esp_job *job = run->job;
  run->sources = 1;
  ESP_TRY(append_line(&run->given[0].spec, job->input, strlen(job->input)));
  const char *list = job->inputs;
  for (pair p; next_line(&list, &p);) {
    double value;
    esp_given *given = NULL;
    if (p.name_length == 0 || p.rest_length == 0) {
      return wrong_line("inputs", &p, "NAME=FILE:/DATASET or NAME=NUMBER");
    }
    if (is_number(&p, &value)) {
      ESP_TRY(add_fixed(run, &p, value));
      continue;
    }
    ESP_TRY(given_for(run, &p, &given));
    ESP_TRY(append_line(&given->spec, p.rest, p.rest_length));
  }
  return ESP_OK;
}

// Lines of INPUT=OUTPUT.
static esp_status read_state(esp_running *run) {
  esp_state *state = &run->state;
  const char *list = run->job->state;
  for (pair p; next_line(&list, &p);) {
    if (p.name_length == 0 || p.rest_length == 0) {
      return wrong_line("state", &p, "INPUT=OUTPUT, two names of the model");
    }
    if (state->count == ESP_MOST_SOURCES) return too_many();
    esp_tie *tie = &state->tie[state->count++];
    ESP_TRY(copy(p.name, p.name_length, &tie->input));
    ESP_TRY(copy(p.rest, p.rest_length, &tie->output));
  }
  return ESP_OK;
}

static esp_status read_lists(esp_running *run) {
  ESP_TRY(read_inputs(run));
  return read_state(run);
}

// All ranks read the files that rank 0 sees.
static esp_status resolve(esp_running *run) {
  for (int i = 0; i < run->sources; i++) {
    char *files = NULL;
    ESP_TRY(esp_job_files(run->comm, run->given[i].spec, &files));
    free(run->given[i].spec);
    run->given[i].spec = files;
  }
  const esp_job *job = run->job;
  if (job->sequence != NULL) {
    ESP_TRY(esp_job_files(run->comm, job->sequence, &run->state.files));
  }
  if (job->labels == NULL) return ESP_OK;
  return esp_job_files(run->comm, job->labels, &run->label_files);
}

esp_status esp_given_read(esp_running *run) {
  ESP_TRY(esp_comm_agree(run->comm, read_lists(run)));
  return resolve(run);
}

void esp_given_end(esp_running *run) {
  for (int i = 0; i < run->sources; i++) {
    free(run->given[i].name);
    free(run->given[i].spec);
  }
  for (int i = 0; i < run->nfixed; i++) free(run->fixed_input[i].name);
  for (int i = 0; i < run->state.count; i++) {
    free(run->state.tie[i].input);
    free(run->state.tie[i].output);
  }
  free(run->state.files);
  free(run->label_files);
}
