// Writes protobuf's wire format, for models that tests make by hand.
#ifndef CHECK_WIRE_H
#define CHECK_WIRE_H

#include <stddef.h>
#include <stdint.h>

// A message being written; starts as {0} and ends with wire_end().
typedef struct wire {
  unsigned char *bytes;
  size_t count, room;
} wire;

void wire_int(wire *w, int field, int64_t number);
void wire_float(wire *w, int field, float number);
void wire_text(wire *w, int field, const char *text);
void wire_bytes(wire *w, int field, const void *bytes, size_t count);
void wire_ints(wire *w, int field, const int64_t *numbers, int count); // packed
// Adds `inner` as a field and ends it.
void wire_message(wire *w, int field, wire *inner);
void wire_write(const wire *w, const char *path);
void wire_end(wire *w);

#endif
