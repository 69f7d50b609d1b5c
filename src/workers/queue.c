// A binary heap of items; each knows its place, so that any can be taken out.
#include <stdlib.h>

#include "base/memory.h"
#include "workers/private.h"

static bool before(const esp_item *a, const esp_item *b) {
  return a->priority != b->priority ? a->priority < b->priority
                                    : a->ticket < b->ticket;
}

static void put(esp_workers *pool, size_t at, esp_item *item) {
  pool->heap[at] = item;
  item->place = at + 1;
}

static size_t rise(esp_workers *pool, size_t at, const esp_item *item) {
  while (at > 0 && before(item, pool->heap[(at - 1) / 2])) {
    put(pool, at, pool->heap[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  return at;
}

static size_t sink(esp_workers *pool, size_t at, const esp_item *item) {
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= pool->waiting) return at;
    if (child + 1 < pool->waiting &&
        before(pool->heap[child + 1], pool->heap[child])) {
      child++;
    }
    if (!before(pool->heap[child], item)) return at;
    put(pool, at, pool->heap[child]);
    at = child;
  }
}

static void publish(esp_workers *pool) {
  atomic_store_explicit(&pool->visible, pool->waiting, memory_order_release);
}

void esp_queue_add(esp_workers *pool, esp_item *item) {
  // The heap grows to the most items that ever waited at once and then stays;
  // without memory for a few hundred bytes nothing could go on.
  if (esp_grow(&pool->heap, &pool->room, pool->waiting + 1,
               sizeof(esp_item *)) != ESP_OK) {
    abort();
  }
  item->ticket = pool->tickets++;
  const size_t last = pool->waiting++;
  put(pool, rise(pool, last, item), item);
  publish(pool);
}

void esp_queue_remove(esp_workers *pool, esp_item *item) {
  const size_t at = item->place - 1;
  esp_item *last = pool->heap[--pool->waiting];
  item->place = 0;
  if (last != item) {
    const size_t up = rise(pool, at, last);
    put(pool, up == at ? sink(pool, at, last) : up, last);
  }
  publish(pool);
}

esp_item *esp_queue_take(esp_workers *pool) {
  esp_item *first = pool->heap[0];
  esp_queue_remove(pool, first);
  return first;
}
