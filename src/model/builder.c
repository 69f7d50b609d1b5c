// Graphs built by calls instead of from a file: the public esp_builder.
#include <espalier/session.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/private.h"
#include "op/op.h"

enum { LATEST_OPSET = 22 };

struct esp_builder {
  atomic_int references; // the owner's, and one of each session
  int opset;
  esp_graph *graph;
  esp_names names;
};

esp_status esp_builder_create(int opset, esp_builder **builder) {
  if (opset < 0 || opset > LATEST_OPSET) {
    return ESP_FAIL(ESP_USAGE, "opset %d: 1 to %d are known", opset,
                    LATEST_OPSET);
  }
  esp_builder *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot build a graph");
  atomic_init(&self->references, 1);
  self->opset = opset > 0 ? opset : LATEST_OPSET;
  const esp_status status = esp_graph_create(&self->graph);
  if (status != ESP_OK) {
    free(self);
    return status;
  }
  self->graph->name = "built";
  *builder = self;
  return ESP_OK;
}

void esp_builder_hold(esp_builder *builder) {
  atomic_fetch_add(&builder->references, 1);
}

void esp_builder_free(esp_builder *builder) {
  if (builder == NULL || atomic_fetch_sub(&builder->references, 1) > 1) return;
  esp_names_end(&builder->names);
  esp_graph_free(builder->graph);
  free(builder);
}

// Values ---------------------------------------------------------------------

// Is there something behind the name already, not only a use of it?
static bool is_made(const esp_builder *builder, int value) {
  const esp_value *v = &builder->graph->value[value];
  return v->is_input || v->producer >= 0 || v->tensor.data != NULL;
}

static esp_status check_new(const esp_builder *builder, const char *name) {
  if (name == NULL || name[0] == '\0') {
    return ESP_FAIL(ESP_USAGE, "a value needs a name");
  }
  const int have = esp_names_get(&builder->names, name);
  if (have >= 0 && is_made(builder, have)) {
    return ESP_FAIL(ESP_USAGE, "there is a value \"%s\" already", name);
  }
  return ESP_OK;
}

// The value of a name; one that is not known yet is made without a type.
static esp_status value_of(esp_builder *builder, const char *name, int *value) {
  *value = -1;
  if (name == NULL || name[0] == '\0') return ESP_OK;
  *value = esp_names_get(&builder->names, name);
  if (*value >= 0) return ESP_OK;
  const esp_tensor unknown = {0};
  ESP_TRY(esp_graph_add_value(builder->graph, name, &unknown, value));
  return esp_names_put(&builder->names, builder->graph->value[*value].name,
                       *value);
}

esp_status esp_builder_add_input(esp_builder *builder, const char *name,
                                 esp_dtype type, const int64_t *dim, int ndim) {
  ESP_TRY(check_new(builder, name));
  if (!esp_dtype_valid((int)type) || type == ESP_UNDEFINED || ndim < 0 ||
      ndim > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_USAGE, "input \"%s\": type %d with %d dimensions", name,
                    (int)type, ndim);
  }
  esp_tensor tensor = {.type = type, .shape = {.ndim = ndim}};
  for (int i = 0; i < ndim; i++) {
    if (dim[i] < ESP_DIM_UNKNOWN) {
      return ESP_FAIL(ESP_USAGE, "input \"%s\": dimension %lld", name,
                      (long long)dim[i]);
    }
    tensor.shape.dim[i] = dim[i];
  }
  int value;
  ESP_TRY(value_of(builder, name, &value));
  ESP_TRY(esp_graph_add_input(builder->graph, value));
  builder->graph->value[value].tensor = tensor;
  return ESP_OK;
}

static esp_status copy_tensor(const esp_builder *builder,
                              const esp_tensor *tensor, esp_tensor *copy) {
  *copy = *tensor;
  return esp_arena_copy(builder->graph->arena, tensor->data,
                        esp_tensor_bytes(tensor), &copy->data);
}

esp_status esp_builder_add_constant(esp_builder *builder, const char *name,
                                    const esp_tensor *tensor) {
  ESP_TRY(check_new(builder, name));
  esp_tensor copy;
  int value;
  ESP_TRY(copy_tensor(builder, tensor, &copy));
  ESP_TRY(value_of(builder, name, &value));
  builder->graph->value[value].tensor = copy;
  return ESP_OK;
}

esp_status esp_builder_add_output(esp_builder *builder, const char *name) {
  if (name == NULL || name[0] == '\0') {
    return ESP_FAIL(ESP_USAGE, "an output needs a name");
  }
  int value;
  ESP_TRY(value_of(builder, name, &value));
  return esp_graph_add_output(builder->graph, value);
}

// Nodes ----------------------------------------------------------------------

static esp_status check_outputs(const esp_builder *builder,
                                const char *const *outputs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (outputs[i] == NULL || outputs[i][0] == '\0') continue;
    ESP_TRY(check_new(builder, outputs[i]));
    for (size_t k = 0; k < i; k++) {
      if (outputs[k] != NULL && strcmp(outputs[i], outputs[k]) == 0) {
        return ESP_FAIL(ESP_USAGE, "two outputs named \"%s\"", outputs[i]);
      }
    }
  }
  return ESP_OK;
}

static esp_status values_of(esp_builder *builder, const char *const *names,
                            size_t count, int *values) {
  for (size_t i = 0; i < count; i++) {
    ESP_TRY(value_of(builder, names[i], &values[i]));
  }
  return ESP_OK;
}

