// Fork and wait: nothing is lost, nothing runs twice, nothing stops.
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"
#include "workers/workers.h"

static esp_workers *open_pool(int count) {
  esp_workers *pool = NULL;
  const esp_workers_options options = {.count = count, .width = 1};
  CHECK_OK(esp_workers_open(&options, &pool));
  return pool;
}

// Threads of the process that bear the pool's name.
static int count_workers(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/task");
  for (const struct dirent *e; (e = readdir(folder)) != NULL;) {
    char path[300], name[32] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
    FILE *file = fopen(path, "r");
    if (file == NULL) continue;
    if (fgets(name, sizeof name, file) == NULL) name[0] = '\0';
    (void)fclose(file);
    count += strncmp(name, "esp-worker", 10) == 0;
  }
  (void)closedir(folder);
  return count;
}

// A thread that has been joined stays in /proc for a moment, and one that has
// been started takes its name a moment later.
static void check_workers(int want) {
  int have = -1;
  for (int i = 0; i < 2000 && (have = count_workers()) != want; i++) {
    (void)usleep(1000);
  }
  CU_ASSERT_EQUAL(have, want);
}

// Results -------------------------------------------------------------------

static esp_status succeed(esp_context *context, void *argument) {
  (void)context;
  atomic_fetch_add((atomic_int *)argument, 1);
  return ESP_OK;
}

static esp_status fail_with_seven(esp_context *context, void *argument) {
  (void)context;
  (void)argument;
  return esp_fail_message((esp_status)7000, "row 12 is empty");
}

static void a_status_of_ones_own_reaches_every_waiter(void) {
  esp_workers *pool = open_pool(2);
  esp_future *future;
  CHECK_OK(esp_workers_fork(pool, fail_with_seven, NULL, &future));
  for (int i = 0; i < 3; i++) {
    CHECK_STATUS(esp_wait(future), (esp_status)7000);
    check_message("row 12 is empty");
  }
  CU_ASSERT_STRING_EQUAL(esp_status_text((esp_status)7000),
                         "status of a user's task");
  esp_future_free(future);
  esp_workers_close(pool);
}

static void a_future_may_be_freed_before_it_is_done(void) {
  enum { TASKS = 1000 };
  atomic_int sum = 0;
  esp_workers *pool = open_pool(2);
  for (int i = 0; i < TASKS; i++) {
    esp_future *future = NULL;
    CHECK_OK(esp_workers_fork(pool, succeed, &sum, i % 2 ? &future : NULL));
    esp_future_free(future);
  }
  esp_workers_close(pool); // waits for those that nobody waits for
  CU_ASSERT_EQUAL(atomic_load(&sum), TASKS);
}

static void what_comes_after_runs_after(void) {
  atomic_int sum = 0;
  esp_workers *pool = open_pool(1);
  esp_future *first, *second, *third;
  CHECK_OK(esp_workers_fork(pool, succeed, &sum, &first));
  CHECK_OK(esp_then(first, succeed, &sum, &second));
  CHECK_OK(esp_then(second, succeed, &sum, &third));
  esp_future_free(first);
  esp_future_free(second);
  CHECK_OK(esp_wait(third));
  CU_ASSERT_EQUAL(atomic_load(&sum), 3);
  esp_future *late;
  CHECK_OK(esp_then(third, succeed, &sum, &late)); // it has ended already
  CHECK_OK(esp_wait(late));
  CU_ASSERT_EQUAL(atomic_load(&sum), 4);
  esp_future_free(late);
  esp_future_free(third);
  esp_workers_close(pool);
}

static void an_error_passes_through_a_long_chain(void) {
  enum { LENGTH = 100000 };
  atomic_int sum = 0;
  esp_workers *pool = open_pool(2);
  esp_future *last;
  CHECK_OK(esp_workers_fork(pool, fail_with_seven, NULL, &last));
  for (int i = 0; i < LENGTH; i++) {
    esp_future *next;
    CHECK_OK(esp_then(last, succeed, &sum, &next));
    esp_future_free(last);
    last = next;
  }
  CHECK_STATUS(esp_wait(last), (esp_status)7000);
  check_message("row 12 is empty");
  CU_ASSERT_EQUAL(atomic_load(&sum), 0);
  esp_future_free(last);
  esp_workers_close(pool);
}

