// Walks of one graph that several threads share: a run takes one that is idle.
// Floor 3.
#ifndef ESP_OP_WALK_POOL_H
#define ESP_OP_WALK_POOL_H

#include "op/walk.h"

typedef struct esp_walk_pool esp_walk_pool;
// The graph is kept.
esp_status esp_walk_pool_create(const esp_graph *graph, esp_walk_pool **pool);
// No walk may be out.  NULL is allowed.
void esp_walk_pool_free(esp_walk_pool *pool);

// Runs the graph with a walk of the pool, as esp_walk_run().  From any thread.
esp_status esp_walk_pool_run(esp_walk_pool *pool, int width,
                             esp_datum *const *in, esp_arena *strings,
                             esp_datum **out);

#endif
