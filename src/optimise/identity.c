#include <stdlib.h>

#include "optimise/private.h"

static bool only_first_output(const esp_graph *graph, const esp_node *node,
                              const int *uses) {
  (void)graph;
  for (int i = 1; i < node->nout; i++) {
    if (node->out[i] >= 0 && uses[node->out[i]] > 0) return false;
  }
  return true;
}

// A Dropout that is asked to drop, or asked while the model runs.
static bool may_train(const esp_graph *graph, const esp_node *node) {
  if (node->version < 7) return esp_node_int(node, "is_test", 0) == 0;
  if (node->nin < 3 || node->in[2] < 0) return false;
  const uint8_t *training = graph->value[node->in[2]].tensor.data;
  return training == NULL || *training != 0;
}

// A Pad that adds nothing: with equal shapes, it could still shift.
static bool pads_nothing(const esp_graph *graph, const esp_node *node) {
  int count = 0;
  const int64_t *pads = esp_pads_of(graph, node, &count);
  for (int i = 0; pads != NULL && i < count; i++) {
    if (pads[i] != 0) return false;
  }
  return pads != NULL;
}

// Does the node give back its first input, bit by bit?
static bool changes_nothing(const esp_graph *graph, const esp_node *node,
                            const int *uses) {
  if (node->nin < 1 || node->in[0] < 0 || node->nout < 1 || node->out[0] < 0) {
    return false;
  }
  const esp_tensor *in = &graph->value[node->in[0]].tensor;
  const esp_tensor *out = &graph->value[node->out[0]].tensor;
  if (in->type != out->type || !esp_shape_equal(&in->shape, &out->shape)) {
    return false;
  }
  switch (node->op) {
  case ESP_OP_DROPOUT:
    if (may_train(graph, node)) return false;
    return only_first_output(graph, node, uses);
  case ESP_OP_IDENTITY:
    return only_first_output(graph, node, uses);
  case ESP_OP_CAST:
  case ESP_OP_RESHAPE:
  case ESP_OP_FLATTEN:
  case ESP_OP_SQUEEZE:
  case ESP_OP_UNSQUEEZE:
  case ESP_OP_EXPAND:
    return true;
  case ESP_OP_PAD:
    return pads_nothing(graph, node);
  case ESP_OP_CONCAT:
  case ESP_OP_SUM:
    return node->nin == 1;
  default:
    return false;
  }
}

esp_status esp_pass_identity(esp_graph *graph) {
  int *uses;
  ESP_TRY(esp_count_uses(graph, &uses));
  for (int n = 0; n < graph->nnode; n++) {
    esp_node *node = &graph->node[n];
    if (!changes_nothing(graph, node, uses)) continue;
    const int old = node->out[0];
    if (graph->value[old].is_output) continue; // the caller finds it there
    esp_replace_value(graph, old, node->in[0]);
    node->dead = true;
  }
  free(uses);
  return ESP_OK;
}
