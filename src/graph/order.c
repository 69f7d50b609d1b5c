// Order, consistency and readers of a graph.
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

// Depth-first from each node in the given order, so that a graph that is
// already sorted keeps its order.  The stack is explicit: chains are long.
typedef struct sorter {
  const esp_graph *graph;
  char *mark; // 0 unseen, 1 on the stack, 2 placed
  int *stack, *next_input;
  int *order;
  int placed;
} sorter;

static esp_status visit(sorter *s, int root) {
  int depth = 0;
  if (s->mark[root] != 0) return ESP_OK;
  s->stack[0] = root;
  s->next_input[0] = 0;
  s->mark[root] = 1;
  while (depth >= 0) {
    const esp_node *node = &s->graph->node[s->stack[depth]];
    if (s->next_input[depth] == node->nin) {
      s->mark[s->stack[depth]] = 2;
      s->order[s->placed++] = s->stack[depth--];
      continue;
    }
    int value = node->in[s->next_input[depth]++];
    int before = value >= 0 ? s->graph->value[value].producer : -1;
    if (before < 0 || s->mark[before] == 2 || s->graph->node[before].dead) {
      continue;
    }
    if (s->mark[before] == 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "the graph has a cycle through node %s",
                      node->name);
    }
    s->mark[before] = 1;
    s->stack[++depth] = before;
    s->next_input[depth] = 0;
  }
  return ESP_OK;
}

static void reorder(esp_graph *graph, const int *order, int count,
                    esp_node *sorted) {
  for (int v = 0; v < graph->nvalue; v++) graph->value[v].producer = -1;
  for (int n = 0; n < count; n++) {
    sorted[n] = graph->node[order[n]];
    for (int i = 0; i < sorted[n].nout; i++) {
      if (sorted[n].out[i] >= 0) graph->value[sorted[n].out[i]].producer = n;
    }
  }
  if (count > 0) memcpy(graph->node, sorted, (size_t)count * sizeof *sorted);
  graph->nnode = count;
}

esp_status esp_graph_sort(esp_graph *graph) {
  size_t n = (size_t)graph->nnode + 1;
  esp_status status = ESP_OK;
  sorter s = {.graph = graph};
  esp_node *sorted = malloc(n * sizeof *sorted);
  s.mark = calloc(n, 1);
  s.stack = malloc(n * sizeof *s.stack);
  s.next_input = malloc(n * sizeof *s.next_input);
  s.order = malloc(n * sizeof *s.order);
  if (sorted == NULL || s.mark == NULL || s.stack == NULL ||
      s.next_input == NULL || s.order == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot sort %d nodes", graph->nnode);
    goto done;
  }
  for (int i = 0; i < graph->nnode; i++) {
    if (graph->node[i].dead) continue;
    if ((status = visit(&s, i)) != ESP_OK) goto done;
  }
  reorder(graph, s.order, s.placed, sorted);

done:
  free(s.order);
  free(s.next_input);
  free(s.stack);
  free(s.mark);
  free(sorted);
  return status;
}

esp_status esp_graph_compact(esp_graph *graph) { return esp_graph_sort(graph); }

static esp_status check_index(const esp_graph *graph, int value,
                              const char *who) {
  if (value >= -1 && value < graph->nvalue) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "%s refers to value %d of %d", who, value,
                  graph->nvalue);
}

static esp_status check_node(const esp_graph *graph, int n, bool *made) {
  const esp_node *node = &graph->node[n];
  for (int i = 0; i < node->nin; i++) {
    ESP_TRY(check_index(graph, node->in[i], node->name));
    if (node->in[i] >= 0 && !made[node->in[i]]) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "node %s reads \"%s\", which nothing before it makes",
                      node->name, graph->value[node->in[i]].name);
    }
  }
  for (int i = 0; i < node->nout; i++) {
    ESP_TRY(check_index(graph, node->out[i], node->name));
    if (node->out[i] < 0) continue;
    if (made[node->out[i]]) {
      return ESP_FAIL(ESP_BAD_INPUT, "node %s makes \"%s\" a second time",
                      node->name, graph->value[node->out[i]].name);
    }
    made[node->out[i]] = true;
  }
  return ESP_OK;
}

esp_status esp_graph_check(const esp_graph *graph) {
  bool *made = calloc((size_t)graph->nvalue + 1, sizeof *made);
  if (made == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot check the graph");
  esp_status status = ESP_OK;
  for (int v = 0; v < graph->nvalue; v++) {
    made[v] = graph->value[v].is_input || graph->value[v].tensor.data != NULL;
  }
  for (int n = 0; n < graph->nnode && status == ESP_OK; n++) {
    status = check_node(graph, n, made);
  }
  for (int i = 0; i < graph->noutput && status == ESP_OK; i++) {
    status = check_index(graph, graph->output[i], "the list of outputs");
    if (status == ESP_OK && !made[graph->output[i]]) {
      status = ESP_FAIL(ESP_BAD_INPUT, "output \"%s\" is made by no node",
                        graph->value[graph->output[i]].name);
    }
  }
  free(made);
  return status;
}

esp_status esp_graph_uses_create(const esp_graph *graph, esp_graph_uses *uses) {
  size_t total = 0;
  for (int n = 0; n < graph->nnode; n++) total += (size_t)graph->node[n].nin;
  int *first = calloc((size_t)graph->nvalue + 2, sizeof *first);
  int *node = malloc((total + 1) * sizeof *node);
  if (first == NULL || node == NULL) {
    free(first);
    free(node);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list the readers of the values");
  }
  // Count into first[v + 2], sum up, then fill through first[v + 1].
  for (int n = 0; n < graph->nnode; n++) {
    for (int i = 0; i < graph->node[n].nin; i++) {
      if (graph->node[n].in[i] >= 0) first[graph->node[n].in[i] + 2]++;
    }
  }
  for (int v = 0; v < graph->nvalue; v++) first[v + 2] += first[v + 1];
  for (int n = 0; n < graph->nnode; n++) {
    for (int i = 0; i < graph->node[n].nin; i++) {
      int v = graph->node[n].in[i];
      if (v >= 0) node[first[v + 1]++] = n;
    }
  }
  *uses = (esp_graph_uses){.first = first, .node = node};
  return ESP_OK;
}

void esp_graph_uses_free(esp_graph_uses *uses) {
  free(uses->first);
  free(uses->node);
  *uses = (esp_graph_uses){0};
}
