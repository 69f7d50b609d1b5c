// The threads of the pool: what each does next, and how many there are.
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/topology.h"
#include "workers/private.h"

enum {
  THREAD_STACK = 8 << 20, // bytes; touched only where tasks nest
  FIBER_STACK = 1 << 20
};

static _Thread_local worker *this_worker;

worker *esp_pool_self(const esp_workers *pool) {
  return this_worker != NULL && this_worker->pool == pool ? this_worker : NULL;
}

void esp_fiber_list_add(fiber_list *list, esp_fiber *fiber) {
  fiber->next = NULL;
  if (list->last != NULL) {
    list->last->next = fiber;
  } else {
    list->first = fiber;
  }
  list->last = fiber;
}

esp_fiber *esp_fiber_list_take(fiber_list *list) {
  esp_fiber *first = list->first;
  if (first == NULL) return NULL;
  list->first = first->next;
  if (list->first == NULL) list->last = NULL;
  return first;
}

static void drop_from(fiber_list *list, const esp_fiber *fiber) {
  fiber_list kept = {0};
  for (esp_fiber *f; (f = esp_fiber_list_take(list)) != NULL;) {
    if (f != fiber) esp_fiber_list_add(&kept, f);
  }
  *list = kept;
}

// Waking and counting --------------------------------------------------------

static void wake(worker *w) {
  w->asleep = false;
  (void)pthread_cond_signal(&w->wake);
}

void esp_pool_wake_one(esp_workers *pool) {
  if (pool->waiting == 0 || pool->active >= pool->count) return;
  for (worker *w = pool->worker; w != NULL; w = w->next) {
    if (!w->asleep || w->retired) continue;
    wake(w);
    return;
  }
}

static bool at_rest(const esp_workers *pool) {
  return pool->waiting == 0 && pool->active == 0 && pool->aside == 0;
}

void esp_pool_set_active(esp_workers *pool, int change) {
  pool->active += change;
  atomic_store_explicit(&pool->busy, pool->active, memory_order_relaxed);
  if (change < 0 && pool->closing && at_rest(pool)) {
    (void)pthread_cond_broadcast(&pool->changed);
  }
}

// The scheduling loop --------------------------------------------------------

static void enter_fiber(void *argument);

esp_status esp_pool_reserve(worker *self) {
  if (self->idle.first != NULL) return ESP_OK;
  const size_t bytes = self->pool->options.stack_bytes;
  esp_fiber *made;
  ESP_TRY(esp_fiber_create(bytes > 0 ? bytes : FIBER_STACK, enter_fiber, self,
                           &made));
  esp_fiber_list_add(&self->idle, made);
  return ESP_OK;
}

static void switch_to(worker *self, esp_fiber *to) {
  esp_fiber *from = self->now;
  self->now = to;
  (void)pthread_mutex_unlock(&self->pool->lock);
  esp_fiber_switch(from, to);
}

void esp_pool_suspend(worker *self) {
  self->aside++;
  self->pool->aside++;
  esp_pool_set_active(self->pool, -1);
  if (self->retired) esp_pool_wake_one(self->pool); // takes nothing itself
  switch_to(self, esp_fiber_list_take(&self->idle));
}

void esp_pool_resume(worker *of, esp_fiber *fiber) {
  esp_fiber_list_add(&of->ready, fiber);
  atomic_store_explicit(&of->called, true, memory_order_release);
  if (of->asleep) wake(of);
}

static void go_on_with(worker *self, esp_fiber *task) {
  self->aside--;
  self->pool->aside--;
  esp_pool_set_active(self->pool, 1);
  esp_fiber_list_add(&self->idle, self->now);
  switch_to(self, task);
  (void)pthread_mutex_lock(&self->pool->lock); // this loop was picked again
}

static void run_next(worker *self) {
  esp_workers *pool = self->pool;
  esp_item *item = esp_queue_take(pool);
  esp_pool_set_active(pool, 1);
  (void)pthread_mutex_unlock(&pool->lock);
  item->run(item, self->seat);
  (void)pthread_mutex_lock(&pool->lock);
  esp_pool_set_active(pool, -1);
  if (self->retired) esp_pool_wake_one(pool); // its place goes to another
}

