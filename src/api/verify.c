// ONNX test-case directories: model.onnx, and test_data_set_*/ with input_*.pb
// and output_*.pb.
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/private.h"
#include "optimise/optimise.h"

typedef struct test_set {
  esp_arena *arena;
  int inputs, outputs;
  esp_tensor *input, *output;
} test_set;

// "<folder>/<prefix>_<number>.pb"; free().
static char *file_name(const char *folder, const char *prefix, int number) {
  char *made = NULL;
  if (asprintf(&made, "%s/%s_%d.pb", folder, prefix, number) < 0) return NULL;
  return made;
}

static int count_files(const char *folder, const char *prefix) {
  int count = 0;
  for (;; count++) {
    char *path = file_name(folder, prefix, count);
    struct stat found;
    const bool there = path != NULL && stat(path, &found) == 0;
    free(path);
    if (!there) return count;
  }
}

static esp_status read_tensors(test_set *set, const char *folder,
                               const char *prefix, int count,
                               esp_tensor **tensors) {
  void *block;
  ESP_TRY(
      esp_arena_take(set->arena, (size_t)count + 1, sizeof **tensors, &block));
  *tensors = block;
  for (int i = 0; i < count; i++) {
    char *path = file_name(folder, prefix, i);
    const char *name;
    const esp_status status =
        path != NULL
            ? esp_model_read_tensor(path, set->arena, &(*tensors)[i], &name)
            : ESP_FAIL(ESP_NO_MEMORY, "cannot read the case");
    free(path);
    ESP_TRY(status);
  }
  return ESP_OK;
}

static esp_status read_set(const char *folder, test_set *set) {
  set->inputs = count_files(folder, "input");
  set->outputs = count_files(folder, "output");
  ESP_TRY(esp_arena_create(&set->arena));
  ESP_TRY(read_tensors(set, folder, "input", set->inputs, &set->input));
  return read_tensors(set, folder, "output", set->outputs, &set->output);
}

// Makes the graph for these inputs.  Small integers may decide shapes, so their
// content is told; a model that is refused with it is not refused for it.
static esp_status make_graph(const esp_graph *model, const test_set *set,
                             esp_graph **graph) {
  if (model->ninput != set->inputs) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d input files for %d inputs of the model",
                    set->inputs, model->ninput);
  }
  esp_tensor *shown = calloc((size_t)set->inputs + 1, sizeof *shown);
  const esp_tensor **list = calloc((size_t)set->inputs + 1, sizeof *list);
  esp_status status = ESP_OK;
  if (shown == NULL || list == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot run the case");
  }
  for (int i = 0; i < set->inputs && status == ESP_OK; i++) {
    shown[i] = set->input[i];
    list[i] = &shown[i];
    shown[i].data = NULL;
  }
  const esp_optimise_options how = {.batch = 1, .input = list};
  if (status == ESP_OK) status = esp_optimise(model, &how, graph);
  if (status == ESP_UNSUPPORTED) {
    for (int i = 0; i < set->inputs; i++) shown[i].data = set->input[i].data;
    status = esp_optimise(model, &how, graph);
  }
  free(list);
  free(shown);
  return status;
}

// One number of a tensor as a double; complex and text are not compared here.
static double number(const esp_tensor *t, int64_t i) {
  switch (t->type) {
  case ESP_FLOAT:
    return (double)((const float *)t->data)[i];
  case ESP_DOUBLE:
    return ((const double *)t->data)[i];
  case ESP_FLOAT16:
    return (double)esp_from_float16(((const uint16_t *)t->data)[i]);
  case ESP_BFLOAT16:
    return (double)esp_from_bfloat16(((const uint16_t *)t->data)[i]);
  case ESP_BOOL:
  case ESP_UINT8:
    return ((const uint8_t *)t->data)[i];
  case ESP_INT8:
    return ((const int8_t *)t->data)[i];
  case ESP_UINT16:
    return ((const uint16_t *)t->data)[i];
  case ESP_INT16:
    return ((const int16_t *)t->data)[i];
  case ESP_UINT32:
    return ((const uint32_t *)t->data)[i];
  case ESP_INT32:
    return ((const int32_t *)t->data)[i];
  case ESP_UINT64:
    return (double)((const uint64_t *)t->data)[i];
  case ESP_INT64:
    return (double)((const int64_t *)t->data)[i];
  default:
    return (double)NAN;
  }
}

static bool close_enough(double got, double want, double rtol, double atol) {
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
  if (got == want) return true;
  return fabs(got - want) <= atol + rtol * fabs(want);
}

// ESP_CANCELLED says "computed, but another result"; the message tells which.
static esp_status compare(const esp_tensor *got, const esp_tensor *want,
                          const char *name, double rtol, double atol) {
  char first[ESP_SHAPE_TEXT], second[ESP_SHAPE_TEXT];
  if (got->type != want->type || !esp_shape_equal(&got->shape, &want->shape)) {
    return ESP_FAIL(
        ESP_CANCELLED, "output \"%s\" is %s %s, expected %s %s", name,
        esp_dtype_text(got->type), esp_shape_text(&got->shape, first),
        esp_dtype_text(want->type), esp_shape_text(&want->shape, second));
  }
  const int64_t count = esp_shape_count(&want->shape);
  int64_t wrong = 0, at = -1;
  for (int64_t i = 0; i < count; i++) {
    if (close_enough(number(got, i), number(want, i), rtol, atol)) continue;
    if (wrong++ == 0) at = i;
  }
  if (wrong == 0) return ESP_OK;
  return ESP_FAIL(ESP_CANCELLED,
                  "output \"%s\": %lld of %lld elements differ, the first is "
                  "element %lld: %.9g, expected %.9g",
                  name, (long long)wrong, (long long)count, (long long)at,
                  number(got, at), number(want, at));
}

