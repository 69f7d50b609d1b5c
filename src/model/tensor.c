#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "model/private.h"

enum { EXTERNAL = 1 }; // TensorProto.data_location

static const char *name_of(const Onnx__TensorProto *proto) {
  return proto->name != NULL ? proto->name : "";
}

static esp_status read_shape(const Onnx__TensorProto *proto,
                             esp_tensor *tensor) {
  if (!esp_dtype_valid(proto->data_type) || proto->data_type == ESP_UNDEFINED) {
    return ESP_FAIL(ESP_UNSUPPORTED, "tensor \"%s\" has element type %d",
                    name_of(proto), (int)proto->data_type);
  }
  if (proto->n_dims > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "tensor \"%s\" has %zu dimensions, at most %d are possible",
                    name_of(proto), proto->n_dims, ESP_MAX_NDIM);
  }
  *tensor = (esp_tensor){.type = (esp_dtype)proto->data_type,
                         .shape = {.ndim = (int)proto->n_dims}};
  for (size_t i = 0; i < proto->n_dims; i++) {
    tensor->shape.dim[i] = proto->dims[i];
  }
  return ESP_OK;
}

static bool is_nibbles(esp_dtype type) {
  return type == ESP_UINT4 || type == ESP_INT4;
}

// Bytes that the elements take in a file.
static size_t stored_bytes(const esp_tensor *tensor, size_t bytes) {
  return is_nibbles(tensor->type) ? bytes / 2 + bytes % 2 : bytes;
}

// Two elements in a byte, the first in the low half, to one in a byte.
static void unpack_nibbles(const unsigned char *packed, size_t each,
                           const esp_tensor *tensor, size_t count,
                           signed char *to) {
  for (size_t i = 0; i < count; i++) {
    const int half = packed[i / 2 * each] >> (i % 2 * 4) & 15;
    to[i] = (signed char)(tensor->type == ESP_INT4 ? (half ^ 8) - 8 : half);
  }
}

static esp_status wrong_length(const Onnx__TensorProto *proto, size_t have,
                               size_t want) {
  return ESP_FAIL(ESP_BAD_INPUT,
                  "tensor \"%s\" has %zu bytes or numbers of data, its shape "
                  "asks for %zu",
                  name_of(proto), have, want);
}

// Numbers of 32 bits hold the smaller types one by one.
static esp_status narrow(const Onnx__TensorProto *proto, size_t count,
                         size_t each, esp_arena *arena, void **data) {
  if (proto->n_int32_data != count) {
    return wrong_length(proto, proto->n_int32_data, count);
  }
  ESP_TRY(esp_arena_take(arena, count, each, data));
  for (size_t i = 0; i < count;
       i++) { // little endian: the low bytes come first
    memcpy((unsigned char *)*data + i * each, &proto->int32_data[i], each);
  }
  return ESP_OK;
}

static esp_status take_nibbles(const Onnx__TensorProto *proto,
                               const esp_tensor *tensor, size_t count,
                               esp_arena *arena, void **data) {
  const size_t stored = stored_bytes(tensor, count);
  if (proto->n_int32_data != stored) {
    return wrong_length(proto, proto->n_int32_data, stored);
  }
  ESP_TRY(esp_arena_take(arena, count, 1, data));
  unpack_nibbles((const unsigned char *)proto->int32_data,
                 sizeof *proto->int32_data, tensor, count, *data);
  return ESP_OK;
}

static esp_status take_strings(const Onnx__TensorProto *proto, size_t count,
                               esp_arena *arena, void **data) {
  if (proto->n_string_data != count) {
    return wrong_length(proto, proto->n_string_data, count);
  }
  ESP_TRY(esp_arena_take(arena, count, sizeof(char *), data));
  for (size_t i = 0; i < count; i++) {
    const ProtobufCBinaryData *text = &proto->string_data[i];
    if (text->len > 0 && memchr(text->data, 0, text->len) != NULL) {
      return ESP_FAIL(ESP_UNSUPPORTED,
                      "tensor \"%s\": string %zu has a zero byte inside",
                      name_of(proto), i);
    }
    ESP_TRY(esp_arena_chars(arena, (const char *)text->data, text->len,
                            (char **)*data + i));
  }
  return ESP_OK;
}

