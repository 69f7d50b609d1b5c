#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/private.h"
#include "op/op.h"

enum { OLDEST_OPSET = 1 };

typedef struct loader {
  const char *path;
  char *folder;
  const Onnx__ModelProto *model;
  const Onnx__GraphProto *proto;
  esp_graph *graph;
  esp_names names;
  int opset;
  char *missing; // list of operators that the table does not have
  size_t missing_bytes;
  FILE *missing_out;
} loader;

static bool standard_domain(const char *domain) {
  return domain == NULL || domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
}

static esp_status find_opset(loader *l) {
  for (size_t i = 0; i < l->model->n_opset_import; i++) {
    const Onnx__OperatorSetIdProto *import = l->model->opset_import[i];
    if (!standard_domain(import->domain)) continue;
    if (import->version > INT_MAX || import->version < 1) break;
    l->opset = (int)import->version;
  }
  if (l->opset == 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s names no opset of the standard domain",
                    l->path);
  }
  if (l->opset < OLDEST_OPSET) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "opset %d of %s is older than %d, the oldest that is "
                    "supported: export the model again or convert it",
                    l->opset, l->path, OLDEST_OPSET);
  }
  return ESP_OK;
}

static esp_status add_named(loader *l, const char *name,
                            const esp_tensor *tensor, int *value) {
  ESP_TRY(esp_graph_add_constant(l->graph, name, tensor, value));
  return esp_names_put(&l->names, l->graph->value[*value].name, *value);
}

static esp_status add_initializers(loader *l) {
  for (size_t i = 0; i < l->proto->n_initializer; i++) {
    const Onnx__TensorProto *proto = l->proto->initializer[i];
    const char *name = proto->name != NULL ? proto->name : "";
    if (esp_names_get(&l->names, name) >= 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "two initializers are named \"%s\"", name);
    }
    esp_tensor tensor;
    int value;
    ESP_TRY(esp_tensor_from_proto(proto, l->folder, l->graph->arena, &tensor));
    ESP_TRY(add_named(l, name, &tensor, &value));
  }
  if (l->proto->n_sparse_initializer > 0) {
    return ESP_FAIL(ESP_UNSUPPORTED, "sparse initializers");
  }
  return ESP_OK;
}

// Type and shape of a ValueInfoProto; unknown dimensions stay unknown.
static esp_status read_info(const Onnx__ValueInfoProto *info,
                            esp_tensor *tensor) {
  const char *name = info->name != NULL ? info->name : "";
  const Onnx__TypeProto__Tensor *type =
      info->type != NULL &&
              info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
          ? info->type->tensor_type
          : NULL;
  if (type == NULL || type->shape == NULL ||
      !esp_dtype_valid(type->elem_type) || type->elem_type == 0) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "input \"%s\" is not a tensor with a type and a shape",
                    name);
  }
  if (type->shape->n_dim > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "input \"%s\" has %zu dimensions, at most %d are possible",
                    name, type->shape->n_dim, ESP_MAX_NDIM);
  }
  *tensor = (esp_tensor){.type = (esp_dtype)type->elem_type,
                         .shape = {.ndim = (int)type->shape->n_dim}};
  for (size_t i = 0; i < type->shape->n_dim; i++) {
    const Onnx__TensorShapeProto__Dimension *dim = type->shape->dim[i];
    const bool known =
        dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    if (known && dim->dim_value < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "input \"%s\" has dimension %lld", name,
                      (long long)dim->dim_value);
    }
    tensor->shape.dim[i] = known ? dim->dim_value : ESP_DIM_UNKNOWN;
  }
  return ESP_OK;
}

static esp_status add_inputs(loader *l) {
  for (size_t i = 0; i < l->proto->n_input; i++) {
    const Onnx__ValueInfoProto *info = l->proto->input[i];
    const char *name = info->name != NULL ? info->name : "";
    const int have = esp_names_get(&l->names, name);
    if (have >= 0 && l->graph->value[have].tensor.data != NULL) continue;
    if (have >= 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "two inputs are named \"%s\"", name);
    }
    esp_tensor tensor;
    int value;
    ESP_TRY(read_info(info, &tensor));
    ESP_TRY(add_named(l, name, &tensor, &value));
    ESP_TRY(esp_graph_add_input(l->graph, value));
  }
  return ESP_OK;
}