static void waiting_for_all_gives_the_first_failure(void) {
  atomic_int sum = 0;
  esp_workers *pool = open_pool(2);
  esp_future *list[4] = {NULL};
  CHECK_OK(esp_workers_fork(pool, succeed, &sum, &list[0]));
  CHECK_OK(esp_workers_fork(pool, fail_with_seven, NULL, &list[2]));
  CHECK_OK(esp_workers_fork(pool, succeed, &sum, &list[3]));
  CHECK_STATUS(esp_wait_all(list, 4), (esp_status)7000);
  check_message("row 12");
  CU_ASSERT_EQUAL(atomic_load(&sum), 2);
  for (int i = 0; i < 4; i++) esp_future_free(list[i]);
  esp_workers_close(pool);
}

static esp_status wait_for_gate(esp_context *context, void *argument) {
  (void)context;
  while (!atomic_load((atomic_bool *)argument)) (void)usleep(100);
  return ESP_OK;
}

static void waiting_for_any_gives_one_that_has_ended(void) {
  atomic_bool shut = false, open = true;
  esp_workers *pool = open_pool(2);
  esp_future *list[2];
  CHECK_OK(esp_workers_fork(pool, wait_for_gate, &shut, &list[0]));
  CHECK_OK(esp_workers_fork(pool, wait_for_gate, &open, &list[1]));
  size_t which = 9;
  CHECK_OK(esp_wait_any(list, 2, &which));
  CU_ASSERT_EQUAL(which, 1);
  atomic_store(&shut, true);
  CHECK_OK(esp_wait_all(list, 2));
  CHECK_OK(esp_wait_any(list, 2, &which));
  CU_ASSERT_EQUAL(which, 0);
  CHECK_STATUS(esp_wait_any(list, 0, &which), ESP_USAGE);
  esp_future_free(list[0]);
  esp_future_free(list[1]);
  esp_workers_close(pool);
}

// Nesting -------------------------------------------------------------------

typedef struct nest {
  esp_workers *pool;
  int depth, limit;
  atomic_int *reached;
} nest;

static esp_status go_deeper(esp_context *context, void *argument) {
  nest *self = argument;
  (void)context;
  atomic_fetch_add(self->reached, 1);
  if (self->depth == self->limit) return ESP_OK;
  nest inner = *self;
  inner.depth++;
  esp_future *future;
  ESP_TRY(esp_workers_fork(self->pool, go_deeper, &inner, &future));
  const esp_status status = esp_wait(future);
  esp_future_free(future);
  return status;
}

static void fork_in_fork(int workers, int depth) {
  atomic_int reached = 0;
  esp_workers *pool = open_pool(workers);
  nest first = {.pool = pool, .depth = 1, .limit = depth, .reached = &reached};
  esp_future *future;
  CHECK_OK(esp_workers_fork(pool, go_deeper, &first, &future));
  CHECK_OK(esp_wait(future));
  CU_ASSERT_EQUAL(atomic_load(&reached), depth);
  CU_ASSERT(count_workers() <= workers);
  esp_future_free(future);
  esp_workers_close(pool);
}

static void ten_thousand_deep_with_one_worker(void) { fork_in_fork(1, 10000); }
static void ten_thousand_deep_with_four_workers(void) {
  fork_in_fork(4, 10000);
}

