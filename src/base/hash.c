#include "base/hash.h"

#include <string.h>

static uint64_t step(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * UINT64_C(0x100000001b3);
  return hash ^ hash >> 32;
}

uint64_t esp_hash(uint64_t hash, const void *bytes, size_t count) {
  const unsigned char *byte = bytes;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t word;
    memcpy(&word, byte + i, 8);
    hash = step(hash, word);
  }
  for (; i < count; i++) hash = step(hash, byte[i]);
  return hash;
}
