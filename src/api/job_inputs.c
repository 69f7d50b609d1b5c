// Model and data of a job: which dataset feeds which input of the model.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "base/memory.h"

int esp_input_named(const esp_graph *model, const char *name) {
  for (int i = 0; i < model->ninput; i++) {
    if (strcmp(model->value[model->input[i]].name, name) == 0) return i;
  }
  return -1;
}

static bool is_fed(const esp_running *run, int from, int input) {
  for (int i = from; i < run->sources; i++) {
    if (run->source[i].input == input) return true;
  }
  for (int i = 0; i < run->state.count; i++) {
    if (run->state.carry[i].input == input) return true;
  }
  return false;
}

// The names of the inputs that nothing feeds, or of all.
static void list_inputs(const esp_running *run, bool unfed, char text[400]) {
  size_t at = 0;
  text[0] = '\0';
  for (int i = 0; i < run->model->ninput && at < 300; i++) {
    if (unfed && is_fed(run, 0, i)) continue;
    const int wrote =
        snprintf(text + at, 400 - at, "%s%.80s", at > 0 ? ", " : "",
                 run->model->value[run->model->input[i]].name);
    at += (size_t)wrote;
  }
}

esp_status esp_input_missing(const esp_running *run, const char *key,
                             const char *name) {
  char names[400];
  list_inputs(run, false, names);
  return ESP_FAIL(ESP_USAGE,
                  "%s: the model has no input named \"%s\"; it has %s", key,
                  name, names);
}

// `input` feeds the input that it names, or the one that nothing else feeds.
static esp_status match_inputs(esp_running *run) {
  const esp_graph *model = run->model;
  const char *first = run->job->input_name;
  for (int i = 1; i < run->sources; i++) {
    run->source[i].input = esp_input_named(model, run->given[i].name);
    if (run->source[i].input < 0) {
      return esp_input_missing(run, "inputs", run->given[i].name);
    }
  }
  run->source[0].input = -1;
  if (first != NULL) {
    run->source[0].input = esp_input_named(model, first);
    if (run->source[0].input < 0)
      return esp_input_missing(run, "input_name", first);
  }
  for (int i = 0; i < model->ninput && run->source[0].input < 0; i++) {
    if (!is_fed(run, 1, i)) run->source[0].input = i;
  }
  const int fed = run->sources + run->state.count;
  if (model->ninput == fed && run->source[0].input >= 0 &&
      !is_fed(run, 1, run->source[0].input)) {
    return ESP_OK;
  }
  char names[400];
  list_inputs(run, first != NULL || run->sources > 1, names);
  return ESP_FAIL(ESP_USAGE,
                  "the model has %d inputs, and %d are fed: give the others "
                  "as inputs: NAME=FILE:/DATASET or NAME=NUMBER, or as state: "
                  "INPUT=OUTPUT (%s)",
                  model->ninput, fed, names);
}

// The inputs that have one value for all rows are constants of the model.
static esp_status fix_inputs(esp_running *run) {
  for (int i = 0; i < run->nfixed; i++) {
    const esp_fixed *f = &run->fixed_input[i];
    const int input = esp_input_named(run->model, f->name);
    if (input < 0) return esp_input_missing(run, "inputs", f->name);
    ESP_TRY(esp_optimise_fix(run->model, input, f->value));
  }
  return ESP_OK;
}

// "1/255" divides by 255, "0.5" multiplies.
static esp_status read_scale(const char *text, esp_feed *feed) {
  if (text == NULL) return ESP_OK;
  char *end;
  double value = strtod(text, &end);
  if (value == 1 && *end == '/') {
    value = strtod(end + 1, &end);
    feed->divide = value;
  } else {
    feed->multiply = value;
  }
  if (*end != '\0' || value == 0) {
    return ESP_FAIL(ESP_USAGE, "scale is \"%s\", expected a number or 1/number",
                    text);
  }
  return ESP_OK;
}

static esp_status feed_model(esp_running *run, int i) {
  const esp_dataset_info *info = esp_dataset_get_info(run->source[i].dataset);
  esp_feed feed = {.type = info->type, .row = {.ndim = info->shape.ndim - 1}};
  for (int d = 0; d < feed.row.ndim; d++) {
    feed.row.dim[d] = info->shape.dim[d + 1];
  }
  // The others are given as they are.
  if (i == 0 || run->given[i].like_first) {
    const char *layout = run->job->layout;
    feed.channels_last = layout != NULL && strcmp(layout, "NHWC") == 0;
    ESP_TRY(read_scale(run->job->scale, &feed));
  }
  return esp_optimise_feed(run->model, run->source[i].input, &feed);
}

static int64_t rows_of(const esp_dataset *dataset) {
  return esp_dataset_get_info(dataset)->shape.dim[0];
}

