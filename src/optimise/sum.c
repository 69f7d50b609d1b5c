// Sums of values that are multiplied by numbers, as Mul and Add: one node reads
// each of them once.  The order of the sum is kept, so all bits are.
#include "optimise/match.h"

enum { MOST_TERMS = 16 };

typedef struct terms {
  int value[MOST_TERMS];
  float weight[MOST_TERMS];
  int count;
  bool weighted; // any of them
} terms;

// An Add, or a Mul by a number, of float32 values of the form of its output.
static const esp_node *made_alike(const esp_graph *graph, int value, int op) {
  const esp_node *node = esp_made_by(graph, value, op);
  if (node == NULL || node->nin != 2 || node->npost > 0) return NULL;
  if (graph->value[value].tensor.type != ESP_FLOAT) return NULL;
  if (esp_node_attribute(node, "axis", ESP_ATTRIBUTE_INT) != NULL) return NULL;
  return node;
}

static bool same_shape(const esp_graph *graph, int a, int b) {
  return esp_shape_equal(&graph->value[a].tensor.shape,
                         &graph->value[b].tensor.shape);
}

// The side of a Mul that is a number; -1: neither.
static int number_side(const esp_graph *graph, const esp_node *mul, int value,
                       double *number) {
  for (int side = 0; side < 2; side++) {
    if (esp_one_number(graph, mul->in[side], number) &&
        same_shape(graph, mul->in[1 - side], value) &&
        graph->value[mul->in[1 - side]].tensor.data == NULL) {
      return side;
    }
  }
  return -1;
}

static void add_term(const esp_graph *graph, const esp_graph_uses *uses,
                     int value, bool alone, terms *t) {
  double number;
  const esp_node *mul = made_alike(graph, value, ESP_OP_MUL);
  const bool own = alone || esp_only_reader(graph, uses, value) >= 0;
  const int side =
      mul != NULL && own ? number_side(graph, mul, value, &number) : -1;
  t->value[t->count] = side >= 0 ? mul->in[1 - side] : value;
  t->weight[t->count++] = side >= 0 ? (float)number : 1;
  t->weighted |= side >= 0;
}

static const esp_node *sum_of(const esp_graph *graph, int value) {
  const esp_node *add = made_alike(graph, value, ESP_OP_ADD);
  return add != NULL && add->in[0] != add->in[1] &&
                 same_shape(graph, add->in[0], value) &&
                 same_shape(graph, add->in[1], value)
             ? add
             : NULL;
}

// A sum that goes on in this one.
static const esp_node *inner_sum(const esp_graph *graph,
                                 const esp_graph_uses *uses, int value) {
  return esp_only_reader(graph, uses, value) >= 0 ? sum_of(graph, value) : NULL;
}

// The terms of ((a + b) + c) + d, whichever side each stands on; false: there
// are too many.
static bool gather(const esp_graph *graph, const esp_graph_uses *uses,
                   const esp_node *add, terms *t) {
  int term[MOST_TERMS], count = 0; // from the last one to the second
  for (;;) {
    if (count + 2 > MOST_TERMS) return false;
    const esp_node *left = inner_sum(graph, uses, add->in[0]);
    const esp_node *right = inner_sum(graph, uses, add->in[1]);
    const esp_node *inner = left != NULL ? left : right;
    const bool swapped = left == NULL && right != NULL;
    term[count++] = add->in[swapped ? 0 : 1];
    if (inner == NULL) break;
    add = inner;
  }
  add_term(graph, uses, add->in[0], false, t);
  while (count > 0) add_term(graph, uses, term[--count], false, t);
  return true;
}

static esp_status turn(esp_graph *graph, int n, const terms *t) {
  void *weights;
  ESP_TRY(esp_turn_node(graph, n, ESP_OP_WEIGHTED_SUM, 1, t->value, t->count));
  ESP_TRY(esp_arena_copy(graph->arena, t->weight,
                         (size_t)t->count * sizeof *t->weight, &weights));
  const esp_attribute list = {.name = "weights",
                              .kind = ESP_ATTRIBUTE_FLOATS,
                              .count = t->count,
                              .floats = weights};
  return esp_graph_add_attribute(graph, n, &list);
}

// Does the only reader take this sum into its own?
static bool goes_on(const esp_graph *graph, const esp_graph_uses *uses,
                    int value) {
  const int reader = esp_only_reader(graph, uses, value);
  return reader >= 0 && graph->node[reader].nout == 1 &&
         sum_of(graph, graph->node[reader].out[0]) != NULL;
}

// A product by a number that an activation follows is a sum of one term.
static bool is_rectified(const esp_graph *graph, const esp_graph_uses *uses,
                         int value) {
  const int reader = esp_only_reader(graph, uses, value);
  return reader >= 0 && graph->node[reader].op == ESP_OP_RELU;
}

static esp_status find(esp_graph *graph, const esp_graph_uses *uses, int n) {
  const esp_node *node = &graph->node[n];
  terms t = {.count = 0};
  if (node->dead || node->nout != 1 || node->out[0] < 0) return ESP_OK;
  const int value = node->out[0];
  if (node->op == ESP_OP_MUL && is_rectified(graph, uses, value)) {
    add_term(graph, uses, value, true, &t);
    return t.weighted ? turn(graph, n, &t) : ESP_OK;
  }
  const esp_node *sum = sum_of(graph, value);
  if (sum == NULL || goes_on(graph, uses, value) ||
      !gather(graph, uses, sum, &t) || !t.weighted) {
    return ESP_OK;
  }
  return turn(graph, n, &t);
}

esp_status esp_pass_sum(esp_graph *graph) { return esp_find_each(graph, find); }
