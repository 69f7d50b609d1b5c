// Packed weights on disk: what one process has packed the next one maps, and
// all of a machine share its pages.  Floor 0.
//
// A block has a file of its own in a folder, named by the hash of what was
// packed and how; so models that have weights in common share files, and other
// weights, layouts, versions or processors never meet an old one.  A file
// begins with a page that says the same in full, and is whole when it has its
// name.
#ifndef ESP_BASE_PACKED_H
#define ESP_BASE_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// From now on packed weights are kept in this folder, which is made where it is
// missing; NULL: nowhere, as at first.  `machine` says on what layouts depend
// beside the weights: versions, instructions.  Both are copied.  Not while
// weights are packed.  ESP_IO: there is no such folder, and none can be made.
esp_status esp_packed_use(const char *folder, const char *machine);

// Something that is to be packed.
typedef struct esp_packed {
  bool asked; // there is a folder, and the block is worth a file
  uint64_t hash;
  char how[448];
} esp_packed;

// Is there a folder, and a block of so many bytes worth a file?  For whoever
// has to work out how it is packed.
bool esp_packed_asks(size_t bytes);
// Looks for the block of so many bytes that `source` comes to when it is packed
// in the way that the text says.  *block: from its file, never written, ended
// with esp_constant_free(); NULL: there is none, so the caller packs, and calls
// esp_packed_keep().  From any thread.
esp_packed esp_packed_find(const void *source, size_t source_bytes,
                           size_t bytes, void **block, const char *how, ...)
    __attribute__((format(printf, 5, 6)));
// Writes the block's file.  When that fails (a full disk), a warning says so
// once, and nothing else happens.
void esp_packed_keep(const esp_packed *packed, const void *block, size_t bytes);

#endif
