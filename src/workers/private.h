// The pool as its files see it.  Private to workers/.
//
// One lock guards everything: an operator takes tens of microseconds and more,
// a push or a pop well under one.
#ifndef ESP_WORKERS_PRIVATE_H
#define ESP_WORKERS_PRIVATE_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "workers/fiber.h"
#include "workers/workers.h"

// Fibers in a row.
typedef struct fiber_list {
  esp_fiber *first, *last;
} fiber_list;

// A thread of the pool.  Its scheduling loop runs on `now`, a fiber that is in
// no list; a fiber that is idle stands at the top of such a loop.
typedef struct worker {
  struct esp_workers *pool;
  pthread_t thread;
  pthread_cond_t wake;
  int seat;     // unique among the threads of the pool
  int position; // 0 .. count - 1: which units it is bound to
  int width;    // of its OpenMP team
  int binding;  // of the pool when it began
  bool asleep;
  bool retired; // takes nothing new, ends when its tasks have ended
  bool ended;
  esp_fiber base; // the thread's own stack
  esp_fiber *now;
  fiber_list ready; // tasks that may go on
  fiber_list idle;
  int aside;          // tasks that wait on this worker's fibers
  atomic_bool called; // a task has become ready; read without the lock
  struct worker *next;
} worker;

struct esp_workers {
  esp_workers_options options; // of the first moment; count and width below
  int *unit;
  int binding;    // counts how often the units have changed
  cpu_set_t home; // where threads may run that are not bound
  pthread_mutex_t lock;
  pthread_cond_t changed; // a worker ended, or the pool came to rest
  pthread_mutex_t resizing;
  worker *worker;          // all threads that are not joined yet
  atomic_int count, width; // changed with the lock
  bool seat_taken[ESP_MAX_SEATS];
  esp_item **heap; // the first is the next to run
  size_t waiting, room;
  uint64_t tickets;
  int active; // threads that run an item, stand-ins from outside among them
  int aside;  // tasks put aside
  bool closing;
  bool has_guest; // a thread from outside that may run wide operators
  pthread_t guest;
  atomic_size_t visible; // == waiting, read without the lock by spinners
  atomic_int busy;       // == active, for esp_workers_busy()
};

// The queue (queue.c); with the lock held.
void esp_queue_add(esp_workers *pool, esp_item *item);
esp_item *esp_queue_take(esp_workers *pool); // the next; there is one
void esp_queue_remove(esp_workers *pool, esp_item *item);

// Does this thread, from outside, stand in for a worker of the pool right now?
bool esp_future_stands_in(const esp_workers *pool); // future.c

// The pool (pool.c); with the lock held.
void esp_pool_wake_one(esp_workers *pool); // if there is work and a place
void esp_pool_set_active(esp_workers *pool, int change);
int esp_pool_take_seat(esp_workers *pool);            // -1: there is no place
int esp_pool_force_seat(esp_workers *pool);           // above the count, maybe
void esp_pool_give_seat(esp_workers *pool, int seat); // of a stand-in
worker *esp_pool_self(const esp_workers *pool);       // NULL: not of this pool
// Makes sure that the worker can be put aside: it has a fiber to go on with.
esp_status esp_pool_reserve(worker *self);
// Puts the running task aside, and gives the lock up, until esp_pool_resume();
// a fiber has been reserved.  Returns without the lock.
void esp_pool_suspend(worker *self);
void esp_pool_resume(worker *of, esp_fiber *fiber);

void esp_fiber_list_add(fiber_list *list, esp_fiber *fiber);
esp_fiber *esp_fiber_list_take(fiber_list *list); // NULL: it is empty

#endif
