#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

size_t esp_align_up(size_t bytes) {
  return (bytes + (ESP_ALIGN - 1)) & ~(size_t)(ESP_ALIGN - 1);
}

bool esp_multiply(size_t a, size_t b, size_t *product) {
  return !__builtin_mul_overflow(a, b, product);
}

esp_status esp_allocate(size_t bytes, void **block) {
  size_t asked = esp_align_up(bytes > 0 ? bytes : 1);
  void *made = asked >= bytes ? aligned_alloc(ESP_ALIGN, asked) : NULL;
  if (made == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot allocate %zu bytes", bytes);
  }
  *block = made;
  return ESP_OK;
}

esp_status esp_allocate_zero(size_t count, size_t bytes_each, void **block) {
  size_t bytes;
  if (!esp_multiply(count, bytes_each, &bytes)) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot allocate %zu elements of %zu bytes",
                    count, bytes_each);
  }
  ESP_TRY(esp_allocate(bytes, block));
  memset(*block, 0, bytes);
  return ESP_OK;
}

void esp_free(void *block) { free(block); }

typedef struct chunk {
  struct chunk *next;
  size_t used, room;
  unsigned char *bytes;
} chunk;

typedef struct kept {
  struct kept *next;
  void *thing;
  void (*release)(void *);
} kept;

struct esp_arena {
  chunk *chunks;
  kept *kept;
};

enum { CHUNK_BYTES = 64 * 1024 };

esp_status esp_arena_create(esp_arena **arena) {
  esp_arena *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot allocate an arena");
  *arena = self;
  return ESP_OK;
}

void esp_arena_free(esp_arena *arena) {
  if (arena == NULL) return;
  for (kept *k = arena->kept; k != NULL;) {
    kept *next = k->next;
    k->release(k->thing);
    free(k);
    k = next;
  }
  for (chunk *c = arena->chunks; c != NULL;) {
    chunk *next = c->next;
    esp_free(c->bytes);
    free(c);
    c = next;
  }
  free(arena);
}

static esp_status add_chunk(esp_arena *arena, size_t bytes) {
  size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
  chunk *c = calloc(1, sizeof *c);
  if (c == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot grow an arena");
  void *block;
  if (esp_allocate(room, &block) != ESP_OK) {
    free(c);
    return ESP_NO_MEMORY;
  }
  c->bytes = block;
  c->room = room;
  c->next = arena->chunks;
  arena->chunks = c;
  return ESP_OK;
}

esp_status esp_arena_take(esp_arena *arena, size_t count, size_t bytes_each,
                          void **block) {
  size_t bytes;
  if (!esp_multiply(count, bytes_each, &bytes) || bytes > SIZE_MAX / 2) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot allocate %zu elements of %zu bytes",
                    count, bytes_each);
  }
  size_t asked = esp_align_up(bytes > 0 ? bytes : 1);
  chunk *c = arena->chunks;
  if (c == NULL || c->room - c->used < asked) {
    ESP_TRY(add_chunk(arena, asked));
    c = arena->chunks;
  }
  *block = c->bytes + c->used;
  c->used += asked;
  memset(*block, 0, bytes);
  return ESP_OK;
}

esp_status esp_arena_chars(esp_arena *arena, const char *text, size_t length,
                           char **copy) {
  void *block;
  ESP_TRY(esp_arena_take(arena, length + 1, 1, &block));
  if (length > 0) memcpy(block, text, length);
  *copy = block;
  return ESP_OK;
}

esp_status esp_arena_string(esp_arena *arena, const char *text, char **copy) {
  return esp_arena_chars(arena, text, strlen(text), copy);
}

esp_status esp_arena_copy(esp_arena *arena, const void *from, size_t bytes,
                          void **copy) {
  ESP_TRY(esp_arena_take(arena, bytes, 1, copy));
  if (bytes > 0) memcpy(*copy, from, bytes);
  return ESP_OK;
}

esp_status esp_arena_keep(esp_arena *arena, void *thing,
                          void (*release)(void *thing)) {
  kept *k = malloc(sizeof *k);
  if (k == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot grow an arena");
  *k = (kept){.next = arena->kept, .thing = thing, .release = release};
  arena->kept = k;
  return ESP_OK;
}

esp_status esp_grow(void *array_address, size_t *room, size_t need,
                    size_t bytes_each) {
  if (need <= *room) return ESP_OK;
  size_t more = *room < 8 ? 8 : *room * 2;
  if (more < need) more = need;
  void *old;
  memcpy(&old, array_address, sizeof old);
  size_t bytes;
  void *made =
      esp_multiply(more, bytes_each, &bytes) ? realloc(old, bytes) : NULL;
  if (made == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot grow an array to %zu elements",
                    more);
  }
  memcpy(array_address, &made, sizeof made);
  *room = more;
  return ESP_OK;
}
