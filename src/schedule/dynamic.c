// Schedulers that choose among all tasks that are ready, and all processors.
// Sources: Hwang, Chow, Anger, Lee, "Scheduling precedence graphs in systems
// with interprocessor communication times", SIAM J. Comput. 18(2), 1989 (ETF);
// Sih, Lee, "A compile-time scheduling heuristic for
// interconnection-constrained heterogeneous processor architectures", IEEE TPDS
// 4(2), 1993 (DLS).
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/lanes.h"

typedef struct chooser {
  const esp_scene *scene;
  esp_lanes lanes;
  double *level;
  int *waits;  // arcs from tasks that are not placed yet
  int *ready;  // tasks
  int count;   // of them
  double *can; // [ready][processor] when all that it needs is there
  double *idle_from;
} chooser;

static void make_ready(chooser *c, int task) {
  const int processors = c->scene->processors->count;
  for (int p = 0; p < processors; p++) {
    c->can[(size_t)task * (size_t)processors + (size_t)p] =
        esp_lanes_ready(&c->lanes, task, p);
  }
  c->ready[c->count++] = task;
}

// The pair that is best by its start and the task's level.
static void choose(const chooser *c, double weight_of_level, int *which,
                   int *where, double *when) {
  const int processors = c->scene->processors->count;
  double best = (double)INFINITY;
  for (int i = 0; i < c->count; i++) {
    const int t = c->ready[i];
    const int limit = c->scene->dag->at_home[t] ? 1 : processors;
    for (int p = 0; p < limit; p++) {
      const double start = fmax(
          c->can[(size_t)t * (size_t)processors + (size_t)p], c->idle_from[p]);
      const double value = start - weight_of_level * c->level[t];
      if (value > best) continue;
      if (value == best && c->level[t] <= c->level[c->ready[*which]]) continue;
      best = value;
      *which = i;
      *where = p;
      *when = start;
    }
  }
}

static esp_status run(chooser *c, double weight_of_level) {
  const esp_dag *dag = c->scene->dag;
  for (int t = 0; t < dag->count; t++) {
    c->waits[t] = dag->in_first[t + 1] - dag->in_first[t];
    if (c->waits[t] == 0) make_ready(c, t);
  }
  while (c->count > 0) {
    int which = 0, where = 0;
    double when = 0;
    choose(c, weight_of_level, &which, &where, &when);
    const int t = c->ready[which];
    c->ready[which] = c->ready[--c->count];
    ESP_TRY(esp_lanes_place(&c->lanes, t, where, when));
    c->idle_from[where] =
        when + esp_weight_on(dag, c->scene->processors, t, where);
    for (int o = dag->out_first[t]; o < dag->out_first[t + 1]; o++) {
      const int next = dag->in[dag->out[o]].to;
      if (--c->waits[next] == 0) make_ready(c, next);
    }
  }
  return ESP_OK;
}

static esp_status dynamic(const esp_scene *scene, double weight_of_level,
                          esp_schedule *schedule) {
  enum { MOST_CELLS = 1 << 14 }; // takes tasks x ready tasks x processors
  const size_t n = (size_t)scene->dag->count;
  const size_t cells = n * (size_t)scene->processors->count;
  schedule->makespan = (double)INFINITY;
  if (cells > MOST_CELLS) return ESP_OK;
  chooser c = {.scene = scene};
  c.level = malloc((n + 1) * sizeof *c.level);
  c.waits = malloc((n + 1) * sizeof *c.waits);
  c.ready = malloc((n + 1) * sizeof *c.ready);
  c.can = malloc((cells + 1) * sizeof *c.can);
  c.idle_from = calloc((size_t)scene->processors->count, sizeof *c.idle_from);
  esp_status status =
      c.level != NULL && c.waits != NULL && c.ready != NULL && c.can != NULL &&
              c.idle_from != NULL
          ? esp_lanes_begin(scene, schedule, &c.lanes)
          : ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %zu tasks", n);
  if (status == ESP_OK) {
    esp_dag_levels(scene->dag, 0, c.level);
    status = run(&c, weight_of_level);
  }
  esp_lanes_end(&c.lanes);
  free(c.level);
  free(c.waits);
  free(c.ready);
  free(c.can);
  free(c.idle_from);
  return status;
}

esp_status esp_schedule_etf(const esp_scene *scene, esp_schedule *schedule) {
  return dynamic(scene, 0, schedule);
}

esp_status esp_schedule_dls(const esp_scene *scene, esp_schedule *schedule) {
  return dynamic(scene, 1, schedule);
}
