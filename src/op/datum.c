#include "op/datum.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

// Dropping descends by recursion.
enum { MOST_DEPTH = 16 };

const char *esp_kind_text(esp_kind kind) {
  static const char *const text[] = {[ESP_KIND_TENSOR] = "a tensor",
                                     [ESP_KIND_SEQUENCE] = "a sequence",
                                     [ESP_KIND_OPTIONAL] = "an optional"};
  return text[kind];
}

static esp_status create(esp_kind kind, esp_datum **made) {
  esp_datum *datum = calloc(1, sizeof *datum);
  if (datum == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make a value");
  datum->kind = kind;
  atomic_init(&datum->references, 1);
  *made = datum;
  return ESP_OK;
}

// A shape from data can ask for anything; the system would promise more memory
// than there is, and end the process when it is touched.
static esp_status check_memory(const esp_shape *shape, esp_dtype type,
                               size_t bytes) {
  const long pages = sysconf(_SC_PHYS_PAGES), each = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || each <= 0 || bytes / (size_t)each < (size_t)pages) {
    return ESP_OK;
  }
  char text[ESP_SHAPE_TEXT];
  return ESP_FAIL(ESP_NO_MEMORY,
                  "a tensor of %s %s has %zu bytes, more than this machine",
                  esp_dtype_text(type), esp_shape_text(shape, text), bytes);
}

esp_status esp_datum_tensor(esp_dtype type, const esp_shape *shape,
                            esp_datum **made) {
  esp_datum *datum = NULL;
  size_t bytes;
  void *block;
  ESP_TRY(esp_shape_bytes(shape, type, &bytes));
  ESP_TRY(check_memory(shape, type, bytes));
  ESP_TRY(create(ESP_KIND_TENSOR, &datum));
  const esp_status status = esp_allocate(bytes, &block);
  if (status != ESP_OK) {
    free(datum);
    return status;
  }
  datum->tensor = (esp_tensor){.type = type, .shape = *shape, .data = block};
  datum->owned = true;
  *made = datum;
  return ESP_OK;
}

esp_status esp_datum_borrow(const esp_tensor *tensor, esp_datum **made) {
  esp_datum *datum = NULL;
  ESP_TRY(create(ESP_KIND_TENSOR, &datum));
  datum->tensor = *tensor;
  *made = datum;
  return ESP_OK;
}

esp_status esp_datum_int64(int64_t number, esp_datum **made) {
  const esp_shape scalar = {0};
  ESP_TRY(esp_datum_tensor(ESP_INT64, &scalar, made));
  *(int64_t *)(*made)->tensor.data = number;
  return ESP_OK;
}

esp_status esp_datum_bool(bool truth, esp_datum **made) {
  const esp_shape scalar = {0};
  ESP_TRY(esp_datum_tensor(ESP_BOOL, &scalar, made));
  *(uint8_t *)(*made)->tensor.data = truth;
  return ESP_OK;
}

esp_status esp_datum_list(esp_kind kind, esp_dtype type,
                          esp_datum *const *element, int64_t count,
                          esp_datum **made) {
  esp_datum *datum = NULL;
  int depth = 0;
  for (int64_t i = 0; i < count; i++) {
    if (element[i]->depth > depth) depth = element[i]->depth;
  }
  if (depth == MOST_DEPTH) {
    return ESP_FAIL(ESP_UNSUPPORTED, "values nested more than %d deep",
                    MOST_DEPTH);
  }
  ESP_TRY(create(kind, &datum));
  datum->depth = depth + 1;
  datum->tensor.type = count > 0 ? element[0]->tensor.type : type;
  datum->element = calloc((size_t)count + 1, sizeof *datum->element);
  if (datum->element == NULL) {
    free(datum);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot make a sequence of %lld",
                    (long long)count);
  }
  datum->count = count;
  for (int64_t i = 0; i < count; i++) {
    datum->element[i] = esp_datum_keep(element[i]);
  }
  *made = datum;
  return ESP_OK;
}

esp_datum *esp_datum_keep(esp_datum *datum) {
  if (datum != NULL) atomic_fetch_add(&datum->references, 1);
  return datum;
}

void esp_datum_drop(esp_datum *datum) {
  if (datum == NULL || atomic_fetch_sub(&datum->references, 1) > 1) return;
  for (int64_t i = 0; i < datum->count; i++) {
    esp_datum_drop(datum->element[i]);
  }
  free(datum->element);
  if (datum->owned) esp_free(datum->tensor.data);
  free(datum);
}

void esp_datum_drop_all(esp_datum **list, int64_t count) {
  for (int64_t i = 0; list != NULL && i < count; i++) {
    esp_datum_drop(list[i]);
    list[i] = NULL;
  }
}
