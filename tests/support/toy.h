// Small graphs for the tests of plan/ and exec/: layers of Sum nodes over
// vectors, each reading a few values made before it.
#ifndef CHECK_TOY_H
#define CHECK_TOY_H

#include "graph/graph.h"

// A random graph with `nodes` nodes over vectors of `length` floats; value 0 is
// the input, and every value that nobody reads is an output.
esp_graph *toy_random(int nodes, int64_t length);
// input -> a chain of `before` nodes -> `branches` chains of `deep` nodes each
// -> one node that reads all.
esp_graph *toy_branches(int branches, int deep, int64_t length);

#endif
