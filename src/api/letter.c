#include "api/letter.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const uint64_t MARK = 0x6573706c74723031; // "espltr01"

typedef struct header {
  uint64_t mark, number, text_bytes, count;
  int32_t kind, status;
} header;

typedef struct tensor_head {
  int32_t type, ndim;
  int64_t dim[ESP_MAX_NDIM];
} tensor_head;

static size_t length_of(const esp_letter *letter) {
  size_t sum =
      esp_align_up(sizeof(header)) + esp_align_up(strlen(letter->text) + 1);
  for (size_t i = 0; i < letter->count; i++) {
    sum += esp_align_up(sizeof(tensor_head)) +
           esp_align_up(esp_tensor_bytes(letter->tensor[i]));
  }
  return sum;
}

// Appends bytes and what pads them.
static void put(unsigned char **at, const void *from, size_t bytes) {
  if (bytes > 0) memcpy(*at, from, bytes);
  memset(*at + bytes, 0, esp_align_up(bytes) - bytes);
  *at += esp_align_up(bytes);
}

esp_status esp_letter_write(const esp_letter *letter, void **bytes,
                            size_t *length) {
  *length = length_of(letter);
  unsigned char *at = malloc(*length);
  if (at == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot write a letter of %zu bytes",
                    *length);
  }
  *bytes = at;
  const header head = {.mark = MARK,
                       .number = letter->number,
                       .text_bytes = strlen(letter->text) + 1,
                       .count = letter->count,
                       .kind = (int32_t)letter->kind,
                       .status = (int32_t)letter->status};
  put(&at, &head, sizeof head);
  put(&at, letter->text, head.text_bytes);
  for (size_t i = 0; i < letter->count; i++) {
    const esp_tensor *t = letter->tensor[i];
    tensor_head h = {.type = (int32_t)t->type, .ndim = t->shape.ndim};
    memcpy(h.dim, t->shape.dim, sizeof h.dim);
    put(&at, &h, sizeof h);
    put(&at, t->data, esp_tensor_bytes(t));
  }
  return ESP_OK;
}

typedef struct reader {
  unsigned char *at;
  size_t left;
} reader;

static esp_status get(reader *r, size_t bytes, void **found) {
  if (bytes > r->left || esp_align_up(bytes) > r->left) {
    return ESP_FAIL(ESP_INTERNAL, "a letter of another rank is cut off");
  }
  *found = r->at;
  r->at += esp_align_up(bytes);
  r->left -= esp_align_up(bytes);
  return ESP_OK;
}

static esp_status get_tensor(reader *r, esp_tensor *tensor) {
  void *found = NULL;
  ESP_TRY(get(r, sizeof(tensor_head), &found));
  tensor_head h;
  memcpy(&h, found, sizeof h);
  *tensor = (esp_tensor){.type = (esp_dtype)h.type, .shape = {.ndim = h.ndim}};
  size_t bytes;
  if (!esp_dtype_valid(h.type) || h.ndim < 0 || h.ndim > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_INTERNAL, "a letter of another rank is damaged");
  }
  memcpy(tensor->shape.dim, h.dim, sizeof h.dim);
  ESP_TRY(esp_shape_bytes(&tensor->shape, tensor->type, &bytes));
  return get(r, bytes, &tensor->data);
}

esp_status esp_letter_read(void *bytes, size_t length, esp_letter *letter,
                           esp_tensor **list) {
  reader r = {.at = bytes, .left = length};
  void *found = NULL;
  header h;
  ESP_TRY(get(&r, sizeof h, &found));
  memcpy(&h, found, sizeof h);
  if (h.mark != MARK || h.count > r.left / sizeof(tensor_head)) {
    return ESP_FAIL(ESP_INTERNAL, "a message of another rank is no letter");
  }
  ESP_TRY(get(&r, h.text_bytes, &found));
  const char *text = found;
  if (h.text_bytes == 0 || text[h.text_bytes - 1] != '\0') {
    return ESP_FAIL(ESP_INTERNAL, "a letter of another rank is damaged");
  }
  esp_tensor *made = calloc(h.count + 1, sizeof *made);
  if (made == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot read a letter");
  for (size_t i = 0; i < h.count; i++) {
    const esp_status status = get_tensor(&r, &made[i]);
    if (status == ESP_OK) continue;
    free(made);
    return status;
  }
  *letter = (esp_letter){.kind = (esp_letter_kind)h.kind,
                         .number = h.number,
                         .status = (esp_status)h.status,
                         .text = text,
                         .count = h.count};
  *list = made;
  return ESP_OK;
}
