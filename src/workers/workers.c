#include "workers/workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/topology.h"

// One queue under one lock: an operator takes tens of microseconds and more, a
// push and a pop well under one.
typedef struct worker {
  struct esp_workers *pool;
  int index;
  pthread_t thread;
} worker;

struct esp_workers {
  esp_workers_options options;
  int *unit;
  worker *worker;
  int started;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  esp_item **heap; // the first is the next to run
  size_t waiting, room;
  uint64_t tickets;
  int sleeping;
  bool closing;
  atomic_size_t visible; // == waiting, read without the lock by spinners
  atomic_int busy;
};

static bool before(const esp_item *a, const esp_item *b) {
  return a->priority != b->priority ? a->priority < b->priority
                                    : a->ticket < b->ticket;
}

static void heap_add(esp_workers *pool, esp_item *item) {
  size_t i = pool->waiting++;
  while (i > 0 && before(item, pool->heap[(i - 1) / 2])) {
    pool->heap[i] = pool->heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  pool->heap[i] = item;
  atomic_store_explicit(&pool->visible, pool->waiting, memory_order_release);
}

static esp_item *heap_take(esp_workers *pool) {
  esp_item *first = pool->heap[0];
  esp_item *last = pool->heap[--pool->waiting];
  size_t i = 0;
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= pool->waiting) break;
    if (child + 1 < pool->waiting &&
        before(pool->heap[child + 1], pool->heap[child])) {
      child++;
    }
    if (!before(pool->heap[child], last)) break;
    pool->heap[i] = pool->heap[child];
    i = child;
  }
  pool->heap[i] = last;
  atomic_store_explicit(&pool->visible, pool->waiting, memory_order_release);
  return first;
}

// A sleeping thread of a virtual machine takes 70 to 170 us to wake, so an idle
// worker looks for a while before it sleeps; it yields, so that a core that
// another thread wants is not kept from it.
static void look_before_sleeping(esp_workers *pool) {
  enum { LOOKS = 200 };
  for (int i = 0; i < LOOKS; i++) {
    if (atomic_load_explicit(&pool->visible, memory_order_acquire) > 0) return;
    (void)sched_yield();
  }
}

static esp_item *next_item(esp_workers *pool) {
  for (;;) {
    look_before_sleeping(pool);
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->waiting == 0 && !pool->closing) {
      pool->sleeping++;
      (void)pthread_cond_wait(&pool->wake, &pool->lock);
      pool->sleeping--;
    }
    esp_item *item = pool->waiting > 0 ? heap_take(pool) : NULL;
    if (item != NULL) atomic_fetch_add(&pool->busy, 1);
    (void)pthread_mutex_unlock(&pool->lock);
    return item;
  }
}

static void *work(void *argument) {
  worker *self = argument;
  esp_workers *pool = self->pool;
  const int width = pool->options.width;
  if (pool->unit != NULL) {
    esp_topology_bind(pool->unit + self->index * width, width);
  }
  for (;;) {
    esp_item *item = next_item(pool);
    if (item == NULL) return NULL;
    item->run(item, self->index);
    atomic_fetch_sub(&pool->busy, 1);
  }
}

static esp_status start(esp_workers *pool) {
  for (int w = 0; w < pool->options.count; w++) {
    pool->worker[w] = (worker){.pool = pool, .index = w};
    if (pthread_create(&pool->worker[w].thread, NULL, work, &pool->worker[w]) !=
        0) {
      return ESP_FAIL(ESP_NO_MEMORY, "cannot start worker %d of %d", w,
                      pool->options.count);
    }
    pool->started++;
  }
  return ESP_OK;
}

static esp_status copy_units(esp_workers *pool) {
  if (pool->options.unit == NULL) return ESP_OK;
  size_t n = (size_t)pool->options.count * (size_t)pool->options.width;
  pool->unit = malloc(n * sizeof *pool->unit);
  if (pool->unit == NULL)
    return ESP_FAIL(ESP_NO_MEMORY, "cannot start workers");
  for (size_t i = 0; i < n; i++) pool->unit[i] = pool->options.unit[i];
  return ESP_OK;
}

esp_status esp_workers_open(const esp_workers_options *options,
                            esp_workers **workers) {
  esp_workers *pool = calloc(1, sizeof *pool);
  if (pool == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot start workers");
  (void)pthread_mutex_init(&pool->lock, NULL);
  (void)pthread_cond_init(&pool->wake, NULL);
  pool->options = *options;
  esp_status status = copy_units(pool);
  pool->options.unit = NULL;
  pool->worker = calloc((size_t)options->count, sizeof *pool->worker);
  if (status == ESP_OK && pool->worker == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot start %d workers", options->count);
  }
  if (status == ESP_OK) status = start(pool);
  if (status != ESP_OK) {
    esp_workers_close(pool);
    return status;
  }
  *workers = pool;
  return ESP_OK;
}

void esp_workers_close(esp_workers *workers) {
  if (workers == NULL) return;
  (void)pthread_mutex_lock(&workers->lock);
  workers->closing = true;
  (void)pthread_cond_broadcast(&workers->wake);
  (void)pthread_mutex_unlock(&workers->lock);
  for (int w = 0; w < workers->started; w++) {
    (void)pthread_join(workers->worker[w].thread, NULL);
  }
  (void)pthread_cond_destroy(&workers->wake);
  (void)pthread_mutex_destroy(&workers->lock);
  free(workers->heap);
  free(workers->worker);
  free(workers->unit);
  free(workers);
}

int esp_workers_count(const esp_workers *workers) {
  return workers->options.count;
}

void esp_workers_push(esp_workers *workers, esp_item *item) {
  (void)pthread_mutex_lock(&workers->lock);
  // The heap grows to the most items that ever waited at once and then stays;
  // without memory for a few hundred bytes nothing could go on.
  if (esp_grow(&workers->heap, &workers->room, workers->waiting + 1,
               sizeof(esp_item *)) != ESP_OK) {
    abort();
  }
  item->ticket = workers->tickets++;
  heap_add(workers, item);
  const bool wake = workers->sleeping > 0;
  (void)pthread_mutex_unlock(&workers->lock);
  if (wake) (void)pthread_cond_signal(&workers->wake);
}

int esp_workers_busy(const esp_workers *workers) {
  return atomic_load_explicit(&workers->busy, memory_order_relaxed);
}
