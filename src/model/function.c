// Functions that a model brings along: the body goes in place of each call.
// Source: ONNX, docs/IR.md, "Functions".
#include <stdlib.h>
#include <string.h>

#include "model/private.h"
#include "op/op.h"

static bool same_text(const char *a, const char *b) {
  return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool same_domain(const char *a, const char *b) {
  return esp_standard_domain(a) ? esp_standard_domain(b) : same_text(a, b);
}

const Onnx__FunctionProto *esp_find_function(const esp_loader *l,
                                             const Onnx__NodeProto *node) {
  for (size_t f = 0; f < l->model->n_functions; f++) {
    const Onnx__FunctionProto *function = l->model->functions[f];
    if (same_text(function->name, node->op_type) &&
        same_domain(function->domain, node->domain) &&
        same_text(function->overload, node->overload)) {
      return function;
    }
  }
  return NULL;
}

static esp_status bind_inputs(esp_scope *outside, esp_scope *inside,
                              const esp_inlined *call) {
  const Onnx__FunctionProto *function = call->function;
  const Onnx__NodeProto *node = call->node;
  if (node->n_input > function->n_input ||
      node->n_output > function->n_output) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%zu inputs and %zu outputs, the function has %zu and %zu",
                    node->n_input, node->n_output, function->n_input,
                    function->n_output);
  }
  for (size_t i = 0; i < function->n_input; i++) {
    const char *given = i < node->n_input ? node->input[i] : "";
    int value;
    ESP_TRY(esp_scope_find(outside, given, &value));
    if (value < 0 && given[0] != '\0' &&
        esp_names_get(&outside->names, given) != ESP_OMITTED) {
      return ESP_FAIL(ESP_BAD_INPUT, "reads \"%s\", which nothing makes",
                      given);
    }
    ESP_TRY(esp_names_put(&inside->names, function->input[i],
                          value >= 0 ? value : ESP_OMITTED));
  }
  return ESP_OK;
}

// What the body makes under the name of an output is the caller's value; an
// output that is an input, or another output too, is copied by a node.
static esp_status bind_outputs(esp_scope *outside, esp_scope *inside,
                               const esp_inlined *call, bool *copied) {
  for (size_t i = 0; i < call->node->n_output; i++) {
    const char *name = call->function->output[i];
    const char *wanted = call->node->output[i];
    if (wanted[0] == '\0') continue;
    copied[i] = esp_names_get(&inside->names, name) != -1;
    if (copied[i]) continue;
    ESP_TRY(esp_names_put(&inside->names, name,
                          esp_names_get(&outside->names, wanted)));
  }
  return ESP_OK;
}

static esp_status copy_outputs(const esp_scope *outside,
                               const esp_scope *inside, const esp_inlined *call,
                               const bool *copied, const char *name) {
  for (size_t i = 0; i < call->node->n_output; i++) {
    if (!copied[i]) continue;
    const int in = esp_names_get(&inside->names, call->function->output[i]);
    const int out = esp_names_get(&outside->names, call->node->output[i]);
    if (in < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "output %zu is an input that is omitted",
                      i);
    }
    int node;
    ESP_TRY(esp_graph_add_node(inside->graph, name, "Identity", ESP_OP_IDENTITY,
                               1, &in, 1, &out, 1, &node));
  }
  return ESP_OK;
}

static esp_status expand(esp_loader *l, esp_scope *outside,
                         const esp_inlined *call, const char *name,
                         esp_scope *inside, bool *copied) {
  ESP_TRY(bind_inputs(outside, inside, call));
  ESP_TRY(bind_outputs(outside, inside, call, copied));
  ESP_TRY(
      esp_read_nodes(l, inside, call->function->node, call->function->n_node));
  return copy_outputs(outside, inside, call, copied, name);
}

esp_status esp_inline(esp_loader *l, esp_scope *scope,
                      const Onnx__FunctionProto *function,
                      const Onnx__NodeProto *node, const char *name) {
  const esp_inlined call = {
      .function = function, .node = node, .outer = scope->call};
  esp_scope inside = {.graph = scope->graph, .call = &call};
  char *prefix = NULL;
  bool *copied = calloc(node->n_output + 1, sizeof *copied);
  esp_status status = ESP_OK;
  if (copied == NULL || asprintf(&prefix, "%.200s/", name) < 0) {
    free(copied);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", name);
  }
  inside.prefix = prefix;
  status = esp_loader_enter(l);
  if (status == ESP_OK) {
    status = expand(l, scope, &call, name, &inside, copied);
    esp_loader_leave(l);
  }
  esp_names_end(&inside.names);
  free(prefix);
  free(copied);
  // Calls inside functions are named by the path to the node that failed.
  if (status == ESP_OK || scope->call != NULL) return status;
  return esp_fail_within(status, "node %s (function %s)", name,
                         function->name != NULL ? function->name : "");
}