static void too_deep_is_an_error(void) {
  atomic_int reached = 0;
  esp_workers *pool = open_pool(1);
  nest first = {.pool = pool,
                .depth = 1,
                .limit = ESP_MAX_TASK_DEPTH + 1,
                .reached = &reached};
  esp_future *future;
  CHECK_OK(esp_workers_fork(pool, go_deeper, &first, &future));
  CHECK_STATUS(esp_wait(future), ESP_LIMIT);
  check_message("deep");
  CU_ASSERT_EQUAL(atomic_load(&reached), ESP_MAX_TASK_DEPTH);
  esp_future_free(future);
  esp_workers_close(pool);
}

// A tree: every node forks its children, all of them, before it waits.
typedef struct tree {
  esp_workers *pool;
  int height;
  atomic_int *leaves;
} tree;

static esp_status grow(esp_context *context, void *argument) {
  enum { CHILDREN = 3 };
  tree *self = argument;
  (void)context;
  if (self->height == 0) {
    atomic_fetch_add(self->leaves, 1);
    return ESP_OK;
  }
  tree child = *self;
  child.height--;
  esp_future *future[CHILDREN];
  for (int i = 0; i < CHILDREN; i++) {
    ESP_TRY(esp_workers_fork(self->pool, grow, &child, &future[i]));
  }
  const esp_status status = esp_wait_all(future, CHILDREN);
  for (int i = 0; i < CHILDREN; i++) esp_future_free(future[i]);
  return status;
}

static void trees_of_waits_end_with_any_number_of_workers(void) {
  for (int workers = 1; workers <= 4; workers++) {
    atomic_int leaves = 0;
    esp_workers *pool = open_pool(workers);
    tree root = {.pool = pool, .height = 8, .leaves = &leaves};
    esp_future *future;
    CHECK_OK(esp_workers_fork(pool, grow, &root, &future));
    CHECK_OK(esp_wait(future));
    CU_ASSERT_EQUAL(atomic_load(&leaves), 6561);
    esp_future_free(future);
    esp_workers_close(pool);
  }
}

// Tasks that all wait for one that has begun elsewhere are put aside, and the
// one worker that is left runs on.
typedef struct crowd {
  esp_future *awaited;
  atomic_int *waiting;
} crowd;

static esp_status wait_for_another(esp_context *context, void *argument) {
  const crowd *self = argument;
  (void)context;
  atomic_fetch_add(self->waiting, 1);
  return esp_wait(self->awaited);
}

static void a_crowd_that_waits_holds_up_nobody(void) {
  enum { CROWD = 2000 };
  atomic_bool gate = false;
  atomic_int waiting = 0, ran = 0;
  esp_workers *pool = open_pool(2);
  esp_future *awaited, *future[CROWD], *last;
  CHECK_OK(esp_workers_fork(pool, wait_for_gate, &gate, &awaited));
  crowd self = {.awaited = awaited, .waiting = &waiting};
  while (esp_workers_busy(pool) == 0) (void)usleep(100); // it has begun
  for (int i = 0; i < CROWD; i++) {
    CHECK_OK(esp_workers_fork(pool, wait_for_another, &self, &future[i]));
  }
  CHECK_OK(esp_workers_fork(pool, succeed, &ran, &last));
  CHECK_OK(esp_wait(last));
  while (atomic_load(&waiting) < CROWD) (void)usleep(100);
  CU_ASSERT(count_workers() <= 2);
  atomic_store(&gate, true);
  CHECK_OK(esp_wait_all(future, CROWD));
  for (int i = 0; i < CROWD; i++) esp_future_free(future[i]);
  esp_future_free(awaited);
  esp_future_free(last);
  esp_workers_close(pool);
}

// Two tasks, each of which waits for a task that the other one forked: with
// stacks piled on one another one of them could not go on.
typedef struct pair {
  esp_workers *pool;
  esp_future *other[2];
  atomic_int *ran;
} pair;

static esp_status cross_wait(esp_context *context, void *argument) {
  pair *self = argument;
  (void)context;
  ESP_TRY(esp_wait(self->other[0]));
  ESP_TRY(esp_wait(self->other[1]));
  atomic_fetch_add(self->ran, 1);
  return ESP_OK;
}

