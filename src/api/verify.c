// ONNX test-case directories: model.onnx, and test_data_set_*/ with input_*.pb
// and output_*.pb.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/compare.h"
#include "api/once.h"
#include "op/walk.h"
#include "optimise/optimise.h"

typedef struct test_set {
  esp_arena *arena; // owns the bytes, and strings that are made
  int inputs, outputs;
  esp_datum **input, **output;
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

// The files <prefix>_*.pb as the model declares these values.
static esp_status read_values(test_set *set, const char *folder,
                              const char *prefix, const esp_graph *model,
                              const int *declared, int count,
                              esp_datum **value) {
  for (int i = 0; i < count; i++) {
    const esp_value *v = &model->value[declared[i]];
    char *path = file_name(folder, prefix, i);
    const esp_status status =
        path != NULL
            ? esp_model_read_value(path, v->kind, set->arena, &value[i])
            : ESP_FAIL(ESP_NO_MEMORY, "cannot read the case");
    free(path);
    ESP_TRY(status);
    esp_tensor *t = &value[i]->tensor; // ONNX's cases store bfloat16 as uint16
    if (v->kind == ESP_KIND_TENSOR && v->tensor.type == ESP_BFLOAT16 &&
        t->type == ESP_UINT16) {
      t->type = ESP_BFLOAT16;
    }
  }
  return ESP_OK;
}

static esp_status read_set(const esp_graph *model, const char *folder,
                           test_set *set) {
  set->inputs = count_files(folder, "input");
  set->outputs = count_files(folder, "output");
  if (set->inputs != model->ninput || set->outputs > model->noutput) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%d input and %d output files for %d inputs and %d outputs "
                    "of the model",
                    set->inputs, set->outputs, model->ninput, model->noutput);
  }
  ESP_TRY(esp_arena_create(&set->arena));
  set->input = calloc((size_t)set->inputs + 1, sizeof *set->input);
  set->output = calloc((size_t)set->outputs + 1, sizeof *set->output);
  if (set->input == NULL || set->output == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot read the case");
  }
  ESP_TRY(read_values(set, folder, "input", model, model->input, set->inputs,
                      set->input));
  return read_values(set, folder, "output", model, model->output, set->outputs,
                     set->output);
}

static void end_set(test_set *set) {
  for (int i = 0; set->input != NULL && i < set->inputs; i++) {
    esp_datum_drop(set->input[i]);
  }
  for (int i = 0; set->output != NULL && i < set->outputs; i++) {
    esp_datum_drop(set->output[i]);
  }
  free(set->input);
  free(set->output);
  esp_arena_free(set->arena);
}

// Makes the graph to be planned.  ESP_UNSUPPORTED: it can only be walked.
static esp_status make_graph(const esp_graph *model, const test_set *set,
                             esp_graph **graph) {
  esp_tensor *shown = calloc((size_t)set->inputs + 1, sizeof *shown);
  const esp_tensor **list = calloc((size_t)set->inputs + 1, sizeof *list);
  esp_status status = ESP_OK;
  if (shown == NULL || list == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot run the case");
  }
  for (int i = 0; i < set->inputs && status == ESP_OK; i++) {
    if (set->input[i]->kind != ESP_KIND_TENSOR ||
        set->input[i]->tensor.type == ESP_STRING) {
      status = ESP_FAIL(ESP_UNSUPPORTED, "input %d cannot be planned", i);
      break;
    }
    shown[i] = set->input[i]->tensor;
    shown[i].data = NULL;
    list[i] = &shown[i];
  }
  const esp_optimise_options how = {.batch = 1, .input = list};
  if (status == ESP_OK) status = esp_optimise(model, &how, graph);
  free(list);
  free(shown);
  return status;
}

static esp_status compare_planned(const esp_once *once, const test_set *set,
                                  double rtol, double atol) {
  const esp_graph *graph = once->graph;
  for (int i = 0; i < set->outputs; i++) {
    const esp_value *value = &graph->value[graph->output[i]];
    esp_datum *got;
    esp_tensor tensor = value->tensor;
    tensor.data = esp_exec_value(once->exec, 0, graph->output[i]);
    ESP_TRY(esp_datum_borrow(&tensor, &got));
    const esp_status status =
        esp_compare(got, set->output[i], value->name, rtol, atol);
    esp_datum_drop(got);
    ESP_TRY(status);
  }
  return ESP_OK;
}

static esp_status run_planned(const esp_graph *graph, const test_set *set,
                              double rtol, double atol) {
  esp_once once = {0};
  const esp_tensor **input = calloc((size_t)set->inputs + 1, sizeof *input);
  esp_status status = input != NULL
                          ? esp_once_open(graph, 1, &once)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot run the case");
  if (status == ESP_OK) {
    for (int i = 0; i < set->inputs; i++) input[i] = &set->input[i]->tensor;
    status = esp_once_run(&once, input);
  }
  if (status == ESP_OK) status = compare_planned(&once, set, rtol, atol);
  esp_once_close(&once);
  free(input);
  return status;
}

static esp_status run_walked(const esp_graph *model, const test_set *set,
                             double rtol, double atol) {
  esp_walk *walk = NULL;
  esp_datum **got = calloc((size_t)model->noutput + 1, sizeof *got);
  if (got == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot run the case");
  esp_status status = esp_walk_create(model, 1, &walk);
  if (status == ESP_OK) {
    status = esp_walk_run(walk, set->input, set->arena, got);
  }
  for (int i = 0; i < set->outputs && status == ESP_OK; i++) {
    status = esp_compare(got[i], set->output[i],
                         model->value[model->output[i]].name, rtol, atol);
  }
  for (int i = 0; i < model->noutput; i++) esp_datum_drop(got[i]);
  free(got);
  esp_walk_free(walk);
  return status;
}

static esp_status run_set(const esp_graph *model, const char *folder,
                          double rtol, double atol) {
  test_set set = {0};
  esp_graph *graph = NULL;
  esp_status status = read_set(model, folder, &set);
  if (status == ESP_OK) {
    status = make_graph(model, &set, &graph);
    if (status == ESP_OK) {
      status = run_planned(graph, &set, rtol, atol);
    } else if (status == ESP_UNSUPPORTED) {
      status = run_walked(model, &set, rtol, atol);
    }
  }
  esp_graph_free(graph);
  end_set(&set);
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
  // The data decide, as in ONNX's own runner: some cases declare other shapes.
  for (int i = 0; status == ESP_OK && i < model->ninput; i++) {
    model->value[model->input[i]].any_shape = true;
  }
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
