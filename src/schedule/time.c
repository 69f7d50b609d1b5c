#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/private.h"

double esp_schedule_time(const esp_scene *scene, const int *order,
                         esp_schedule *schedule, double *idle_from) {
  const esp_dag *dag = scene->dag;
  const esp_processors *processors = scene->processors;
  memset(idle_from, 0, (size_t)processors->count * sizeof *idle_from);
  double makespan = 0;
  for (int i = 0; i < dag->count; i++) {
    const int t = order[i], here = schedule->processor[t];
    double start = idle_from[here];
    for (int a = dag->in_first[t]; a < dag->in_first[t + 1]; a++) {
      const esp_arc *arc = &dag->in[a];
      const int there = schedule->processor[arc->from];
      const double made = schedule->start[arc->from] +
                          esp_weight_on(dag, processors, arc->from, there) +
                          arc->cost[esp_distance_of(processors, there, here)];
      start = fmax(start, made);
    }
    schedule->start[t] = start;
    idle_from[here] = start + esp_weight_on(dag, processors, t, here);
    makespan = fmax(makespan, idle_from[here]);
  }
  return makespan;
}

typedef struct begun {
  double start, finish;
  int place, task;
} begun;

// A task without weight that begins with another, on which it does not wait,
// may end at its beginning: what ends first goes first, then the graph's order.
static int by_start(const void *a, const void *b) {
  const begun *x = a, *y = b;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  if (x->finish != y->finish) return x->finish < y->finish ? -1 : 1;
  return x->place - y->place;
}

esp_status esp_schedule_order(const esp_scene *scene,
                              const esp_schedule *schedule, int *order) {
  const esp_dag *dag = scene->dag;
  begun *list = malloc(((size_t)dag->count + 1) * sizeof *list);
  if (list == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d tasks", dag->count);
  }
  for (int i = 0; i < dag->count; i++) {
    const int t = dag->order[i];
    const double weight =
        esp_weight_on(dag, scene->processors, t, schedule->processor[t]);
    list[i] = (begun){schedule->start[t], schedule->start[t] + weight, i, t};
  }
  qsort(list, (size_t)dag->count, sizeof *list, by_start);
  for (int i = 0; i < dag->count; i++) order[i] = list[i].task;
  free(list);
  return ESP_OK;
}

esp_status esp_schedule_by_levels(const esp_scene *scene,
                                  esp_schedule *schedule) {
  const size_t n = (size_t)scene->dag->count;
  double *level = malloc((n + 1) * sizeof *level);
  int *order = malloc((n + 1) * sizeof *order);
  double *idle_from =
      malloc((size_t)scene->processors->count * sizeof *idle_from);
  esp_status status =
      level != NULL && order != NULL && idle_from != NULL
          ? ESP_OK
          : ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %zu tasks", n);
  if (status == ESP_OK) {
    esp_dag_levels(scene->dag, 1, level);
    status = esp_list_order(scene->dag, level, order);
  }
  if (status == ESP_OK) {
    schedule->makespan = esp_schedule_time(scene, order, schedule, idle_from);
  }
  free(level);
  free(order);
  free(idle_from);
  return status;
}
