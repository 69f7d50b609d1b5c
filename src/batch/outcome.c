// What is made of a batch beside its outputs: classes, top k, right answers.
#include <stdlib.h>

#include "base/memory.h"
#include "batch/private.h"

static bool wanted(const esp_scoring *s) {
  return s->labels != NULL || s->argmax >= 0 || s->top_k > 0;
}

esp_status esp_outcome_open(esp_runner *runner) {
  const esp_scoring *s = &runner->options->scoring;
  if (!wanted(s)) return ESP_OK;
  const size_t rows = (size_t)runner->options->full.batch + 1;
  const size_t top = rows * (size_t)(s->top_k > 0 ? s->top_k : 1);
  runner->picked = calloc(rows, sizeof *runner->picked);
  runner->labels = calloc(rows, sizeof *runner->labels);
  runner->raw_labels = calloc(rows, sizeof(int64_t));
  runner->top_values = calloc(top, sizeof *runner->top_values);
  runner->top_indices = calloc(top, sizeof *runner->top_indices);
  if (runner->picked == NULL || runner->labels == NULL ||
      runner->raw_labels == NULL || runner->top_values == NULL ||
      runner->top_indices == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot score batches of %zu", rows);
  }
  return ESP_OK;
}

void esp_outcome_close(esp_runner *runner) {
  free(runner->picked);
  free(runner->labels);
  free(runner->raw_labels);
  free(runner->top_values);
  free(runner->top_indices);
}

#define WIDEN(type)                                                            \
  for (int64_t i = 0; i < count; i++) {                                        \
    runner->labels[i] = (int64_t)((const type *)runner->raw_labels)[i];        \
  }

static esp_status read_labels(esp_runner *runner, int64_t first,
                              int64_t count) {
  esp_dataset *labels = runner->options->scoring.labels;
  ESP_TRY(esp_dataset_read(labels, first, count, runner->raw_labels));
  switch (esp_dataset_get_info(labels)->type) {
  case ESP_UINT8:
    WIDEN(uint8_t) break;
  case ESP_INT8:
    WIDEN(int8_t) break;
  case ESP_UINT16:
    WIDEN(uint16_t) break;
  case ESP_INT16:
    WIDEN(int16_t) break;
  case ESP_UINT32:
    WIDEN(uint32_t) break;
  case ESP_INT32:
    WIDEN(int32_t) break;
  case ESP_UINT64:
    WIDEN(uint64_t) break;
  default:
    WIDEN(int64_t) break; // esp_job_run() has refused all others
  }
  return ESP_OK;
}

static esp_status count_right(esp_runner *runner, int64_t first,
                              int64_t count) {
  ESP_TRY(read_labels(runner, first, count));
  for (int64_t i = 0; i < count; i++) {
    runner->result->right += runner->picked[i] == runner->labels[i];
  }
  return ESP_OK;
}

esp_status esp_outcome_write(esp_runner *runner, const esp_seat *seat) {
  const esp_batch_options *o = runner->options;
  const esp_scoring *s = &o->scoring;
  if (!wanted(s)) return ESP_OK;
  const esp_graph *graph = seat->engine->graph;
  const int value = graph->output[s->output];
  const esp_shape *shape = &graph->value[value].tensor.shape;
  const int64_t classes = esp_shape_product(shape, 1, shape->ndim);
  const float *rows = esp_exec_value(seat->engine->exec, seat->slot, value);
  for (int64_t i = 0; i < seat->count; i++) {
    runner->picked[i] = esp_argmax(rows + i * classes, classes);
    if (s->top_k > 0) {
      esp_top_k(rows + i * classes, classes, s->top_k,
                runner->top_values + i * s->top_k,
                runner->top_indices + i * s->top_k);
    }
  }
  if (s->argmax >= 0) {
    ESP_TRY(esp_results_write(o->results, s->argmax, seat->first, seat->count,
                              runner->picked));
  }
  if (s->top_k > 0) {
    ESP_TRY(esp_results_write(o->results, s->top_values, seat->first,
                              seat->count, runner->top_values));
    ESP_TRY(esp_results_write(o->results, s->top_indices, seat->first,
                              seat->count, runner->top_indices));
  }
  return s->labels != NULL ? count_right(runner, seat->first, seat->count)
                           : ESP_OK;
}

// The rows are read from the results: the scores of a run that was cut off went
// with it.
static esp_status score_written(esp_runner *runner, int64_t first,
                                int64_t count, float *rows, int64_t classes) {
  const esp_batch_options *o = runner->options;
  const int which = o->result_of[o->scoring.output];
  ESP_TRY(esp_results_read(o->results, which, first, count, rows));
  for (int64_t i = 0; i < count; i++) {
    runner->picked[i] = esp_argmax(rows + i * classes, classes);
  }
  return count_right(runner, first, count);
}

esp_status esp_outcome_score_done(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  if (o->scoring.labels == NULL || o->done_before == 0 || o->first > 0 ||
      esp_comm_rank(o->group) != 0) {
    return ESP_OK;
  }
  const int64_t replica = esp_comm_rank(o->world) / esp_comm_size(o->group);
  const int64_t classes = o->scoring.classes;
  void *rows = NULL;
  ESP_TRY(
      esp_allocate((size_t)(o->full.batch * classes) * sizeof(float), &rows));
  esp_status status = ESP_OK;
  int64_t next = 0; // of the pending ones
  for (int64_t n = 0; n * o->full.batch < o->samples && status == ESP_OK; n++) {
    if (next < o->npending && o->pending[next] == n) {
      next++;
    } else if (n % o->replicas == replica) {
      int64_t first, count;
      esp_runner_rows(o, n, &first, &count);
      status = score_written(runner, first, count, rows, classes);
    }
  }
  esp_free(rows);
  return status;
}
