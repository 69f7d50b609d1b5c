// Branch and bound, for small graphs: every schedule that could be shorter, or
// a proof that there is none.
//
// Tasks are placed in the order of their starts, each as early as its processor
// and what it needs allow: some shortest schedule is made so.  Of tasks that
// start together the order does not matter, nor which of several processors
// that are alike, and unused, is taken first.
#include <math.h>
#include <stdlib.h>

#include "schedule/private.h"

enum { MOST_TASKS = 64 };

typedef struct search {
  const esp_scene *scene;
  int64_t left;  // placements
  double best;   // only what ends before is looked for
  bool found;    // it is in `schedule`
  int placed;    // tasks
  int *missing;  // [count] tasks that it needs and that are not placed; -1: it
                 // is placed itself
  int *at;       // [count] processor
  double *start; // [count]
  double *idle;  // [processors] from when on
  int *used;     // [processors] tasks on it
  double work;   // of all that is not placed
  int last;      // placed last; -1: none
  esp_schedule *schedule;
} search;

static double finish_of(const search *s, int task) {
  return s->start[task] +
         esp_weight_on(s->scene->dag, s->scene->processors, task, s->at[task]);
}

static double start_on(const search *s, int task, int processor) {
  const esp_dag *dag = s->scene->dag;
  double start = s->idle[processor];
  for (int a = dag->in_first[task]; a < dag->in_first[task + 1]; a++) {
    const esp_arc *arc = &dag->in[a];
    const esp_distance way =
        esp_distance_of(s->scene->processors, s->at[arc->from], processor);
    start = fmax(start, finish_of(s, arc->from) + arc->cost[way]);
  }
  return start;
}

// No schedule that goes on from here ends before.
static double bound_of(const search *s) {
  const esp_dag *dag = s->scene->dag;
  const esp_processors *p = s->scene->processors;
  const double now = s->last >= 0 ? s->start[s->last] : 0;
  double bound = 0;
  for (int t = 0; t < dag->count; t++) {
    if (s->missing[t] < 0) {
      bound = fmax(bound, finish_of(s, t));
      continue;
    }
    double begin = fmax(now, s->scene->head[t]);
    for (int a = dag->in_first[t]; a < dag->in_first[t + 1]; a++) {
      const int from = dag->in[a].from;
      if (s->missing[from] < 0) begin = fmax(begin, finish_of(s, from));
    }
    bound = fmax(bound, begin + s->scene->tail[t]);
  }
  if (p->slowness != NULL) return bound;
  double taken = s->work;
  for (int i = 0; i < p->count; i++) taken += fmax(now, s->idle[i]);
  return fmax(bound, taken / p->count);
}

static bool is_unused(const search *s, int first, int count) {
  for (int p = first; p < first + count && p < s->scene->processors->count;
       p++) {
    if (s->used[p] > 0) return false;
  }
  return true;
}

// Is an unused group of processors like an earlier one, in the same larger
// group?  Those with processor 0 are not, as some tasks have to be there.
static bool has_twin(const search *s, int processor, int size, int larger) {
  const int first = processor / size * size;
  if (!is_unused(s, first, size)) return false;
  int from = processor / larger * larger;
  if (from == 0) from = size;
  for (int other = from; other < first; other += size) {
    if (is_unused(s, other, size)) return true;
  }
  return false;
}

static bool is_superfluous(const search *s, int processor) {
  const esp_processors *p = s->scene->processors;
  const int node = p->per_rank * p->ranks_per_node;
  if (p->slowness != NULL || p->count % node != 0) return false;
  return has_twin(s, processor, 1, p->per_rank) ||
         has_twin(s, processor, p->per_rank, node) ||
         has_twin(s, processor, node, p->count);
}

static void count_down(const search *s, int task, int change) {
  const esp_dag *dag = s->scene->dag;
  for (int o = dag->out_first[task]; o < dag->out_first[task + 1]; o++) {
    s->missing[dag->in[dag->out[o]].to] += change;
  }
}

static void keep(search *s) {
  double makespan = 0;
  for (int t = 0; t < s->scene->dag->count; t++) {
    makespan = fmax(makespan, finish_of(s, t));
  }
  if (makespan >= s->best) return;
  for (int t = 0; t < s->scene->dag->count; t++) {
    s->schedule->processor[t] = s->at[t];
    s->schedule->start[t] = s->start[t];
  }
  s->schedule->makespan = s->best = makespan;
  s->found = true;
}

static void go_on(search *s);

static void place(search *s, int task, int processor) {
  const esp_dag *dag = s->scene->dag;
  const double start = start_on(s, task, processor);
  if (s->last >= 0) { // in the order of starts, and then of tasks
    const double now = s->start[s->last];
    const bool twin =
        start == now && task < s->last && dag->weight[s->last] > 0;
    if (start < now || twin) return;
  }
  const double idle = s->idle[processor];
  const int last = s->last;
  s->left--;
  s->at[task] = processor;
  s->start[task] = start;
  s->missing[task] = -1;
  s->idle[processor] = finish_of(s, task);
  s->used[processor]++;
  s->work -= dag->weight[task];
  s->last = task;
  s->placed++;
  count_down(s, task, -1);
  if (s->placed == dag->count) {
    keep(s);
  } else if (bound_of(s) < s->best) {
    go_on(s);
  }
  count_down(s, task, 1);
  s->placed--;
  s->last = last;
  s->work += dag->weight[task];
  s->used[processor]--;
  s->idle[processor] = idle;
  s->missing[task] = 0;
}

// The depth is that of the graph's tasks, which are few.
static void go_on(search *s) {
  const esp_dag *dag = s->scene->dag;
  for (int t = 0; t < dag->count; t++) {
    if (s->missing[t] != 0) continue;
    const int most = dag->at_home[t] ? 1 : s->scene->processors->count;
    for (int p = 0; p < most && s->left > 0; p++) {
      if (!is_superfluous(s, p)) place(s, t, p);
    }
  }
}

static esp_status take_room(search *s, size_t tasks, size_t processors) {
  s->missing = calloc(2 * tasks + processors + 1, sizeof *s->missing);
  s->start = calloc(tasks + processors + 1, sizeof *s->start);
  if (s->missing == NULL || s->start == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %zu tasks", tasks);
  }
  s->at = s->missing + tasks;
  s->used = s->at + tasks;
  s->idle = s->start + tasks;
  return ESP_OK;
}

esp_status esp_schedule_exact(const esp_scene *scene, int64_t placements,
                              esp_schedule *schedule, bool *proven) {
  static const double ROUNDING = 1e-12;
  const esp_dag *dag = scene->dag;
  *proven = false;
  if (dag->count > MOST_TASKS) return ESP_OK;
  search s = {.scene = scene,
              .left = placements,
              .best = schedule->makespan * (1 - ROUNDING),
              .last = -1,
              .schedule = schedule};
  const esp_status status =
      take_room(&s, (size_t)dag->count, (size_t)scene->processors->count);
  if (status == ESP_OK) {
    for (int t = 0; t < dag->count; t++) {
      s.missing[t] = dag->in_first[t + 1] - dag->in_first[t];
      s.work += dag->weight[t];
    }
    go_on(&s);
    if (s.found) schedule->method = "branch and bound";
    *proven = s.left > 0;
  }
  free(s.missing);
  free(s.start);
  return status;
}
