#include "kernel/parallel.h"

#include <omp.h>

// Of the loop that the thread works on, not of a region that may be around it.
static _Thread_local int number;

void esp_loop_over(int width, int64_t count, int64_t grain, esp_loop_body body,
                   void *argument) {
  if (count <= 0) return;
  int64_t runs = grain > 0 ? count / grain : count;
  if (runs > width) runs = width;
  if (runs <= 1) {
    const int before = number;
    number = 0;
    body(0, count, argument);
    number = before;
    return;
  }
  // The team always has the worker's one size: libgomp ends threads when a team
  // shrinks.  Surplus threads find nothing to do.
#pragma omp parallel num_threads(width) default(none)                          \
    shared(runs, count, body, argument)
  {
    int64_t me = omp_get_thread_num();
    int64_t have = omp_get_num_threads();
    const int before = number;
    number = (int)me;
    for (int64_t r = me; r < runs; r += have) {
      int64_t begin = count * r / runs;
      int64_t end = count * (r + 1) / runs;
      if (begin < end) body(begin, end, argument);
    }
    number = before;
  }
}

int esp_loop_thread(void) { return number; }
