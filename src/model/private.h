// What the files of model/ share.  Private to model/.
#ifndef ESP_MODEL_PRIVATE_H
#define ESP_MODEL_PRIVATE_H

#include <stdio.h>

#include "model/model.h"
#include "onnx.pb-c.h"

// Data of tensors in files of their own.
typedef struct esp_external {
  const char *folder; // where they may lie
  bool hashed;        // they are read for the hash; else as they are used
  uint64_t hash;      // of all of them, in order
  size_t mapped;      // bytes that stay in the file until they are used
} esp_external;

// A whole file as memory, read as it is looked at; ended with esp_file_unmap().
// ESP_IO: it cannot be opened, or is not a regular file.
esp_status esp_file_map(const char *path, const unsigned char **bytes,
                        size_t *count);
void esp_file_unmap(const unsigned char *bytes, size_t count);

// Turns a TensorProto into a tensor whose bytes live as long as the arena, or,
// where they are aligned, stay in the message.  ESP_BAD_INPUT names the tensor.
esp_status esp_tensor_from_proto(const Onnx__TensorProto *proto,
                                 esp_external *external, esp_arena *arena,
                                 esp_tensor *tensor);
// The same from a SparseTensorProto: a dense tensor, zero where nothing is
// said.  ESP_UNSUPPORTED: it would have more than 1 GiB.
esp_status esp_tensor_from_sparse(const Onnx__SparseTensorProto *proto,
                                  esp_external *external, esp_arena *arena,
                                  esp_tensor *tensor);
esp_status esp_type_from_proto(const Onnx__TypeProto *proto, esp_type *type);

// What a message is, for esp_wire_check().
typedef enum esp_wire {
  ESP_WIRE_FLAT, // holds no message that holds others: skipped
  ESP_WIRE_MODEL,
  ESP_WIRE_GRAPH,
  ESP_WIRE_FUNCTION,
  ESP_WIRE_NODE,
  ESP_WIRE_ATTRIBUTE,
  ESP_WIRE_VALUE_INFO,
  ESP_WIRE_TYPE,
  ESP_WIRE_TYPE_INSIDE, // of sequence, map or optional
  ESP_WIRE_SEQUENCE,
  ESP_WIRE_OPTIONAL
} esp_wire;
// Is the wire format nested no deeper than a reader's stack can take?
esp_status esp_wire_check(const unsigned char *bytes, size_t count,
                          esp_wire kind);

// Names to values; the name is kept: it must outlive the list.
typedef struct esp_names {
  const char **name;
  int *value;
  size_t room, used; // room is a power of two
} esp_names;
esp_status esp_names_put(esp_names *names, const char *name, int value);
int esp_names_get(const esp_names *names, const char *name); // -1: unknown
void esp_names_end(esp_names *names);

// A model being read.
typedef struct esp_loader {
  const char *path;
  esp_external external;
  const Onnx__ModelProto *model;
  esp_graph *graph; // the outermost; owns all
  int depth;        // of subgraphs and function calls in each other
  int nodes;        // of all graphs so far
  char *missing;    // list of operators that the table does not have
  size_t missing_bytes;
  FILE *missing_out;
} esp_loader;

// A call of a model's function, while its body is read.
typedef struct esp_inlined {
  const Onnx__FunctionProto *function;
  const Onnx__NodeProto *node;
  const struct esp_inlined *outer; // where the node stands; NULL: in a graph
} esp_inlined;

// Values of the enclosing graph that the subgraphs of one node read: they
// become inputs of the node, after the `first` that it has.
typedef struct esp_captures {
  int first, count;
  int *value;
  size_t room;
} esp_captures;

// Where names of values are looked up: a graph, or the body of a function,
// whose nodes go into the graph that calls it.
typedef struct esp_scope {
  struct esp_scope *outer; // of a subgraph: where it may read values; or NULL
  esp_graph *graph;
  esp_names names;
  esp_captures *captures;  // of the node that a subgraph belongs to
  const esp_inlined *call; // NULL: not in a function
  const char *prefix;      // of names that are made here
} esp_scope;

enum { ESP_OMITTED = -2 }; // in names: an input that the caller left out

bool esp_standard_domain(const char *domain);
// Enters one more level of graphs and calls.  ESP_UNSUPPORTED: too many.
// esp_loader_leave() goes back.
esp_status esp_loader_enter(esp_loader *l);
void esp_loader_leave(esp_loader *l);

// One more node.  ESP_UNSUPPORTED: more than any model has, as functions that
// call functions twice each, and gradients of gradients, would make.
esp_status esp_loader_count(esp_loader *l);

// Fills a graph: constants, inputs, nodes, outputs; sorted and checked.
esp_status esp_read_graph(esp_loader *l, esp_scope *scope,
                          const Onnx__GraphProto *proto);
// Adds nodes to a scope; what they make is known to all of them beforehand.
esp_status esp_read_nodes(esp_loader *l, esp_scope *scope,
                          Onnx__NodeProto *const *node, size_t count);
// Looks a name up, outwards too, and takes what is found there into the graph
// of the scope.  *value is -1 when there is none, or it is the empty name.
esp_status esp_scope_find(esp_scope *scope, const char *name, int *value);
// Adds a value under a name, typed or not.
esp_status esp_scope_add(esp_scope *scope, const char *name,
                         const esp_tensor *tensor, int *value);

// Puts a Constant node's content into the value it makes.
esp_status esp_read_constant(esp_loader *l, esp_scope *scope,
                             const Onnx__NodeProto *node, const char *name);
// Puts the nodes that compute the derivatives in place of a Gradient node; the
// nodes of what is differentiated stand before it.
// ESP_UNSUPPORTED: a node between xs and y whose derivative is not known.
esp_status esp_read_gradient(esp_loader *l, esp_scope *scope,
                             const Onnx__NodeProto *node, const char *name);
// The function that a node calls; NULL when it calls none.
const Onnx__FunctionProto *esp_find_function(const esp_loader *l,
                                             const Onnx__NodeProto *node);
// Puts the function's body in place of the node.
esp_status esp_inline(esp_loader *l, esp_scope *scope,
                      const Onnx__FunctionProto *function,
                      const Onnx__NodeProto *node, const char *name);

// The attribute itself, or what it refers to in the call of a function; NULL
// when the caller gave none and the function has no default.
const Onnx__AttributeProto *
esp_attribute_resolve(const esp_inlined *call,
                      const Onnx__AttributeProto *proto);
// Reads an attribute, resolved before, under `name`; graphs are not read here.
esp_status esp_attribute_from_proto(const Onnx__AttributeProto *proto,
                                    const char *name, esp_external *external,
                                    esp_arena *arena, esp_attribute *made);
bool esp_attribute_is_graph(const Onnx__AttributeProto *proto);

// What a ValueInfoProto declares: type, shape, names of open dimensions.
esp_status esp_read_value_info(const Onnx__ValueInfoProto *info,
                               esp_arena *arena, esp_value *declared);

#endif
