// State across rows: which output of the model is which input of the next row,
// where sequences begin, and which of their rows are still to be done.
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "base/memory.h"

// Names -----------------------------------------------------------------------

static esp_status find_output(const esp_running *run, const char *name,
                              int *output) {
  const esp_graph *model = run->model;
  for (*output = 0; *output < model->noutput; ++*output) {
    if (strcmp(model->value[model->output[*output]].name, name) == 0) {
      return ESP_OK;
    }
  }
  return ESP_FAIL(ESP_USAGE, "state: the model has no output named \"%s\"",
                  name);
}

// Rows go one by one: what a state leaves open is the batch.
static void close_shape(esp_value *value) {
  esp_shape *shape = &value->tensor.shape;
  for (int d = 0; d < shape->ndim; d++) {
    if (shape->dim[d] < 0) shape->dim[d] = 1;
  }
}

esp_status esp_state_match(esp_running *run) {
  esp_state *state = &run->state;
  for (int i = 0; i < state->count; i++) {
    const esp_tie *tie = &state->tie[i];
    esp_carry *carry = &state->carry[i];
    carry->input = esp_input_named(run->model, tie->input);
    if (carry->input < 0) return esp_input_missing(run, "state", tie->input);
    for (int k = 0; k < i; k++) {
      if (state->carry[k].input != carry->input) continue;
      return ESP_FAIL(ESP_USAGE, "state: input \"%s\" is given twice",
                      tie->input);
    }
    ESP_TRY(find_output(run, tie->output, &carry->output));
    close_shape(&run->model->value[run->model->input[carry->input]]);
  }
  return ESP_OK;
}

esp_status esp_state_check(const esp_running *run, const esp_graph *graph) {
  const esp_state *state = &run->state;
  for (int i = 0; i < state->count; i++) {
    const esp_tensor
        *from = &graph->value[graph->output[state->carry[i].output]].tensor,
        *to = &graph->value[graph->input[state->carry[i].input]].tensor;
    if (from->type == to->type && esp_shape_equal(&from->shape, &to->shape)) {
      continue;
    }
    char have[ESP_SHAPE_TEXT], want[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_BAD_INPUT,
                    "state: output \"%s\" is %s %s, but input \"%s\" takes %s "
                    "%s",
                    state->tie[i].output, esp_dtype_text(from->type),
                    esp_shape_text(&from->shape, have), state->tie[i].input,
                    esp_dtype_text(to->type), esp_shape_text(&to->shape, want));
  }
  return ESP_OK;
}

// Sequences -------------------------------------------------------------------

esp_status esp_state_open(esp_running *run) {
  esp_state *state = &run->state;
  if (state->files == NULL) return ESP_OK;
  ESP_TRY(esp_dataset_open(state->files, &state->sequence));
  const esp_dataset_info *info = esp_dataset_get_info(state->sequence);
  if (!esp_dtype_is_integer(info->type) ||
      esp_shape_product(&info->shape, 1, info->shape.ndim) != 1) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "sequence %s must be one integer for each row",
                    run->job->sequence);
  }
  if (info->shape.dim[0] >= run->samples) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "sequence %s has %lld rows for %lld samples",
                  run->job->sequence, (long long)info->shape.dim[0],
                  (long long)run->samples);
}

void esp_state_close(esp_running *run) {
  esp_dataset_close(run->state.sequence);
  free(run->state.chain);
}

// Marks the rows of a piece, whose ids are read, that begin a sequence.  `last`
// is the id before it, of which there is none for the first row.
static void mark_changes(const char *id, size_t bytes, int64_t first,
                         int64_t count, const char *last, bool *begins) {
  for (int64_t i = 0; i < count; i++) {
    const char *mine = id + (size_t)i * bytes;
    begins[first + i] = first + i == 0 || memcmp(mine, last, bytes) != 0;
    last = mine;
  }
}

static esp_status read_changes(const esp_running *run, bool *begins) {
  enum { PIECE = 1 << 16 };
  esp_dataset *sequence = run->state.sequence;
  const size_t bytes = esp_dtype_bytes(esp_dataset_get_info(sequence)->type);
  char last[sizeof(int64_t)] = {0};
  void *block = NULL;
  ESP_TRY(esp_allocate(PIECE * bytes, &block));
  esp_status status = ESP_OK;
  for (int64_t at = 0; at < run->samples && status == ESP_OK; at += PIECE) {
    const int64_t left = run->samples - at;
    const int64_t count = left < PIECE ? left : PIECE;
    status = esp_dataset_read(sequence, at, count, block);
    if (status != ESP_OK) break;
    mark_changes(block, bytes, at, count, last, begins);
    memcpy(last, (char *)block + (size_t)(count - 1) * bytes, bytes);
  }
  esp_free(block);
  return status;
}

static esp_status find_begins(const esp_running *run, bool *begins) {
  if (run->state.sequence != NULL) return read_changes(run, begins);
  for (int64_t row = 0; row < run->samples;) {
    begins[row] = true;
    row = esp_dataset_file_end(run->source[0].dataset, row);
  }
  return ESP_OK;
}

// The long ones first, so that the replicas end together.
static int longest_first(const void *a, const void *b) {
  const esp_chain *x = a, *y = b;
  if (x->count != y->count) return x->count > y->count ? -1 : 1;
  return x->first < y->first ? -1 : 1;
}

// Rows that follow one another in one sequence and are all to be done.
static void link_rows(esp_running *run, const bool *begins) {
  esp_state *state = &run->state;
  for (int64_t i = 0; i < run->npending; i++) {
    const int64_t row = run->pending[i];
    if (i == 0 || begins[row] || run->pending[i - 1] != row - 1) {
      state->chain[state->chains++] =
          (esp_chain){.first = i, .fresh = begins[row]};
    }
    state->chain[state->chains - 1].count++;
  }
  qsort(state->chain, (size_t)state->chains, sizeof *state->chain,
        longest_first);
}

esp_status esp_state_list(esp_running *run) {
  if (run->state.count == 0) return ESP_OK;
  void *begins = NULL, *chains = NULL;
  ESP_TRY(esp_allocate_zero((size_t)run->samples + 1, sizeof(bool), &begins));
  esp_status status = find_begins(run, begins);
  if (status == ESP_OK) {
    chains = calloc((size_t)run->npending + 1, sizeof(esp_chain));
    if (chains == NULL) {
      status = ESP_FAIL(ESP_NO_MEMORY, "cannot list the sequences");
    }
  }
  if (status == ESP_OK) {
    run->state.chain = chains;
    link_rows(run, begins);
  }
  esp_free(begins);
  return status;
}
