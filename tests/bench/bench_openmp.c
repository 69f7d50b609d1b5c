// An empty OpenMP task and the wait for it, in nanoseconds.
// usage: bench_openmp each|batch THREADS
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORKS = 20000, ROUNDS = 15 };

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// Called through a variable, so that the compiler does not drop the task.
static void nothing(void) {}
static void (*volatile call)(void) = nothing;

static void one_by_one(void) {
  for (int i = 0; i < FORKS; i++) {
#pragma omp task default(none) shared(call)
    call();
#pragma omp taskwait
  }
}

static void all_at_once(void) {
  for (int i = 0; i < FORKS; i++) {
#pragma omp task default(none) shared(call)
    call();
  }
#pragma omp taskwait
}

int main(int argc, char **argv) {
  const int batch = argc > 1 && strcmp(argv[1], "batch") == 0;
  const int threads = argc > 2 ? atoi(argv[2]) : 2;
  double round[ROUNDS];
#pragma omp parallel num_threads(threads) default(none) shared(round, batch)
#pragma omp single
  for (int r = 0; r < ROUNDS; r++) {
    const double begin = omp_get_wtime();
    if (batch) {
      all_at_once();
    } else {
      one_by_one();
    }
    round[r] = 1e9 * (omp_get_wtime() - begin) / FORKS;
  }
  qsort(round, ROUNDS, sizeof *round, rising);
  printf("%.6g\n", round[ROUNDS / 2]);
  return 0;
}