static esp_status take_numbers(const Onnx__TensorProto *proto,
                               const void *numbers, size_t have, size_t count,
                               size_t each, esp_arena *arena, void **data) {
  if (have != count) return wrong_length(proto, have, count);
  return esp_arena_copy(arena, numbers, count * each, data);
}

static esp_status take_typed(const Onnx__TensorProto *proto,
                             const esp_tensor *tensor, size_t bytes,
                             esp_arena *arena, void **data) {
  const size_t each = esp_dtype_bytes(tensor->type);
  const size_t count = bytes / each;
  switch (tensor->type) {
  case ESP_FLOAT:
    return take_numbers(proto, proto->float_data, proto->n_float_data, count,
                        each, arena, data);
  case ESP_COMPLEX64:
    return take_numbers(proto, proto->float_data, proto->n_float_data,
                        2 * count, each / 2, arena, data);
  case ESP_DOUBLE:
    return take_numbers(proto, proto->double_data, proto->n_double_data, count,
                        each, arena, data);
  case ESP_COMPLEX128:
    return take_numbers(proto, proto->double_data, proto->n_double_data,
                        2 * count, each / 2, arena, data);
  case ESP_INT64:
    return take_numbers(proto, proto->int64_data, proto->n_int64_data, count,
                        each, arena, data);
  case ESP_UINT64:
    return take_numbers(proto, proto->uint64_data, proto->n_uint64_data, count,
                        each, arena, data);
  case ESP_UINT32: {
    if (proto->n_uint64_data != count) {
      return wrong_length(proto, proto->n_uint64_data, count);
    }
    ESP_TRY(esp_arena_take(arena, count, each, data));
    for (size_t i = 0; i < count; i++) {
      ((uint32_t *)*data)[i] = (uint32_t)proto->uint64_data[i];
    }
    return ESP_OK;
  }
  case ESP_UINT4:
  case ESP_INT4:
    return take_nibbles(proto, tensor, count, arena, data);
  case ESP_STRING:
    return take_strings(proto, count, arena, data);
  default:
    return narrow(proto, count, each, arena, data);
  }
}

// Elements as they lie in a file: used in place when they lie right, and
// `stored` outlives the graph, else copied.
static esp_status take_stored(const esp_tensor *tensor, void *stored,
                              size_t bytes, esp_arena *arena, void **data) {
  if (is_nibbles(tensor->type)) {
    ESP_TRY(esp_arena_take(arena, bytes, 1, data));
    unpack_nibbles(stored, 1, tensor, bytes, *data);
    return ESP_OK;
  }
  if ((uintptr_t)stored % esp_dtype_bytes(tensor->type) == 0 && bytes > 0) {
    *data = stored;
    return ESP_OK;
  }
  return esp_arena_copy(arena, stored, bytes, data);
}

static esp_status take_raw(const Onnx__TensorProto *proto,
                           const esp_tensor *tensor, size_t bytes,
                           esp_arena *arena, void **data) {
  const size_t stored = stored_bytes(tensor, bytes);
  if (tensor->type == ESP_STRING) {
    return ESP_FAIL(ESP_BAD_INPUT, "tensor \"%s\" has strings as raw data",
                    name_of(proto));
  }
  if (proto->raw_data.len != stored) {
    return wrong_length(proto, proto->raw_data.len, stored);
  }
  return take_stored(tensor, proto->raw_data.data, bytes, arena, data);
}

typedef struct mapping {
  void *address;
  size_t bytes;
} mapping;

static void unmap(void *thing) {
  mapping *m = thing;
  (void)munmap(m->address, m->bytes);
}

// Does a path lead out of its folder by ".."?
static bool leads_out(const char *path) {
  for (const char *part = path; part != NULL;) {
    const char *slash = strchr(part, '/');
    const size_t length = slash != NULL ? (size_t)(slash - part) : strlen(part);
    if (length == 2 && strncmp(part, "..", 2) == 0) return true;
    part = slash != NULL ? slash + 1 : NULL;
  }
  return false;
}

