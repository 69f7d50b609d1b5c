// What the files of model/ share.  Private to model/.
#ifndef ESP_MODEL_PRIVATE_H
#define ESP_MODEL_PRIVATE_H

#include "model/model.h"
#include "onnx.pb-c.h"

// Reads a whole file; ended with esp_free().
esp_status esp_file_read(const char *path, unsigned char **bytes,
                         size_t *count);

// Turns a TensorProto into a tensor whose bytes live as long as the arena, or,
// where they are aligned, stay in the message.  `folder` is where external data
// may lie.  ESP_BAD_INPUT names the tensor.
esp_status esp_tensor_from_proto(const Onnx__TensorProto *proto,
                                 const char *folder, esp_arena *arena,
                                 esp_tensor *tensor);

// Adds an AttributeProto to a node.
esp_status esp_attribute_from_proto(const Onnx__AttributeProto *proto,
                                    const char *folder, esp_graph *graph,
                                    int node);

// Is the wire format nested no deeper than a reader's stack can take?
esp_status esp_wire_check(const unsigned char *bytes, size_t count);

// Names to values.
typedef struct esp_names {
  const char **name;
  int *value;
  size_t room, used; // room is a power of two
} esp_names;
esp_status esp_names_put(esp_names *names, const char *name, int value);
int esp_names_get(const esp_names *names, const char *name); // -1: unknown
void esp_names_end(esp_names *names);

#endif
