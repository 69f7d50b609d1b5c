#include <string.h>

#include "model/private.h"

static esp_status strings_from_proto(const Onnx__AttributeProto *proto,
                                     esp_arena *arena, esp_attribute *made) {
  void *block;
  ESP_TRY(esp_arena_take(arena, proto->n_strings, sizeof(char *), &block));
  char **list = block;
  for (size_t i = 0; i < proto->n_strings; i++) {
    ESP_TRY(esp_arena_chars(arena, (const char *)proto->strings[i].data,
                            proto->strings[i].len, &list[i]));
  }
  made->strings = (const char *const *)list;
  made->count = (int64_t)proto->n_strings;
  return ESP_OK;
}

// Early exporters left the type out: then what is there tells.
static int type_of(const Onnx__AttributeProto *proto) {
  if (proto->has_type && proto->type != 0) return (int)proto->type;
  if (proto->has_f) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
  if (proto->has_i) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
  if (proto->has_s) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
  if (proto->t != NULL) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
  if (proto->n_floats > 0) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
  return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
}

static esp_status fill(const Onnx__AttributeProto *proto, const char *folder,
                       esp_arena *arena, esp_attribute *made) {
  char *text;
  void *copy;
  switch (type_of(proto)) {
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
    made->kind = ESP_ATTRIBUTE_FLOAT;
    made->f = proto->f;
    return ESP_OK;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
    made->kind = ESP_ATTRIBUTE_INT;
    made->i = proto->i;
    return ESP_OK;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
    ESP_TRY(esp_arena_chars(arena, (const char *)proto->s.data, proto->s.len,
                            &text));
    made->kind = ESP_ATTRIBUTE_STRING;
    made->s = text;
    made->count = (int64_t)proto->s.len;
    return ESP_OK;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
    ESP_TRY(esp_arena_copy(arena, proto->floats,
                           proto->n_floats * sizeof *proto->floats, &copy));
    made->kind = ESP_ATTRIBUTE_FLOATS;
    made->floats = copy;
    made->count = (int64_t)proto->n_floats;
    return ESP_OK;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
    ESP_TRY(esp_arena_copy(arena, proto->ints,
                           proto->n_ints * sizeof *proto->ints, &copy));
    made->kind = ESP_ATTRIBUTE_INTS;
    made->ints = copy;
    made->count = (int64_t)proto->n_ints;
    return ESP_OK;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
    made->kind = ESP_ATTRIBUTE_STRINGS;
    return strings_from_proto(proto, arena, made);
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
    if (proto->t == NULL) break;
    made->kind = ESP_ATTRIBUTE_TENSOR;
    return esp_tensor_from_proto(proto->t, folder, arena, &made->tensor);
  default:
    break;
  }
  made->kind = ESP_ATTRIBUTE_OTHER;
  return ESP_OK;
}

esp_status esp_attribute_from_proto(const Onnx__AttributeProto *proto,
                                    const char *folder, esp_graph *graph,
                                    int node) {
  esp_attribute made = {.name = proto->name != NULL ? proto->name : ""};
  const esp_status status = fill(proto, folder, graph->arena, &made);
  if (status != ESP_OK) {
    return esp_fail_within(status, "node %s: attribute %s",
                           graph->node[node].name, made.name);
  }
  return esp_graph_add_attribute(graph, node, &made);
}
