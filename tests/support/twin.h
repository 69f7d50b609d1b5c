// Graphs as the passes make them, beside their plain twins.
#ifndef CHECK_TWIN_H
#define CHECK_TWIN_H

#include "graph/graph.h"
#include "optimise/optimise.h"

// Runs a graph of one input once on one worker; gives the bytes of its first
// output; free().
float *twin_run(const esp_graph *graph, const float *input, size_t *bytes);
// Optimises a model of one input, all of it, and compares its first output with
// that of its plain twin, on made-up numbers.  The caller frees the graph.
esp_graph *twin_compare(const esp_graph *model, int64_t batch, double rtol,
                        double atol);
// How many nodes are of this operator.
int twin_count(const esp_graph *graph, int op);

// Building: a model whose input *x is [n,rows,width]; a constant of floats that
// outlive the graph; a node of version 13 with up to three inputs, -1: none,
// whose output is given.
esp_graph *twin_model(int64_t rows, int64_t width, int *x);
int twin_weights(esp_graph *graph, const char *name, float *data,
                 const esp_shape *shape);
int twin_step(esp_graph *graph, const char *op, int id, int a, int b, int c);

#endif
