// An empty StarPU task and the wait for it, in nanoseconds.
// usage: STARPU_NCPU=N bench_starpu each|batch
#include <starpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORKS = 20000, ROUNDS = 15 };

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void nothing(void *buffers[], void *argument) {
  (void)buffers;
  (void)argument;
}

static struct starpu_codelet codelet = {.cpu_funcs = {nothing}, .nbuffers = 0};

static void submit(int synchronous) {
  struct starpu_task *task = starpu_task_create();
  task->cl = &codelet;
  task->synchronous = synchronous != 0;
  if (starpu_task_submit(task) != 0) exit(1);
}

int main(int argc, char **argv) {
  const int batch = argc > 1 && strcmp(argv[1], "batch") == 0;
  struct starpu_conf conf;
  starpu_conf_init(&conf);
  if (starpu_init(&conf) != 0) return 1;
  double round[ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    const double begin = starpu_timing_now(); // microseconds
    for (int i = 0; i < FORKS; i++) submit(!batch);
    starpu_task_wait_for_all();
    round[r] = 1e3 * (starpu_timing_now() - begin) / FORKS;
  }
  starpu_shutdown();
  qsort(round, ROUNDS, sizeof *round, rising);
  printf("%.6g\n", round[ROUNDS / 2]);
  return 0;
}