typedef struct place {
  const char *location;
  uint64_t offset;
} place;

static esp_status read_place(const Onnx__TensorProto *proto, place *e) {
  *e = (place){0};
  for (size_t i = 0; i < proto->n_external_data; i++) {
    const Onnx__StringStringEntryProto *entry = proto->external_data[i];
    if (entry->key == NULL || entry->value == NULL) continue;
    if (strcmp(entry->key, "location") == 0) e->location = entry->value;
    if (strcmp(entry->key, "offset") == 0) {
      e->offset = strtoull(entry->value, NULL, 10);
    }
  }
  if (e->location == NULL || e->location[0] == '/' || leads_out(e->location)) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "tensor \"%s\" has its data at \"%s\", expected a path "
                    "inside the model's folder",
                    name_of(proto), e->location != NULL ? e->location : "");
  }
  return ESP_OK;
}

static esp_status take_external(const Onnx__TensorProto *proto,
                                const esp_tensor *tensor,
                                esp_external *external, size_t count,
                                esp_arena *arena, void **data) {
  const size_t bytes = stored_bytes(tensor, count);
  place e;
  if (tensor->type == ESP_STRING) {
    return ESP_FAIL(ESP_BAD_INPUT, "tensor \"%s\" has strings as external data",
                    name_of(proto));
  }
  ESP_TRY(read_place(proto, &e));
  char path[PATH_MAX];
  const int used =
      snprintf(path, sizeof path, "%s/%s", external->folder, e.location);
  const int file = used > 0 && (size_t)used < sizeof path
                       ? open(path, O_RDONLY | O_NONBLOCK) // a pipe would wait
                       : -1;
  struct stat about;
  if (file < 0 || fstat(file, &about) != 0 || !S_ISREG(about.st_mode) ||
      e.offset > (uint64_t)about.st_size ||
      bytes > (uint64_t)about.st_size - e.offset) {
    if (file >= 0) (void)close(file);
    return ESP_FAIL(ESP_BAD_INPUT,
                    "tensor \"%s\": %s is missing or shorter than %llu bytes",
                    name_of(proto), e.location,
                    (unsigned long long)e.offset + bytes);
  }
  void *address = bytes > 0 ? mmap(NULL, (size_t)about.st_size, PROT_READ,
                                   MAP_PRIVATE, file, 0)
                            : NULL;
  (void)close(file);
  if (address == MAP_FAILED) {
    return ESP_FAIL(ESP_IO, "cannot map %s", e.location);
  }
  if (bytes == 0) return esp_arena_take(arena, 1, 1, data);
  void *block;
  esp_status status = esp_arena_take(arena, 1, sizeof(mapping), &block);
  if (status == ESP_OK) {
    mapping *m = block;
    *m = (mapping){.address = address, .bytes = (size_t)about.st_size};
    status = esp_arena_keep(arena, m, unmap);
  }
  if (status != ESP_OK) {
    (void)munmap(address, (size_t)about.st_size);
    return status;
  }
  unsigned char *stored = (unsigned char *)address + e.offset;
  if (external->hashed) {
    external->hash = esp_hash(external->hash, stored, bytes);
  }
  ESP_TRY(take_stored(tensor, stored, count, arena, data));
  if (*data == stored) external->mapped += bytes;
  return ESP_OK;
}

esp_status esp_tensor_from_proto(const Onnx__TensorProto *proto,
                                 esp_external *external, esp_arena *arena,
                                 esp_tensor *tensor) {
  esp_tensor made;
  size_t bytes;
  ESP_TRY(read_shape(proto, &made));
  esp_status status = esp_shape_bytes(&made.shape, made.type, &bytes);
  if (status != ESP_OK) {
    return esp_fail_within(status, "tensor \"%s\"", name_of(proto));
  }
  if (proto->data_location == EXTERNAL) {
    status = take_external(proto, &made, external, bytes, arena, &made.data);
  } else if (proto->has_raw_data) {
    status = take_raw(proto, &made, bytes, arena, &made.data);
  } else {
    status = take_typed(proto, &made, bytes, arena, &made.data);
  }
  ESP_TRY(status);
  *tensor = made;
  return ESP_OK;
}
