#include "optimise/match.h"

#include <math.h>
#include <string.h>

const esp_node *esp_made_by(const esp_graph *graph, int value, int op) {
  if (value < 0 || graph->value[value].producer < 0) return NULL;
  const esp_node *node = &graph->node[graph->value[value].producer];
  return node->op == op && !node->dead ? node : NULL;
}

bool esp_one_number(const esp_graph *graph, int value, double *number) {
  const float *data = esp_constant_floats(graph, value);
  if (data == NULL) return false;
  if (esp_shape_count(&graph->value[value].tensor.shape) != 1) return false;
  *number = (double)data[0];
  return true;
}

bool esp_about(double a, double b) { return fabs(a - b) <= 1e-4 * fabs(b); }

int esp_only_reader(const esp_graph *graph, const esp_graph_uses *uses,
                    int value) {
  const int first = uses->first[value];
  if (uses->first[value + 1] - first != 1) return -1;
  if (graph->value[value].is_output) return -1;
  const int node = uses->node[first];
  return graph->node[node].dead ? -1 : node;
}

static bool go_down(const esp_graph *graph, int value, int x, int depth,
                    esp_monomial *m);

static bool product(const esp_graph *graph, const esp_node *node, int x,
                    int depth, esp_monomial *m) {
  return go_down(graph, node->in[0], x, depth, m) &&
         go_down(graph, node->in[1], x, depth, m);
}

static bool power(const esp_graph *graph, const esp_node *node, int x,
                  int depth, esp_monomial *m) {
  double exponent;
  esp_monomial base = {1, 0};
  if (!esp_one_number(graph, node->in[1], &exponent) ||
      (exponent != 2 && exponent != 3) ||
      !go_down(graph, node->in[0], x, depth, &base)) {
    return false;
  }
  m->factor *= pow(base.factor, exponent);
  m->power += base.power * (int)exponent;
  return true;
}

static bool go_down(const esp_graph *graph, int value, int x, int depth,
                    esp_monomial *m) {
  double number;
  const esp_node *node;
  if (value == x) {
    m->power++;
    return true;
  }
  if (esp_one_number(graph, value, &number)) {
    m->factor *= number;
    return true;
  }
  if (depth == 0) return false;
  if ((node = esp_made_by(graph, value, ESP_OP_MUL)) != NULL) {
    return product(graph, node, x, depth - 1, m);
  }
  if ((node = esp_made_by(graph, value, ESP_OP_POW)) != NULL) {
    return power(graph, node, x, depth - 1, m);
  }
  if ((node = esp_made_by(graph, value, ESP_OP_DIV)) == NULL) return false;
  if (!esp_one_number(graph, node->in[1], &number)) return false;
  m->factor /= number;
  return go_down(graph, node->in[0], x, depth - 1, m);
}

bool esp_as_monomial(const esp_graph *graph, int value, int x,
                     esp_monomial *made) {
  enum { DEEP = 4 };
  *made = (esp_monomial){1, 0};
  return go_down(graph, value, x, DEEP, made);
}

esp_status esp_turn_node(esp_graph *graph, int node, int op, int version,
                         const int *in, int nin) {
  esp_node *n = &graph->node[node];
  n->op = op;
  n->op_type = esp_op_name(op);
  n->version = version;
  n->nattribute = 0;
  n->nin = 0;
  int index;
  for (int i = 0; i < nin; i++) {
    ESP_TRY(esp_graph_add_node_input(graph, node, in[i], &index));
  }
  return ESP_OK;
}

esp_status esp_find_each(esp_graph *graph, esp_finding find) {
  esp_graph_uses uses;
  ESP_TRY(esp_graph_uses_create(graph, &uses));
  esp_status status = ESP_OK;
  for (int n = 0; n < graph->nnode && status == ESP_OK; n++) {
    status = find(graph, &uses, n);
  }
  esp_graph_uses_free(&uses);
  return status;
}
