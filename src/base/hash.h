// A hash of bytes.  Floor 0.
#ifndef ESP_BASE_HASH_H
#define ESP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define ESP_HASH_BEGIN UINT64_C(0xcbf29ce484222325)

// Goes on with a hash over further bytes: FNV-1a of 64 bits, eight bytes a
// step, folded after each; several GB/s.
uint64_t esp_hash(uint64_t hash, const void *bytes, size_t count);

#endif