static void tasks_may_wait_for_what_stands_below_them(void) {
  enum { ROUNDS = 300 };
  for (int round = 0; round < ROUNDS; round++) {
    atomic_bool gate = false;
    atomic_int ran = 0, first_ran = 0;
    esp_workers *pool = open_pool(2);
    esp_future *slow, *p, *b;
    // P waits for what runs elsewhere; B, which its worker takes up meanwhile,
    // waits for P.
    CHECK_OK(esp_workers_fork(pool, wait_for_gate, &gate, &slow));
    while (esp_workers_busy(pool) == 0) (void)usleep(10);
    pair above = {.pool = pool, .other = {slow, slow}, .ran = &first_ran};
    CHECK_OK(esp_workers_fork(pool, cross_wait, &above, &p));
    pair below = {.pool = pool, .other = {p, slow}, .ran = &ran};
    CHECK_OK(esp_workers_fork(pool, cross_wait, &below, &b));
    (void)usleep(round % 3 * 50);
    atomic_store(&gate, true);
    CHECK_OK(esp_wait(b));
    CHECK_OK(esp_wait(p));
    CU_ASSERT_EQUAL(atomic_load(&ran) + atomic_load(&first_ran), 2);
    esp_future_free(slow);
    esp_future_free(p);
    esp_future_free(b);
    esp_workers_close(pool);
  }
}

// Resizing ------------------------------------------------------------------

static esp_status count_once(esp_context *context, void *argument) {
  (void)context;
  return atomic_fetch_add((atomic_int *)argument, 1) == 0 ? ESP_OK
                                                          : ESP_INTERNAL;
}

static void resizing_loses_nothing_and_repeats_nothing(void) {
  enum { TASKS = 100000 };
  static atomic_int ran[TASKS];
  static esp_future *future[TASKS];
  esp_workers *pool = open_pool(1);
  int size = 1;
  for (int i = 0; i < TASKS; i++) {
    atomic_store(&ran[i], 0);
    CHECK_OK(esp_workers_fork(pool, count_once, &ran[i], &future[i]));
    if (i % 2500 != 0) continue;
    size = 1 + (int)(check_random() % 6);
    CHECK_OK(esp_workers_resize(pool, size, 1 + (i / 2500) % 2));
    CU_ASSERT_EQUAL(esp_workers_count(pool), size);
    check_workers(size);
  }
  CHECK_OK(esp_workers_resize(pool, 4, 1));
  CHECK_OK(esp_wait_all(future, TASKS));
  CHECK_OK(esp_workers_resize(pool, 1, 1));
  check_workers(1);
  int once = 0;
  for (int i = 0; i < TASKS; i++) {
    once += atomic_load(&ran[i]) == 1;
    esp_future_free(future[i]);
  }
  CU_ASSERT_EQUAL(once, TASKS);
  esp_workers_close(pool);
  check_workers(0);
}

static esp_status resize_from_inside(esp_context *context, void *argument) {
  (void)context;
  return esp_workers_resize(argument, 1 + (int)(check_random() % 3), 1);
}

static void a_task_may_resize_its_own_pool(void) {
  esp_workers *pool = open_pool(3);
  for (int i = 0; i < 50; i++) {
    esp_future *future;
    CHECK_OK(esp_workers_fork(pool, resize_from_inside, pool, &future));
    CHECK_OK(esp_wait(future));
    esp_future_free(future);
  }
  CHECK_OK(esp_workers_resize(pool, 2, 1));
  check_workers(2);
  esp_workers_close(pool);
}

