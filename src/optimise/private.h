// What the files of optimise/ share.  Private to optimise/.
#ifndef ESP_OPTIMISE_PRIVATE_H
#define ESP_OPTIMISE_PRIVATE_H

#include "op/op.h"
#include "optimise/optimise.h"

// Types, shapes and constants for the inputs that the options give.
esp_status esp_bind(esp_graph *graph, const esp_optimise_options *options);

// A node with its tensors, for the functions of its operator.  The lists are
// {0} before, and ended with esp_args_end(), also after a failure.
typedef struct esp_arg_lists {
  const esp_tensor **in;
  esp_tensor **out;
} esp_arg_lists;
esp_status esp_args_of(const esp_graph *graph, int node, esp_arg_lists *lists,
                       esp_args *args);
void esp_args_end(esp_arg_lists *lists);

// Works out type and shape of a node's outputs; names the node on failure.
esp_status esp_infer_node(esp_graph *graph, int node);

// Replaces an If whose condition is a constant by the nodes of its branch, and
// sorts the graph again; *taken says whether it did.
esp_status esp_take_branch(esp_graph *graph, int node, bool *taken);

// Samples to follow: of nothing else in a model is it likely that a dimension
// is a multiple.
enum { ESP_A_BATCH = 13 };
// Does every row of every output follow from the same row of these inputs
// alone?  *apart is false too where it cannot be told (samples.c).
esp_status esp_rows_apart(const esp_graph *model,
                          const esp_optimise_options *options, const int *input,
                          int inputs, bool *apart);

// Every output of the graph is made by a node, and is no other output.
esp_status esp_own_outputs(esp_graph *graph);

// Lets all readers of `old` read `now` instead; uses of the graph's outputs
// too when `outputs`.
void esp_replace_value(esp_graph *graph, int old, int now);

// Number of uses of each value, graph outputs counted; free().
esp_status esp_count_uses(const esp_graph *graph, int **uses);

// Tries to put a node into one before it; uses are those of the whole graph.
typedef esp_status (*esp_fusion)(esp_graph *graph, int node, const int *uses);
// Calls it for every node that still lives, in order.
esp_status esp_fuse_each(esp_graph *graph, esp_fusion fuse);

// A new float constant [count] in the graph's arena; *data is to be filled.
esp_status esp_add_floats(esp_graph *graph, const char *name, int64_t count,
                          float **data, int *value);

// A new constant [1] with this number, as Slice and its like take it.
esp_status esp_add_index(esp_graph *graph, const char *name, int64_t index,
                         int *value);

// The constant floats of a value, NULL when it is none.
const float *esp_constant_floats(const esp_graph *graph, int value);

// What a Pad is given, constant: at the beginning of every axis, then at the
// end (pad.c).  NULL: it is not known, or is of some axes only.
const int64_t *esp_pads_of(const esp_graph *graph, const esp_node *node,
                           int *count);

#define PASS(name, function, help) esp_status function(esp_graph *graph);
#include "optimise/pass_list.h"
#undef PASS

#endif
