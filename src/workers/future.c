// Futures: tasks that were forked, and who waits for them.
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "workers/private.h"

// One who waits, on its own stack; it stands in the list of every future that
// it waits for.
typedef struct waiter {
  worker *of;       // NULL: a thread from outside
  esp_fiber *fiber; // to go on with
  pthread_cond_t rung;
  bool fired;
} waiter;

typedef struct hook {
  waiter *who;
  struct hook *next, *previous;
} hook;

struct esp_future {
  esp_item item; // first: the pool hands this address back
  esp_workers *pool;
  esp_task task; // NULL: a promise
  void *argument;
  int depth;
  int references; // with the lock: the owner's, and one until it is done
  atomic_bool done;
  esp_status status;
  char *message;     // of a failure; NULL: none
  esp_future *after; // not queued before that has ended
  esp_future *then;  // first of those that come after this
  esp_future *next;  // in that list, or in one of completed futures
  hook *waiting;
  void *kept;
  void (*release)(void *thing);
};

// How deep the task is that runs on this thread now.
static _Thread_local int this_depth;
// A thread from outside: its stack, and its seat while it stands in for a
// worker of a pool.
static _Thread_local esp_fiber outside;
static _Thread_local const esp_workers *stands_in;
static _Thread_local int stand_seat;
// Waiting would stop a team that stands in a barrier behind this thread.
static _Thread_local int held;

static void lock(const esp_future *f) {
  (void)pthread_mutex_lock(&f->pool->lock);
}
static void unlock(const esp_future *f) {
  (void)pthread_mutex_unlock(&f->pool->lock);
}

// Completing -----------------------------------------------------------------

static void free_future(esp_future *f) {
  if (f->release != NULL) f->release(f->kept);
  free(f->message);
  free(f);
}

static void wake_waiters(esp_future *f) {
  for (hook *l = f->waiting; l != NULL; l = l->next) {
    if (l->who->fired) continue; // by another future that it also waits for
    l->who->fired = true;
    if (l->who->of != NULL) {
      esp_pool_resume(l->who->of, l->who->fiber);
    } else {
      (void)pthread_cond_signal(&l->who->rung);
    }
  }
}

static char *copy_text(const char *text) {
  return text != NULL && text[0] != '\0' ? strdup(text) : NULL;
}

// With the lock; lists in *dead what nobody refers to any more.  Those that
// come after a failure end with it, whatever the length of their chain.
static void complete(esp_future *first, esp_status status, char *message,
                     esp_future **dead) {
  first->status = status;
  first->message = message;
  esp_future *ending = first;
  first->next = NULL;
  while (ending != NULL) {
    esp_future *f = ending;
    ending = f->next;
    wake_waiters(f);
    for (esp_future *t = f->then, *next; t != NULL; t = next) {
      next = t->next;
      t->after = NULL;
      if (f->status == ESP_OK) {
        esp_queue_add(f->pool, &t->item);
        esp_pool_wake_one(f->pool);
      } else {
        t->status = f->status;
        t->message = copy_text(f->message);
        t->next = ending;
        ending = t;
      }
    }
    f->then = NULL;
    atomic_store_explicit(&f->done, true, memory_order_release);
    if (--f->references > 0) continue;
    f->next = *dead;
    *dead = f;
  }
}

static void free_dead(esp_future *dead) {
  while (dead != NULL) {
    esp_future *f = dead;
    dead = f->next;
    free_future(f);
  }
}

void esp_future_complete(esp_future *future, esp_status status,
                         const char *message) {
  esp_workers *pool = future->pool;
  char *copy = status != ESP_OK ? copy_text(message) : NULL;
  esp_future *dead = NULL;
  (void)pthread_mutex_lock(&pool->lock);
  complete(future, status, copy, &dead);
  (void)pthread_mutex_unlock(&pool->lock);
  free_dead(dead);
}

// Runs the task on this thread, which has a place in the pool.
static void run_task(esp_future *f) {
  const int before = this_depth;
  this_depth = f->depth;
  esp_fail_clear();
  const esp_status status = f->task(f->pool->options.context, f->argument);
  this_depth = before;
  esp_future_complete(f, status, esp_last_error());
}

static void run_item(esp_item *item, int seat) {
  (void)seat;
  run_task((esp_future *)(void *)item);
}

// Making ---------------------------------------------------------------------

