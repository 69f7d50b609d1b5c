// IDX and NPY, plain or gzipped, told by their first bytes.
// Sources: Y. LeCun, "The MNIST database" (IDX: two zero bytes, type, number of
// dimensions, the dimensions and then the data, big endian); NumPy Enhancement
// Proposal 1 (NPY).
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "store/private.h"

static esp_status take(esp_packed *p, const char *path, void *to,
                       size_t bytes) {
  char *at = to;
  while (bytes > 0) {
    const unsigned part = bytes > 1u << 30 ? 1u << 30 : (unsigned)bytes;
    const int got = gzread(p->file, at, part);
    if (got <= 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "%s ends before its header says", path);
    }
    at += got;
    bytes -= (size_t)got;
  }
  return ESP_OK;
}

static esp_dtype idx_type(unsigned char code) {
  switch (code) {
  case 0x08:
    return ESP_UINT8;
  case 0x09:
    return ESP_INT8;
  case 0x0b:
    return ESP_INT16;
  case 0x0c:
    return ESP_INT32;
  case 0x0d:
    return ESP_FLOAT;
  case 0x0e:
    return ESP_DOUBLE;
  default:
    return ESP_UNDEFINED;
  }
}

static esp_status open_idx(esp_packed *p, const char *path,
                           const unsigned char *magic) {
  p->type = idx_type(magic[2]);
  p->shape.ndim = magic[3];
  p->swap = true;
  if (p->type == ESP_UNDEFINED || p->shape.ndim < 1 ||
      p->shape.ndim > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%s: an IDX file of type 0x%02x with %d "
                    "dimensions cannot be packed",
                    path, magic[2], magic[3]);
  }
  for (int i = 0; i < p->shape.ndim; i++) {
    unsigned char d[4];
    ESP_TRY(take(p, path, d, sizeof d));
    p->shape.dim[i] = (int64_t)d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
  }
  return ESP_OK;
}

static esp_dtype npy_type(const char *text) {
  static const struct {
    const char *code;
    esp_dtype type;
  } types[] = {{"f4", ESP_FLOAT},  {"f8", ESP_DOUBLE}, {"u1", ESP_UINT8},
               {"i1", ESP_INT8},   {"u2", ESP_UINT16}, {"i2", ESP_INT16},
               {"u4", ESP_UINT32}, {"i4", ESP_INT32},  {"u8", ESP_UINT64},
               {"i8", ESP_INT64},  {"b1", ESP_BOOL}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (strncmp(text, types[i].code, 2) == 0 && text[2] == '\'') {
      return types[i].type;
    }
  }
  return ESP_UNDEFINED;
}

// What stands after 'key': in the header, a Python dictionary.
static const char *npy_value(const char *header, const char *key) {
  const char *at = strstr(header, key);
  if (at == NULL) return NULL;
  at += strlen(key);
  at += strspn(at, " ");
  if (*at != ':') return NULL;
  at++;
  return at + strspn(at, " ");
}

static esp_status npy_shape(const char *text, const char *path,
                            esp_shape *shape) {
  *shape = (esp_shape){0};
  bool closed = false;
  if (text != NULL && *text == '(') {
    for (text++; !closed && shape->ndim <= ESP_MAX_NDIM;) {
      text += strspn(text, " ,");
      if ((closed = *text == ')') || !isdigit((unsigned char)*text)) break;
      if (shape->ndim == ESP_MAX_NDIM) break;
      char *end;
      shape->dim[shape->ndim++] = strtoll(text, &end, 10);
      text = end;
    }
  }
  if (closed && shape->ndim > 0) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT,
                  "%s: an NPY file needs a shape of 1 to %d "
                  "dimensions",
                  path, ESP_MAX_NDIM);
}

static esp_status read_npy_header(esp_packed *p, const char *path,
                                  char **header) {
  unsigned char rest[8]; // of the signature (2), version (2), length (2 or 4)
  ESP_TRY(take(p, path, rest, 6));
  size_t length = rest[4] | (size_t)rest[5] << 8;
  if (rest[2] >= 2) {
    ESP_TRY(take(p, path, rest + 6, 2));
    length |= (size_t)rest[6] << 16 | (size_t)rest[7] << 24;
  }
  if (rest[2] < 1 || rest[2] > 3 || length > 1 << 20) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s: NPY of version %d is unknown", path,
                    rest[2]);
  }
  char *text = calloc(length + 1, 1);
  if (text == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot read %s", path);
  const esp_status status = take(p, path, text, length);
  if (status != ESP_OK) {
    free(text);
    return status;
  }
  *header = text;
  return ESP_OK;
}

static esp_status open_npy(esp_packed *p, const char *path) {
  char *header = NULL;
  ESP_TRY(read_npy_header(p, path, &header));
  const char *type = npy_value(header, "'descr'");
  const char *order = npy_value(header, "'fortran_order'");
  esp_status status = npy_shape(npy_value(header, "'shape'"), path, &p->shape);
  const bool quoted = type != NULL && type[0] == '\'' && type[1] != '\0';
  p->type = quoted ? npy_type(type + 2) : ESP_UNDEFINED;
  p->swap = quoted && type[1] == '>';
  if (status == ESP_OK && p->type == ESP_UNDEFINED) {
    status = ESP_FAIL(ESP_BAD_INPUT,
                      "%s: elements of type %.12s cannot be "
                      "packed",
                      path, type != NULL ? type : "?");
  }
  if (status == ESP_OK && (order == NULL || strncmp(order, "False", 5) != 0)) {
    status = ESP_FAIL(ESP_BAD_INPUT,
                      "%s is in Fortran order: save it in C order "
                      "(numpy.ascontiguousarray)",
                      path);
  }
  free(header);
  return status;
}

static esp_status open_any(esp_packed *p, const char *path) {
  unsigned char magic[4];
  ESP_TRY(take(p, path, magic, sizeof magic));
  if (magic[0] == 0 && magic[1] == 0) return open_idx(p, path, magic);
  if (memcmp(magic, "\x93NUM", 4) == 0) return open_npy(p, path);
  return ESP_FAIL(ESP_BAD_INPUT, "%s is neither IDX nor NPY", path);
}

esp_status esp_packed_open(const char *path, esp_packed *packed) {
  *packed = (esp_packed){.file = gzopen(path, "rb")};
  if (packed->file == NULL) return ESP_FAIL(ESP_IO, "cannot open %s", path);
  esp_status status = open_any(packed, path);
  size_t bytes;
  if (status == ESP_OK) {
    status = esp_shape_bytes(&packed->shape, packed->type, &bytes);
  }
  if (status != ESP_OK) esp_packed_close(packed);
  return status;
}

static void swap_bytes(unsigned char *at, size_t bytes, size_t each) {
  for (size_t i = 0; i + each <= bytes; i += each) {
    for (size_t a = 0, b = each - 1; a < b; a++, b--) {
      const unsigned char kept = at[i + a];
      at[i + a] = at[i + b];
      at[i + b] = kept;
    }
  }
}

esp_status esp_packed_read(esp_packed *packed, const char *path, void *to,
                           size_t bytes) {
  ESP_TRY(take(packed, path, to, bytes));
  if (packed->swap) swap_bytes(to, bytes, esp_dtype_bytes(packed->type));
  return ESP_OK;
}

esp_status esp_packed_end(esp_packed *packed, const char *path) {
  char more;
  if (gzread(packed->file, &more, 1) > 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s is longer than its header says", path);
  }
  return ESP_OK;
}

void esp_packed_close(esp_packed *packed) {
  if (packed->file != NULL) (void)gzclose(packed->file);
  packed->file = NULL;
}
