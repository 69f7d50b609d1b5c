#include "support/onnx.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// Adds each word of `words` as a text field; "-" is the empty text.
static void add_words(wire *w, int field, const char *words) {
  char *copy = strdup(words), *rest = NULL;
  for (char *word = strtok_r(copy, " ", &rest); word != NULL;
       word = strtok_r(NULL, " ", &rest)) {
    wire_text(w, field, strcmp(word, "-") == 0 ? "" : word);
  }
  free(copy);
}

wire onnx_node(const char *op_type, const char *inputs, const char *outputs) {
  wire w = {0};
  add_words(&w, 1, inputs);
  add_words(&w, 2, outputs);
  wire_text(&w, 4, op_type);
  return w;
}

static wire attribute(const char *name, int type) {
  wire w = {0};
  wire_text(&w, 1, name);
  wire_int(&w, 20, type);
  return w;
}

wire onnx_attribute_float(const char *name, float number) {
  wire w = attribute(name, 1);
  wire_float(&w, 2, number);
  return w;
}

wire onnx_attribute_int(const char *name, int64_t number) {
  wire w = attribute(name, 2);
  wire_int(&w, 3, number);
  return w;
}

wire onnx_attribute_text(const char *name, const char *text) {
  wire w = attribute(name, 3);
  wire_text(&w, 4, text);
  return w;
}

wire onnx_attribute_tensor(const char *name, wire *tensor) {
  wire w = attribute(name, 4);
  wire_message(&w, 5, tensor);
  return w;
}

wire onnx_attribute_graph(const char *name, wire *graph) {
  wire w = attribute(name, 5);
  wire_message(&w, 6, graph);
  return w;
}

wire onnx_attribute_ref(const char *name, const char *of_function) {
  wire w = {0};
  wire_text(&w, 1, name);
  wire_text(&w, 21, of_function);
  return w;
}

static wire shape_of(const char *dims) {
  wire shape = {0};
  char *copy = strdup(dims), *rest = NULL;
  for (char *word = strtok_r(copy, " ", &rest); word != NULL;
       word = strtok_r(NULL, " ", &rest)) {
    wire dim = {0};
    if (isdigit((unsigned char)*word)) {
      wire_int(&dim, 1, atoll(word));
    } else {
      wire_text(&dim, 2, word);
    }
    wire_message(&shape, 1, &dim);
  }
  free(copy);
  return shape;
}

wire onnx_value(const char *name, int type, const char *dims) {
  wire w = {0}, outer = {0}, tensor = {0};
  wire_int(&tensor, 1, type);
  if (dims != NULL) {
    wire shape = shape_of(dims);
    wire_message(&tensor, 2, &shape);
  }
  wire_message(&outer, 1, &tensor);
  wire_text(&w, 1, name);
  wire_message(&w, 2, &outer);
  return w;
}

static wire tensor(const char *name, int type, int count) {
  wire w = {0};
  wire_int(&w, 1, count);
  wire_int(&w, 2, type);
  wire_text(&w, 8, name);
  return w;
}

wire onnx_floats(const char *name, const float *numbers, int count) {
  wire w = tensor(name, 1, count);
  wire_bytes(&w, 9, numbers, (size_t)count * sizeof *numbers);
  return w;
}

wire onnx_ints(const char *name, const int64_t *numbers, int count) {
  wire w = tensor(name, 7, count);
  wire_ints(&w, 7, numbers, count);
  return w;
}

wire onnx_function(const char *name, const char *inputs, const char *outputs) {
  wire w = {0};
  wire_text(&w, 1, name);
  wire_text(&w, 10, "custom");
  add_words(&w, 4, inputs);
  add_words(&w, 5, outputs);
  return w;
}

void onnx_add_node(wire *graph, wire *node) {
  wire_message(graph, ONNX_NODE, node);
}

wire onnx_model(wire *graph, int opset) {
  wire w = {0}, import = {0};
  wire_int(&w, 1, 8);
  wire_message(&w, ONNX_GRAPH, graph);
  wire_int(&import, 2, opset);
  wire_message(&w, 8, &import);
  return w;
}
