// An If whose condition is known is replaced by the branch that it takes, so
// that models that only ask for shapes can be planned.
#include <stdlib.h>

#include "optimise/private.h"

// Where a value of the branch is in the graph around it; -1: not yet.
static esp_status place_inputs(esp_graph *graph, const esp_node *node,
                               const esp_graph *branch, int *place) {
  for (int v = 0; v < branch->nvalue; v++) place[v] = -1;
  for (int c = 0; c < branch->ncapture; c++) {
    place[branch->capture[c]] = node->in[branch->capture_from[c]];
  }
  for (int v = 0; v < branch->nvalue; v++) {
    const esp_value *value = &branch->value[v];
    if (value->tensor.data == NULL) continue;
    ESP_TRY(
        esp_graph_add_constant(graph, value->name, &value->tensor, &place[v]));
  }
  return ESP_OK;
}

// What a node of the branch makes as an output is the node's own output; what
// comes from outside, or is given twice, is copied there.
static esp_status place_outputs(esp_graph *graph, const esp_node *node,
                                const esp_graph *branch, int *place) {
  for (int i = 0; i < node->nout; i++) {
    const int inside = branch->output[i];
    if (node->out[i] >= 0 && place[inside] < 0) place[inside] = node->out[i];
  }
  for (int v = 0; v < branch->nvalue; v++) {
    if (place[v] >= 0) continue;
    const esp_value *value = &branch->value[v];
    ESP_TRY(esp_graph_add_value(graph, value->name, &value->tensor, &place[v]));
    graph->value[place[v]].kind = value->kind;
  }
  for (int i = 0; i < node->nout; i++) {
    int copy;
    const int from = place[branch->output[i]];
    if (node->out[i] < 0 || node->out[i] == from) continue;
    ESP_TRY(esp_graph_add_node(graph, node->name, "Identity", ESP_OP_IDENTITY,
                               node->version, &from, 1, &node->out[i], 1,
                               &copy));
  }
  return ESP_OK;
}

static void replace(int *list, int count, const int *place) {
  for (int i = 0; i < count; i++) {
    if (list[i] >= 0) list[i] = place[list[i]];
  }
}

static esp_status copy_node(esp_graph *graph, const esp_node *from,
                            const int *place) {
  int made;
  const size_t total = (size_t)from->nin + (size_t)from->nout;
  int *list = malloc((total + 1) * sizeof *list);
  if (list == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot take a branch");
  for (int i = 0; i < from->nin; i++) list[i] = from->in[i];
  for (int i = 0; i < from->nout; i++) list[from->nin + i] = from->out[i];
  replace(list, (int)total, place);
  const esp_status status = esp_graph_add_copy(graph, from, from->name, list,
                                               list + from->nin, &made);
  free(list);
  return status;
}

static esp_status put_in_place(esp_graph *graph, const esp_node *node,
                               const esp_graph *branch, int *place) {
  ESP_TRY(place_inputs(graph, node, branch, place));
  ESP_TRY(place_outputs(graph, node, branch, place));
  for (int n = 0; n < branch->nnode; n++) {
    ESP_TRY(copy_node(graph, &branch->node[n], place));
  }
  return ESP_OK;
}

esp_status esp_take_branch(esp_graph *graph, int index, bool *taken) {
  const esp_node node = graph->node[index]; // adding nodes may move the list
  *taken = false;
  if (node.op != ESP_OP_IF || node.nin < 1 || node.in[0] < 0) return ESP_OK;
  const esp_tensor *condition = &graph->value[node.in[0]].tensor;
  if (condition->data == NULL || condition->type != ESP_BOOL ||
      esp_shape_count(&condition->shape) != 1) {
    return ESP_OK;
  }
  const esp_attribute *chosen = esp_node_attribute(
      &node, *(const uint8_t *)condition->data ? "then_branch" : "else_branch",
      ESP_ATTRIBUTE_GRAPH);
  if (chosen == NULL || chosen->graph->ninput != 0 ||
      chosen->graph->noutput != node.nout) {
    return ESP_OK; // the walker says what is wrong with it
  }
  int *place = malloc(((size_t)chosen->graph->nvalue + 1) * sizeof *place);
  if (place == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot take a branch");
  const esp_status status = put_in_place(graph, &node, chosen->graph, place);
  free(place);
  ESP_TRY(status);
  graph->node[index].dead = true;
  *taken = true;
  return esp_graph_compact(graph);
}
