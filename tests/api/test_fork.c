// Contexts, forks and loops through the public header.
#include <dirent.h>
#include <espalier/espalier.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static esp_context *open_context(int workers, int width) {
  esp_context *context = NULL;
  const esp_options options = {.num_interop_threads = workers,
                               .num_threads = width,
                               .oversubscribe = true,
                               .alone = true};
  CHECK_OK(esp_open(&options, &context));
  return context;
}

static esp_status note_context(esp_context *context, void *argument) {
  *(esp_context **)argument = context;
  return ESP_OK;
}

static void a_task_gets_its_context(void) {
  esp_context *context = open_context(2, 1), *seen = NULL;
  esp_future *future;
  CHECK_OK(esp_fork(context, note_context, &seen, &future));
  CHECK_OK(esp_wait(future));
  CU_ASSERT_PTR_EQUAL(seen, context);
  esp_future_free(future);
  esp_close(context);
}

static void the_numbers_are_what_was_set(void) {
  esp_context *context = open_context(1, 1);
  CHECK_OK(esp_set_num_interop_threads(context, 3));
  CHECK_OK(esp_set_num_threads(context, 2));
  CU_ASSERT_EQUAL(esp_get_num_interop_threads(context), 3);
  CU_ASSERT_EQUAL(esp_get_num_threads(context), 2);
  CHECK_STATUS(esp_set_num_threads(context, 0), ESP_USAGE);
  CHECK_STATUS(esp_set_num_interop_threads(context, -1), ESP_USAGE);
  CU_ASSERT_EQUAL(esp_get_num_interop_threads(context), 3);
  CU_ASSERT_EQUAL(esp_rank(context), 0);
  CU_ASSERT_EQUAL(esp_size(context), 1);
  esp_close(context);
}

static void more_threads_than_cores_are_refused(void) {
  esp_context *context = NULL;
  const esp_options options = {
      .num_interop_threads = 500, .num_threads = 2, .alone = true};
  CHECK_STATUS(esp_open(&options, &context), ESP_USAGE);
  check_message("500 inter-op x 2 intra-op threads are more than");
  check_message("oversubscribe");
}

// Loops ----------------------------------------------------------------------

typedef struct covered {
  int64_t begin;
  atomic_int *times;
  atomic_int parts;
} covered;

static void cover(int64_t begin, int64_t end, void *argument) {
  covered *c = argument;
  atomic_fetch_add(&c->parts, 1);
  for (int64_t i = begin; i < end; i++) {
    atomic_fetch_add(&c->times[i - c->begin], 1);
  }
}

static void a_loop_covers_its_range_once(void) {
  static atomic_int times[1000];
  for (int width = 1; width <= 3; width++) {
    esp_context *context = open_context(1, width);
    for (int64_t count = 0; count <= 1000; count += 333) {
      memset(times, 0, sizeof times);
      covered c = {.begin = -17, .times = times};
      CHECK_OK(esp_parallel_for(context, -17, -17 + count, 100, cover, &c));
      for (int64_t i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(atomic_load(&times[i]), i < count);
      }
      CU_ASSERT(atomic_load(&c.parts) <= width);
    }
    CHECK_STATUS(esp_parallel_for(context, 1, 0, 1, cover, NULL), ESP_USAGE);
    esp_close(context);
  }
}

// Alternating widths keep the threads: the ones that are there at the end are
// those of the beginning.
enum { MOST_THREADS = 16 };
static int list_threads(int thread[MOST_THREADS]) {
  int count = 0;
  DIR *folder = opendir("/proc/self/task");
  const struct dirent *e;
  while ((e = readdir(folder)) != NULL && count < MOST_THREADS) {
    if (e->d_name[0] != '.') thread[count++] = atoi(e->d_name);
  }
  (void)closedir(folder);
  return count;
}

static void do_nothing(int64_t begin, int64_t end, void *argument) {
  (void)begin;
  (void)end;
  (void)argument;
}

static void switching_widths_keeps_the_threads(void) {
  int before[MOST_THREADS], after[MOST_THREADS];
  esp_context *context = open_context(1, 3);
  CHECK_OK(esp_parallel_for(context, 0, 3, 1, do_nothing, NULL));
  const int had = list_threads(before);
  for (int i = 0; i < 200; i++) {
    CHECK_OK(esp_parallel_for(context, 0, 3, 1, do_nothing, NULL));
    CHECK_OK(esp_parallel_for(context, 0, 3, 3, do_nothing, NULL)); // one
    CHECK_OK(esp_parallel_for(context, 0, 2, 1, do_nothing, NULL)); // two
  }
  CU_ASSERT_EQUAL(list_threads(after), had);
  for (int i = 0; i < had; i++) CU_ASSERT_EQUAL(before[i], after[i]);
  esp_close(context);
}

typedef struct nested {
  esp_context *context;
  esp_future *never;
  atomic_int refused;
} nested;

static void loop_in_loop(int64_t begin, int64_t end, void *argument) {
  nested *n = argument;
  (void)begin;
  (void)end;
  const esp_status inner =
      esp_parallel_for(n->context, 0, 1, 1, loop_in_loop, n);
  const esp_status waited = esp_wait(n->never);
  atomic_fetch_add(&n->refused, inner == ESP_USAGE && waited == ESP_USAGE);
}

static esp_status wait_for_flag(esp_context *context, void *argument) {
  (void)context;
  while (!atomic_load((atomic_bool *)argument)) {
  }
  return ESP_OK;
}

static void loops_and_waits_inside_a_loop_are_refused(void) {
  for (int width = 1; width <= 2; width++) {
    esp_context *context = open_context(2, width);
    atomic_bool flag = false;
    nested n = {.context = context};
    CHECK_OK(esp_fork(context, wait_for_flag, &flag, &n.never));
    CHECK_OK(esp_parallel_for(context, 0, 2, 1, loop_in_loop, &n));
    CU_ASSERT_EQUAL(atomic_load(&n.refused), width);
    atomic_store(&flag, true);
    CHECK_OK(esp_wait(n.never));
    esp_future_free(n.never);
    esp_close(context);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_task_gets_its_context),
      CASE(the_numbers_are_what_was_set),
      CASE(more_threads_than_cores_are_refused),
      CASE(a_loop_covers_its_range_once),
      CASE(switching_widths_keeps_the_threads),
      CASE(loops_and_waits_inside_a_loop_are_refused),
      {NULL, NULL},
  };
  return check_run("fork", cases);
}