static bool may_take(const worker *self) {
  const esp_workers *pool = self->pool;
  return !self->retired && pool->waiting > 0 && pool->active < pool->count;
}

// A sleeping thread of a virtual machine takes 70 to 170 us to wake, so an idle
// worker looks for a while before it sleeps; it yields, so that a core that
// another thread wants is not kept from it.
static void look_before_sleeping(worker *self) {
  enum { LOOKS = 200 };
  esp_workers *pool = self->pool;
  (void)pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < LOOKS; i++) {
    if (atomic_load_explicit(&pool->visible, memory_order_acquire) > 0 ||
        atomic_load_explicit(&self->called, memory_order_acquire)) {
      break;
    }
    (void)sched_yield();
  }
  (void)pthread_mutex_lock(&pool->lock);
}

static bool may_end(const worker *self) {
  return self->retired && self->aside == 0;
}

static void rest(worker *self) {
  if (!self->retired) look_before_sleeping(self);
  atomic_store_explicit(&self->called, false, memory_order_relaxed);
  if (self->ready.first != NULL || may_take(self) || may_end(self)) return;
  self->asleep = true;
  while (self->asleep) {
    (void)pthread_cond_wait(&self->wake, &self->pool->lock);
  }
}

// Returns, with the lock, when the worker is to end; on its base stack.
static void loop(worker *self) {
  for (;;) {
    esp_fiber *task = esp_fiber_list_take(&self->ready);
    if (task != NULL) {
      go_on_with(self, task);
    } else if (may_take(self)) {
      run_next(self);
    } else if (!may_end(self)) {
      rest(self);
    } else if (self->now == &self->base) {
      return;
    } else { // the thread's function stands on the base stack: end there
      drop_from(&self->idle, &self->base);
      esp_fiber_list_add(&self->idle, self->now);
      switch_to(self, &self->base);
    }
  }
}

static void enter_fiber(void *argument) {
  worker *self = argument;
  (void)pthread_mutex_lock(&self->pool->lock);
  loop(self);
}

static void bind_worker(const worker *self) {
  const esp_workers *pool = self->pool;
  const int first = self->position * self->width;
  if (first + self->width <= pool->options.units) {
    esp_topology_bind(pool->unit + first, self->width);
  }
}

static void *work(void *argument) {
  worker *self = argument;
  esp_workers *pool = self->pool;
  char name[16];
  (void)snprintf(name, sizeof name, "esp-worker-%d", self->position % 1000);
  (void)pthread_setname_np(pthread_self(), name);
  this_worker = self;
  (void)pthread_mutex_lock(&pool->lock);
  bind_worker(self);
  if (esp_fiber_of_thread(&self->base) != ESP_OK) abort(); // before any task
  // OpenMP takes note of a thread at its first call and takes leave when the
  // thread ends: both on the thread's own stack, not on that of a task.
  (void)omp_get_max_threads();
  self->now = &self->base;
  loop(self);
  for (esp_fiber *f; (f = esp_fiber_list_take(&self->idle)) != NULL;) {
    esp_fiber_free(f);
  }
  esp_fiber_end_thread(&self->base);
  self->ended = true;
  (void)pthread_cond_broadcast(&pool->changed);
  (void)pthread_mutex_unlock(&pool->lock);
  return NULL;
}

// How many threads there are -------------------------------------------------

static int find_seat(esp_workers *pool) {
  for (int s = 0; s < ESP_MAX_SEATS; s++) {
    if (pool->seat_taken[s]) continue;
    pool->seat_taken[s] = true;
    return s;
  }
  return -1;
}

static int free_position(const esp_workers *pool) {
  for (int position = 0;; position++) {
    bool taken = false;
    for (const worker *w = pool->worker; w != NULL && !taken; w = w->next) {
      taken = !w->retired && w->position == position;
    }
    if (!taken) return position;
  }
}

