#include <stdlib.h>

#include "optimise/private.h"

static bool wanted(const esp_node *node, const int *uses) {
  for (int i = 0; i < node->nout; i++) {
    if (node->out[i] >= 0 && uses[node->out[i]] > 0) return true;
  }
  return false;
}

// Backwards: a node that goes takes its uses with it.
esp_status esp_pass_dead(esp_graph *graph) {
  int *uses;
  ESP_TRY(esp_count_uses(graph, &uses));
  for (int n = graph->nnode - 1; n >= 0; n--) {
    esp_node *node = &graph->node[n];
    if (node->dead || wanted(node, uses)) continue;
    node->dead = true;
    for (int i = 0; i < node->nin; i++) {
      if (node->in[i] >= 0) uses[node->in[i]]--;
    }
  }
  free(uses);
  return ESP_OK;
}
