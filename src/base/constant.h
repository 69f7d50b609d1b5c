// Memory for what does not change once it is made: weights, as they were read
// and as they were packed.  Floor 0.
//
// A block of ESP_CONSTANT_LEAST bytes and more is made of whole pages, and
// listed, so that processes with the same weights can keep them once
// (comm/share.c): the pages are then exchanged in place, and may not be written
// any more.
#ifndef ESP_BASE_CONSTANT_H
#define ESP_BASE_CONSTANT_H

#include <stddef.h>

#include "base/status.h"

enum { ESP_CONSTANT_LEAST = 64 << 10 };

// Allocates zeroed bytes, aligned as esp_allocate() does.  Ended with
// esp_constant_free(); from any thread.
esp_status esp_constant_allocate(size_t bytes, void **block);
void esp_constant_free(void *block); // NULL is allowed

// Takes a block of pages of a file, which can only be read, to be ended with
// esp_constant_free(); it is none of esp_constants_mine(), as processes share
// its pages already.
esp_status esp_constant_adopt(void *address, size_t bytes);

// The listed blocks that this thread has allocated, oldest first, as they are
// until it allocates or frees one.
typedef struct esp_constant {
  void *address;
  size_t bytes; // of whole pages
} esp_constant;
// *list is allocated; free with free().
esp_status esp_constants_mine(esp_constant **list, size_t *count);

// Exchanges the pages of a block of this thread for those of a file, which hold
// the same; from now on they can only be read.  ESP_INTERNAL: the system
// refuses, and the block is as it was.
esp_status esp_constant_replace(const esp_constant *block, int file,
                                size_t offset);

#endif
