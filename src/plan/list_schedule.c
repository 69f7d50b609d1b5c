// List scheduling by upward rank.
// Source: Topcuoglu, Hariri, Wu, "Performance-effective and low-complexity task
// scheduling for heterogeneous computing", IEEE TPDS 13(3), 2002 (HEFT, here
// without insertion into gaps).
#include <math.h>
#include <stdlib.h>

#include "plan/schedule.h"

esp_status esp_schedule_in_row(const esp_tasks *tasks, esp_schedule *schedule) {
  double now = 0;
  for (int n = 0; n < tasks->count; n++) {
    const double end = now + tasks->problem->seconds[n];
    schedule->at[n] = (esp_slot_of_node){.start = now, .finish = end};
    now = end;
  }
  esp_schedule_finish(tasks, schedule);
  return ESP_OK;
}

typedef struct candidate {
  double urgency; // upward rank: seconds to the end, average messages included
  int node;
} candidate;

static int more_urgent(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  if (x->urgency != y->urgency) return x->urgency > y->urgency ? -1 : 1;
  return x->node < y->node ? -1 : 1; // graph order is a legal order
}

static void rate(const esp_tasks *tasks, int ranks, candidate *list) {
  const double apart = 1.0 - 1.0 / ranks; // chance of a message on an edge
  for (int n = tasks->count - 1; n >= 0; n--) {
    double after = apart * tasks->to_home[n];
    for (int o = tasks->out_first[n]; o < tasks->out_first[n + 1]; o++) {
      const esp_edge *edge = &tasks->in[tasks->out[o]];
      after = fmax(after, apart * edge->seconds + list[edge->to].urgency);
    }
    list[n] =
        (candidate){.urgency = tasks->problem->seconds[n] + after, .node = n};
  }
}

// When everything that node n reads is on `rank`, for its `worker`.
static double data_ready(const esp_tasks *tasks, const esp_schedule *schedule,
                         int n, int rank, int worker) {
  const double handover = tasks->problem->handover_seconds;
  double ready = 0;
  for (int e = tasks->in_first[n]; e < tasks->in_first[n + 1]; e++) {
    const esp_edge *edge = &tasks->in[e];
    const int home = edge->from >= 0 ? schedule->at[edge->from].rank : 0;
    const double made = edge->from >= 0 ? schedule->at[edge->from].finish : 0.0;
    double way = home == rank ? 0 : edge->seconds;
    if (home == rank && edge->from >= 0 &&
        schedule->at[edge->from].worker != worker) {
      way = handover;
    }
    ready = fmax(ready, made + way);
  }
  return ready;
}

static void place(const esp_tasks *tasks, esp_schedule *schedule, int n,
                  int ranks, int workers, double *idle_from) {
  esp_slot_of_node best = {.finish = (double)INFINITY};
  double best_end = (double)INFINITY;
  for (int r = 0; r < ranks; r++) {
    for (int w = 0; w < workers; w++) {
      const double ready = data_ready(tasks, schedule, n, r, w);
      const double start = fmax(ready, idle_from[r * workers + w]);
      const double finish = start + tasks->problem->seconds[n];
      const double end = finish + (r != 0 ? tasks->to_home[n] : 0);
      if (end < best_end) {
        best_end = end;
        best = (esp_slot_of_node){
            .rank = r, .worker = w, .start = start, .finish = finish};
      }
    }
  }
  schedule->at[n] = best;
  idle_from[best.rank * workers + best.worker] = best.finish;
}

static esp_status list_schedule(const esp_tasks *tasks, int ranks,
                                esp_schedule *schedule) {
  const int workers = tasks->problem->workers;
  candidate *list = malloc(((size_t)tasks->count + 1) * sizeof *list);
  double *idle_from =
      calloc((size_t)ranks * (size_t)workers, sizeof *idle_from);
  if (list == NULL || idle_from == NULL) {
    free(list);
    free(idle_from);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d nodes", tasks->count);
  }
  rate(tasks, ranks, list);
  qsort(list, (size_t)tasks->count, sizeof *list, more_urgent);
  for (int i = 0; i < tasks->count; i++) {
    place(tasks, schedule, list[i].node, ranks, workers, idle_from);
  }
  esp_schedule_finish(tasks, schedule);
  free(idle_from);
  free(list);
  return ESP_OK;
}

esp_status esp_schedule_one_rank(const esp_tasks *tasks,
                                 esp_schedule *schedule) {
  return list_schedule(tasks, 1, schedule);
}

esp_status esp_schedule_all_ranks(const esp_tasks *tasks,
                                  esp_schedule *schedule) {
  return list_schedule(tasks, tasks->problem->ranks, schedule);
}
