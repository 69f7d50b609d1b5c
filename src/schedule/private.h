// What the files of schedule/ share.  Private to schedule/.
#ifndef ESP_SCHEDULE_PRIVATE_H
#define ESP_SCHEDULE_PRIVATE_H

#include "schedule/schedule.h"

// The graph with every arc turned round.  A schedule of it, read from its end,
// is one of the graph.
esp_status esp_dag_reverse(const esp_dag *dag, esp_dag **reversed);

// Fills level[t]: the longest path from the beginning of t to the end of the
// graph, of weights and of `share` of the dearest cost of each arc.
void esp_dag_levels(const esp_dag *dag, double share, double *level);

static inline double esp_weight_on(const esp_dag *dag,
                                   const esp_processors *processors, int task,
                                   int processor) {
  return processors->slowness != NULL
             ? dag->weight[task] * processors->slowness[processor]
             : dag->weight[task];
}

// A bound that no schedule can beat; fills head[t] and tail[t], before which no
// schedule can begin t, and which none can make shorter between the beginning
// of t and the end of all.
esp_status esp_schedule_bound(const esp_dag *dag,
                              const esp_processors *processors, double *head,
                              double *tail, double *bound);

// What a scheduler works on and with.
typedef struct esp_scene {
  const esp_dag *dag;
  const esp_processors *processors;
  double *head, *tail; // [count] of esp_schedule_bound()
  double bound;
} esp_scene;

// Begins every task as early as its processor, its order and what it needs
// allow; `order` is legal.  Fills start, and gives the makespan.
double esp_schedule_time(const esp_scene *scene, const int *order,
                         esp_schedule *schedule, double *idle_from);
// Sorts the tasks by their start; a legal order.
esp_status esp_schedule_order(const esp_scene *scene,
                              const esp_schedule *schedule, int *order);

// Tasks by level, the largest first; a legal order for levels that do not grow
// along an arc.
esp_status esp_list_order(const esp_dag *dag, const double *level, int *order);
// Puts the tasks, in this order, each where it ends first, into gaps too, on
// the first `processors`.
esp_status esp_list_schedule(const esp_scene *scene, const int *order,
                             int processors, esp_schedule *schedule);

// Times a schedule of which only the processors are known: by level.
esp_status esp_schedule_by_levels(const esp_scene *scene,
                                  esp_schedule *schedule);

// Gives a schedule its arrays; it is longer than any.
esp_status esp_schedule_room(int count, esp_schedule *schedule);
// Exchanges the two when `tried` ends earlier; the method stays.
void esp_schedule_keep_better(esp_schedule *best, esp_schedule *tried);

// A scheduler fills processor, start and makespan of a schedule that has room;
// where the graph is too large for it, the makespan alone, with infinity.
typedef esp_status (*esp_scheduler)(const esp_scene *scene,
                                    esp_schedule *schedule);

#define SCHEDULER(name, function, help)                                        \
  esp_status function(const esp_scene *scene, esp_schedule *schedule);
#include "schedule/scheduler_list.h"
#undef SCHEDULER

// Improves a schedule by simulated annealing, until it is as short as the bound
// or so many tasks have been timed.
typedef struct esp_anneal {
  int64_t placements; // tasks timed, at the most
  double hot; // at the beginning a schedule may get longer by about this share
  uint64_t seed;
} esp_anneal;
esp_status esp_schedule_anneal(const esp_scene *scene, const esp_anneal *how,
                               esp_schedule *schedule);

// Looks for a shorter schedule among all that there are, as far as so many
// tasks may be placed; *proven: none is shorter than the one that is left.
// Graphs of more than some tens of tasks are left alone (exact.c).
esp_status esp_schedule_exact(const esp_scene *scene, int64_t placements,
                              esp_schedule *schedule, bool *proven);

// A small generator (splitmix64).
static inline uint64_t esp_draw(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
// Uniform in [0, n).
static inline int esp_draw_below(uint64_t *state, int n) {
  return (int)(((esp_draw(state) >> 32) * (uint64_t)n) >> 32);
}

#endif