typedef struct bench {
  esp_built built;
  esp_workers *workers;
  esp_bell *bell;
  esp_exec *exec;
} bench;

static esp_status open_bench(bench *b) {
  const esp_machine machine = esp_cost_typical();
  b->built.seconds =
      calloc((size_t)b->built.graph->nnode + 1, sizeof *b->built.seconds);
  if (b->built.seconds == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot run the case");
  }
  ESP_TRY(esp_cost_estimate(b->built.graph, &machine, 1, b->built.seconds));
  const esp_plan_problem problem = {.graph = b->built.graph,
                                    .ranks = 1,
                                    .workers = 1,
                                    .width = 1,
                                    .seconds = b->built.seconds,
                                    .message_seconds = 1,
                                    .message_bytes_per_second = 1};
  ESP_TRY(esp_plan_build(&problem, &b->built.plan));
  ESP_TRY(esp_bell_create(&b->bell));
  const esp_workers_options pool = {.count = 1, .width = 1};
  ESP_TRY(esp_workers_open(&pool, &b->workers));
  const esp_exec_options options = {.graph = b->built.graph,
                                    .plan = b->built.plan,
                                    .workers = b->workers,
                                    .bell = b->bell,
                                    .slots = 1};
  return esp_exec_create(&options, &b->exec);
}

static void close_bench(bench *b) {
  esp_workers_close(b->workers);
  esp_exec_free(b->exec);
  esp_bell_free(b->bell);
  esp_build_end(&b->built);
}

static esp_status compute(bench *b, const test_set *set) {
  const esp_graph *graph = b->built.graph;
  for (int i = 0; i < set->inputs; i++) {
    void *to = esp_exec_value(b->exec, 0, graph->input[i]);
    const size_t bytes = esp_tensor_bytes(&set->input[i]);
    if (to != NULL && bytes > 0) memcpy(to, set->input[i].data, bytes);
  }
  esp_status status = ESP_OK;
  const char *message = "";
  esp_exec_start(b->exec, 0, 0);
  for (;;) {
    const uint64_t seen = esp_bell_count(b->bell);
    if (esp_exec_done(b->exec, 0, &status, &message)) break;
    esp_bell_wait(b->bell, seen, -1);
  }
  return status == ESP_OK ? ESP_OK : ESP_FAIL(status, "%s", message);
}

static esp_status compare_outputs(const bench *b, const test_set *set,
                                  double rtol, double atol) {
  const esp_graph *graph = b->built.graph;
  if (graph->noutput < set->outputs) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%d output files for %d outputs of the model", set->outputs,
                    graph->noutput);
  }
  for (int i = 0; i < set->outputs; i++) {
    const esp_value *value = &graph->value[graph->output[i]];
    esp_tensor got = value->tensor;
    got.data = esp_exec_value(b->exec, 0, graph->output[i]);
    ESP_TRY(compare(&got, &set->output[i], value->name, rtol, atol));
  }
  return ESP_OK;
}

static esp_status run_set(const esp_graph *model, const char *folder,
                          double rtol, double atol) {
  test_set set = {0};
  bench b = {0};
  esp_status status = read_set(folder, &set);
  if (status == ESP_OK) status = make_graph(model, &set, &b.built.graph);
  if (status == ESP_OK) status = open_bench(&b);
  if (status == ESP_OK) status = compute(&b, &set);
  if (status == ESP_OK) status = compare_outputs(&b, &set, rtol, atol);
  close_bench(&b);
  esp_arena_free(set.arena);
  return status;
}

static int is_set(const struct dirent *entry) {
  return strncmp(entry->d_name, "test_data_set_", 14) == 0;
}

static esp_status run_sets(const esp_graph *model, const char *directory,
                           double rtol, double atol) {
  struct dirent **entry = NULL;
  const int sets = scandir(directory, &entry, is_set, alphasort);
  esp_status status =
      sets > 0 ? ESP_OK
               : ESP_FAIL(ESP_BAD_INPUT, "no test_data_set_* in %s", directory);
  for (int i = 0; i < sets; i++) {
    char *folder = NULL;
    if (asprintf(&folder, "%s/%s", directory, entry[i]->d_name) < 0) {
      folder = NULL;
    }
    if (status == ESP_OK && folder != NULL) {
      status = run_set(model, folder, rtol, atol);
    }
    free(folder);
    free(entry[i]);
  }
  free(entry);
  return status;
}

static esp_status run_case(const char *directory, double rtol, double atol) {
  char *path = NULL;
  if (asprintf(&path, "%s/model.onnx", directory) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot run the case");
  }
  esp_graph *model = NULL;
  esp_status status = esp_model_load(path, &model, NULL);
  if (status == ESP_OK) status = run_sets(model, directory, rtol, atol);
  esp_graph_free(model);
  free(path);
  return status;
}

esp_verdict esp_verify(const char *directory, double rtol, double atol,
                       char **reason) {
  const esp_status status = run_case(directory, rtol, atol);
  *reason = strdup(status == ESP_OK ? "" : esp_last_error());
  switch (status) {
  case ESP_OK:
    return ESP_CASE_PASS;
  case ESP_CANCELLED:
    return ESP_CASE_FAIL;
  case ESP_UNSUPPORTED:
    return ESP_CASE_UNSUPPORTED;
  default:
    return ESP_CASE_ERROR;
  }
}
