// The results file of a job: one dataset for each model output, and for the
// classes and the top k of the scored one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/job_run.h"
#include "kernel/library.h"

typedef struct list {
  esp_result *result;
  int count;
  esp_arena *arena; // of the paths
} list;

// NULL: nothing is to be computed.
static const esp_engine *any_engine(const esp_running *run) {
  if (run->full.exec != NULL) return &run->full;
  return run->tail.exec != NULL ? &run->tail : NULL;
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

static bool is_state(const esp_running *run, int output) {
  for (int i = 0; i < run->state.count; i++) {
    if (run->state.carry[i].output == output) return true;
  }
  return false;
}

static esp_status add_output(esp_running *run, list *l, int i,
                             const esp_value *value, int64_t batch) {
  char text[ESP_SHAPE_TEXT];
  esp_shape shape = value->tensor.shape;
  if (is_state(run, i) && shape.ndim < ESP_MAX_NDIM) { // kept as it is, by row
    memmove(shape.dim + 1, shape.dim, (size_t)shape.ndim * sizeof *shape.dim);
    shape.ndim++;
  } else if (shape.ndim == 0 || shape.dim[0] != batch) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "output \"%s\" has shape %s for a batch of %lld samples: "
                    "its first axis is not the sample",
                    value->name, esp_shape_text(&shape, text),
                    (long long)batch);
  }
  char *path = NULL;
  ESP_TRY(esp_results_path("/outputs", value->name, &path));
  const esp_status status = add(l, path, value->name, value->tensor.type,
                                &shape, run->samples, &run->result_of[i]);
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
  s->classes = classes;
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
  const esp_graph *graph = engine != NULL ? engine->graph : NULL;
  int64_t batch = engine != NULL ? engine->batch : run->batch;
  if (graph == NULL) {
    const esp_build_options how = {.model = run->model,
                                   .machine = &run->machine,
                                   .batch = batch,
                                   .ranks = 1,
                                   .workers = 1,
                                   .width = 1};
    ESP_TRY(esp_build(&how, &spare));
    graph = spare.graph;
  }
  esp_status status = esp_state_check(run, graph);
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

// Making the file, or going on with it ----------------------------------------

// Copies the rows that are done from a results file to one for more samples.
// Each rank takes its share.
static esp_status copy_result(const esp_running *run, const esp_result *result,
                              int which, esp_results *to) {
  enum { PIECE = 8 << 20 };
  char *spec = NULL;
  if (asprintf(&spec, "%s:%s", run->job->output, result->path) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot copy the results");
  }
  esp_dataset *from = NULL;
  esp_status status = esp_dataset_open(spec, &from);
  free(spec);
  ESP_TRY(status);
  const size_t row =
      (size_t)esp_shape_product(&result->shape, 1, result->shape.ndim) *
      esp_dtype_bytes(result->type);
  const int64_t rows = row < PIECE ? PIECE / (int64_t)(row + 1) + 1 : 1;
  const int ranks = esp_comm_size(run->comm), me = esp_comm_rank(run->comm);
  void *block = NULL;
  status = esp_allocate((size_t)rows * row, &block);
  for (int64_t at = me * rows; at < run->past.samples && status == ESP_OK;
       at += ranks * rows) {
    const int64_t left = run->past.samples - at;
    const int64_t count = left < rows ? left : rows;
    status = esp_dataset_read(from, at, count, block);
    if (status == ESP_OK) {
      status = esp_results_write(to, which, at, count, block);
    }
  }
  esp_free(block);
  esp_dataset_close(from);
  return status;
}

static esp_status copy_done(esp_running *run, const list *l, const char *part) {
  esp_results *to = NULL;
  ESP_TRY(esp_results_open(esp_comm_handle(run->comm), part, l->result,
                           l->count, &to));
  esp_status status = ESP_OK;
  for (int i = 0; i < l->count && status == ESP_OK; i++) {
    status = copy_result(run, &l->result[i], i, to);
  }
  status = esp_comm_agree(run->comm, status);
  if (status == ESP_OK && esp_comm_rank(run->comm) == 0) {
    status = esp_results_write_journal(to, &run->past.journal);
  }
  esp_results_close(to);
  return esp_comm_agree(run->comm, status);
}

// Under a name of its own until it is whole.
static esp_status create(esp_running *run, const list *l) {
  const void *group = esp_comm_handle(run->comm);
  char *part = NULL;
  const esp_note *note = NULL;
  int notes = 0;
  esp_status status = esp_resume_notes(run, l->arena, &note, &notes);
  if (status == ESP_OK && asprintf(&part, "%s.part", run->job->output) < 0) {
    part = NULL;
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot name the results");
  }
  status = esp_comm_agree(run->comm, status);
  if (status == ESP_OK) {
    status = esp_results_create(group, part, l->result, l->count, note, notes);
  }
  if (status == ESP_OK && run->past.exists) status = copy_done(run, l, part);
  if (status == ESP_OK) {
    status = esp_results_publish(group, part, run->job->output);
  }
  free(part);
  return status;
}

// "2026-11-25T05:12:33Z espalier 0.1.0, oneDNN 2.6.3 (AVX2), batch 16, 2
// replicas x 1 ranks on node1 x 2, from sample 0"
static esp_status describe_start(const esp_running *run, const char *hosts,
                                 char **line) {
  char when[32] = "", library[128];
  const time_t now = time(NULL);
  struct tm parts;
  if (gmtime_r(&now, &parts) != NULL) {
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
  }
  if (asprintf(line,
               "%s espalier %s, %s, batch %lld, %d replicas x %d ranks on %s, "
               "after %lld samples",
               when, esp_version(), esp_kernel_library(library, sizeof library),
               (long long)run->batch, run->resources.replicas,
               run->resources.ranks_per_replica, hosts != NULL ? hosts : "?",
               (long long)run->resumed_from) < 0) {
    *line = NULL;
    return ESP_FAIL(ESP_NO_MEMORY, "cannot note the start");
  }
  return ESP_OK;
}

static esp_status note_start(esp_running *run) {
  esp_journal *journal = &run->past.journal;
  char *hosts = NULL, *line = NULL;
  ESP_TRY(esp_report_hosts(run->comm, &hosts));
  esp_status status = ESP_OK;
  if (esp_comm_rank(run->comm) == 0) {
    status = describe_start(run, hosts, &line);
    if (status == ESP_OK) {
      status = esp_results_note_start(run->results, journal->starts, line);
    }
  }
  journal->starts++;
  journal->batch = run->batch;
  if (status == ESP_OK && esp_comm_rank(run->comm) == 0) {
    status = esp_results_write_journal(run->results, journal);
  }
  free(hosts);
  free(line);
  return esp_comm_agree(run->comm, status);
}

static esp_status open_results(esp_running *run, const list *l) {
  const bool grown = run->past.exists && run->past.samples < run->samples;
  if (!run->past.exists || grown) ESP_TRY(create(run, l));
  ESP_TRY(esp_results_open(esp_comm_handle(run->comm), run->job->output,
                           l->result, l->count, &run->results));
  return note_start(run);
}

esp_status esp_outputs_open(esp_running *run) {
  list l = {0};
  esp_status status = esp_arena_create(&l.arena);
  if (status == ESP_OK) status = list_results(run, &l);
  status = esp_comm_agree(run->comm, status);
  if (status == ESP_OK) status = open_results(run, &l);
  free(l.result);
  esp_arena_free(l.arena);
  return status;
}