static esp_status make(esp_workers *pool, esp_task task, void *argument,
                       esp_future **made) {
  if (this_depth >= ESP_MAX_TASK_DEPTH) {
    return ESP_FAIL(ESP_LIMIT,
                    "tasks are forked inside tasks more than %d "
                    "deep",
                    ESP_MAX_TASK_DEPTH);
  }
  esp_future *f = calloc(1, sizeof *f);
  if (f == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot fork a task");
  f->depth = this_depth + 1;
  f->item.run = run_item;
  f->item.priority = -f->depth;
  f->pool = pool;
  f->task = task;
  f->argument = argument;
  f->references = 2;
  *made = f;
  return ESP_OK;
}

static void give(esp_future *f, esp_future **future) {
  if (future != NULL) {
    *future = f;
  } else {
    f->references--; // before anybody else sees it
  }
}

esp_status esp_workers_fork(esp_workers *workers, esp_task task, void *argument,
                            esp_future **future) {
  esp_future *f = NULL;
  ESP_TRY(make(workers, task, argument, &f));
  give(f, future);
  esp_workers_push(workers, &f->item);
  return ESP_OK;
}

esp_status esp_future_promise(esp_workers *workers, esp_future **future) {
  ESP_TRY(make(workers, NULL, NULL, future));
  return ESP_OK;
}

esp_status esp_then(esp_future *future, esp_task next, void *argument,
                    esp_future **then) {
  esp_future *f = NULL, *dead = NULL;
  ESP_TRY(make(future->pool, next, argument, &f));
  give(f, then);
  lock(future);
  if (!atomic_load(&future->done)) {
    f->after = future;
    f->next = future->then;
    future->then = f;
  } else if (future->status == ESP_OK) {
    esp_queue_add(f->pool, &f->item);
    esp_pool_wake_one(f->pool);
  } else {
    complete(f, future->status, copy_text(future->message), &dead);
  }
  unlock(future);
  free_dead(dead);
  return ESP_OK;
}

void esp_future_keep(esp_future *future, void *thing,
                     void (*release)(void *thing)) {
  future->kept = thing;
  future->release = release;
}

void *esp_future_kept(const esp_future *future) { return future->kept; }

void esp_future_free(esp_future *future) {
  if (future == NULL) return;
  lock(future);
  const bool last = --future->references == 0;
  unlock(future);
  if (last) free_future(future);
}

bool esp_future_ready(const esp_future *future) {
  return atomic_load_explicit(&future->done, memory_order_acquire);
}

// Waiting --------------------------------------------------------------------

static esp_status outcome(const esp_future *f) {
  if (f->status == ESP_OK) return ESP_OK;
  return esp_fail_message(f->status, f->message != NULL ? f->message : "");
}

static void add_hook(esp_future *f, hook *l, waiter *who) {
  *l = (hook){.who = who, .next = f->waiting};
  if (f->waiting != NULL) f->waiting->previous = l;
  f->waiting = l;
}

static void remove_hook(esp_future *f, hook *l) {
  if (l->previous != NULL) {
    l->previous->next = l->next;
  } else {
    f->waiting = l->next;
  }
  if (l->next != NULL) l->next->previous = l->previous;
}

// What has to run first so that `f` can end.
static esp_future *first_of_chain(esp_future *f) {
  while (f->after != NULL) f = f->after;
  return f;
}

static size_t stack_reserve(const esp_workers *pool) {
  const size_t bytes = pool->options.stack_bytes;
  return (bytes > 0 ? bytes : (size_t)1 << 20) / 2;
}

// Is there stack enough to run a task on top of this one?
static bool has_stack(const esp_workers *pool, const worker *self) {
  if (self != NULL) return esp_fiber_left(self->now) >= stack_reserve(pool);
  if (outside.high == NULL) {
    if (esp_fiber_of_thread(&outside) != ESP_OK) return false;
    esp_fiber_end_thread(&outside); // only its bounds are wanted
  }
  return esp_fiber_left(&outside) >= stack_reserve(pool);
}

// A thread from outside runs tasks only in a worker's place.
static bool take_place(esp_workers *pool) {
  const int seat = esp_pool_take_seat(pool);
  if (seat < 0) return false;
  stands_in = pool;
  stand_seat = seat;
  return true;
}

static void give_place(esp_workers *pool) {
  esp_pool_give_seat(pool, stand_seat);
  stands_in = NULL;
}

bool esp_future_stands_in(const esp_workers *pool) { return stands_in == pool; }

// Runs a queued task right here, if this thread may.  With the lock, which is
// given up meanwhile; false: nothing has happened.
static bool run_here(esp_future *f, const worker *self) {
  esp_workers *pool = f->pool;
  esp_future *target = first_of_chain(f);
  if (target->item.place == 0 || !has_stack(pool, self)) return false;
  const bool steps_in = self == NULL && stands_in != pool;
  if (steps_in && (stands_in != NULL || !take_place(pool))) return false;
  esp_queue_remove(pool, &target->item);
  (void)pthread_mutex_unlock(&pool->lock);
  run_task(target);
  (void)pthread_mutex_lock(&pool->lock);
  if (steps_in) give_place(pool);
  return true;
}

// Puts the running task of a worker aside until the waiter fires.  Other tasks
// run on this thread meanwhile, so what is kept by thread is kept here.
static void put_aside(worker *self) {
  const int depth = this_depth;
  char *said = copy_text(esp_last_error());
  esp_pool_suspend(self);
  this_depth = depth;
  (void)esp_fail_message(ESP_OK, said != NULL ? said : "");
  free(said);
  (void)pthread_mutex_lock(&self->pool->lock);
}

// Stops until one of the futures fires.  With the lock; returns with it.
static void stop(esp_workers *pool, worker *self, waiter *who) {
  if (self != NULL) {
    put_aside(self);
    return;
  }
  const bool stood_in = stands_in == pool;
  if (stood_in) give_place(pool); // a worker may go on meanwhile
  while (!who->fired) (void)pthread_cond_wait(&who->rung, &pool->lock);
  if (!stood_in) return;
  stands_in = pool; // the task at hand is finished, whoever runs now
  stand_seat = esp_pool_force_seat(pool);
}

static esp_status block_on(esp_future *const *futures, size_t count,
                           hook *hooks, worker *self) {
  esp_workers *pool = futures[0]->pool;
  if (self != NULL) ESP_TRY(esp_pool_reserve(self));
  waiter who = {.of = self, .fiber = self != NULL ? self->now : NULL};
  (void)pthread_cond_init(&who.rung, NULL);
  for (size_t i = 0; i < count; i++) add_hook(futures[i], &hooks[i], &who);
  stop(pool, self, &who);
  for (size_t i = 0; i < count; i++) remove_hook(futures[i], &hooks[i]);
  (void)pthread_cond_destroy(&who.rung);
  return ESP_OK;
}

static size_t first_ready(esp_future *const *futures, size_t count) {
  size_t i = 0;
  while (i < count && !esp_future_ready(futures[i])) i++;
  return i;
}

// A thread from outside looks for a while before it sleeps, as a worker does.
static void look(esp_workers *pool, esp_future *const *futures, size_t count) {
  enum { LOOKS = 200 };
  (void)pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < LOOKS && first_ready(futures, count) == count; i++) {
    (void)sched_yield();
  }
  (void)pthread_mutex_lock(&pool->lock);
}

