// Fork, and loops over a team, on a context's pool.  (esp_wait() and its like
// know the pool from the future: workers/future.c.)
#include "api/private.h"
#include "kernel/parallel.h"

esp_status esp_fork(esp_context *context, esp_task task, void *argument,
                    esp_future **future) {
  return esp_workers_fork(context->workers, task, argument, future);
}

typedef struct loop {
  int64_t begin, count, grain;
  int width;
  void (*body)(int64_t, int64_t, void *);
  void *argument;
} loop;

static _Thread_local bool inside;

// The threads of a team must come back to its barrier: none of them may wait.
static void run_part(int64_t begin, int64_t end, void *argument) {
  const loop *l = argument;
  inside = true;
  esp_workers_hold(1);
  l->body(l->begin + begin, l->begin + end, l->argument);
  esp_workers_hold(-1);
  inside = false;
}

static esp_status run_loop(esp_context *context, void *argument) {
  loop *l = argument;
  (void)context;
  esp_loop_over(l->width, l->count, l->grain, run_part, l);
  return ESP_OK;
}

esp_status esp_parallel_for(esp_context *context, int64_t begin, int64_t end,
                            int64_t grain,
                            void (*body)(int64_t, int64_t, void *),
                            void *argument) {
  if (inside) {
    return ESP_FAIL(ESP_USAGE, "esp_parallel_for() inside the body of another: "
                               "its threads are all at work");
  }
  if (end < begin) {
    return ESP_FAIL(ESP_USAGE, "esp_parallel_for() from %lld to %lld",
                    (long long)begin, (long long)end);
  }
  loop l = {.begin = begin,
            .count = end - begin,
            .grain = grain > 1 ? grain : 1,
            .width = esp_workers_width(context->workers),
            .body = body,
            .argument = argument};
  if (l.width == 1 || esp_workers_seat(context->workers) >= 0) {
    return run_loop(context, &l);
  }
  esp_future *future; // a team belongs to a worker
  ESP_TRY(esp_fork(context, run_loop, &l, &future));
  const esp_status status = esp_wait(future);
  esp_future_free(future);
  return status;
}
