// Serialised models for tests, a line a node.
#ifndef CHECK_ONNX_H
#define CHECK_ONNX_H

#include "support/wire.h"

// A NodeProto; names are separated by spaces, "-" is an omitted one.
// Attributes are added to it as messages of field ONNX_ATTRIBUTE.
wire onnx_node(const char *op_type, const char *inputs, const char *outputs);
enum {
  ONNX_ATTRIBUTE = 5,    // of a node
  ONNX_DOMAIN = 7,       // of a node
  ONNX_NODE = 1,         // of a graph
  ONNX_INITIALIZER = 5,  // of a graph
  ONNX_INPUT = 11,       // of a graph
  ONNX_OUTPUT = 12,      // of a graph
  ONNX_SPARSE = 15,      // of a graph
  ONNX_GRAPH = 7,        // of a model
  ONNX_FUNCTION = 25,    // of a model
  ONNX_FUNCTION_NODE = 7 // of a function
};

wire onnx_attribute_int(const char *name, int64_t number);
wire onnx_attribute_float(const char *name, float number);
wire onnx_attribute_text(const char *name, const char *text);
wire onnx_attribute_ref(const char *name, const char *of_function);
wire onnx_attribute_graph(const char *name, wire *graph);   // ends the graph
wire onnx_attribute_tensor(const char *name, wire *tensor); // ends the tensor

// A ValueInfoProto of a tensor; dims are numbers or names, separated by spaces,
// NULL: no shape.
wire onnx_value(const char *name, int type, const char *dims);
// A TensorProto of one dimension, of floats or of whole numbers.
wire onnx_floats(const char *name, const float *numbers, int count);
wire onnx_ints(const char *name, const int64_t *numbers, int count);
// A FunctionProto of the domain "custom".
wire onnx_function(const char *name, const char *inputs, const char *outputs);

// Adds a node, and ends it.
void onnx_add_node(wire *graph, wire *node);
// Makes a model of this graph (ended) and opset, to which functions are added.
wire onnx_model(wire *graph, int opset);

#endif