// Tasks that are put aside on a worker that goes still come to their end.
static void a_worker_that_goes_finishes_what_it_put_aside(void) {
  enum { CROWD = 64 };
  atomic_bool gate = false;
  atomic_int waiting = 0;
  esp_workers *pool = open_pool(4);
  esp_future *awaited, *future[CROWD];
  CHECK_OK(esp_workers_fork(pool, wait_for_gate, &gate, &awaited));
  while (esp_workers_busy(pool) == 0) (void)usleep(100);
  crowd self = {.awaited = awaited, .waiting = &waiting};
  for (int i = 0; i < CROWD; i++) {
    CHECK_OK(esp_workers_fork(pool, wait_for_another, &self, &future[i]));
  }
  while (atomic_load(&waiting) < CROWD) (void)usleep(100);
  esp_future *shrink; // from a task: does not wait for those that go
  CHECK_OK(esp_workers_fork(pool, resize_from_inside, pool, &shrink));
  CHECK_OK(esp_wait(shrink));
  atomic_store(&gate, true);
  CHECK_OK(esp_wait_all(future, CROWD));
  CHECK_OK(esp_workers_resize(pool, 1, 1));
  check_workers(1);
  for (int i = 0; i < CROWD; i++) esp_future_free(future[i]);
  esp_future_free(awaited);
  esp_future_free(shrink);
  esp_workers_close(pool);
}

// Threads of the user -------------------------------------------------------

static void *fork_and_wait_often(void *argument) {
  enum { ROUNDS = 300 };
  esp_workers *pool = argument;
  for (int i = 0; i < ROUNDS; i++) {
    atomic_int leaves = 0;
    tree root = {.pool = pool, .height = 2, .leaves = &leaves};
    esp_future *future;
    CHECK_OK(esp_workers_fork(pool, grow, &root, &future));
    CHECK_OK(esp_wait(future));
    CU_ASSERT_EQUAL(atomic_load(&leaves), 9);
    esp_future_free(future);
  }
  return NULL;
}

// The place of a worker that goes is free while what it runs waits: another
// worker, asleep since all places were taken, has to learn of it.
typedef struct farewell {
  esp_workers *pool;
  esp_future *promise;
  atomic_int begun;
  atomic_bool queued;
} farewell;

static esp_status fulfil(esp_context *context, void *argument) {
  (void)context;
  esp_future_complete(((farewell *)argument)->promise, ESP_OK, NULL);
  return ESP_OK;
}

static esp_status wait_on_the_last_worker(esp_context *context,
                                          void *argument) {
  (void)context;
  farewell *f = argument;
  char name[16] = "";
  (void)pthread_getname_np(pthread_self(), name, sizeof name);
  atomic_fetch_add(&f->begun, 1);
  while (atomic_load(&f->begun) < 2) (void)usleep(100);
  if (strcmp(name, "esp-worker-1") != 0) return ESP_OK;
  while (!atomic_load(&f->queued)) (void)usleep(100);
  return esp_wait(f->promise);
}

static void *shrink(void *argument) {
  farewell *f = argument;
  CHECK_OK(esp_workers_resize(f->pool, 1, 1));
  return NULL;
}

static void the_place_of_one_that_goes_is_given_on(void) {
  farewell f = {.pool = open_pool(2)};
  esp_future *task[2];
  pthread_t thread;
  CHECK_OK(esp_future_promise(f.pool, &f.promise));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(esp_workers_fork(f.pool, wait_on_the_last_worker, &f, &task[i]));
  }
  while (atomic_load(&f.begun) < 2) (void)usleep(100);
  CU_ASSERT(pthread_create(&thread, NULL, shrink, &f) == 0);
  while (esp_workers_count(f.pool) > 1) (void)usleep(100);
  (void)usleep(20000); // the other worker falls asleep
  CHECK_OK(esp_workers_fork(f.pool, fulfil, &f, NULL));
  (void)usleep(20000);
  atomic_store(&f.queued, true);
  (void)pthread_join(thread, NULL);
  CHECK_OK(esp_wait_all(task, 2));
  for (int i = 0; i < 2; i++) esp_future_free(task[i]);
  esp_future_free(f.promise);
  esp_workers_close(f.pool);
}

