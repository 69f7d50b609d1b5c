// Task graphs as the tests see them, and a check of schedules that shares
// nothing with the schedulers.
#ifndef CHECK_DAG_H
#define CHECK_DAG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct dag_edge {
  int from, to; // places in the file's order
  int64_t cost;
} dag_edge;

typedef struct dag {
  char name[256];
  int processors, tasks, edges;
  int64_t optimum; // 0: unknown
  int64_t *weight;
  dag_edge *edge;
} dag;

// Reads the next graph of a well-formed file in which tasks stand before edges;
// false at its end.  Ended with dag_end().
bool dag_read(FILE *in, dag *graph);
void dag_end(dag *graph);

// NULL when the schedule is legal and as long as is said: each task once, no
// two at once on a processor, everything there when a task begins.  Otherwise
// what is wrong; static storage.
const char *dag_fault(const dag *graph, const int *processor,
                      const double *start, double makespan);

// The shortest makespan, by trying everything; for a handful of tasks.
int64_t dag_shortest(const dag *graph);

#endif
