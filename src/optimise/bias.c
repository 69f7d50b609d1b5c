// MatMul of matrices, then Add of a constant vector over the last axis: Gemm.
#include <stdlib.h>

#include "optimise/private.h"

static esp_status fuse(esp_graph *graph, int n, const int *uses) {
  esp_node *add = &graph->node[n];
  if (add->op != ESP_OP_ADD) return ESP_OK;
  // Before opset 7 the vector may lie along another axis than the last.
  if (esp_node_attribute(add, "axis", ESP_ATTRIBUTE_INT) != NULL) return ESP_OK;
  for (int side = 0; side < 2; side++) {
    const int fed = add->in[side], other = add->in[1 - side];
    if (uses[fed] != 1 || graph->value[fed].producer < 0) continue;
    esp_node *product = &graph->node[graph->value[fed].producer];
    if (product->op != ESP_OP_MATMUL || product->dead) continue;
    const esp_shape *shape = &graph->value[fed].tensor.shape;
    const esp_shape *b = &graph->value[other].tensor.shape;
    if (shape->ndim != 2 || esp_constant_floats(graph, other) == NULL ||
        b->ndim != 1 || b->dim[0] != shape->dim[1] ||
        graph->value[product->in[0]].tensor.shape.ndim != 2 ||
        graph->value[product->in[1]].tensor.shape.ndim != 2) {
      continue;
    }
    int index;
    const int made = graph->value[fed].producer;
    ESP_TRY(esp_graph_add_node_input(graph, made, other, &index));
    product = &graph->node[made];
    product->op = ESP_OP_GEMM;
    product->op_type = esp_op_name(ESP_OP_GEMM);
    product->out[0] = graph->node[n].out[0];
    graph->value[product->out[0]].producer = made;
    graph->node[n].dead = true;
    return ESP_OK;
  }
  return ESP_OK;
}

esp_status esp_pass_bias(esp_graph *graph) {
  return esp_fuse_each(graph, fuse);
}
