// The inter-op pool of a rank: threads that run ready items by priority.
// The only room that includes <pthread.h>, beside base/.  Floor 1.
#ifndef ESP_WORKERS_WORKERS_H
#define ESP_WORKERS_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct esp_workers esp_workers;

// Something to run.  The caller owns it, and it stays where it is until run()
// is called; run() may push it again.
typedef struct esp_item {
  void (*run)(struct esp_item *item, int worker);
  int64_t priority; // lower first; equals in the order of pushing
  uint64_t ticket;  // of the pool: the order of pushing
} esp_item;

typedef struct esp_workers_options {
  int count;       // threads, at least 1
  int width;       // OpenMP threads that each will open, itself among them
  const int *unit; // count * width processing units to bind to, or NULL
} esp_workers_options;

// Starts the threads; worker w is bound to units [w * width, (w + 1) * width),
// and its OpenMP team inherits that.
esp_status esp_workers_open(const esp_workers_options *options,
                            esp_workers **workers);
// Waits until the queue is empty and every item has returned, then ends the
// threads.  NULL is allowed.
void esp_workers_close(esp_workers *workers);
int esp_workers_count(const esp_workers *workers);

// Adds an item.  From any thread, also from inside an item.
void esp_workers_push(esp_workers *workers, esp_item *item);
// How many workers run an item right now.
int esp_workers_busy(const esp_workers *workers);

// Something to wait for: a counter that only grows.  The one who waits says
// which number it has seen, so that no ring is lost.
typedef struct esp_bell esp_bell;
esp_status esp_bell_create(esp_bell **bell);
void esp_bell_free(esp_bell *bell); // NULL is allowed
void esp_bell_ring(esp_bell *bell); // from any thread
uint64_t esp_bell_count(const esp_bell *bell);
// Returns when the count differs from `seen`, or after `seconds` (negative: no
// limit).
void esp_bell_wait(esp_bell *bell, uint64_t seen, double seconds);

#endif
