#include "support/toy.h"

#include <stdio.h>

#include "op/op.h"
#include "support/check.h"

static esp_graph *begin(int64_t length, int *input) {
  esp_graph *graph = NULL;
  const esp_tensor t = {.type = ESP_FLOAT, .shape = {1, {length}}};
  CHECK_OK(esp_graph_create(&graph));
  CHECK_OK(esp_graph_add_value(graph, "in", &t, input));
  CHECK_OK(esp_graph_add_input(graph, *input));
  return graph;
}

static int add_sum(esp_graph *graph, const int *in, int nin) {
  char name[32];
  int value, node;
  const esp_tensor t = graph->value[graph->input[0]].tensor;
  (void)snprintf(name, sizeof name, "sum%d", graph->nnode);
  CHECK_OK(esp_graph_add_value(graph, name, &t, &value));
  CHECK_OK(esp_graph_add_node(graph, name, "Sum", ESP_OP_SUM, 13, in, nin,
                              &value, 1, &node));
  return value;
}

static void end(esp_graph *graph) {
  esp_graph_uses uses;
  CHECK_OK(esp_graph_uses_create(graph, &uses));
  for (int v = 1; v < graph->nvalue; v++) {
    if (uses.first[v] == uses.first[v + 1]) {
      CHECK_OK(esp_graph_add_output(graph, v));
    }
  }
  esp_graph_uses_free(&uses);
  CHECK_OK(esp_graph_check(graph));
}

esp_graph *toy_random(int nodes, int64_t length) {
  int input;
  esp_graph *graph = begin(length, &input);
  for (int n = 0; n < nodes; n++) {
    int in[3];
    const int nin = 1 + (int)(check_random() % 3);
    for (int i = 0; i < nin; i++) {
      in[i] = (int)(check_random() % (uint64_t)graph->nvalue);
    }
    (void)add_sum(graph, in, nin);
  }
  end(graph);
  return graph;
}

esp_graph *toy_branches(int branches, int deep, int64_t length) {
  int input, ends[64];
  esp_graph *graph = begin(length, &input);
  for (int b = 0; b < branches; b++) {
    ends[b] = input;
    for (int d = 0; d < deep; d++) ends[b] = add_sum(graph, &ends[b], 1);
  }
  (void)add_sum(graph, ends, branches);
  end(graph);
  return graph;
}
