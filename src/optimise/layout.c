// Chooses the layout of every value: channels last around the operators that
// are faster so, row major elsewhere, and Reorder nodes between the two.
#include <stdio.h>
#include <stdlib.h>

#include "optimise/private.h"

typedef struct layouter {
  esp_graph *graph;
  int *twin;  // [nvalue] the value in the other layout, -1: none yet
  int values; // before Reorder nodes were added
} layouter;

static bool can_be_last(const esp_graph *graph, int v) {
  return v >= 0 && graph->value[v].tensor.shape.ndim >= 3;
}

// Is this input of a following operator of full size, so that its layout
// matters?  Small ones broadcast by their logical shape.
static bool full_size(const esp_graph *graph, const esp_node *node, int v) {
  const esp_shape *out = &graph->value[node->out[0]].tensor.shape;
  return v >= 0 && graph->value[v].tensor.data == NULL &&
         graph->value[v].tensor.shape.ndim == out->ndim &&
         esp_shape_count(&graph->value[v].tensor.shape) > 1;
}

// Does a following operator run channels last?  When a full-size input is, and
// all can be.
static bool follows(const esp_graph *graph, const esp_node *node) {
  bool any = false;
  if (!can_be_last(graph, node->out[0])) return false;
  for (int i = 0; i < node->nout; i++) {
    if (node->out[i] >= 0 && graph->value[node->out[i]].tensor.shape.ndim !=
                                 graph->value[node->out[0]].tensor.shape.ndim) {
      return false;
    }
  }
  for (int i = 0; i < node->nin; i++) {
    const int v = node->in[i];
    if (!full_size(graph, node, v)) {
      // A constant of full size would have to be broadcast across layouts.
      if (v >= 0 && graph->value[v].tensor.shape.ndim >= 3 &&
          graph->value[v].tensor.data == NULL) {
        return false;
      }
      continue;
    }
    any = any || graph->value[v].tensor.layout == ESP_CHANNELS_LAST;
  }
  return any;
}

// The value with the content of v in the wanted layout.
static esp_status in_layout(layouter *l, int v, esp_layout layout, int *found) {
  esp_graph *graph = l->graph;
  *found = v;
  if (v < 0 || graph->value[v].tensor.layout == layout) return ESP_OK;
  if (v < l->values && l->twin[v] >= 0) {
    *found = l->twin[v];
    return ESP_OK;
  }
  esp_tensor tensor = graph->value[v].tensor;
  tensor.layout = layout;
  char name[256];
  (void)snprintf(name, sizeof name, "%.200s:%s", graph->value[v].name,
                 layout == ESP_ROW_MAJOR ? "row major" : "channels last");
  int made, node;
  ESP_TRY(esp_graph_add_value(graph, name, &tensor, &made));
  ESP_TRY(esp_graph_add_node(graph, name, esp_op_name(ESP_OP_REORDER),
                             ESP_OP_REORDER, 1, &v, 1, &made, 1, &node));
  if (v < l->values) l->twin[v] = made;
  *found = made;
  return ESP_OK;
}

static esp_status want_input(layouter *l, int n, int i, esp_layout layout) {
  int found;
  ESP_TRY(in_layout(l, l->graph->node[n].in[i], layout, &found));
  l->graph->node[n].in[i] = found;
  return ESP_OK;
}

// One channel lies the same way in both layouts.
static bool reads_as_is(const esp_graph *graph, const esp_node *node) {
  return graph->value[node->in[0]].tensor.shape.dim[1] == 1;
}

// Of an operator that chooses, the data and what posts add follow its layout;
// the rest (weights) is row major, whatever its shape.
static bool follows_choice(const esp_node *node, int i) {
  for (int p = 0; p < node->npost; p++) {
    if (node->post[p].kind == ESP_POST_ADD && node->post[p].input == i)
      return true;
  }
  return i == 0;
}

