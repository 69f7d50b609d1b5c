// What a sequence of nodes is that an exporter wrote out.  Private to
// optimise/.
#ifndef ESP_OPTIMISE_MATCH_H
#define ESP_OPTIMISE_MATCH_H

#include "optimise/private.h"

// The node that makes a value, when its operator is this one; otherwise NULL.
const esp_node *esp_made_by(const esp_graph *graph, int value, int op);
// The number that a float constant of one element holds; false: it is none.
bool esp_one_number(const esp_graph *graph, int value, double *number);
// Equal but for how exporters round constants.
bool esp_about(double a, double b);
// The only reader of a value that is no output of the graph; otherwise -1.
int esp_only_reader(const esp_graph *graph, const esp_graph_uses *uses,
                    int value);

// A value as factor * x^power, through Mul, Div and Pow with constants.
typedef struct esp_monomial {
  double factor;
  int power;
} esp_monomial;
// False: it is none.
bool esp_as_monomial(const esp_graph *graph, int value, int x,
                     esp_monomial *made);

// Makes a node another operator of these inputs, without attributes.
esp_status esp_turn_node(esp_graph *graph, int node, int op, int version,
                         const int *in, int nin);

// Calls find() for every node, in order; the readers are those of before.
typedef esp_status (*esp_finding)(esp_graph *graph, const esp_graph_uses *uses,
                                  int node);
esp_status esp_find_each(esp_graph *graph, esp_finding find);

#endif