static esp_status note_missing(loader *l, const Onnx__NodeProto *node,
                               const char *name) {
  if (l->missing_out == NULL) {
    l->missing_out = open_memstream(&l->missing, &l->missing_bytes);
    if (l->missing_out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot load");
  } else {
    fprintf(l->missing_out, ", ");
  }
  if (!standard_domain(node->domain)) {
    fprintf(l->missing_out, "%s:", node->domain);
  }
  fprintf(l->missing_out, "%s (node %s)",
          node->op_type != NULL ? node->op_type : "", name);
  return ESP_OK;
}

// A Constant node becomes a constant, and no node.
static esp_status add_constant_node(loader *l, const Onnx__NodeProto *node,
                                    const char *name, bool *done) {
  *done = false;
  if (node->n_attribute != 1 || node->n_output != 1) return ESP_OK;
  const Onnx__AttributeProto *a = node->attribute[0];
  const char *kind = a->name != NULL ? a->name : "";
  esp_tensor tensor = {.shape = {.ndim = 1}};
  void *copy = NULL;
  esp_arena *arena = l->graph->arena;
  if (strcmp(kind, "value") == 0 && a->t != NULL) {
    const esp_status status =
        esp_tensor_from_proto(a->t, l->folder, arena, &tensor);
    if (status != ESP_OK) return esp_fail_within(status, "node %s", name);
    copy = tensor.data;
  } else if (strncmp(kind, "value_float", 11) == 0) {
    const bool list = strcmp(kind, "value_floats") == 0;
    tensor.type = ESP_FLOAT;
    tensor.shape.ndim = list;
    tensor.shape.dim[0] = (int64_t)a->n_floats;
    ESP_TRY(esp_arena_copy(arena, list ? a->floats : &a->f,
                           (list ? a->n_floats : 1) * sizeof a->f, &copy));
  } else if (strncmp(kind, "value_int", 9) == 0) {
    const bool list = strcmp(kind, "value_ints") == 0;
    tensor.type = ESP_INT64;
    tensor.shape.ndim = list;
    tensor.shape.dim[0] = (int64_t)a->n_ints;
    ESP_TRY(esp_arena_copy(arena, list ? a->ints : &a->i,
                           (list ? a->n_ints : 1) * sizeof a->i, &copy));
  } else {
    return ESP_FAIL(ESP_UNSUPPORTED, "node %s: a Constant by attribute \"%s\"",
                    name, kind);
  }
  tensor.data = copy;
  int value;
  *done = true;
  return add_named(l, node->output[0], &tensor, &value);
}

// The value of a name; one not seen yet is made without a type.
static esp_status value_of(loader *l, const char *name, int *value) {
  *value = -1;
  if (name == NULL || name[0] == '\0') return ESP_OK;
  *value = esp_names_get(&l->names, name);
  if (*value >= 0) return ESP_OK;
  const esp_tensor unknown = {0};
  return add_named(l, name, &unknown, value);
}

static esp_status add_node(loader *l, size_t index) {
  const Onnx__NodeProto *proto = l->proto->node[index];
  const char *op_type = proto->op_type != NULL ? proto->op_type : "";
  char made_up[128];
  (void)snprintf(made_up, sizeof made_up, "%.64s_%zu", op_type, index);
  const char *name =
      proto->name != NULL && proto->name[0] != '\0' ? proto->name : made_up;
  bool done = false;
  if (standard_domain(proto->domain) && strcmp(op_type, "Constant") == 0) {
    ESP_TRY(add_constant_node(l, proto, name, &done));
    if (done) return ESP_OK;
  }
  const int op = standard_domain(proto->domain) ? esp_op_find(op_type) : -1;
  if (op < 0) ESP_TRY(note_missing(l, proto, name));

  const size_t total = proto->n_input + proto->n_output;
  int *values = malloc((total + 1) * sizeof *values);
  if (values == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", name);
  esp_status status = ESP_OK;
  for (size_t i = 0; i < total && status == ESP_OK; i++) {
    status = value_of(l,
                      i < proto->n_input ? proto->input[i]
                                         : proto->output[i - proto->n_input],
                      &values[i]);
  }
  int node = -1;
  if (status == ESP_OK) {
    status = esp_graph_add_node(l->graph, name, op_type, op, l->opset, values,
                                (int)proto->n_input, values + proto->n_input,
                                (int)proto->n_output, &node);
  }
  free(values);
  for (size_t a = 0; a < proto->n_attribute && status == ESP_OK && op >= 0;
       a++) {
    status = esp_attribute_from_proto(proto->attribute[a], l->folder, l->graph,
                                      node);
  }
  return status;
}

static esp_status add_outputs(loader *l) {
  if (l->proto->n_output == 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "the graph has no outputs");
  }
  for (size_t i = 0; i < l->proto->n_output; i++) {
    const char *name = l->proto->output[i]->name;
    const int value = name != NULL ? esp_names_get(&l->names, name) : -1;
    if (value < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "output \"%s\" is made by no node",
                      name != NULL ? name : "");
    }
    ESP_TRY(esp_graph_add_output(l->graph, value));
  }
  return ESP_OK;
}

