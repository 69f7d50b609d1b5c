// The pool: everything pushed runs once, urgent items first.
#include "workers/workers.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "support/check.h"

typedef struct counted {
  esp_item item; // first
  esp_workers *pool;
  atomic_int *sum;
  int children;
} counted;

static void count(esp_item *item, int worker) {
  counted *self = (counted *)(void *)item;
  (void)worker;
  for (int c = 1; c <= self->children; c++) {
    esp_workers_push(self->pool, &self[c].item);
  }
  atomic_fetch_add(self->sum, 1);
}

static esp_workers *open_pool(int threads) {
  esp_workers *pool = NULL;
  const esp_workers_options options = {.count = threads, .width = 1};
  CHECK_OK(esp_workers_open(&options, &pool));
  return pool;
}

static void everything_pushed_runs_once(void) {
  enum { ITEMS = 20000, EACH = 100 };
  atomic_int sum = 0;
  counted *list = calloc(ITEMS, sizeof *list);
  esp_workers *pool = open_pool(4);
  for (int i = 0; i < ITEMS; i++) {
    list[i] = (counted){
        .item = {.run = count, .priority = i % 7}, .pool = pool, .sum = &sum};
  }
  // The first of each hundred pushes the others from inside the pool.
  for (int i = 0; i < ITEMS; i += EACH) {
    list[i].children = EACH - 1;
    esp_workers_push(pool, &list[i].item);
  }
  while (atomic_load(&sum) < ITEMS) {
  }
  esp_workers_close(pool);
  CU_ASSERT_EQUAL(atomic_load(&sum), ITEMS);
  free(list);
}

typedef struct ordered {
  esp_item item; // first
  atomic_int *turn;
  atomic_bool *gate;
  int mine;
} ordered;

static void note_turn(esp_item *item, int worker) {
  ordered *self = (ordered *)(void *)item;
  (void)worker;
  while (self->gate != NULL && !atomic_load(self->gate)) {
  }
  self->mine = atomic_fetch_add(self->turn, 1);
}

static void urgent_items_run_first(void) {
  enum { ITEMS = 50 };
  atomic_int turn = 0;
  atomic_bool gate = false;
  ordered list[ITEMS + 1];
  esp_workers *pool = open_pool(1);
  list[ITEMS] = (ordered){
      .item = {.run = note_turn, .priority = -1}, .turn = &turn, .gate = &gate};
  esp_workers_push(pool, &list[ITEMS].item); // holds the one worker up
  for (int i = 0; i < ITEMS; i++) {
    list[i] =
        (ordered){.item = {.run = note_turn, .priority = (ITEMS - i) / 10},
                  .turn = &turn};
    esp_workers_push(pool, &list[i].item);
  }
  atomic_store(&gate, true);
  esp_workers_close(pool); // runs what is left
  CU_ASSERT_EQUAL(atomic_load(&turn), ITEMS + 1);
  for (int a = 0; a < ITEMS; a++) {
    for (int b = 0; b < ITEMS; b++) {
      const bool earlier = list[a].item.priority != list[b].item.priority
                               ? list[a].item.priority < list[b].item.priority
                               : a < b;
      if (a != b && earlier) CU_ASSERT(list[a].mine < list[b].mine);
    }
  }
}

static void a_bell_is_not_lost(void) {
  esp_bell *bell = NULL;
  CHECK_OK(esp_bell_create(&bell));
  const uint64_t seen = esp_bell_count(bell);
  esp_bell_ring(bell);
  esp_bell_wait(bell, seen, -1); // would hang if the ring had been lost
  CU_ASSERT_EQUAL(esp_bell_count(bell), seen + 1);
  esp_bell_wait(bell, seen + 1, 0.001); // ends by itself
  esp_bell_free(bell);
}

int main(void) {
  static const check_case cases[] = {
      CASE(everything_pushed_runs_once),
      CASE(urgent_items_run_first),
      CASE(a_bell_is_not_lost),
      {NULL, NULL},
  };
  return check_run("workers", cases);
}
