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
  if (proto->g != NULL) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
  if (proto->n_floats > 0) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
  if (proto->n_strings > 0) {
    return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
  }
  return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
}

static esp_status fill(const Onnx__AttributeProto *proto,
                       esp_external *external, esp_arena *arena,
                       esp_attribute *made) {
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
    return esp_tensor_from_proto(proto->t, external, arena, &made->tensor);
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR:
    if (proto->sparse_tensor == NULL) break;
    made->kind = ESP_ATTRIBUTE_TENSOR;
    return esp_tensor_from_sparse(proto->sparse_tensor, external, arena,
                                  &made->tensor);
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTO:
    if (proto->tp == NULL) break;
    made->kind = ESP_ATTRIBUTE_TYPE;
    return esp_type_from_proto(proto->tp, &made->type);
  default:
    break;
  }
  made->kind = ESP_ATTRIBUTE_OTHER;
  return ESP_OK;
}

esp_status esp_attribute_from_proto(const Onnx__AttributeProto *proto,
                                    const char *name, esp_external *external,
                                    esp_arena *arena, esp_attribute *made) {
  *made = (esp_attribute){.name = name != NULL ? name : ""};
  const esp_status status = fill(proto, external, arena, made);
  return status == ESP_OK ? ESP_OK
                          : esp_fail_within(status, "attribute %s", made->name);
}

bool esp_attribute_is_graph(const Onnx__AttributeProto *proto) {
  return type_of(proto) == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH &&
         proto->g != NULL;
}

static const Onnx__AttributeProto *find(Onnx__AttributeProto *const *list,
                                        size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (list[i]->name != NULL && strcmp(list[i]->name, name) == 0) {
      return list[i];
    }
  }
  return NULL;
}

const Onnx__AttributeProto *
esp_attribute_resolve(const esp_inlined *call,
                      const Onnx__AttributeProto *proto) {
  while (proto != NULL && proto->ref_attr_name != NULL &&
         proto->ref_attr_name[0] != '\0') {
    if (call == NULL) return NULL;
    const char *name = proto->ref_attr_name;
    proto = find(call->node->attribute, call->node->n_attribute, name);
    if (proto == NULL) {
      return find(call->function->attribute_proto,
                  call->function->n_attribute_proto, name);
    }
    call = call->outer;
  }
  return proto;
}