static esp_status fill_graph(loader *l) {
  ESP_TRY(find_opset(l));
  ESP_TRY(add_initializers(l));
  ESP_TRY(add_inputs(l));
  for (size_t i = 0; i < l->proto->n_node; i++) ESP_TRY(add_node(l, i));
  if (l->missing_out != NULL) {
    (void)fflush(l->missing_out);
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "%s has operators that are not supported: %s", l->path,
                    l->missing);
  }
  ESP_TRY(add_outputs(l));
  ESP_TRY(esp_graph_sort(l->graph));
  return esp_graph_check(l->graph);
}

static void free_message(void *thing) {
  onnx__model_proto__free_unpacked(thing, NULL);
}

static void describe(const loader *l, const unsigned char *bytes, size_t count,
                     esp_model_info *info) {
  *info = (esp_model_info){.ir_version = l->model->ir_version,
                           .opset = l->opset,
                           .hash = 14695981039346656037u,
                           .file_bytes = count};
  const char *name = l->model->producer_name,
             *version = l->model->producer_version;
  (void)snprintf(info->producer, sizeof info->producer, "%s%s%s",
                 name != NULL ? name : "",
                 version != NULL && version[0] != '\0' ? " " : "",
                 version != NULL ? version : "");
  for (size_t i = 0; i < count; i++) { // FNV-1a
    info->hash = (info->hash ^ bytes[i]) * 1099511628211u;
  }
  for (int v = 0; v < l->graph->nvalue; v++) {
    const esp_tensor *t = &l->graph->value[v].tensor;
    if (t->data != NULL) info->weight_bytes += esp_tensor_bytes(t);
  }
}

static esp_status load_bytes(loader *l, const unsigned char *bytes,
                             size_t count, esp_model_info *info) {
  ESP_TRY(esp_wire_check(bytes, count));
  Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, count, bytes);
  if (model == NULL || model->graph == NULL) {
    if (model != NULL) free_message(model);
    return ESP_FAIL(ESP_BAD_INPUT, "not an ONNX model, or damaged");
  }
  esp_status status = esp_graph_create(&l->graph);
  if (status == ESP_OK) {
    status = esp_arena_keep(l->graph->arena, model, free_message);
  }
  if (status != ESP_OK) {
    free_message(model);
    return status;
  }
  l->model = model;
  l->proto = model->graph;
  l->graph->name = l->proto->name != NULL ? l->proto->name : "";
  ESP_TRY(fill_graph(l));
  if (info != NULL) describe(l, bytes, count, info);
  return ESP_OK;
}

esp_status esp_model_load(const char *path, esp_graph **graph,
                          esp_model_info *info) {
  loader l = {.path = path};
  unsigned char *bytes;
  size_t count;
  ESP_TRY(esp_file_read(path, &bytes, &count));
  const char *slash = strrchr(path, '/');
  l.folder =
      slash != NULL ? strndup(path, (size_t)(slash - path)) : strdup(".");
  esp_status status = l.folder != NULL
                          ? load_bytes(&l, bytes, count, info)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", path);
  if (status == ESP_BAD_INPUT) {
    (void)esp_fail_within(status, "%s", path);
  }
  if (l.missing_out != NULL) (void)fclose(l.missing_out);
  free(l.missing);
  free(l.folder);
  esp_names_end(&l.names);
  esp_free(bytes);
  if (status != ESP_OK) {
    esp_graph_free(l.graph);
    return status;
  }
  *graph = l.graph;
  return ESP_OK;
}