static esp_status start_one(esp_workers *pool) {
  worker *self = calloc(1, sizeof *self);
  const int seat = find_seat(pool);
  if (self == NULL || seat < 0) {
    if (seat >= 0) pool->seat_taken[seat] = false;
    free(self);
    return ESP_FAIL(ESP_LIMIT, "no more than %d workers", ESP_MAX_SEATS);
  }
  *self = (worker){.pool = pool,
                   .seat = seat,
                   .position = free_position(pool),
                   .width = pool->width,
                   .binding = pool->binding};
  (void)pthread_cond_init(&self->wake, NULL);
  pthread_attr_t attributes;
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_setstacksize(&attributes, THREAD_STACK);
  // Not that of the thread that happens to start it: it may be a bound worker.
  (void)pthread_attr_setaffinity_np(&attributes, sizeof pool->home,
                                    &pool->home);
  const int failed = pthread_create(&self->thread, &attributes, work, self);
  (void)pthread_attr_destroy(&attributes);
  if (failed != 0) {
    pool->seat_taken[seat] = false;
    (void)pthread_cond_destroy(&self->wake);
    free(self);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot start a worker: the system refuses "
                                   "one more thread");
  }
  self->next = pool->worker;
  pool->worker = self;
  return ESP_OK;
}

static int count_staying(const esp_workers *pool) {
  int count = 0;
  for (const worker *w = pool->worker; w != NULL; w = w->next) {
    count += !w->retired;
  }
  return count;
}

// Lets those go whose position, width or binding does not fit any more.
static void retire(esp_workers *pool) {
  for (worker *w = pool->worker; w != NULL; w = w->next) {
    if (w->retired) continue;
    if (w->position < pool->count && w->width == pool->width &&
        w->binding == pool->binding) {
      continue;
    }
    w->retired = true;
    if (w->asleep) wake(w);
  }
}

static bool all_retired_have_ended(const esp_workers *pool) {
  for (const worker *w = pool->worker; w != NULL; w = w->next) {
    if (w->retired && !w->ended) return false;
  }
  return true;
}

// Joins those that have ended; they no longer need the lock.
static void join_ended(esp_workers *pool) {
  worker **at = &pool->worker;
  while (*at != NULL) {
    worker *w = *at;
    if (!w->ended) {
      at = &w->next;
      continue;
    }
    *at = w->next;
    pool->seat_taken[w->seat] = false;
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->wake);
    free(w);
  }
}

// With the lock and `resizing` held.
static esp_status set_size(esp_workers *pool, int count, int width) {
  pool->count = count;
  pool->width = width;
  retire(pool);
  join_ended(pool);
  esp_status status = ESP_OK;
  while (status == ESP_OK && count_staying(pool) < count) {
    status = start_one(pool);
  }
  const int have = count_staying(pool);
  if (status != ESP_OK && have > 0) pool->count = have; // go on with fewer
  for (int i = 0; i < have; i++) esp_pool_wake_one(pool);
  return status;
}

