// 0.5 x (1 + erf(x / sqrt 2)), and its form with tanh, as exporters write them:
// factors in any order.
#include "optimise/match.h"

static bool is_monomial(const esp_graph *graph, int value, int x, double factor,
                        int power) {
  esp_monomial m;
  return esp_as_monomial(graph, value, x, &m) && m.power == power &&
         esp_about(m.factor, factor);
}

// x of erf(x / sqrt 2); -1: it is something else.
static int of_erf(const esp_graph *graph, const esp_node *erf) {
  for (int op = 0; op < 2; op++) {
    const esp_node *scaled =
        esp_made_by(graph, erf->in[0], op == 0 ? ESP_OP_MUL : ESP_OP_DIV);
    for (int side = 0; scaled != NULL && side < 2 - op; side++) {
      const int x = scaled->in[side];
      if (is_monomial(graph, erf->in[0], x, 0.70710678118654752, 1)) return x;
    }
  }
  return -1;
}

static const double TANH_FACTOR = 0.79788456080286536, TANH_CUBE = 0.044715;

// x of other * (first + second) when that is sqrt(2 / pi) (x + 0.044715 x^3);
// -1: it is something else.
static int of_sum(const esp_graph *graph, int other, int first, int second) {
  double number;
  const bool is = esp_one_number(graph, other, &number) &&
                  esp_about(number, TANH_FACTOR) &&
                  is_monomial(graph, second, first, TANH_CUBE, 3);
  return is ? first : -1;
}

// The same when that is (sqrt(2 / pi) x) (1 + 0.044715 x^2).
static int of_factors(const esp_graph *graph, int other, int first,
                      int second) {
  double number;
  const esp_node *outer = esp_made_by(graph, other, ESP_OP_MUL);
  if (!esp_one_number(graph, first, &number) || number != 1) return -1;
  for (int side = 0; outer != NULL && side < 2; side++) {
    const int x = outer->in[side];
    if (is_monomial(graph, other, x, TANH_FACTOR, 1) &&
        is_monomial(graph, second, x, TANH_CUBE, 2)) {
      return x;
    }
  }
  return -1;
}

// x of tanh() of either, whose factors and terms may have changed sides.
static int of_tanh(const esp_graph *graph, const esp_node *tanh) {
  const esp_node *scaled = esp_made_by(graph, tanh->in[0], ESP_OP_MUL);
  for (int i = 0; scaled != NULL && i < 4; i++) {
    const esp_node *sum = esp_made_by(graph, scaled->in[i / 2], ESP_OP_ADD);
    if (sum == NULL) continue;
    const int other = scaled->in[1 - i / 2];
    const int first = sum->in[i % 2], second = sum->in[1 - i % 2];
    int x = of_sum(graph, other, first, second);
    if (x < 0) x = of_factors(graph, other, first, second);
    if (x >= 0) return x;
  }
  return -1;
}

// Follows 1 + value through products until it was multiplied by 0.5 x; gives
// that node, or -1.
static int last_product(const esp_graph *graph, const esp_graph_uses *uses,
                        int value, int x) {
  int n = esp_only_reader(graph, uses, value);
  if (n < 0 || graph->node[n].op != ESP_OP_ADD) return -1;
  double one;
  const esp_node *add = &graph->node[n];
  const int other = add->in[0] == value ? add->in[1] : add->in[0];
  if (!esp_one_number(graph, other, &one) || one != 1) return -1;
  esp_monomial all = {1, 0};
  for (int step = 0; step < 3; step++) {
    const int at = graph->node[n].out[0];
    n = esp_only_reader(graph, uses, at);
    if (n < 0 || graph->node[n].op != ESP_OP_MUL) return -1;
    const esp_node *mul = &graph->node[n];
    esp_monomial m;
    if (!esp_as_monomial(graph, mul->in[mul->in[0] == at], x, &m)) return -1;
    all.factor *= m.factor;
    all.power += m.power;
    if (all.power == 1 && esp_about(all.factor, 0.5)) return n;
  }
  return -1;
}

static esp_status find(esp_graph *graph, const esp_graph_uses *uses, int n) {
  static const esp_attribute by_tanh = {.name = "approximate",
                                        .kind = ESP_ATTRIBUTE_STRING,
                                        .count = 4,
                                        .s = "tanh"};
  const esp_node *node = &graph->node[n];
  const bool erf = node->op == ESP_OP_ERF;
  if (node->dead || (!erf && node->op != ESP_OP_TANH)) return ESP_OK;
  const int x = erf ? of_erf(graph, node) : of_tanh(graph, node);
  if (x < 0) return ESP_OK;
  const int last = last_product(graph, uses, node->out[0], x);
  // All of them may have been broadcast by the constants.
  if (last < 0 ||
      !esp_shape_equal(&graph->value[x].tensor.shape,
                       &graph->value[graph->node[last].out[0]].tensor.shape)) {
    return ESP_OK;
  }
  ESP_TRY(esp_turn_node(graph, last, ESP_OP_GELU, 20, &x, 1));
  return erf ? ESP_OK : esp_graph_add_attribute(graph, last, &by_tanh);
}

esp_status esp_pass_gelu(esp_graph *graph) {
  return esp_find_each(graph, find);
}
