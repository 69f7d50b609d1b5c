// (x - mean) / sqrt(variance + epsilon) * scale + shift over the last axis, as
// exporters write it before opset 17.
#include "optimise/match.h"

// Does this value hold the means of x over its last axis, which stays as 1?
static bool is_mean(const esp_graph *graph, int value, int x) {
  const esp_node *mean = esp_made_by(graph, value, ESP_OP_REDUCE_MEAN);
  if (mean == NULL || mean->in[0] != x) return false;
  const esp_shape *from = &graph->value[x].tensor.shape;
  esp_shape kept = *from;
  if (kept.ndim < 1) return false;
  kept.dim[kept.ndim - 1] = 1;
  return esp_shape_equal(&kept, &graph->value[value].tensor.shape);
}

// x of x - mean(x); -1: it is something else.
static int centred(const esp_graph *graph, int value) {
  const esp_node *sub = esp_made_by(graph, value, ESP_OP_SUB);
  return sub != NULL && is_mean(graph, sub->in[1], sub->in[0]) ? sub->in[0]
                                                               : -1;
}

// Is it (x - mean(x))^2?
static bool is_square(const esp_graph *graph, int value, int x) {
  const esp_node *node = esp_made_by(graph, value, ESP_OP_MUL);
  if (node == NULL) node = esp_made_by(graph, value, ESP_OP_POW);
  esp_monomial m;
  return node != NULL && centred(graph, node->in[0]) == x &&
         esp_as_monomial(graph, value, node->in[0], &m) && m.power == 2 &&
         m.factor == 1;
}

// x of (x - mean) / sqrt(variance + epsilon); -1: it is something else.
static int normalised(const esp_graph *graph, const esp_node *div,
                      double *epsilon) {
  const int x = centred(graph, div->in[0]);
  const esp_node *root = esp_made_by(graph, div->in[1], ESP_OP_SQRT);
  if (x < 0 || root == NULL) return -1;
  const esp_node *sum = esp_made_by(graph, root->in[0], ESP_OP_ADD);
  for (int side = 0; sum != NULL && side < 2; side++) {
    const esp_node *mean =
        esp_made_by(graph, sum->in[side], ESP_OP_REDUCE_MEAN);
    if (mean != NULL && is_mean(graph, sum->in[side], mean->in[0]) &&
        is_square(graph, mean->in[0], x) &&
        esp_one_number(graph, sum->in[1 - side], epsilon)) {
      return x;
    }
  }
  return -1;
}

// The only reader of a value, when it is this operator with one number for each
// element of a row as the other operand.
static int with_row(const esp_graph *graph, const esp_graph_uses *uses,
                    int value, int op, int *row) {
  const int n = esp_only_reader(graph, uses, value);
  if (n < 0 || graph->node[n].op != op) return -1;
  const esp_node *node = &graph->node[n];
  *row = node->in[node->in[0] == value];
  const esp_shape *shape = &graph->value[value].tensor.shape;
  const esp_shape *own = &graph->value[*row].tensor.shape;
  const int64_t last = shape->dim[shape->ndim - 1];
  return own->ndim == 1 && own->dim[0] == last ? n : -1;
}

static esp_status find(esp_graph *graph, const esp_graph_uses *uses, int n) {
  const esp_node *div = &graph->node[n];
  double epsilon;
  if (div->dead || div->op != ESP_OP_DIV) return ESP_OK;
  const int x = normalised(graph, div, &epsilon);
  if (x < 0) return ESP_OK;
  int in[3] = {x, -1, -1};
  int last = with_row(graph, uses, div->out[0], ESP_OP_MUL, &in[1]);
  if (last < 0) return ESP_OK;
  const int shifted =
      with_row(graph, uses, graph->node[last].out[0], ESP_OP_ADD, &in[2]);
  if (shifted >= 0) last = shifted;
  ESP_TRY(esp_turn_node(graph, last, ESP_OP_LAYER_NORMALIZATION, 17, in,
                        shifted >= 0 ? 3 : 2));
  const esp_attribute how = {
      .name = "epsilon", .kind = ESP_ATTRIBUTE_FLOAT, .f = (float)epsilon};
  return esp_graph_add_attribute(graph, last, &how);
}

esp_status esp_pass_layer_norm(esp_graph *graph) {
  return esp_find_each(graph, find);
}
