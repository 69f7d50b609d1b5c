// A model as values and nodes: plain arrays in one arena.  Floor 2.
//
// A graph is made by model/ (from ONNX), changed by optimise/, and read by all
// above.  Values and nodes are named by their index; -1 is "none".
#ifndef ESP_GRAPH_GRAPH_H
#define ESP_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/status.h"
#include "tensor/tensor.h"

typedef struct esp_graph esp_graph;

// What a value is.  Only tensors are planned; the others are walked
// (op/walk.h).
typedef enum esp_kind {
  ESP_KIND_TENSOR,
  ESP_KIND_SEQUENCE, // of values of one kind
  ESP_KIND_OPTIONAL  // one value or none
} esp_kind;

// The type of a value: of a tensor its elements', of the others that of the
// tensors in them, ESP_UNDEFINED where unsaid.
typedef struct esp_type {
  esp_kind kind;
  esp_kind inside; // kind of what a sequence or an optional holds
  esp_dtype element;
} esp_type;

typedef enum esp_attribute_kind {
  ESP_ATTRIBUTE_FLOAT,   // f
  ESP_ATTRIBUTE_INT,     // i
  ESP_ATTRIBUTE_STRING,  // s, of `count` bytes and a closing zero
  ESP_ATTRIBUTE_FLOATS,  // floats[count]
  ESP_ATTRIBUTE_INTS,    // ints[count]
  ESP_ATTRIBUTE_STRINGS, // strings[count]
  ESP_ATTRIBUTE_TENSOR,  // tensor
  ESP_ATTRIBUTE_GRAPH,   // graph (owned by the arena of the outermost graph)
  ESP_ATTRIBUTE_TYPE,    // type
  ESP_ATTRIBUTE_OTHER    // known by name only: what it holds is not supported
} esp_attribute_kind;

// An attribute of a node; what it points to lives as long as the graph.
typedef struct esp_attribute {
  const char *name;
  esp_attribute_kind kind;
  int64_t count;
  float f;
  int64_t i;
  const char *s;
  const float *floats;
  const int64_t *ints;
  const char *const *strings;
  esp_tensor tensor;
  esp_graph *graph;
  esp_type type;
} esp_attribute;

// What a node does to its first output after computing it, in order; made by
// the fusing passes, understood by the operators that say so (op/op.h).
typedef enum esp_post_kind {
  ESP_POST_RELU,       // y = max(y, 0)
  ESP_POST_CLIP,       // y = min(max(y, alpha), beta)
  ESP_POST_LEAKY_RELU, // y = y < 0 ? alpha y : y
  ESP_POST_SIGMOID,    // y = 1 / (1 + exp(-y))
  ESP_POST_TANH,       // y = tanh(y)
  ESP_POST_GELU,       // y = 0.5 y (1 + erf(y / sqrt 2))
  ESP_POST_GELU_TANH,  // its form with tanh
  ESP_POST_BIAS,       // y = y + node input `input`, a number for each column;
                       // of products of matrices
  ESP_POST_ADD         // y = y + node input `input` (same shape as y)
} esp_post_kind;

typedef struct esp_post {
  esp_post_kind kind;
  float alpha, beta;
  int input; // for ESP_POST_BIAS and _ADD: index into node->in
} esp_post;

enum { ESP_MAX_POST = 4 };

typedef struct esp_node {
  const char *name;    // as in the model, or made up: "<op_type>_<index>"
  const char *op_type; // ONNX's name
  int op;              // row of the operator table (op/op.h), -1: unknown
  int version;         // opset of the model for this node's domain
  int nin, nout;
  int ncapture; // the last of its inputs: values that only its subgraphs read
  int *in;      // value of each input; -1: omitted
  int *out;     // value of each output; -1: not wanted
  int nattribute;
  esp_attribute *attribute;
  int npost;
  esp_post post[ESP_MAX_POST];
  int like; // an earlier node that does the same with the same constants and
            // shapes: what that one prepares serves both; -1: none
  esp_precision precision; // of its products, where its operator makes some
  bool dead; // taken out by a pass; esp_graph_compact() removes it
} esp_node;

typedef struct esp_value {
  const char *name;
  esp_tensor tensor; // type, shape (ESP_DIM_UNKNOWN where open), layout; data
                     // is not NULL for a constant: borrowed, of the graph
  int producer;      // node that makes it; -1: input or constant
  bool is_input, is_output; // of the graph
  esp_kind kind;
  bool any_shape;              // declared without a number of dimensions
  const char *const *dim_name; // [ndim] names of open dimensions, each may be
                               // NULL, or NULL: no dimension has a name
} esp_value;

struct esp_graph {
  esp_arena *arena; // owns all that the graph points to
  const char *name;
  int nvalue, nnode, ninput, noutput;
  esp_value *value;
  esp_node *node; // in an order in which every value is made before it is used
  int *input;     // values that the caller gives; constants are not among them
  int *output;
  // Of a subgraph: value capture[k] is what the node that the subgraph belongs
  // to has as input capture_from[k].  These are inputs of the graph to all who
  // ask for is_input, but not listed in `input`.
  int ncapture, *capture, *capture_from;
  size_t value_room, node_room, input_room, output_room; // grown by esp_grow
  size_t capture_room, capture_from_room;
};