static esp_status count_samples(esp_running *run) {
  const int64_t rows = rows_of(run->source[0].dataset);
  run->samples = run->job->samples >= 0 ? run->job->samples : rows;
  if (run->samples > rows) {
    return ESP_FAIL(ESP_BAD_INPUT, "samples is %lld, but %s has %lld rows",
                    (long long)run->samples, run->job->input, (long long)rows);
  }
  for (int i = 1; i < run->sources; i++) {
    if (rows_of(run->source[i].dataset) >= run->samples) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "inputs: %s has %lld rows for %lld samples",
                    run->given[i].name,
                    (long long)rows_of(run->source[i].dataset),
                    (long long)run->samples);
  }
  if (run->labels == NULL) return ESP_OK;
  const esp_dataset_info *labels = esp_dataset_get_info(run->labels);
  if (!esp_dtype_is_integer(labels->type) ||
      esp_shape_product(&labels->shape, 1, labels->shape.ndim) != 1) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "labels %s must be one integer for each sample",
                    run->job->labels);
  }
  if (labels->shape.dim[0] < run->samples) {
    return ESP_FAIL(ESP_BAD_INPUT, "labels %s has %lld rows for %lld samples",
                    run->job->labels, (long long)labels->shape.dim[0],
                    (long long)run->samples);
  }
  return ESP_OK;
}

static esp_status open_all(esp_running *run) {
  ESP_TRY(esp_models_load(run));
  ESP_TRY(fix_inputs(run));
  ESP_TRY(esp_state_match(run));
  ESP_TRY(esp_models_feed(run));
  ESP_TRY(match_inputs(run));
  for (int i = 0; i < run->sources; i++) {
    ESP_TRY(esp_dataset_open(run->given[i].spec, &run->source[i].dataset));
  }
  if (run->label_files != NULL) {
    ESP_TRY(esp_dataset_open(run->label_files, &run->labels));
  }
  ESP_TRY(count_samples(run));
  ESP_TRY(esp_state_open(run));
  int input[ESP_MOST_SOURCES];
  for (int i = 0; i < run->sources; i++) {
    input[i] = run->source[i].input;
    ESP_TRY(feed_model(run, i));
  }
  if (run->state.count > 0) return ESP_OK; // a row at a time
  return esp_optimise_coupling(run->model, input, run->sources, &run->coupling);
}

esp_status esp_inputs_open(esp_running *run) {
  ESP_TRY(esp_given_read(run));
  ESP_TRY(esp_comm_agree(run->comm, open_all(run)));
  esp_models_share(run);
  return ESP_OK;
}

void esp_inputs_close(esp_running *run) {
  for (int i = 0; i < run->sources; i++) {
    esp_dataset_close(run->source[i].dataset);
  }
  esp_dataset_close(run->labels);
  free(run->model_text);
  esp_state_close(run);
  esp_given_end(run);
}

// As many rows as there are, and zeros.
static esp_status read_source(const esp_running *run, int i, int64_t rows,
                              esp_tensor *tensor) {
  esp_dataset *dataset = run->source[i].dataset;
  const esp_dataset_info *info = esp_dataset_get_info(dataset);
  *tensor = (esp_tensor){.type = info->type, .shape = info->shape};
  tensor->shape.dim[0] = rows;
  ESP_TRY(esp_allocate_zero(1, esp_tensor_bytes(tensor), &tensor->data));
  const int64_t there = rows_of(dataset);
  return esp_dataset_read(dataset, 0, rows < there ? rows : there,
                          tensor->data);
}

// What a state begins with.
static esp_status make_zeros(const esp_running *run, int input,
                             esp_tensor *tensor) {
  *tensor = run->model->value[run->model->input[input]].tensor;
  const size_t bytes = esp_tensor_bytes(tensor);
  ESP_TRY(esp_allocate(bytes, &tensor->data));
  memset(tensor->data, 0, bytes);
  return ESP_OK;
}

esp_status esp_inputs_read(const esp_running *run, int64_t rows,
                           esp_tensor **tensors) {
  esp_tensor *made = calloc((size_t)run->model->ninput + 1, sizeof *made);
  if (made == NULL)
    return ESP_FAIL(ESP_NO_MEMORY, "cannot read the first rows");
  *tensors = made;
  for (int i = 0; i < run->sources; i++) {
    ESP_TRY(read_source(run, i, rows, &made[run->source[i].input]));
  }
  for (int i = 0; i < run->state.count; i++) {
    const int input = run->state.carry[i].input;
    ESP_TRY(make_zeros(run, input, &made[input]));
  }
  return ESP_OK;
}

void esp_inputs_free(esp_tensor *tensors, int count) {
  for (int i = 0; tensors != NULL && i < count; i++) esp_free(tensors[i].data);
  free(tensors);
}
