// The results file of a job: one dataset for each model output, and for the
// classes and the top k of the scored one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"

typedef struct list {
  esp_result *result;
  int count;
  esp_arena *arena; // of the paths
} list;

static const esp_engine *any_engine(const esp_running *run) {
  return run->full.exec != NULL ? &run->full : &run->tail;
}

static esp_status add(list *l, const char *path, const char *onnx_name,
                      esp_dtype type, const esp_shape *row, int64_t rows,
                      int *index) {
  char *copy;
  ESP_TRY(esp_arena_string(l->arena, path, &copy));
  esp_result made = {
      .path = copy, .onnx_name = onnx_name, .type = type, .shape = *row};
  made.shape.dim[0] = rows;
  *index = l->count;
  l->result[l->count++] = made;
  return ESP_OK;
}

static esp_status add_output(esp_running *run, list *l, int i,
                             const esp_value *value, int64_t batch) {
  char text[ESP_SHAPE_TEXT];
  const esp_shape *shape = &value->tensor.shape;
  if (shape->ndim == 0 || shape->dim[0] != batch) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "output \"%s\" has shape %s for a batch of %lld samples: "
                    "its first axis is not the sample",
                    value->name, esp_shape_text(shape, text), (long long)batch);
  }
  char *path = NULL;
  ESP_TRY(esp_results_path("/outputs", value->name, &path));
  const esp_status status = add(l, path, value->name, value->tensor.type, shape,
                                run->samples, &run->result_of[i]);
  free(path);
  return status;
}

static esp_status find_scored(esp_running *run, const esp_graph *graph) {
  const esp_job *job = run->job;
  esp_scoring *s = &run->scoring;
  for (int i = 0; i < graph->noutput; i++) {
    const esp_value *value = &graph->value[graph->output[i]];
    if (job->score_output != NULL &&
        strcmp(value->name, job->score_output) != 0) {
      continue;
    }
    s->output = i;
    if (value->tensor.type == ESP_FLOAT && value->tensor.shape.ndim >= 2) {
      return ESP_OK;
    }
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "output \"%s\" cannot be scored: it must be float with a "
                    "value for each class",
                    value->name);
  }
  return ESP_FAIL(ESP_USAGE, "score_output: the model has no output \"%s\"",
                  job->score_output);
}

static esp_status add_made(esp_running *run, list *l, const char *suffix,
                           esp_dtype type, int64_t columns, int *index) {
  const esp_result *scored = &l->result[run->result_of[run->scoring.output]];
  char *path = NULL;
  if (asprintf(&path, "%s_%s", scored->path, suffix) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot name the results");
  }
  const esp_shape row = {.ndim = columns > 0 ? 2 : 1, .dim = {0, columns}};
  const esp_status status = add(l, path, NULL, type, &row, run->samples, index);
  free(path);
  return status;
}

static esp_status add_scoring(esp_running *run, list *l,
                              const esp_graph *graph) {
  const esp_job *job = run->job;
  esp_scoring *s = &run->scoring;
  *s = (esp_scoring){.argmax = -1, .top_values = -1, .top_indices = -1};
  const bool scored = run->labels != NULL &&
                      (job->score == NULL || strcmp(job->score, "none") != 0);
  if (!scored && !job->argmax && job->top_k == 0) return ESP_OK;
  ESP_TRY(find_scored(run, graph));
  const esp_shape *shape = &graph->value[graph->output[s->output]].tensor.shape;
  const int64_t classes = esp_shape_product(shape, 1, shape->ndim);
  if (job->top_k > classes || classes < 1) {
    return ESP_FAIL(ESP_USAGE, "top_k is %lld, but there are %lld classes",
                    (long long)job->top_k, (long long)classes);
  }
  if (scored) s->labels = run->labels;
  s->top_k = (int)job->top_k;
  if (job->argmax) {
    ESP_TRY(add_made(run, l, "argmax", ESP_INT64, 0, &s->argmax));
  }
  if (job->top_k == 0) return ESP_OK;
  ESP_TRY(
      add_made(run, l, "top_k_values", ESP_FLOAT, job->top_k, &s->top_values));
  return add_made(run, l, "top_k_indices", ESP_INT64, job->top_k,
                  &s->top_indices);
}

// Samples of none: the shapes come from a plan for one that is never run.
static esp_status list_results(esp_running *run, list *l) {
  const esp_engine *engine = any_engine(run);
  esp_built spare = {0};
  const esp_graph *graph = engine->graph;
  int64_t batch = engine->batch;
  if (graph == NULL) {
    batch = run->batch;
    const esp_build_options how = {.model = run->model,
                                   .machine = &run->machine,
                                   .batch = batch,
                                   .ranks = 1,
                                   .workers = 1,
                                   .width = 1};
    ESP_TRY(esp_build(&how, &spare));
    graph = spare.graph;
  }
  esp_status status = ESP_OK;
  l->result = calloc((size_t)graph->noutput + 3, sizeof *l->result);
  run->result_of = calloc((size_t)graph->noutput + 1, sizeof *run->result_of);
  if (l->result == NULL || run->result_of == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot list the results");
  }
  for (int i = 0; i < graph->noutput && status == ESP_OK; i++) {
    status = add_output(run, l, i, &graph->value[graph->output[i]], batch);
  }
  if (status == ESP_OK) status = add_scoring(run, l, graph);
  for (int i = 0; i < l->count && status == ESP_OK; i++) {
    if (l->result[i].onnx_name == NULL) continue;
    char *copy; // the spare graph ends here, the list goes on
    status = esp_arena_string(l->arena, l->result[i].onnx_name, &copy);
    if (status == ESP_OK) l->result[i].onnx_name = copy;
  }
  esp_build_end(&spare);
  return status;
}

esp_status esp_outputs_open(esp_running *run) {
  list l = {0};
  esp_status status = esp_arena_create(&l.arena);
  if (status == ESP_OK) status = list_results(run, &l);
  status = esp_comm_agree(run->comm, status);
  if (status == ESP_OK) {
    status = esp_results_create(esp_comm_handle(run->comm), run->job->output,
                                l.result, l.count, &run->results);
  }
  free(l.result);
  esp_arena_free(l.arena);
  return status;
}

esp_status esp_outputs_note(esp_running *run) {
  char hash[32];
  (void)snprintf(hash, sizeof hash, "%016llx",
                 (unsigned long long)run->info.hash);
  const struct {
    const char *name, *text;
  } notes[] = {{"model", run->job->model},
               {"model_hash", hash},
               {"input", run->job->input}};
  for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
    ESP_TRY(esp_results_note(run->results, notes[i].name, notes[i].text));
  }
  ESP_TRY(esp_results_note_number(run->results, "batch", (double)run->batch));
  ESP_TRY(esp_results_note_number(run->results, "replicas",
                                  run->resources.replicas));
  return esp_results_note_number(run->results, "ranks",
                                 esp_comm_size(run->comm));
}
