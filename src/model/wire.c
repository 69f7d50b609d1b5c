// The protobuf reader descends by recursion, one level for each message inside
// a message.  A file can nest some hundred thousand levels; this look at the
// wire format refuses it before the reader sees it.
// Source: Protocol Buffers, "Encoding": a key is field << 3 | wire type.
#include "model/private.h"

// ONNX needs few: If and Loop inside each other four or five levels each.
enum { MOST_LEVELS = 100 };

static bool read_varint(const unsigned char *bytes, size_t count, size_t *at,
                        uint64_t *number) {
  *number = 0;
  for (unsigned shift = 0; shift < 64 && *at < count; shift += 7) {
    const unsigned char byte = bytes[(*at)++];
    *number |= (uint64_t)(byte & 0x7fu) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// Messages that can hold messages without end, and by which fields.  All else
// ends within a few levels.
static const struct {
  esp_wire outer;
  unsigned field;
  esp_wire inner;
} holds[] = {
    {ESP_WIRE_MODEL, 7, ESP_WIRE_GRAPH},
    {ESP_WIRE_MODEL, 25, ESP_WIRE_FUNCTION},
    {ESP_WIRE_GRAPH, 1, ESP_WIRE_NODE},
    {ESP_WIRE_GRAPH, 11, ESP_WIRE_VALUE_INFO},
    {ESP_WIRE_GRAPH, 12, ESP_WIRE_VALUE_INFO},
    {ESP_WIRE_FUNCTION, 7, ESP_WIRE_NODE},
    {ESP_WIRE_FUNCTION, 11, ESP_WIRE_ATTRIBUTE},
    {ESP_WIRE_NODE, 5, ESP_WIRE_ATTRIBUTE},
    {ESP_WIRE_ATTRIBUTE, 6, ESP_WIRE_GRAPH},
    {ESP_WIRE_ATTRIBUTE, 11, ESP_WIRE_GRAPH},
    {ESP_WIRE_ATTRIBUTE, 14, ESP_WIRE_TYPE},
    {ESP_WIRE_ATTRIBUTE, 15, ESP_WIRE_TYPE},
    {ESP_WIRE_VALUE_INFO, 2, ESP_WIRE_TYPE},
    {ESP_WIRE_TYPE, 4, ESP_WIRE_TYPE_INSIDE},
    {ESP_WIRE_TYPE, 5, ESP_WIRE_TYPE_INSIDE},
    {ESP_WIRE_TYPE, 9, ESP_WIRE_TYPE_INSIDE},
    {ESP_WIRE_TYPE_INSIDE, 1, ESP_WIRE_TYPE},
    {ESP_WIRE_TYPE_INSIDE, 2, ESP_WIRE_TYPE},
    {ESP_WIRE_SEQUENCE, 5, ESP_WIRE_SEQUENCE},
    {ESP_WIRE_SEQUENCE, 7, ESP_WIRE_OPTIONAL},
    {ESP_WIRE_OPTIONAL, 5, ESP_WIRE_SEQUENCE},
    {ESP_WIRE_OPTIONAL, 7, ESP_WIRE_OPTIONAL},
};

static esp_wire inside(esp_wire outer, uint64_t field) {
  for (size_t i = 0; i < sizeof holds / sizeof holds[0]; i++) {
    if (holds[i].outer == outer && holds[i].field == field) {
      return holds[i].inner;
    }
  }
  return ESP_WIRE_FLAT;
}

typedef struct level {
  size_t end;
  esp_wire kind;
} level;

// Moves past one field; a message that can hold others is entered.
static bool step(const unsigned char *bytes, level *stack, int *depth,
                 size_t *at) {
  const level here = stack[*depth];
  uint64_t key, length;
  if (!read_varint(bytes, here.end, at, &key)) return false;
  switch (key & 7u) {
  case 0:
    return read_varint(bytes, here.end, at, &length);
  case 1:
    *at += 8;
    return *at <= here.end;
  case 5:
    *at += 4;
    return *at <= here.end;
  case 2:
    break;
  default:
    return false;
  }
  if (!read_varint(bytes, here.end, at, &length)) return false;
  if (length > here.end - *at) return false;
  const esp_wire entered = inside(here.kind, key >> 3);
  if (entered == ESP_WIRE_FLAT) {
    *at += (size_t)length;
    return true;
  }
  if (*depth + 1 == MOST_LEVELS) return false;
  stack[++*depth] = (level){.end = *at + (size_t)length, .kind = entered};
  return true;
}

esp_status esp_wire_check(const unsigned char *bytes, size_t count,
                          esp_wire kind) {
  level stack[MOST_LEVELS] = {{.end = count, .kind = kind}};
  int depth = 0;
  size_t at = 0;
  while (depth >= 0) {
    if (at == stack[depth].end) {
      depth--;
      continue;
    }
    if (!step(bytes, stack, &depth, &at)) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "not an ONNX model, or cut off, at byte %zu of %zu", at,
                      count);
    }
  }
  return ESP_OK;
}