static void many_threads_fork_and_wait_while_the_pool_changes(void) {
  enum { THREADS = 6 };
  pthread_t thread[THREADS];
  esp_workers *pool = open_pool(2);
  for (int i = 0; i < THREADS; i++) {
    (void)pthread_create(&thread[i], NULL, fork_and_wait_often, pool);
  }
  for (int i = 0; i < 30; i++) {
    CHECK_OK(esp_workers_resize(pool, 1 + i % 4, 1 + i % 5 / 4));
    (void)usleep(500);
  }
  for (int i = 0; i < THREADS; i++) (void)pthread_join(thread[i], NULL);
  esp_workers_close(pool);
}

// A thread from outside never runs beside more than `count - 1` workers.
typedef struct gauge {
  atomic_int now, most;
} gauge;

static esp_status measure_crowding(esp_context *context, void *argument) {
  gauge *g = argument;
  (void)context;
  const int now = atomic_fetch_add(&g->now, 1) + 1;
  int most = atomic_load(&g->most);
  while (now > most && !atomic_compare_exchange_weak(&g->most, &most, now)) {
  }
  (void)usleep(50);
  atomic_fetch_sub(&g->now, 1);
  return ESP_OK;
}

static void no_more_run_at_once_than_there_are_places(void) {
  enum { TASKS = 400 };
  gauge g = {0};
  esp_workers *pool = open_pool(2);
  esp_future *future[TASKS];
  for (int i = 0; i < TASKS; i++) {
    CHECK_OK(esp_workers_fork(pool, measure_crowding, &g, &future[i]));
  }
  for (int i = TASKS - 1; i >= 0; i--) {
    CHECK_OK(esp_wait(future[i])); // this thread takes part where it can
    esp_future_free(future[i]);
  }
  CU_ASSERT_EQUAL(atomic_load(&g.most), 2);
  esp_workers_close(pool);
}

static void a_promise_is_completed_by_hand(void) {
  esp_workers *pool = open_pool(1);
  esp_future *future;
  CHECK_OK(esp_future_promise(pool, &future));
  CU_ASSERT_FALSE(esp_future_ready(future));
  esp_future_complete(future, ESP_IO, "the disk is away");
  CHECK_STATUS(esp_wait(future), ESP_IO);
  check_message("the disk is away");
  esp_future_free(future);
  esp_workers_close(pool);
}

static void no_wait_while_it_is_held(void) {
  atomic_bool gate = false;
  esp_workers *pool = open_pool(1);
  esp_future *future;
  CHECK_OK(esp_workers_fork(pool, wait_for_gate, &gate, &future));
  esp_workers_hold(1);
  CHECK_STATUS(esp_wait(future), ESP_USAGE);
  check_message("esp_parallel_for");
  esp_workers_hold(-1);
  atomic_store(&gate, true);
  CHECK_OK(esp_wait(future));
  esp_future_free(future);
  esp_workers_close(pool);
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_status_of_ones_own_reaches_every_waiter),
      CASE(a_future_may_be_freed_before_it_is_done),
      CASE(what_comes_after_runs_after),
      CASE(an_error_passes_through_a_long_chain),
      CASE(waiting_for_all_gives_the_first_failure),
      CASE(waiting_for_any_gives_one_that_has_ended),
      CASE(ten_thousand_deep_with_one_worker),
      CASE(ten_thousand_deep_with_four_workers),
      CASE(too_deep_is_an_error),
      CASE(trees_of_waits_end_with_any_number_of_workers),
      CASE(a_crowd_that_waits_holds_up_nobody),
      CASE(tasks_may_wait_for_what_stands_below_them),
      CASE(resizing_loses_nothing_and_repeats_nothing),
      CASE(a_task_may_resize_its_own_pool),
      CASE(a_worker_that_goes_finishes_what_it_put_aside),
      CASE(the_place_of_one_that_goes_is_given_on),
      CASE(many_threads_fork_and_wait_while_the_pool_changes),
      CASE(no_more_run_at_once_than_there_are_places),
      CASE(a_promise_is_completed_by_hand),
      CASE(no_wait_while_it_is_held),
      {NULL, NULL},
  };
  return check_run("future", cases);
}
