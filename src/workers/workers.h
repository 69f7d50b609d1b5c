// The inter-op pool of a rank: threads that run ready items by priority, and
// futures that tasks wait for without holding a thread up.
// The only room that includes <pthread.h>, beside base/.  Floor 1.
#ifndef ESP_WORKERS_WORKERS_H
#define ESP_WORKERS_WORKERS_H

#include <espalier/task.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct esp_workers esp_workers;

// A thread that runs an item has a seat; no two at once have the same.  Memory
// that is needed while an item runs may be kept by seat.
enum { ESP_MAX_SEATS = 1024 };

// Something to run that does not wait.  The caller owns it, and it stays where
// it is until run() is called; run() may push it again.
typedef struct esp_item {
  void (*run)(struct esp_item *item, int seat);
  int64_t priority; // lower first; equals in the order of pushing
  uint64_t ticket;  // of the pool: the order of pushing
  size_t place;     // of the pool: in the queue, from 1; 0: not queued
} esp_item;

typedef struct esp_workers_options {
  int count; // threads, at least 1
  int width; // OpenMP threads that each will open, itself among them
  // Processing units of this rank; worker w is bound to [w * width, (w + 1) *
  // width) of them, and its OpenMP team inherits that.  When there are fewer
  // than count * width, or none, threads are not bound.  Copied.
  const int *unit;
  int units;
  size_t stack_bytes;   // of a task that is put aside; 0: 1 MiB
  esp_context *context; // handed to tasks
} esp_workers_options;

esp_status esp_workers_open(const esp_workers_options *options,
                            esp_workers **workers);
// Waits until every item has run and every task has ended, then ends the
// threads.  Not from inside a task.  NULL is allowed.
void esp_workers_close(esp_workers *workers);

// Changes the number of threads and of their OpenMP threads, while items run or
// not.  When the width changes, all threads are replaced, so that an OpenMP
// team has one size and one binding for life.  From any thread; see
// esp_set_num_threads() for when it returns.
esp_status esp_workers_resize(esp_workers *workers, int count, int width);
// The same, and binds the threads to these units (as in the options); when they
// are others than before, all threads are replaced.
esp_status esp_workers_rebind(esp_workers *workers, int count, int width,
                              const int *unit, int units);
int esp_workers_count(const esp_workers *workers);
int esp_workers_width(const esp_workers *workers);

// Adds an item.  From any thread, also from inside an item.
void esp_workers_push(esp_workers *workers, esp_item *item);
// How many items run right now, or are to: a thread that sees 0 may use a core
// of the pool for itself.
int esp_workers_busy(const esp_workers *workers);
// How many items are to run.
int esp_workers_waiting(const esp_workers *workers);

// The seat of the calling thread, when it is a worker of this pool; else -1.
int esp_workers_seat(const esp_workers *workers);
// Lets a thread from outside stand in for a worker, so that it can run items
// itself: gives its seat, or -1 when all places are taken, or when the width is
// above 1 and another thread was the first to be given a seat then: threads
// from outside have one wide OpenMP team between them.  Ended by leave.
int esp_workers_enter(esp_workers *workers);
void esp_workers_leave(esp_workers *workers, int seat);

// Futures --------------------------------------------------------------------
// The public functions of task.h over a pool; what they say holds here.

esp_status esp_workers_fork(esp_workers *workers, esp_task task, void *argument,
                            esp_future **future);
// A future that somebody completes: it has no task.
esp_status esp_future_promise(esp_workers *workers, esp_future **future);
// Completes a promise; the message is copied, NULL is none.  Whoever waits goes
// on.  The one who completes has a reference of its own, which ends here.
void esp_future_complete(esp_future *future, esp_status status,
                         const char *message);
// Keeps something with a future until it is freed.
void esp_future_keep(esp_future *future, void *thing,
                     void (*release)(void *thing));
void *esp_future_kept(const esp_future *future);
// Refuses waits on the calling thread (+1) until it is taken back (-1).
void esp_workers_hold(int change);

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
