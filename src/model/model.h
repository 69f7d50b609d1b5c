// ONNX files to graphs.  The only room that includes the protobuf schema.
// Floor 4.  A model is untrusted input: every size, index, type and attribute
// is checked before memory is touched.
#ifndef ESP_MODEL_MODEL_H
#define ESP_MODEL_MODEL_H

#include <espalier/session.h>

#include "graph/graph.h"
#include "op/datum.h"

// What a model says of itself.
typedef struct esp_model_info {
  int64_t ir_version;
  int opset;         // of the default domain
  char producer[64]; // name and version, "" if unsaid
  uint64_t hash;     // of the file's bytes and its external data
  size_t file_bytes;
  size_t weight_bytes; // of all constants
  size_t mapped_bytes; // of those that are mapped from files of their own
} esp_model_info;

// Reads an ONNX file into a graph: nodes sorted; constants from initializers
// (sparse ones too, and those listed as inputs, IR 3) and from Constant nodes;
// calls of the model's own functions replaced by their bodies; subgraphs as
// attributes, what they read from outside as inputs of their node; values typed
// where the model says so, ESP_DIM_UNKNOWN for symbolic or absent dimensions;
// opset version per node and domain, from 1 on.  `info` may be NULL: external
// data are then not looked at before they are used.  The caller frees the
// graph.
// ESP_IO: cannot read the file.  ESP_BAD_INPUT: not ONNX, truncated, or broken;
// names the node or tensor.  ESP_UNSUPPORTED: operators that the table does not
// have, ALL of them with node names in one message; inputs that are maps,
// sparse or opaque; more than 100 functions and subgraphs in each other.
esp_status esp_model_load(const char *path, esp_graph **graph,
                          esp_model_info *info);

// Reads a serialised TensorProto, SequenceProto or OptionalProto (test data);
// its tensors' bytes live in the arena.  The caller drops the value.
esp_status esp_model_read_value(const char *path, esp_kind kind,
                                esp_arena *arena, esp_datum **value);

// The graph that a builder holds now, sorted and checked; its constants stay
// the builder's, which must outlive it: hold it, and end that with
// esp_builder_free().  The caller frees the graph.
esp_status esp_builder_graph(const esp_builder *builder, esp_graph **graph);
void esp_builder_hold(esp_builder *builder);

#endif
