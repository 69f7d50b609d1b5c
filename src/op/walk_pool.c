#include "op/walk_pool.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/memory.h"

// A walk that no run has.
typedef struct idle_walk {
  esp_walk *walk;
  int width;
} idle_walk;

struct esp_walk_pool {
  const esp_graph *graph;
  esp_lock lock;
  idle_walk *idle;
  size_t count, room;
};

esp_status esp_walk_pool_create(const esp_graph *graph, esp_walk_pool **pool) {
  esp_walk_pool *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare the model");
  self->graph = graph;
  esp_lock_init(&self->lock);
  *pool = self;
  return ESP_OK;
}

void esp_walk_pool_free(esp_walk_pool *pool) {
  if (pool == NULL) return;
  for (size_t i = 0; i < pool->count; i++) esp_walk_free(pool->idle[i].walk);
  free(pool->idle);
  esp_lock_fini(&pool->lock);
  free(pool);
}

static esp_status take(esp_walk_pool *pool, int width, esp_walk **walk) {
  *walk = NULL;
  esp_lock_take(&pool->lock);
  for (size_t i = 0; i < pool->count && *walk == NULL; i++) {
    if (pool->idle[i].width != width) continue;
    *walk = pool->idle[i].walk;
    pool->idle[i] = pool->idle[--pool->count];
  }
  esp_lock_give(&pool->lock);
  return *walk != NULL ? ESP_OK : esp_walk_create(pool->graph, width, walk);
}

static void give(esp_walk_pool *pool, int width, esp_walk *walk) {
  esp_lock_take(&pool->lock);
  if (esp_grow(&pool->idle, &pool->room, pool->count + 1, sizeof *pool->idle) ==
      ESP_OK) {
    pool->idle[pool->count++] = (idle_walk){.walk = walk, .width = width};
    walk = NULL;
  }
  esp_lock_give(&pool->lock);
  esp_walk_free(walk); // there was no room for it
}

esp_status esp_walk_pool_run(esp_walk_pool *pool, int width,
                             esp_datum *const *in, esp_arena *strings,
                             esp_datum **out) {
  esp_walk *walk;
  ESP_TRY(take(pool, width, &walk));
  const esp_status status = esp_walk_run(walk, in, strings, out);
  give(pool, width, walk);
  return status;
}
