// One measurement of the runtime, as a number of nanoseconds (or a ratio) on
// standard output.  Each is a process of its own, so that no pool that idles
// disturbs another; tests/bench/runtime.py interleaves and compares them.
#include <espalier/espalier.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "exec/exec.h"
#include "op/op.h"

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, rising);
  return values[count / 2];
}

static void must(esp_status status) {
  if (status == ESP_OK) return;
  fprintf(stderr, "%s\n", esp_last_error());
  exit(1);
}

static esp_context *open_context(int workers, int width) {
  esp_context *context;
  const esp_options options = {.num_interop_threads = workers,
                               .num_threads = width,
                               .oversubscribe = true,
                               .alone = true};
  must(esp_open(&options, &context));
  return context;
}

// Empty tasks ----------------------------------------------------------------

enum { FORKS = 20000, ROUNDS = 15 };

static esp_status nothing(esp_context *context, void *argument) {
  (void)context;
  (void)argument;
  return ESP_OK;
}

static esp_status fork_and_wait(esp_context *context, void *argument) {
  double *nanoseconds = argument;
  double round[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    const double begin = now();
    for (int i = 0; i < FORKS; i++) {
      esp_future *future;
      must(esp_fork(context, nothing, NULL, &future));
      must(esp_wait(future));
      esp_future_free(future);
    }
    round[r] = 1e9 * (now() - begin) / FORKS;
  }
  *nanoseconds = median(round, ROUNDS);
  return ESP_OK;
}

// From the user's thread, and from inside a task.
static double fork_outside(int workers) {
  double nanoseconds;
  esp_context *context = open_context(workers, 1);
  must(fork_and_wait(context, &nanoseconds));
  esp_close(context);
  return nanoseconds;
}

static double fork_inside(int workers) {
  double nanoseconds;
  esp_context *context = open_context(workers, 1);
  esp_future *future;
  must(esp_fork(context, fork_and_wait, &nanoseconds, &future));
  must(esp_wait(future));
  esp_future_free(future);
  esp_close(context);
  return nanoseconds;
}

// Many forked before any is awaited.
static double fork_batch(int workers) {
  static esp_future *future[FORKS];
  esp_context *context = open_context(workers, 1);
  double round[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    const double begin = now();
    for (int i = 0; i < FORKS; i++) {
      must(esp_fork(context, nothing, NULL, &future[i]));
    }
    must(esp_wait_all(future, FORKS));
    for (int i = 0; i < FORKS; i++) esp_future_free(future[i]);
    round[r] = 1e9 * (now() - begin) / FORKS;
  }
  esp_close(context);
  return median(round, ROUNDS);
}

// Two equal tasks ------------------------------------------------------------

static esp_status compute(esp_context *context, void *argument) {
  (void)context;
  volatile double *sum = argument;
  double x = *sum;
  for (int i = 0; i < 4000000; i++) x = sqrt(x + 1.0);
  *sum = x;
  return ESP_OK;
}

// How much faster two tasks are side by side than one after the other.
static double two_tasks(void) {
  esp_context *context = open_context(2, 1);
  double ratio[ROUNDS], a = 1, b = 2;
  for (int r = 0; r < ROUNDS; r++) {
    const double begin = now();
    must(compute(context, &a));
    must(compute(context, &b));
    const double middle = now();
    esp_future *future[2];
    must(esp_fork(context, compute, &a, &future[0]));
    must(esp_fork(context, compute, &b, &future[1]));
    must(esp_wait_all(future, 2));
    ratio[r] = (middle - begin) / (now() - middle);
    esp_future_free(future[0]);
    esp_future_free(future[1]);
  }
  esp_close(context);
  return median(ratio, ROUNDS);
}

// A chain of tiny operators --------------------------------------------------

enum { CHAIN = 1000 };

static esp_builder *build_chain(int64_t length) {
  esp_builder *builder;
  must(esp_builder_create(17, &builder));
  must(esp_builder_add_input(builder, "v0", ESP_FLOAT, &length, 1));
  for (int i = 0; i < CHAIN; i++) {
    char in[16], out[16];
    (void)snprintf(in, sizeof in, "v%d", i);
    (void)snprintf(out, sizeof out, "v%d", i + 1);
    const char *from = in, *to = out;
    must(esp_builder_add_node(builder, "Tanh", NULL, &from, 1, &to, 1));
  }
  char last[16];
  (void)snprintf(last, sizeof last, "v%d", CHAIN);
  must(esp_builder_add_output(builder, last));
  return builder;
}