// Makes an empty graph.  The caller frees it.
esp_status esp_graph_create(esp_graph **graph);
void esp_graph_free(esp_graph *graph); // NULL is allowed

// Copies values, nodes and attributes; the bytes of constants, strings,
// attribute arrays and subgraphs are shared: `from` must outlive the copy.
esp_status esp_graph_copy(const esp_graph *from, esp_graph **copy);

// Lets `other`, of which `graph` reads something, live as long: it is freed
// with it.  On failure it is still the caller's.
esp_status esp_graph_keep(esp_graph *graph, esp_graph *other);

// Makes one graph of several, which have nothing to do with one another but
// that an input which all have in one form, at the same place, is one.  It
// keeps its name; all other values and nodes get the part's name and a slash in
// front of theirs.  The parts belong to the graph from now on, and are freed
// with it, or after a failure.
typedef struct esp_graph_part {
  const char *name;
  esp_graph *graph;
} esp_graph_part;
esp_status esp_graph_join(const esp_graph_part *part, int count,
                          esp_graph **joined);

// Adds a value; the name is copied.
esp_status esp_graph_add_value(esp_graph *graph, const char *name,
                               const esp_tensor *tensor, int *value);
// Adds a value that is constant; tensor->data is kept: must outlive the graph
// (esp_arena_copy(graph->arena, ...) or esp_arena_keep() see to it).
esp_status esp_graph_add_constant(esp_graph *graph, const char *name,
                                  const esp_tensor *tensor, int *value);
// Marks a value as the next input, or output, of the graph.
esp_status esp_graph_add_input(esp_graph *graph, int value);
esp_status esp_graph_add_output(esp_graph *graph, int value);

// Adds a value that a subgraph takes from outside: input `from` of its node.
esp_status esp_graph_add_capture(esp_graph *graph, int value, int from);

// Adds a node at the end; names, inputs and outputs are copied, and each
// output's producer is set.  Attributes are added afterwards.
esp_status esp_graph_add_node(esp_graph *graph, const char *name,
                              const char *op_type, int op, int version,
                              const int *in, int nin, const int *out, int nout,
                              int *node);
// Adds a node that does what another one does, of this graph or of one that
// lives as long, to other values: in[from->nin], out[from->nout].
esp_status esp_graph_add_copy(esp_graph *graph, const esp_node *from,
                              const char *name, const int *in, const int *out,
                              int *node);
// Adds an attribute to a node; the struct is copied, what it points to is kept.
esp_status esp_graph_add_attribute(esp_graph *graph, int node,
                                   const esp_attribute *attribute);
// Adds one more input to a node; gives its index among the node's inputs.
esp_status esp_graph_add_node_input(esp_graph *graph, int node, int value,
                                    int *index);

// Lets all nodes round the operands of their products; subgraphs, which copies
// of a graph share, are as they were.
void esp_graph_set_precision(esp_graph *graph, esp_precision precision);

// Sorts the nodes so that every value is made before it is used; keeps the
// given order where it already is so.  ESP_BAD_INPUT: a cycle, named.
esp_status esp_graph_sort(esp_graph *graph);
// Removes nodes marked dead (values keep their indices), then sorts.
esp_status esp_graph_compact(esp_graph *graph);
// Checks what every reader relies on: indices in range, each value made once
// and before it is used.  ESP_BAD_INPUT names the node and the value.
esp_status esp_graph_check(const esp_graph *graph);

// Do these types and shapes fit the graph's inputs?  given[i] is for input i,
// NULL where nothing is known.  Open dimensions of one name must agree.
// ESP_BAD_INPUT names the inputs, what was found and what is asked.
esp_status esp_graph_check_inputs(const esp_graph *graph,
                                  const esp_tensor *const *given);

// Who reads each value: readers of value v are node[first[v] .. first[v + 1]),
// in node order, each node once per use.  Freed with esp_graph_uses_free.
typedef struct esp_graph_uses {
  int *first; // [nvalue + 1]
  int *node;
} esp_graph_uses;
esp_status esp_graph_uses_create(const esp_graph *graph, esp_graph_uses *uses);
void esp_graph_uses_free(esp_graph_uses *uses);

// Has the node an output that anybody may read?
bool esp_node_wanted(const esp_node *node);

// Attributes by name; the fallback is given back when the node has none.  The
// kind has been checked when the node was made: a wrong kind counts as absent.
const esp_attribute *esp_node_attribute(const esp_node *node, const char *name,
                                        esp_attribute_kind kind);
int64_t esp_node_int(const esp_node *node, const char *name, int64_t fallback);
float esp_node_float(const esp_node *node, const char *name, float fallback);
const char *esp_node_string(const esp_node *node, const char *name,
                            const char *fallback);
// Gives NULL and *count = 0 when absent.
const int64_t *esp_node_ints(const esp_node *node, const char *name,
                             int *count);

#endif
