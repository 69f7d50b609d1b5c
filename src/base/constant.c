#include "base/constant.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

typedef struct entry {
  esp_constant block;
  pthread_t owner;
  bool adopted;
} entry;

static struct {
  pthread_mutex_t lock;
  entry *entry; // oldest first
  size_t count, room;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static esp_status allocate_small(size_t bytes, void **block) {
  return esp_allocate_zero(bytes > 0 ? bytes : 1, 1, block);
}

static esp_status list_block(const esp_constant *block, bool adopted) {
  (void)pthread_mutex_lock(&all.lock);
  const esp_status status =
      esp_grow(&all.entry, &all.room, all.count + 1, sizeof *all.entry);
  if (status == ESP_OK) {
    all.entry[all.count++] =
        (entry){.block = *block, .owner = pthread_self(), .adopted = adopted};
  }
  (void)pthread_mutex_unlock(&all.lock);
  return status;
}

esp_status esp_constant_allocate(size_t bytes, void **block) {
  if (bytes < ESP_CONSTANT_LEAST) return allocate_small(bytes, block);
  const size_t page = page_bytes();
  const size_t whole = (bytes + page - 1) / page * page;
  esp_constant made = {.bytes = whole};
  made.address = whole >= bytes ? mmap(NULL, whole, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                : MAP_FAILED;
  if (made.address == MAP_FAILED) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot allocate %zu bytes", bytes);
  }
  const esp_status status = list_block(&made, false);
  if (status != ESP_OK) {
    (void)munmap(made.address, whole);
    return status;
  }
  *block = made.address;
  return ESP_OK;
}

esp_status esp_constant_adopt(void *address, size_t bytes) {
  const size_t page = page_bytes();
  const esp_constant block = {.address = address,
                              .bytes = (bytes + page - 1) / page * page};
  return list_block(&block, true);
}

// Takes a block from the list; false: it is none of them.
static bool unlist(void *address, size_t *bytes) {
  if ((uintptr_t)address % page_bytes() != 0) return false;
  (void)pthread_mutex_lock(&all.lock);
  size_t at = all.count;
  while (at > 0 && all.entry[at - 1].block.address != address) at--;
  const bool found = at > 0;
  if (found) {
    *bytes = all.entry[at - 1].block.bytes;
    memmove(all.entry + at - 1, all.entry + at,
            (all.count - at) * sizeof *all.entry);
    all.count--;
  }
  if (all.count == 0) { // nothing is left behind at exit
    free(all.entry);
    all.entry = NULL;
    all.room = 0;
  }
  (void)pthread_mutex_unlock(&all.lock);
  return found;
}

void esp_constant_free(void *block) {
  size_t bytes;
  if (block == NULL) return;
  if (unlist(block, &bytes)) {
    (void)munmap(block, bytes);
  } else {
    esp_free(block);
  }
}

esp_status esp_constants_mine(esp_constant **list, size_t *count) {
  (void)pthread_mutex_lock(&all.lock);
  esp_constant *mine = calloc(all.count + 1, sizeof *mine);
  size_t found = 0;
  for (size_t i = 0; i < all.count && mine != NULL; i++) {
    const entry *e = &all.entry[i];
    if (e->adopted || !pthread_equal(e->owner, pthread_self())) continue;
    mine[found++] = all.entry[i].block;
  }
  (void)pthread_mutex_unlock(&all.lock);
  if (mine == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot list the weights");
  *list = mine;
  *count = found;
  return ESP_OK;
}

esp_status esp_constant_replace(const esp_constant *block, int file,
                                size_t offset) {
  if (mmap(block->address, block->bytes, PROT_READ, MAP_SHARED | MAP_FIXED,
           file, (off_t)offset) == MAP_FAILED) {
    return ESP_FAIL(ESP_INTERNAL, "cannot share %zu bytes of weights",
                    block->bytes);
  }
  return ESP_OK;
}
