// Serialised values: tensors, sequences and optionals of test data.
#include <stdlib.h>

#include "model/private.h"
#include "op/datum.h"

// Strings and numbers are copied where they would die with the message.
static esp_status tensor_value(const Onnx__TensorProto *proto, esp_arena *arena,
                               esp_datum **made) {
  esp_tensor tensor;
  if (proto == NULL || !proto->has_data_type) {
    return ESP_FAIL(ESP_BAD_INPUT, "not a serialised tensor");
  }
  esp_external external = {.folder = "."};
  ESP_TRY(esp_tensor_from_proto(proto, &external, arena, &tensor));
  if (tensor.data == proto->raw_data.data) {
    ESP_TRY(esp_arena_copy(arena, proto->raw_data.data, proto->raw_data.len,
                           &tensor.data));
  }
  return esp_datum_borrow(&tensor, made);
}

static esp_status sequence_value(const Onnx__SequenceProto *proto,
                                 esp_arena *arena, esp_datum **made);

// Descends by recursion; esp_wire_check() has bounded it.
static esp_status optional_value(const Onnx__OptionalProto *proto,
                                 esp_arena *arena, esp_datum **made) {
  esp_datum *held = NULL;
  if (proto == NULL) return ESP_FAIL(ESP_BAD_INPUT, "not an optional");
  if (proto->tensor_value != NULL) {
    ESP_TRY(tensor_value(proto->tensor_value, arena, &held));
  } else if (proto->sequence_value != NULL) {
    ESP_TRY(sequence_value(proto->sequence_value, arena, &held));
  } else if (proto->optional_value != NULL) {
    ESP_TRY(optional_value(proto->optional_value, arena, &held));
  }
  const esp_status status = esp_datum_list(ESP_KIND_OPTIONAL, ESP_UNDEFINED,
                                           &held, held != NULL, made);
  esp_datum_drop(held);
  return status;
}

static esp_status fill(const Onnx__SequenceProto *proto, esp_arena *arena,
                       esp_datum **element, int64_t *count) {
  for (size_t i = 0; i < proto->n_tensor_values; i++) {
    ESP_TRY(tensor_value(proto->tensor_values[i], arena, &element[*count]));
    ++*count;
  }
  for (size_t i = 0; i < proto->n_sequence_values; i++) {
    ESP_TRY(sequence_value(proto->sequence_values[i], arena, &element[*count]));
    ++*count;
  }
  for (size_t i = 0; i < proto->n_optional_values; i++) {
    ESP_TRY(optional_value(proto->optional_values[i], arena, &element[*count]));
    ++*count;
  }
  return ESP_OK;
}

static esp_status sequence_value(const Onnx__SequenceProto *proto,
                                 esp_arena *arena, esp_datum **made) {
  if (proto == NULL) return ESP_FAIL(ESP_BAD_INPUT, "not a sequence");
  const size_t most = proto->n_tensor_values + proto->n_sequence_values +
                      proto->n_optional_values;
  esp_datum **element = calloc(most + 1, sizeof *element);
  if (element == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot read a sequence");
  int64_t count = 0;
  esp_status status = fill(proto, arena, element, &count);
  if (status == ESP_OK) {
    status =
        esp_datum_list(ESP_KIND_SEQUENCE, ESP_UNDEFINED, element, count, made);
  }
  for (int64_t i = 0; i < count; i++) esp_datum_drop(element[i]);
  free(element);
  return status;
}

static esp_status read_bytes(const unsigned char *bytes, size_t count,
                             esp_kind kind, esp_arena *arena,
                             esp_datum **value) {
  esp_status status;
  if (kind == ESP_KIND_SEQUENCE) {
    ESP_TRY(esp_wire_check(bytes, count, ESP_WIRE_SEQUENCE));
    Onnx__SequenceProto *proto =
        onnx__sequence_proto__unpack(NULL, count, bytes);
    status = sequence_value(proto, arena, value);
    if (proto != NULL) onnx__sequence_proto__free_unpacked(proto, NULL);
    return status;
  }
  if (kind == ESP_KIND_OPTIONAL) {
    ESP_TRY(esp_wire_check(bytes, count, ESP_WIRE_OPTIONAL));
    Onnx__OptionalProto *proto =
        onnx__optional_proto__unpack(NULL, count, bytes);
    status = optional_value(proto, arena, value);
    if (proto != NULL) onnx__optional_proto__free_unpacked(proto, NULL);
    return status;
  }
  Onnx__TensorProto *proto = onnx__tensor_proto__unpack(NULL, count, bytes);
  status = tensor_value(proto, arena, value);
  if (proto != NULL) onnx__tensor_proto__free_unpacked(proto, NULL);
  return status;
}

esp_status esp_model_read_value(const char *path, esp_kind kind,
                                esp_arena *arena, esp_datum **value) {
  const unsigned char *bytes;
  size_t count;
  ESP_TRY(esp_file_map(path, &bytes, &count));
  const esp_status status = read_bytes(bytes, count, kind, arena, value);
  esp_file_unmap(bytes, count);
  return status == ESP_OK ? ESP_OK : esp_fail_within(status, "%s", path);
}