static esp_status check_may_wait(void) {
  if (held == 0) return ESP_OK;
  return ESP_FAIL(ESP_USAGE, "a wait inside the body of esp_parallel_for(): "
                             "it would stop the threads of the loop; wait "
                             "before it or after it");
}

void esp_workers_hold(int change) { held += change; }

// With the lock; returns with it.
static esp_status wait_for_one(esp_future *const *futures, size_t count,
                               hook *hooks) {
  esp_workers *pool = futures[0]->pool;
  worker *self = esp_pool_self(pool);
  bool looked = self != NULL;
  while (first_ready(futures, count) == count) {
    if (count == 1 && run_here(futures[0], self)) continue;
    if (!looked) {
      look(pool, futures, count);
      looked = true;
      continue;
    }
    ESP_TRY(block_on(futures, count, hooks, self));
  }
  return ESP_OK;
}

esp_status esp_wait(esp_future *future) {
  if (esp_future_ready(future)) return outcome(future);
  ESP_TRY(check_may_wait());
  hook one;
  lock(future);
  const esp_status status = wait_for_one(&future, 1, &one);
  unlock(future);
  return status == ESP_OK ? outcome(future) : status;
}

esp_status esp_wait_all(esp_future *const *futures, size_t count) {
  esp_status first = ESP_OK;
  size_t failed = 0;
  for (size_t i = 0; i < count; i++) {
    if (futures[i] == NULL) continue;
    const esp_status status = esp_wait(futures[i]);
    if (status == ESP_OK || first != ESP_OK) continue;
    first = status;
    failed = i;
  }
  return first == ESP_OK || !esp_future_ready(futures[failed])
             ? first
             : outcome(futures[failed]); // its message, not a later one's
}

esp_status esp_wait_any(esp_future *const *futures, size_t count,
                        size_t *which) {
  if (count == 0) return ESP_FAIL(ESP_USAGE, "wait_any: no futures");
  if (first_ready(futures, count) == count) {
    ESP_TRY(check_may_wait());
    hook *hooks = calloc(count, sizeof *hooks);
    if (hooks == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot wait");
    lock(futures[0]);
    const esp_status status = wait_for_one(futures, count, hooks);
    unlock(futures[0]);
    free(hooks);
    ESP_TRY(status);
  }
  *which = first_ready(futures, count);
  return outcome(futures[*which]);
}
