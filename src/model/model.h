// ONNX files to graphs.  The only room that includes the protobuf schema.
// Floor 4.  A model is untrusted input: every size, index, type and attribute
// is checked before memory is touched.
#ifndef ESP_MODEL_MODEL_H
#define ESP_MODEL_MODEL_H

#include <espalier/session.h>

#include "graph/graph.h"

// What a model says of itself.
typedef struct esp_model_info {
  int64_t ir_version;
  int opset;         // of the default domain
  char producer[64]; // name and version, "" if unsaid
  uint64_t hash;     // FNV-1a 64 of the file's bytes
  size_t file_bytes;
  size_t weight_bytes; // of all constants
} esp_model_info;

// Reads an ONNX file into a graph: nodes sorted, names made unique, constants
// from initializers (also those listed as inputs, IR 3) and, by their
// attributes, from Constant nodes (value, value_float(s), value_int(s)); values
// typed where the model says so, ESP_DIM_UNKNOWN for symbolic or absent
// dimensions; opset version per node and domain.  `info` may be NULL.  The
// caller frees the graph.
// ESP_IO: cannot read the file.  ESP_BAD_INPUT: not ONNX, truncated, or broken;
// names the node or tensor.  ESP_UNSUPPORTED: operators that the table does not
// have, ALL of them with node names in one message, or an opset below 7.
esp_status esp_model_load(const char *path, esp_graph **graph,
                          esp_model_info *info);

// Reads a serialised TensorProto (test data); name and bytes live in the arena.
esp_status esp_model_read_tensor(const char *path, esp_arena *arena,
                                 esp_tensor *tensor, const char **name);

// The graph that a builder holds now, sorted and checked; its constants stay
// the builder's, which must outlive it: hold it, and end that with
// esp_builder_free().  The caller frees the graph.
esp_status esp_builder_graph(const esp_builder *builder, esp_graph **graph);
void esp_builder_hold(esp_builder *builder);

#endif