esp_status esp_builder_add_node(esp_builder *builder, const char *op_type,
                                const char *name, const char *const *inputs,
                                size_t ninputs, const char *const *outputs,
                                size_t noutputs) {
  enum { MOST = 1 << 20 };
  const int op = esp_op_find(op_type);
  if (op < 0) {
    return ESP_FAIL(ESP_UNSUPPORTED, "there is no operator \"%s\"", op_type);
  }
  if (ninputs > MOST || noutputs > MOST) {
    return ESP_FAIL(ESP_USAGE, "a node of %zu inputs and %zu outputs", ninputs,
                    noutputs);
  }
  ESP_TRY(check_outputs(builder, outputs, noutputs));
  char made_up[128];
  (void)snprintf(made_up, sizeof made_up, "%.64s_%d", op_type,
                 builder->graph->nnode);
  int *values = malloc((ninputs + noutputs + 1) * sizeof *values);
  if (values == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot add a node");
  esp_status status = values_of(builder, inputs, ninputs, values);
  if (status == ESP_OK) {
    status = values_of(builder, outputs, noutputs, values + ninputs);
  }
  int node = -1;
  if (status == ESP_OK) {
    status = esp_graph_add_node(
        builder->graph, name != NULL && name[0] != '\0' ? name : made_up,
        op_type, op, builder->opset, values, (int)ninputs, values + ninputs,
        (int)noutputs, &node);
  }
  free(values);
  return status == ESP_OK ? esp_op_complete(builder->graph, node) : status;
}

// Attributes of the last node ------------------------------------------------

static esp_status set(esp_builder *builder, const esp_attribute *attribute) {
  if (builder->graph->nnode == 0) {
    return ESP_FAIL(ESP_USAGE, "attribute %s: there is no node yet",
                    attribute->name);
  }
  return esp_graph_add_attribute(builder->graph, builder->graph->nnode - 1,
                                 attribute);
}

static esp_status copy_list(const esp_builder *builder, const void *from,
                            size_t count, size_t each, void **copy) {
  size_t bytes;
  if (!esp_multiply(count, each, &bytes)) {
    return ESP_FAIL(ESP_USAGE, "a list of %zu numbers", count);
  }
  return esp_arena_copy(builder->graph->arena, from, bytes, copy);
}

esp_status esp_builder_set_int(esp_builder *builder, const char *attribute,
                               int64_t value) {
  const esp_attribute a = {
      .name = attribute, .kind = ESP_ATTRIBUTE_INT, .i = value};
  return set(builder, &a);
}

esp_status esp_builder_set_float(esp_builder *builder, const char *attribute,
                                 float value) {
  const esp_attribute a = {
      .name = attribute, .kind = ESP_ATTRIBUTE_FLOAT, .f = value};
  return set(builder, &a);
}

esp_status esp_builder_set_string(esp_builder *builder, const char *attribute,
                                  const char *value) {
  char *copy;
  ESP_TRY(esp_arena_string(builder->graph->arena, value, &copy));
  const esp_attribute a = {.name = attribute,
                           .kind = ESP_ATTRIBUTE_STRING,
                           .count = (int64_t)strlen(value),
                           .s = copy};
  return set(builder, &a);
}

esp_status esp_builder_set_ints(esp_builder *builder, const char *attribute,
                                const int64_t *values, size_t count) {
  void *copy;
  ESP_TRY(copy_list(builder, values, count, sizeof *values, &copy));
  const esp_attribute a = {.name = attribute,
                           .kind = ESP_ATTRIBUTE_INTS,
                           .count = (int64_t)count,
                           .ints = copy};
  return set(builder, &a);
}

esp_status esp_builder_set_floats(esp_builder *builder, const char *attribute,
                                  const float *values, size_t count) {
  void *copy;
  ESP_TRY(copy_list(builder, values, count, sizeof *values, &copy));
  const esp_attribute a = {.name = attribute,
                           .kind = ESP_ATTRIBUTE_FLOATS,
                           .count = (int64_t)count,
                           .floats = copy};
  return set(builder, &a);
}

esp_status esp_builder_set_tensor(esp_builder *builder, const char *attribute,
                                  const esp_tensor *value) {
  esp_attribute a = {.name = attribute, .kind = ESP_ATTRIBUTE_TENSOR};
  ESP_TRY(copy_tensor(builder, value, &a.tensor));
  return set(builder, &a);
}

// The graph as it is now -----------------------------------------------------

static esp_status check_made(const esp_builder *builder) {
  const esp_graph *graph = builder->graph;
  if (graph->noutput == 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "the graph has no outputs");
  }
  for (int n = 0; n < graph->nnode; n++) {
    for (int i = 0; i < graph->node[n].nin; i++) {
      const int value = graph->node[n].in[i];
      if (value < 0 || is_made(builder, value)) continue;
      return ESP_FAIL(ESP_BAD_INPUT,
                      "node %s (%s) reads \"%s\", which nothing "
                      "makes",
                      graph->node[n].name, graph->node[n].op_type,
                      graph->value[value].name);
    }
  }
  return ESP_OK;
}

esp_status esp_builder_graph(const esp_builder *builder, esp_graph **graph) {
  ESP_TRY(check_made(builder));
  esp_graph *copy;
  ESP_TRY(esp_graph_copy(builder->graph, &copy));
  esp_status status = esp_graph_sort(copy);
  if (status == ESP_OK) status = esp_graph_check(copy);
  if (status != ESP_OK) {
    esp_graph_free(copy);
    return status;
  }
  *graph = copy;
  return ESP_OK;
}
