// Arenas, aligned blocks and sizes that do not overflow.  Floor 0.
#ifndef ESP_BASE_MEMORY_H
#define ESP_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { ESP_ALIGN = 64 }; // bytes: a cache line, and an AVX-512 vector

// Rounds up to a multiple of ESP_ALIGN.
size_t esp_align_up(size_t bytes);

// Multiplies; false, and nothing written, when the product does not fit.
bool esp_multiply(size_t a, size_t b, size_t *product);

// Allocates `bytes` (0 gives a valid pointer) at a multiple of ESP_ALIGN; the
// content is undefined.  Ended with esp_free().
esp_status esp_allocate(size_t bytes, void **block);
// The same, filled with zero bytes.
esp_status esp_allocate_zero(size_t count, size_t bytes_each, void **block);
// Frees; NULL is allowed.
void esp_free(void *block);

// Memory for things that die together.  Not safe for several threads at once.
typedef struct esp_arena esp_arena;
esp_status esp_arena_create(esp_arena **arena);
void esp_arena_free(esp_arena *arena); // NULL is allowed
// Gives zeroed bytes that live as long as the arena; ESP_ALIGN-ed.
esp_status esp_arena_take(esp_arena *arena, size_t count, size_t bytes_each,
                          void **block);
// Copies a string, or its first `length` bytes, into the arena.
esp_status esp_arena_string(esp_arena *arena, const char *text, char **copy);
esp_status esp_arena_chars(esp_arena *arena, const char *text, size_t length,
                           char **copy);
// Copies `bytes` bytes into the arena.
esp_status esp_arena_copy(esp_arena *arena, const void *from, size_t bytes,
                          void **copy);
// Calls release(thing) when the arena is freed, in reverse order of the calls.
esp_status esp_arena_keep(esp_arena *arena, void *thing,
                          void (*release)(void *thing));

// Makes room for `need` elements in a growing array: *array is reallocated (by
// doubling) when *room < need.  Free with free().
esp_status esp_grow(void *array_address, size_t *room, size_t need,
                    size_t bytes_each);

#endif