// With the lock, or before there are threads.
static esp_status set_units(esp_workers *pool, const int *unit, int units) {
  const int n = unit != NULL ? units : 0;
  const bool same =
      pool->unit != NULL && n == pool->options.units &&
      (n == 0 || memcmp(pool->unit, unit, (size_t)n * sizeof *unit) == 0);
  if (same) return ESP_OK; // the threads are where they belong
  int *copy = malloc(((size_t)n + 1) * sizeof *copy);
  if (copy == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot bind workers");
  for (int i = 0; i < n; i++) copy[i] = unit[i];
  free(pool->unit);
  pool->unit = copy;
  pool->options.unit = NULL;
  pool->options.units = n;
  pool->binding++;
  return ESP_OK;
}

static esp_status change(esp_workers *workers, int count, int width,
                         bool rebind, const int *unit, int units) {
  const bool from_inside =
      esp_pool_self(workers) != NULL || esp_future_stands_in(workers);
  // One at a time; a task gives way, for it might hold up those that end.
  if (from_inside) {
    if (pthread_mutex_trylock(&workers->resizing) != 0) {
      return ESP_FAIL(ESP_LIMIT, "another thread is changing the number of "
                                 "threads: try again");
    }
  } else {
    (void)pthread_mutex_lock(&workers->resizing);
  }
  (void)pthread_mutex_lock(&workers->lock);
  esp_status status = rebind ? set_units(workers, unit, units) : ESP_OK;
  if (status == ESP_OK) status = set_size(workers, count, width);
  while (!from_inside && !all_retired_have_ended(workers)) {
    (void)pthread_cond_wait(&workers->changed, &workers->lock);
  }
  join_ended(workers);
  (void)pthread_mutex_unlock(&workers->lock);
  (void)pthread_mutex_unlock(&workers->resizing);
  return status;
}

esp_status esp_workers_resize(esp_workers *workers, int count, int width) {
  return change(workers, count, width, false, NULL, 0);
}

esp_status esp_workers_rebind(esp_workers *workers, int count, int width,
                              const int *unit, int units) {
  return change(workers, count, width, true, unit, units);
}

esp_status esp_workers_open(const esp_workers_options *options,
                            esp_workers **workers) {
  esp_workers *pool = calloc(1, sizeof *pool);
  if (pool == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot start workers");
  (void)pthread_mutex_init(&pool->lock, NULL);
  (void)pthread_mutex_init(&pool->resizing, NULL);
  (void)pthread_cond_init(&pool->changed, NULL);
  pool->options = *options;
  (void)pthread_getaffinity_np(pthread_self(), sizeof pool->home, &pool->home);
  esp_status status = set_units(pool, options->unit, options->units);
  if (status == ESP_OK) {
    (void)pthread_mutex_lock(&pool->lock);
    status = set_size(pool, options->count, options->width);
    (void)pthread_mutex_unlock(&pool->lock);
  }
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
  while (workers->worker != NULL && !at_rest(workers)) {
    (void)pthread_cond_wait(&workers->changed, &workers->lock);
  }
  workers->count = 0;
  retire(workers);
  while (!all_retired_have_ended(workers)) {
    (void)pthread_cond_wait(&workers->changed, &workers->lock);
  }
  join_ended(workers);
  (void)pthread_mutex_unlock(&workers->lock);
  (void)pthread_cond_destroy(&workers->changed);
  (void)pthread_mutex_destroy(&workers->resizing);
  (void)pthread_mutex_destroy(&workers->lock);
  free(workers->heap);
  free(workers->unit);
  free(workers);
}

int esp_workers_count(const esp_workers *workers) { return workers->count; }
int esp_workers_width(const esp_workers *workers) { return workers->width; }

// From outside ---------------------------------------------------------------

void esp_workers_push(esp_workers *workers, esp_item *item) {
  (void)pthread_mutex_lock(&workers->lock);
  esp_queue_add(workers, item);
  esp_pool_wake_one(workers);
  (void)pthread_mutex_unlock(&workers->lock);
}

int esp_workers_waiting(const esp_workers *workers) {
  return (int)atomic_load_explicit(&workers->visible, memory_order_relaxed);
}

int esp_workers_busy(const esp_workers *workers) {
  return atomic_load_explicit(&workers->busy, memory_order_relaxed) +
         esp_workers_waiting(workers);
}

int esp_workers_seat(const esp_workers *workers) {
  const worker *self = esp_pool_self(workers);
  return self != NULL ? self->seat : -1;
}

int esp_pool_force_seat(esp_workers *pool) {
  const int seat = find_seat(pool);
  if (seat >= 0) esp_pool_set_active(pool, 1);
  return seat;
}

int esp_pool_take_seat(esp_workers *pool) {
  if (pool->width > 1 || pool->active >= pool->count) return -1;
  return esp_pool_force_seat(pool);
}

void esp_pool_give_seat(esp_workers *pool, int seat) {
  pool->seat_taken[seat] = false;
  esp_pool_set_active(pool, -1);
  esp_pool_wake_one(pool);
}

// The calling thread's OpenMP team would be one more beside those of the
// workers; with more threads than cores libgomp lets all of them sleep between
// regions.  So one thread alone may have a wide one.
static bool may_be_wide(esp_workers *pool) {
  if (!pool->has_guest) {
    pool->has_guest = true;
    pool->guest = pthread_self();
  }
  return pthread_equal(pool->guest, pthread_self()) != 0;
}

int esp_workers_enter(esp_workers *workers) {
  int seat = -1;
  (void)pthread_mutex_lock(&workers->lock);
  if (workers->active < workers->count &&
      (workers->width == 1 || may_be_wide(workers))) {
    seat = esp_pool_force_seat(workers);
  }
  (void)pthread_mutex_unlock(&workers->lock);
  return seat;
}

void esp_workers_leave(esp_workers *workers, int seat) {
  (void)pthread_mutex_lock(&workers->lock);
  esp_pool_give_seat(workers, seat);
  (void)pthread_mutex_unlock(&workers->lock);
}
