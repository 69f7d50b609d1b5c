// Graph to graph: shapes, constants, fusions, layouts.  Floor 4.
#ifndef ESP_OPTIMISE_OPTIMISE_H
#define ESP_OPTIMISE_OPTIMISE_H

#include "graph/graph.h"

typedef struct esp_optimise_options {
  int64_t batch; // for an unknown first dimension of an input; at least 1
  // For each graph input, or NULL: the type and shape it will have, and its
  // data where the content may be used while shapes are worked out.
  const esp_tensor *const *input;
  bool plain; // only shapes and constants: no fusion, no layout (tests' twin)
} esp_optimise_options;

// Makes from a loaded model the graph that is planned and run: every value has
// a type and a known shape, what is constant is folded, what can be fused is
// fused, layouts are chosen and reorders are nodes; and every output is made by
// a node, row major, and is no other output.  `model` is unchanged, and
// must outlive the result.  The caller frees it.
// ESP_BAD_INPUT / ESP_UNSUPPORTED: names node, operator, and what is wrong.
esp_status esp_optimise(const esp_graph *model,
                        const esp_optimise_options *options, esp_graph **ready);

// How many rows the inputs have that leave their first dimension open; 0: there
// are no such inputs, or they do not agree.
int64_t esp_optimise_samples(const esp_graph *model,
                             const esp_optimise_options *options);
// The same graph for a batch that is computed in pieces of so many of those
// rows: a copy of the nodes for each piece, in the order of the rows, whose
// nodes after the first piece say which node they are like.  *ready is NULL,
// and the batch stays whole, where the rows do not go apart or `rows` does not
// divide them.
esp_status esp_optimise_pieces(const esp_graph *model,
                               const esp_optimise_options *options,
                               int64_t rows, esp_graph **ready);

// Where nodes of a new graph come from.
typedef struct esp_divided {
  esp_graph *graph;
  int *origin; // [graph->nnode] the node of the old one that it is, or a part
               // of; -1: it only puts parts together, or takes one out
} esp_divided;
// Can the node be divided into so many parts?  *copied: bytes of its constants
// that are copied then.
bool esp_optimise_divides(const esp_graph *graph, int node, int parts,
                          double *copied);
// A graph with shapes and layouts, some nodes of which are divided into so many
// that make a part of the output channels, or columns, each; every part puts
// together for itself what it reads, so that no rank waits for another's copy.
// All bits stay.  The new graph reads constants, names and attributes of the
// old one, which must outlive it.  The caller frees graph and origin.
esp_status esp_optimise_divide(const esp_graph *graph, const bool *divide,
                               int parts, esp_divided *divided);

// How a dataset differs from what the model's input wants.
typedef struct esp_feed {
  esp_dtype type;     // of the dataset
  esp_shape row;      // shape of one sample in the dataset
  bool channels_last; // the sample is H,W,C (or H,W) and the model wants C,H,W
  double multiply;    // 0: no scaling
  double divide;      // 0: no scaling
} esp_feed;

// Puts in front of input `which` the nodes that turn dataset rows into what the
// model wants (Cast, Mul or Div, Transpose, Reshape), so that conversion is
// planned and run like any other operator.  Dimensions of 1 may be missing in
// the dataset: rows of 28x28 fit an input [N,1,28,28].
// ESP_BAD_INPUT: the shapes do not fit; both are named.
esp_status esp_optimise_feed(esp_graph *model, int which, const esp_feed *feed);

// Makes input `which` a constant with this value in all its elements; an open
// dimension of it becomes 1.  The inputs after it move down by one.
esp_status esp_optimise_fix(esp_graph *model, int which, double value);

// Whether the samples of a batch influence one another: then a dataset gives
// other results when it is cut into other batches.
typedef struct esp_coupling {
  enum { ESP_COUPLING_NONE, ESP_COUPLING_FOUND, ESP_COUPLING_UNTOLD } kind;
  char where[200]; // the node that does it, or beyond which it cannot be told
} esp_coupling;
// Follows the samples of these inputs through the model.
esp_status esp_optimise_coupling(const esp_graph *model, const int *input,
                                 int inputs, esp_coupling *coupling);

// How many nodes only change a layout.
int esp_optimise_reorders(const esp_graph *graph);

// One pass: takes a graph with shapes and changes it in place.
typedef struct esp_pass {
  const char *name;
  esp_status (*run)(esp_graph *graph);
} esp_pass;
// All passes, in the order in which esp_optimise() runs them.
const esp_pass *esp_optimise_passes(int *count);

#endif
