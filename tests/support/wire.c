#include "support/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static void put(wire *w, const void *bytes, size_t count) {
  if (w->count + count > w->room) {
    w->room = 2 * (w->count + count) + 64;
    w->bytes = realloc(w->bytes, w->room);
  }
  CU_ASSERT_PTR_NOT_NULL_FATAL(w->bytes);
  if (count > 0) memcpy(w->bytes + w->count, bytes, count);
  w->count += count;
}

static void put_varint(wire *w, uint64_t number) {
  do {
    const unsigned char byte =
        (unsigned char)(number >> 7 != 0 ? number | 0x80 : number);
    put(w, &byte, 1);
  } while (number >>= 7);
}

static void put_key(wire *w, int field, int type) {
  put_varint(w, (uint64_t)field << 3 | (uint64_t)type);
}

void wire_int(wire *w, int field, int64_t number) {
  put_key(w, field, 0);
  put_varint(w, (uint64_t)number);
}

void wire_float(wire *w, int field, float number) {
  put_key(w, field, 5);
  put(w, &number, sizeof number);
}

void wire_bytes(wire *w, int field, const void *bytes, size_t count) {
  put_key(w, field, 2);
  put_varint(w, count);
  put(w, bytes, count);
}

void wire_text(wire *w, int field, const char *text) {
  wire_bytes(w, field, text, strlen(text));
}

void wire_ints(wire *w, int field, const int64_t *numbers, int count) {
  wire list = {0};
  for (int i = 0; i < count; i++) put_varint(&list, (uint64_t)numbers[i]);
  wire_message(w, field, &list);
}

void wire_message(wire *w, int field, wire *inner) {
  wire_bytes(w, field, inner->bytes, inner->count);
  wire_end(inner);
}

void wire_write(const wire *w, const char *path) {
  FILE *file = fopen(path, "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  CU_ASSERT_EQUAL(fwrite(w->bytes, 1, w->count, file), w->count);
  CU_ASSERT_EQUAL(fclose(file), 0);
}

void wire_end(wire *w) {
  free(w->bytes);
  *w = (wire){0};
}
