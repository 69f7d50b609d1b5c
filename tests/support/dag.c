#include "support/dag.h"

#include <stdlib.h>
#include <string.h>

typedef struct name_of_task {
  long long id;
  int place;
} name_of_task;

static int by_id(const void *a, const void *b) {
  const long long x = ((const name_of_task *)a)->id;
  const long long y = ((const name_of_task *)b)->id;
  return x < y ? -1 : x > y;
}

static int place_of(const name_of_task *names, int count, long long id) {
  const name_of_task key = {.id = id};
  const name_of_task *found =
      bsearch(&key, names, (size_t)count, sizeof key, by_id);
  return found != NULL ? found->place : -1;
}

bool dag_read(FILE *in, dag *graph) {
  char line[512];
  name_of_task *names = NULL;
  bool sorted = false, begun = false;
  memset(graph, 0, sizeof *graph);
  while (fgets(line, sizeof line, in) != NULL) {
    long long a, b, c;
    if (sscanf(line, "graph %255s processors %lld optimum %lld", graph->name,
               &a, &b) >= 2) {
      begun = true;
      graph->processors = (int)a;
      graph->optimum = strstr(line, " optimum ") != NULL ? b : 0;
    } else if (sscanf(line, "task %lld %lld", &a, &b) == 2) {
      const size_t n = (size_t)graph->tasks + 1;
      graph->weight = realloc(graph->weight, n * sizeof *graph->weight);
      names = realloc(names, n * sizeof *names);
      names[n - 1] = (name_of_task){a, graph->tasks};
      graph->weight[graph->tasks++] = b;
    } else if (sscanf(line, "edge %lld %lld %lld", &a, &b, &c) == 3) {
      if (!sorted) qsort(names, (size_t)graph->tasks, sizeof *names, by_id);
      sorted = true;
      const size_t n = (size_t)graph->edges + 1;
      graph->edge = realloc(graph->edge, n * sizeof *graph->edge);
      graph->edge[graph->edges++] =
          (dag_edge){place_of(names, graph->tasks, a),
                     place_of(names, graph->tasks, b), c};
    } else if (strncmp(line, "end", 3) == 0) {
      break;
    }
  }
  free(names);
  return begun;
}

void dag_end(dag *graph) {
  free(graph->weight);
  free(graph->edge);
}

typedef struct span {
  double start, finish;
  int processor;
} span;

static int by_place_and_time(const void *a, const void *b) {
  const span *x = a, *y = b;
  if (x->processor != y->processor) return x->processor - y->processor;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  return x->finish < y->finish ? -1 : x->finish > y->finish;
}

const char *dag_fault(const dag *graph, const int *processor,
                      const double *start, double makespan) {
  const char *fault = NULL;
  double last = 0;
  span *spans = malloc(((size_t)graph->tasks + 1) * sizeof *spans);
  for (int t = 0; t < graph->tasks; t++) {
    const double finish = start[t] + (double)graph->weight[t];
    if (processor[t] < 0 || processor[t] >= graph->processors) {
      fault = "no such processor";
    }
    if (!(start[t] >= 0)) fault = "a task begins before time 0";
    last = finish > last ? finish : last;
    spans[t] = (span){start[t], finish, processor[t]};
  }
  qsort(spans, (size_t)graph->tasks, sizeof *spans, by_place_and_time);
  for (int i = 1; i < graph->tasks; i++) {
    if (spans[i].processor == spans[i - 1].processor &&
        spans[i].start < spans[i - 1].finish) {
      fault = "two tasks at once on a processor";
    }
  }
  for (int e = 0; e < graph->edges; e++) {
    const dag_edge *edge = &graph->edge[e];
    const double made =
        start[edge->from] + (double)graph->weight[edge->from] +
        (processor[edge->from] != processor[edge->to] ? (double)edge->cost : 0);
    if (start[edge->to] < made) fault = "a task begins before what it needs";
  }
  free(spans);
  return last == makespan ? fault : "the makespan is another";
}

enum { MOST = 12 };
typedef struct trial {
  const dag *graph;
  int64_t best, finish[MOST], idle_from[MOST];
  int processor[MOST];
  bool done[MOST];
} trial;

static void try_rest(trial *t, int placed, int64_t makespan) {
  const dag *g = t->graph;
  if (makespan >= t->best) return;
  if (placed == g->tasks) t->best = makespan;
  for (int n = 0; n < g->tasks; n++) {
    bool ready = !t->done[n];
    for (int e = 0; e < g->edges; e++) {
      ready &= g->edge[e].to != n || t->done[g->edge[e].from];
    }
    for (int p = 0; ready && p < g->processors; p++) {
      int64_t start = t->idle_from[p];
      for (int e = 0; e < g->edges; e++) {
        if (g->edge[e].to != n) continue;
        const int from = g->edge[e].from;
        const int64_t there =
            t->finish[from] + (t->processor[from] != p ? g->edge[e].cost : 0);
        start = there > start ? there : start;
      }
      const int64_t idle_from = t->idle_from[p];
      t->done[n] = true;
      t->processor[n] = p;
      t->finish[n] = t->idle_from[p] = start + g->weight[n];
      try_rest(t, placed + 1,
               t->finish[n] > makespan ? t->finish[n] : makespan);
      t->idle_from[p] = idle_from;
      t->done[n] = false;
    }
  }
}

int64_t dag_shortest(const dag *graph) {
  trial t = {.graph = graph, .best = INT64_MAX};
  try_rest(&t, 0, 0);
  return t.best;
}
