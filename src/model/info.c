// What a model declares about its inputs and outputs.
#include "model/private.h"

static esp_status refuse(const char *what) {
  return ESP_FAIL(ESP_UNSUPPORTED, "%s, which is not supported", what);
}

// Descends by recursion; esp_wire_check() has bounded it.
esp_status esp_type_from_proto(const Onnx__TypeProto *proto, esp_type *type) {
  *type = (esp_type){0};
  if (proto == NULL) return ESP_OK;
  const Onnx__TypeProto *inside = NULL;
  switch (proto->value_case) {
  case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
    if (!esp_dtype_valid(proto->tensor_type->elem_type)) {
      return ESP_FAIL(ESP_UNSUPPORTED, "it has element type %d",
                      (int)proto->tensor_type->elem_type);
    }
    type->element = (esp_dtype)proto->tensor_type->elem_type;
    return ESP_OK;
  case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
    inside = proto->sequence_type->elem_type;
    type->kind = ESP_KIND_SEQUENCE;
    break;
  case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
    inside = proto->optional_type->elem_type;
    type->kind = ESP_KIND_OPTIONAL;
    break;
  case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
    return refuse("it is a map");
  case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
    return refuse("it is a sparse tensor");
  case ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE:
    return refuse("it is of an opaque type");
  default:
    return ESP_OK;
  }
  esp_type held;
  ESP_TRY(esp_type_from_proto(inside, &held));
  type->inside = held.kind;
  type->element = held.element;
  return ESP_OK;
}

static esp_status read_shape(const Onnx__TensorShapeProto *shape,
                             esp_arena *arena, esp_value *declared) {
  if (shape->n_dim > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "it has %zu dimensions, at most %d are possible",
                    shape->n_dim, ESP_MAX_NDIM);
  }
  void *block;
  ESP_TRY(esp_arena_take(arena, shape->n_dim, sizeof(char *), &block));
  const char **name = block;
  declared->tensor.shape.ndim = (int)shape->n_dim;
  for (size_t i = 0; i < shape->n_dim; i++) {
    const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
    const bool known =
        dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    if (known && dim->dim_value < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "it has dimension %lld",
                      (long long)dim->dim_value);
    }
    declared->tensor.shape.dim[i] = known ? dim->dim_value : ESP_DIM_UNKNOWN;
    if (dim->value_case ==
            ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM &&
        dim->dim_param[0] != '\0') {
      char *copy;
      ESP_TRY(esp_arena_string(arena, dim->dim_param, &copy));
      name[i] = copy;
    }
  }
  declared->dim_name = name;
  return ESP_OK;
}

esp_status esp_read_value_info(const Onnx__ValueInfoProto *info,
                               esp_arena *arena, esp_value *declared) {
  *declared = (esp_value){.any_shape = true};
  esp_type type;
  ESP_TRY(esp_type_from_proto(info->type, &type));
  declared->kind = type.kind;
  if (type.kind != ESP_KIND_TENSOR || info->type == NULL ||
      info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
    return ESP_OK;
  }
  declared->tensor.type = type.element;
  if (info->type->tensor_type->shape == NULL) return ESP_OK;
  declared->any_shape = false;
  return read_shape(info->type->tensor_type->shape, arena, declared);
}
