// Linear clustering: the longest path, messages counted, becomes a cluster,
// then the longest of what is left, and so on; then clusters are merged until
// there are no more than processors, light ones into the one that has least to
// do. Sources: Kim, Browne, "A general approach to mapping of parallel
// computations upon multiprocessor architectures", ICPP 1988; Liou, Palis, "A
// comparison of general approaches to multiprocessor scheduling", IPPS 1997.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/private.h"

typedef struct clusters {
  const esp_scene *scene;
  int *of;       // [count] cluster of a task, -1: none yet
  double *level; // [count] longest path from it through tasks without one
  int *next;     // [count] the next task of that path, -1: the last
  int count;
} clusters;

static void find_levels(clusters *c) {
  const esp_dag *dag = c->scene->dag;
  for (int i = dag->count - 1; i >= 0; i--) {
    const int t = dag->order[i];
    c->level[t] = 0;
    c->next[t] = -1;
    if (c->of[t] >= 0) continue;
    for (int o = dag->out_first[t]; o < dag->out_first[t + 1]; o++) {
      const esp_arc *arc = &dag->in[dag->out[o]];
      if (c->of[arc->to] >= 0) continue;
      const double level = arc->cost[ESP_OTHER_NODE] + c->level[arc->to];
      if (c->next[t] >= 0 && level <= c->level[t]) continue;
      c->level[t] = level;
      c->next[t] = arc->to;
    }
    c->level[t] += dag->weight[t];
  }
}

static void make_clusters(clusters *c) {
  const esp_dag *dag = c->scene->dag;
  for (int left = dag->count; left > 0; c->count++) {
    int first = -1;
    find_levels(c);
    for (int i = 0; i < dag->count; i++) {
      const int t = dag->order[i];
      if (c->of[t] >= 0) continue;
      if (first < 0 || c->level[t] > c->level[first]) first = t;
    }
    for (int t = first; t >= 0; t = c->next[t], left--) c->of[t] = c->count;
  }
}

typedef struct load {
  double weight;
  int cluster;
} load;

static int heaviest_first(const void *a, const void *b) {
  const load *x = a, *y = b;
  if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
  return x->cluster - y->cluster;
}

static esp_status merge(const clusters *c, esp_schedule *schedule) {
  const esp_scene *scene = c->scene;
  const int processors = scene->processors->count;
  load *list = calloc((size_t)c->count + 1, sizeof *list);
  double *busy = calloc((size_t)processors, sizeof *busy);
  int *where = calloc((size_t)c->count + 1, sizeof *where);
  esp_status status = ESP_OK;
  if (list == NULL || busy == NULL || where == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d clusters", c->count);
  } else {
    for (int i = 0; i < c->count; i++) list[i].cluster = i;
    for (int t = 0; t < scene->dag->count; t++) {
      list[c->of[t]].weight += scene->dag->weight[t];
    }
    qsort(list, (size_t)c->count, sizeof *list, heaviest_first);
    for (int i = 0; i < c->count; i++) {
      int least = 0;
      for (int p = 1; p < processors; p++) {
        if (busy[p] < busy[least]) least = p;
      }
      where[list[i].cluster] = least;
      busy[least] += list[i].weight;
    }
    for (int t = 0; t < scene->dag->count; t++) {
      schedule->processor[t] = scene->dag->at_home[t] ? 0 : where[c->of[t]];
    }
  }
  free(list);
  free(busy);
  free(where);
  return status;
}

esp_status esp_schedule_linear(const esp_scene *scene, esp_schedule *schedule) {
  enum { MOST = 1024 }; // takes clusters x arcs
  const size_t n = (size_t)scene->dag->count;
  schedule->makespan = (double)INFINITY;
  if (n > MOST) return ESP_OK;
  clusters c = {.scene = scene};
  c.of = malloc((n + 1) * sizeof *c.of);
  c.level = malloc((n + 1) * sizeof *c.level);
  c.next = malloc((n + 1) * sizeof *c.next);
  esp_status status =
      c.of != NULL && c.level != NULL && c.next != NULL
          ? ESP_OK
          : ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %zu tasks", n);
  if (status == ESP_OK) {
    for (size_t t = 0; t < n; t++) c.of[t] = -1;
    make_clusters(&c);
    status = merge(&c, schedule);
  }
  if (status == ESP_OK) status = esp_schedule_by_levels(scene, schedule);
  free(c.of);
  free(c.level);
  free(c.next);
  return status;
}