static esp_status lay_out(layouter *l, int n) {
  esp_graph *graph = l->graph;
  const esp_op *op = esp_op_get(graph->node[n].op);
  esp_layout layout = ESP_ROW_MAJOR;
  if (op->layout == ESP_LAYOUT_CHOOSES &&
      can_be_last(graph, graph->node[n].in[0]) &&
      graph->value[graph->node[n].in[0]].tensor.type == ESP_FLOAT) {
    layout = ESP_CHANNELS_LAST;
  }
  if (op->layout == ESP_LAYOUT_FOLLOWS && follows(graph, &graph->node[n])) {
    layout = ESP_CHANNELS_LAST;
  }
  for (int i = 0; i < graph->node[n].nin; i++) {
    const int v = graph->node[n].in[i];
    if (v < 0 || graph->value[v].tensor.data != NULL) continue;
    if (op->layout == ESP_LAYOUT_CHOOSES &&
        !follows_choice(&graph->node[n], i)) {
      ESP_TRY(want_input(l, n, i, ESP_ROW_MAJOR));
      continue;
    }
    if (layout == ESP_CHANNELS_LAST) {
      const bool as_is = i == 0 && op->layout == ESP_LAYOUT_CHOOSES &&
                         reads_as_is(graph, &graph->node[n]);
      if (as_is || !can_be_last(graph, v)) continue;
      if (op->layout == ESP_LAYOUT_FOLLOWS &&
          !full_size(graph, &graph->node[n], v)) {
        continue;
      }
    }
    ESP_TRY(want_input(l, n, i, layout));
  }
  for (int i = 0; i < graph->node[n].nout; i++) {
    const int v = graph->node[n].out[i];
    if (v >= 0) graph->value[v].tensor.layout = layout;
  }
  // Indices of a pool count in the standard's order.
  if (op->layout == ESP_LAYOUT_CHOOSES && graph->node[n].nout > 1 &&
      graph->node[n].out[1] >= 0) {
    for (int i = 0; i < 2; i++) {
      const int v = graph->node[n].out[i];
      if (v >= 0) graph->value[v].tensor.layout = ESP_ROW_MAJOR;
    }
    return want_input(l, n, 0, ESP_ROW_MAJOR);
  }
  return ESP_OK;
}

static bool other_reader(const esp_graph *graph, int v, int last) {
  for (int n = 0; n < last; n++) {
    for (int i = 0; i < graph->node[n].nin; i++) {
      if (graph->node[n].in[i] == v) return true;
    }
  }
  return false;
}

// The caller reads outputs row major: the value that the caller knows moves
// behind a Reorder, and its maker writes to a new one.
static esp_status turn_output(layouter *l, int i) {
  esp_graph *graph = l->graph;
  const int known = graph->output[i];
  if (graph->value[known].tensor.layout == ESP_ROW_MAJOR) return ESP_OK;
  const int maker = graph->value[known].producer;
  int made, node;
  esp_tensor tensor = graph->value[known].tensor;
  ESP_TRY(esp_graph_add_value(graph, graph->value[known].name, &tensor, &made));
  graph->value[known].tensor.layout = ESP_ROW_MAJOR;
  if (other_reader(graph, known, graph->nnode)) {
    esp_replace_value(graph, known, made);
  }
  for (int k = 0; k < graph->node[maker].nout; k++) {
    if (graph->node[maker].out[k] == known) graph->node[maker].out[k] = made;
  }
  graph->value[made].producer = maker;
  ESP_TRY(esp_graph_add_node(graph, graph->value[known].name,
                             esp_op_name(ESP_OP_REORDER), ESP_OP_REORDER, 1,
                             &made, 1, &known, 1, &node));
  return ESP_OK;
}

esp_status esp_pass_layout(esp_graph *graph) {
  layouter l = {.graph = graph, .values = graph->nvalue};
  l.twin = malloc(((size_t)graph->nvalue + 1) * sizeof *l.twin);
  if (l.twin == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot choose layouts");
  for (int v = 0; v < graph->nvalue; v++) l.twin[v] = -1;
  const int nodes = graph->nnode;
  esp_status status = ESP_OK;
  for (int n = 0; n < nodes && status == ESP_OK; n++) status = lay_out(&l, n);
  for (int i = 0; i < graph->noutput && status == ESP_OK; i++) {
    status = turn_output(&l, i);
  }
  free(l.twin);
  return status;
}

int esp_optimise_reorders(const esp_graph *graph) {
  int count = 0;
  for (int n = 0; n < graph->nnode; n++) {
    count += graph->node[n].op == ESP_OP_REORDER;
  }
  return count;
}
