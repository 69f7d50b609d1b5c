// Levels of a graph, and what no schedule can beat.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/private.h"

void esp_dag_levels(const esp_dag *dag, double share, double *level) {
  for (int i = dag->count - 1; i >= 0; i--) {
    const int t = dag->order[i];
    double after = 0;
    for (int o = dag->out_first[t]; o < dag->out_first[t + 1]; o++) {
      const esp_arc *arc = &dag->in[dag->out[o]];
      after = fmax(after, share * arc->cost[ESP_OTHER_NODE] + level[arc->to]);
    }
    level[t] = dag->weight[t] + after;
  }
}

// The processors as a bound sees them: all as fast as the fastest and as near
// as the nearest.
typedef struct view {
  const esp_dag *dag;
  double slowness, capacity; // of the fastest; of all together
  int count;
  int nearest; // smallest distance between two that are not the same
} view;

static view view_of(const esp_dag *dag, const esp_processors *p) {
  view v = {.dag = dag, .slowness = 1, .capacity = p->count, .count = p->count};
  v.nearest = p->per_rank > 1         ? ESP_SAME_RANK
              : p->ranks_per_node > 1 ? ESP_SAME_NODE
                                      : ESP_OTHER_NODE;
  if (p->slowness == NULL) return v;
  v.slowness = (double)INFINITY;
  v.capacity = 0;
  for (int i = 0; i < p->count; i++) {
    v.slowness = fmin(v.slowness, p->slowness[i]);
    v.capacity += 1 / p->slowness[i];
  }
  return v;
}

// One of the tasks before a task: when its result can be there at the soonest.
typedef struct source {
  double head, weight, arrival;
} source;

static int later_first(const void *a, const void *b) {
  const double x = ((const source *)a)->arrival;
  const double y = ((const source *)b)->arrival;
  return x > y ? -1 : x < y;
}

// The sources that run on the task's own processor need no message, but run one
// after the other.  It is best to take those that would arrive last: the
// soonest beginning is the best over how many are taken.
static double soonest(source *list, int count, double *release,
                      double *weight) {
  enum { MOST_TAKEN = 256 };
  qsort(list, (size_t)count, sizeof *list, later_first);
  double best = count > 0 ? list[0].arrival : 0;
  for (int taken = 0; taken < count && taken < MOST_TAKEN; taken++) {
    int at = taken; // kept sorted by release
    while (at > 0 && release[at - 1] > list[taken].head) {
      release[at] = release[at - 1];
      weight[at] = weight[at - 1];
      at--;
    }
    release[at] = list[taken].head;
    weight[at] = list[taken].weight;
    double serial = 0;
    for (int i = 0; i <= taken; i++) {
      serial = fmax(serial, release[i]) + weight[i];
    }
    const double rest = taken + 1 < count ? list[taken + 1].arrival : 0;
    best = fmin(best, fmax(serial, rest));
    if (serial >= best) return best; // to take more makes it only longer
  }
  // Not all were tried: what is sure is only that each source comes before.
  if (count > MOST_TAKEN) {
    best = 0;
    for (int i = 0; i < count; i++) {
      best = fmax(best, list[i].head + list[i].weight);
    }
  }
  return best;
}

// Heads of a graph; those of the reversed graph are tails without the task.
static esp_status find_heads(const view *v, double *head) {
  const esp_dag *dag = v->dag;
  int widest = 0;
  for (int t = 0; t < dag->count; t++) {
    const int degree = dag->in_first[t + 1] - dag->in_first[t];
    widest = degree > widest ? degree : widest;
  }
  source *list = malloc(((size_t)widest + 1) * sizeof *list);
  double *room = malloc(2 * ((size_t)widest + 1) * sizeof *room);
  if (list == NULL || room == NULL) {
    free(list);
    free(room);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot bound %d tasks", dag->count);
  }
  for (int i = 0; i < dag->count; i++) {
    const int t = dag->order[i];
    int count = 0;
    for (int a = dag->in_first[t]; a < dag->in_first[t + 1]; a++) {
      const int from = dag->in[a].from;
      source s = {.head = head[from],
                  .weight = dag->weight[from] * v->slowness};
      s.arrival = s.head + s.weight + dag->in[a].cost[v->nearest];
      list[count++] = s;
    }
    head[t] = soonest(list, count, room, room + widest);
  }
  free(list);
  free(room);
  return ESP_OK;
}

typedef struct window {
  double head, after, weight; // `after`: from its end to the end of all
} window;

static int by_head(const void *a, const void *b) {
  const double x = ((const window *)a)->head, y = ((const window *)b)->head;
  return x > y ? -1 : x < y;
}

static int by_after(const void *a, const void *b) {
  const double x = ((const window *)a)->after, y = ((const window *)b)->after;
  return x > y ? -1 : x < y;
}

// Tasks that begin at h or later, and have a or more after them, share the
// processors for what is between.
static double busy_bound(const view *v, const window *heads, window *set,
                         int count) {
  double bound = 0;
  for (int h = 0; h < count; h++) {
    if (h + 1 < count && heads[h + 1].head == heads[h].head) continue;
    memcpy(set, heads, ((size_t)h + 1) * sizeof *set);
    qsort(set, (size_t)h + 1, sizeof *set, by_after);
    double work = 0;
    for (int i = 0; i <= h; i++) {
      work += set[i].weight;
      bound = fmax(bound, heads[h].head + work / v->capacity + set[i].after);
    }
  }
  return bound;
}

static esp_status busy(const view *v, const double *head, const double *tail,
                       double *bound) {
  enum { MOST = 1024 }; // it takes n^2 log n
  const size_t n = (size_t)v->dag->count;
  if (n > MOST) return ESP_OK;
  window *list = malloc(2 * (n + 1) * sizeof *list);
  if (list == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot bound %zu tasks", n);
  for (size_t t = 0; t < n; t++) {
    const double weight = v->dag->weight[t];
    list[t] = (window){head[t], tail[t] - weight * v->slowness, weight};
  }
  qsort(list, n, sizeof *list, by_head);
  *bound = fmax(*bound, busy_bound(v, list, list + n, (int)n));
  free(list);
  return ESP_OK;
}

esp_status esp_schedule_bound(const esp_dag *dag,
                              const esp_processors *processors, double *head,
                              double *tail, double *bound) {
  const view v = view_of(dag, processors);
  double work = 0, longest = 0;
  for (int t = 0; t < dag->count; t++) work += dag->weight[t];
  esp_dag *reversed;
  ESP_TRY(find_heads(&v, head));
  ESP_TRY(esp_dag_reverse(dag, &reversed));
  view back = v;
  back.dag = reversed;
  const esp_status status = find_heads(&back, tail);
  esp_dag_free(reversed);
  if (status != ESP_OK) return status;
  for (int t = 0; t < dag->count; t++) {
    tail[t] += dag->weight[t] * v.slowness;
    longest = fmax(longest, head[t] + tail[t]);
  }
  *bound = fmax(longest, work / v.capacity);
  return busy(&v, head, tail, bound);
}

esp_status esp_schedule_lower_bound(const esp_dag *dag,
                                    const esp_processors *processors,
                                    double *bound) {
  double *room = malloc(2 * ((size_t)dag->count + 1) * sizeof *room);
  if (room == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot bound %d tasks", dag->count);
  }
  const esp_status status =
      esp_schedule_bound(dag, processors, room, room + dag->count, bound);
  free(room);
  return status;
}