// The same kernels in a loop: two buffers, no graph.
static double kernels_in_a_loop(const float *x, int64_t length) {
  float *buffer[2];
  for (int i = 0; i < 2; i++) {
    buffer[i] = calloc((size_t)length, sizeof(float));
    memcpy(buffer[i], x, (size_t)length * sizeof(float));
  }
  const int op = esp_op_find("Tanh");
  const esp_node node = {.name = "t",
                         .op_type = "Tanh",
                         .op = op,
                         .version = 17,
                         .nin = 1,
                         .nout = 1};
  esp_tensor view[2];
  for (int i = 0; i < 2; i++) {
    view[i] = (esp_tensor){
        .type = ESP_FLOAT, .shape = {1, {length}}, .data = buffer[i]};
  }
  const esp_op *table = esp_op_get(op);
  const esp_tensor *in[2] = {&view[0], &view[1]};
  esp_tensor *out[2] = {&view[1], &view[0]};
  esp_args args[2];
  for (int i = 0; i < 2; i++) {
    args[i] = (esp_args){
        .node = &node, .nin = 1, .nout = 1, .in = &in[i], .out = &out[i]};
  }
  esp_prepared made = {0};
  if (table->prepare != NULL) must(table->prepare(&args[0], 1, &made));
  const esp_team team = {.width = 1, .scratch = malloc(made.scratch_bytes + 1)};
  const double begin = now();
  for (int i = 0; i < CHAIN; i++) {
    must(table->run(&args[i % 2], made.state, team));
  }
  const double seconds = now() - begin;
  if (table->release != NULL) table->release(made.state);
  free(team.scratch);
  free(buffer[0]);
  free(buffer[1]);
  return seconds;
}

// The session's time over the loop's; with --absolute, what an operator costs
// above its kernel, in nanoseconds.
static double chain(int64_t length, bool absolute) {
  esp_context *context = open_context(1, 1);
  esp_builder *builder = build_chain(length);
  esp_session *session;
  must(esp_session_open_builder(context, builder, NULL, &session));
  esp_tensor *x, *y = NULL;
  must(esp_tensor_create(ESP_FLOAT, &length, 1, &x));
  for (int64_t i = 0; i < length; i++) {
    ((float *)esp_tensor_data(x))[i] = (float)(i % 7) - 3;
  }
  const esp_tensor *in = x;
  must(esp_run(session, &in, &y));
  enum { REPEATS = 101 };
  double result[REPEATS];
  for (int r = 0; r < REPEATS; r++) {
    const double begin = now();
    must(esp_run(session, &in, &y));
    const double seconds = now() - begin;
    const double loop = kernels_in_a_loop(esp_tensor_data(x), length);
    result[r] = absolute ? 1e9 * (seconds - loop) / CHAIN : seconds / loop;
  }
  esp_tensor_free(x);
  esp_tensor_free(y);
  esp_session_close(session);
  esp_builder_free(builder);
  esp_close(context);
  return median(result, REPEATS);
}

// Idling ---------------------------------------------------------------------

static void touch(int64_t begin, int64_t end, void *argument) {
  volatile double *sum = argument;
  if (begin < end) sum[begin % 2] = (double)end;
}

// Seconds of processor time that a pool with teams, which has worked, takes in
// a second of idling.
static double idle(void) {
  esp_context *context = open_context(4, 2);
  double sum[2];
  for (int i = 0; i < 100; i++) {
    must(esp_parallel_for(context, 0, 2, 1, touch, sum));
  }
  (void)usleep(100000);
  struct rusage before, after;
  (void)getrusage(RUSAGE_SELF, &before);
  (void)usleep(1000000);
  (void)getrusage(RUSAGE_SELF, &after);
  esp_close(context);
  return (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
         (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
         1e-6 * (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) +
         1e-6 * (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec);
}

// Widths ---------------------------------------------------------------------

static esp_status alternate(esp_context *context, void *argument) {
  double *nanoseconds = argument;
  enum { PAIRS = 2000 };
  double sum[2], round[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    const double begin = now();
    for (int i = 0; i < PAIRS; i++) {
      must(esp_parallel_for(context, 0, 2, 1, touch, sum)); // the team
      must(esp_parallel_for(context, 0, 2, 2, touch, sum)); // one thread
    }
    round[r] = 1e9 * (now() - begin) / PAIRS;
  }
  *nanoseconds = median(round, ROUNDS);
  return ESP_OK;
}

// A wide loop and a narrow one in turn, on one worker.
static double widths(void) {
  double nanoseconds;
  esp_context *context = open_context(1, 2);
  esp_future *future;
  must(esp_fork(context, alternate, &nanoseconds, &future));
  must(esp_wait(future));
  esp_future_free(future);
  esp_close(context);
  return nanoseconds;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  const int number = argc > 2 ? atoi(argv[2]) : 1;
  double result;
  if (strcmp(what, "outside") == 0) {
    result = fork_outside(number);
  } else if (strcmp(what, "inside") == 0) {
    result = fork_inside(number);
  } else if (strcmp(what, "batch") == 0) {
    result = fork_batch(number);
  } else if (strcmp(what, "two-tasks") == 0) {
    result = two_tasks();
  } else if (strcmp(what, "chain") == 0) {
    result = chain(number, false);
  } else if (strcmp(what, "operator") == 0) {
    result = chain(number, true);
  } else if (strcmp(what, "idle") == 0) {
    result = idle();
  } else if (strcmp(what, "widths") == 0) {
    result = widths();
  } else {
    fprintf(stderr, "usage: bench_runtime outside|inside|batch WORKERS | "
                    "two-tasks | chain|operator LENGTH | idle | widths\n");
    return 2;
  }
  printf("%.6g\n", result);
  return 0;
}
