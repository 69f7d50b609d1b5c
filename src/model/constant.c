// Constant nodes become constants of the graph, by any of their attributes.
// Source: ONNX operator Constant, versions 1 to 23.
#include <string.h>

#include "model/private.h"

static esp_status take(esp_arena *arena, esp_dtype type, bool list,
                       const void *data, size_t count, esp_tensor *tensor) {
  *tensor = (esp_tensor){.type = type,
                         .shape = {.ndim = list, .dim = {(int64_t)count}}};
  return esp_arena_copy(arena, data, count * esp_dtype_bytes(type),
                        &tensor->data);
}

static esp_status take_text(esp_arena *arena, const esp_attribute *a,
                            esp_tensor *tensor) {
  const bool list = a->kind == ESP_ATTRIBUTE_STRINGS;
  return list ? take(arena, ESP_STRING, true, a->strings, (size_t)a->count,
                     tensor)
              : take(arena, ESP_STRING, false, &a->s, 1, tensor);
}

static esp_status content(esp_arena *arena, const esp_attribute *a,
                          esp_tensor *tensor) {
  switch (a->kind) {
  case ESP_ATTRIBUTE_TENSOR: // sparse ones have been made dense
    *tensor = a->tensor;
    return ESP_OK;
  case ESP_ATTRIBUTE_FLOAT:
    return take(arena, ESP_FLOAT, false, &a->f, 1, tensor);
  case ESP_ATTRIBUTE_FLOATS:
    return take(arena, ESP_FLOAT, true, a->floats, (size_t)a->count, tensor);
  case ESP_ATTRIBUTE_INT:
    return take(arena, ESP_INT64, false, &a->i, 1, tensor);
  case ESP_ATTRIBUTE_INTS:
    return take(arena, ESP_INT64, true, a->ints, (size_t)a->count, tensor);
  case ESP_ATTRIBUTE_STRING:
  case ESP_ATTRIBUTE_STRINGS:
    return take_text(arena, a, tensor);
  default:
    return ESP_FAIL(ESP_UNSUPPORTED, "a Constant by attribute \"%s\"", a->name);
  }
}

esp_status esp_read_constant(esp_loader *l, esp_scope *scope,
                             const Onnx__NodeProto *node, const char *name) {
  if (node->n_attribute != 1 || node->n_output != 1) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "node %s (Constant): %zu attributes and %zu outputs, "
                    "expected one of each",
                    name, node->n_attribute, node->n_output);
  }
  const Onnx__AttributeProto *proto =
      esp_attribute_resolve(scope->call, node->attribute[0]);
  if (proto == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "node %s (Constant): attribute \"%s\" of the function that "
                    "it is in is not given",
                    name, node->attribute[0]->ref_attr_name);
  }
  esp_arena *arena = l->graph->arena;
  esp_attribute a = {0};
  esp_tensor tensor = {0};
  esp_status status = esp_attribute_from_proto(proto, node->attribute[0]->name,
                                               &l->external, arena, &a);
  if (status == ESP_OK) status = content(arena, &a, &tensor);
  if (status != ESP_OK) {
    return esp_fail_within(status, "node %s (Constant)", name);
  }
  const int value = esp_names_get(&scope->names, node->output[0]);
  if (value < 0) return ESP_OK; // nobody can read it
  esp_value *v = &scope->graph->value[value];
  if (v->is_input || v->tensor.data != NULL || v->producer >= 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "node %s makes \"%s\" a second time", name,
                    v->name);
  }
  v->tensor = tensor;
  return ESP_OK;
}
