// Do the inputs of a run fit what the model declares?
#include <string.h>

#include "graph/graph.h"

static esp_status check_one(const esp_value *value, const esp_tensor *given) {
  const esp_tensor *want = &value->tensor;
  char have[ESP_SHAPE_TEXT], asked[ESP_SHAPE_TEXT];
  bool fits = want->type == ESP_UNDEFINED || given->type == want->type;
  if (!value->any_shape) {
    fits = fits && given->shape.ndim == want->shape.ndim;
    for (int d = 0; fits && d < given->shape.ndim; d++) {
      fits = want->shape.dim[d] == ESP_DIM_UNKNOWN ||
             want->shape.dim[d] == given->shape.dim[d];
    }
  }
  if (fits) return ESP_OK;
  return ESP_FAIL(
      ESP_BAD_INPUT, "input \"%s\" is %s %s, the model takes %s %s",
      value->name, esp_dtype_text(given->type),
      esp_shape_text(&given->shape, have), esp_dtype_text(want->type),
      value->any_shape ? "of any shape" : esp_shape_text(&want->shape, asked));
}

static const char *name_of(const esp_value *value, int d) {
  if (value->dim_name == NULL || value->tensor.shape.dim[d] >= 0) return NULL;
  return value->dim_name[d];
}

// Dimension d of input i against one of an input before it, or of its own.
static esp_status check_pair(const esp_graph *graph,
                             const esp_tensor *const *given, int i, int d,
                             int j, int e) {
  const esp_value *a = &graph->value[graph->input[j]];
  const esp_value *b = &graph->value[graph->input[i]];
  const char *first = name_of(a, e), *second = name_of(b, d);
  if (first == NULL || second == NULL || strcmp(first, second) != 0 ||
      given[j]->shape.dim[e] == given[i]->shape.dim[d]) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT,
                  "dimension %d of input \"%s\" is %lld and dimension %d of "
                  "input \"%s\" is %lld, the model names both \"%s\"",
                  e, a->name, (long long)given[j]->shape.dim[e], d, b->name,
                  (long long)given[i]->shape.dim[d], first);
}

static esp_status check_names(const esp_graph *graph,
                              const esp_tensor *const *given, int i, int d) {
  for (int j = 0; j <= i; j++) {
    const esp_value *before = &graph->value[graph->input[j]];
    if (given[j] == NULL || before->any_shape) continue;
    const int dims = j < i ? before->tensor.shape.ndim : d;
    for (int e = 0; e < dims; e++) {
      ESP_TRY(check_pair(graph, given, i, d, j, e));
    }
  }
  return ESP_OK;
}

esp_status esp_graph_check_inputs(const esp_graph *graph,
                                  const esp_tensor *const *given) {
  for (int i = 0; i < graph->ninput; i++) {
    const esp_value *value = &graph->value[graph->input[i]];
    if (given[i] == NULL) continue;
    ESP_TRY(check_one(value, given[i]));
    for (int d = 0; !value->any_shape && d < value->tensor.shape.ndim; d++) {
      if (name_of(value, d) != NULL) {
        ESP_TRY(check_names(graph, given, i, d));
      }
    }
  }
  return ESP_OK;
}
