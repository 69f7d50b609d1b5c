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

// Messages that can hold messages: the model's graph (7), functions (25) and
// training info (20); a graph's nodes (1); a node's attributes (5); and an
// attribute's graphs (6, 11).  All else ends within a few levels.
typedef enum kind { MODEL, GRAPH, NODE, ATTRIBUTE, FLAT } kind;

static kind inside(kind outer, uint64_t field) {
  switch (outer) {
  case MODEL:
    return field == 7 ? GRAPH : field == 25 ? MODEL : FLAT;
  case GRAPH:
    return field == 1 ? NODE : FLAT;
  case NODE:
    return field == 5 ? ATTRIBUTE : FLAT;
  case ATTRIBUTE:
    return field == 6 || field == 11 ? GRAPH : FLAT;
  default:
    return FLAT;
  }
}

typedef struct level {
  size_t end;
  kind kind;
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
  const kind entered = inside(here.kind, key >> 3);
  if (entered == FLAT) {
    *at += (size_t)length;
    return true;
  }
  if (*depth + 1 == MOST_LEVELS) return false;
  stack[++*depth] = (level){.end = *at + (size_t)length, .kind = entered};
  return true;
}

esp_status esp_wire_check(const unsigned char *bytes, size_t count) {
  level stack[MOST_LEVELS] = {{.end = count, .kind = MODEL}};
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
