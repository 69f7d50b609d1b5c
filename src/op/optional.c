// Operators over optional values.
// Source: ONNX operators Optional, OptionalHasElement, OptionalGetElement
// (version 15 and 18: the latter two also take what is not optional).
#include "op/check.h"
#include "op/family.h"
#include "op/walk.h"

static esp_status make(const esp_call *call) {
  if (call->nin > 0 && call->in[0] != NULL) {
    return esp_datum_list(ESP_KIND_OPTIONAL, ESP_UNDEFINED, call->in, 1,
                          call->out);
  }
  const esp_attribute *type =
      esp_node_attribute(call->node, "type", ESP_ATTRIBUTE_TYPE);
  if (type == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "neither an element nor a type is given");
  }
  return esp_datum_list(ESP_KIND_OPTIONAL, type->type.element, NULL, 0,
                        call->out);
}

static esp_status has_element(const esp_call *call) {
  const esp_datum *x = call->nin > 0 ? call->in[0] : NULL;
  const bool has = x != NULL && (x->kind != ESP_KIND_OPTIONAL || x->count > 0);
  return esp_datum_bool(has, call->out);
}

static esp_status get_element(const esp_call *call) {
  esp_datum *x = call->nin > 0 ? call->in[0] : NULL;
  if (x == NULL || (x->kind == ESP_KIND_OPTIONAL && x->count == 0)) {
    return ESP_FAIL(ESP_BAD_INPUT, "the optional has no element");
  }
  *call->out = esp_datum_keep(x->kind == ESP_KIND_OPTIONAL ? x->element[0] : x);
  return ESP_OK;
}

static esp_status walk(const esp_call *call) {
  if (call->nin > 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d inputs, expected at most 1", call->nin);
  }
  switch (call->node->op) {
  case ESP_OP_OPTIONAL:
    return make(call);
  case ESP_OP_OPTIONAL_HAS_ELEMENT:
    return has_element(call);
  default:
    return get_element(call);
  }
}

const esp_op esp_op_optional = {.infer = esp_infer_walked, .walk = walk};
