// A caller finds an output where a node writes it: outputs that are constants,
// inputs, or listed twice get a node of their own.
#include <stdio.h>

#include "optimise/private.h"

static bool listed_before(const esp_graph *graph, int i) {
  for (int k = 0; k < i; k++) {
    if (graph->output[k] == graph->output[i]) return true;
  }
  return false;
}

esp_status esp_own_outputs(esp_graph *graph) {
  for (int i = 0; i < graph->noutput; i++) {
    const int old = graph->output[i];
    if (graph->value[old].producer >= 0 && !listed_before(graph, i)) continue;
    int made, node;
    esp_tensor tensor = graph->value[old].tensor;
    ESP_TRY(esp_graph_add_value(graph, graph->value[old].name, &tensor, &made));
    char name[64];
    (void)snprintf(name, sizeof name, "output_%d", i);
    ESP_TRY(esp_graph_add_node(graph, name, "Identity", ESP_OP_IDENTITY, 13,
                               &old, 1, &made, 1, &node));
    if (!listed_before(graph, i)) graph->value[old].is_output = false;
    graph->output[i] = made;
    graph->value[made].is_output = true;
  }
  return ESP_OK;
}
