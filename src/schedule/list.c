// List scheduling: tasks in the order of a priority, each where it ends first.
// Source: Topcuoglu, Hariri, Wu, "Performance-effective and low-complexity task
// scheduling for heterogeneous computing", IEEE TPDS 13(3), 2002 (HEFT).
#include <math.h>
#include <stdlib.h>

#include "schedule/lanes.h"

typedef struct ranked {
  double level;
  int place, task; // place in the graph's order
} ranked;

static int longest_first(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->level != y->level) return x->level > y->level ? -1 : 1;
  return x->place - y->place; // a legal order, also without weights
}

// A level falls along every arc, so that the order is legal.
esp_status esp_list_order(const esp_dag *dag, const double *level, int *order) {
  ranked *list = malloc(((size_t)dag->count + 1) * sizeof *list);
  if (list == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d tasks", dag->count);
  }
  for (int i = 0; i < dag->count; i++) {
    list[i] = (ranked){level[dag->order[i]], i, dag->order[i]};
  }
  qsort(list, (size_t)dag->count, sizeof *list, longest_first);
  for (int i = 0; i < dag->count; i++) order[i] = list[i].task;
  free(list);
  return ESP_OK;
}

// Where a task ends first, of those that were looked at.
typedef struct choice {
  int task, processor;
  double start, finish;
} choice;

static void look_at(const esp_lanes *lanes, int p, choice *best) {
  const esp_scene *scene = lanes->scene;
  const double weight =
      esp_weight_on(scene->dag, scene->processors, best->task, p);
  const double ready = esp_lanes_ready(lanes, best->task, p);
  if (ready + weight >= best->finish) return;
  const double start = esp_lanes_gap(lanes, p, ready, weight);
  if (start + weight >= best->finish) return;
  best->processor = p;
  best->start = start;
  best->finish = start + weight;
}

// Of very many processors: those that made what the task needs, the soonest
// free ones of their ranks and nodes, and the soonest free one of all.
static void look_near(const esp_lanes *lanes, int processors, choice *best) {
  enum { MOST_SOURCES = 8 };
  const esp_dag *dag = lanes->scene->dag;
  const esp_processors *have = lanes->scene->processors;
  const int per_node = have->per_rank * have->ranks_per_node;
  int end = dag->in_first[best->task + 1];
  if (end > dag->in_first[best->task] + MOST_SOURCES) {
    end = dag->in_first[best->task] + MOST_SOURCES;
  }
  for (int a = dag->in_first[best->task]; a < end; a++) {
    const int there = lanes->schedule->processor[dag->in[a].from];
    look_at(lanes, there, best);
    for (int group = have->per_rank;; group = per_node) {
      const int first = there / group * group;
      const int last = first + group < processors ? first + group : processors;
      if (group > 1) {
        look_at(lanes, esp_lanes_least(lanes, first, last), best);
      }
      if (group == per_node) break;
    }
  }
  look_at(lanes, esp_lanes_least(lanes, 0, processors), best);
}

static esp_status place_first_end(esp_lanes *lanes, int task, int processors) {
  enum { MANY = 64 }; // looking at all takes tasks x processors
  choice best = {.task = task, .finish = (double)INFINITY};
  if (lanes->scene->dag->at_home[task]) processors = 1;
  if (processors > MANY) {
    look_near(lanes, processors, &best);
  } else {
    for (int p = 0; p < processors; p++) look_at(lanes, p, &best);
  }
  return esp_lanes_place(lanes, task, best.processor, best.start);
}

esp_status esp_list_schedule(const esp_scene *scene, const int *order,
                             int processors, esp_schedule *schedule) {
  esp_lanes lanes;
  esp_status status = esp_lanes_begin(scene, schedule, &lanes);
  for (int i = 0; i < scene->dag->count && status == ESP_OK; i++) {
    status = place_first_end(&lanes, order[i], processors);
  }
  esp_lanes_end(&lanes);
  return status;
}

static esp_status by_levels(const esp_scene *scene, double share,
                            int processors, esp_schedule *schedule) {
  const size_t n = (size_t)scene->dag->count;
  double *level = malloc((n + 1) * sizeof *level);
  int *order = malloc((n + 1) * sizeof *order);
  esp_status status =
      level != NULL && order != NULL
          ? ESP_OK
          : ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %zu tasks", n);
  if (status == ESP_OK) {
    esp_dag_levels(scene->dag, share, level);
    status = esp_list_order(scene->dag, level, order);
  }
  if (status == ESP_OK) {
    status = esp_list_schedule(scene, order, processors, schedule);
  }
  free(level);
  free(order);
  return status;
}

esp_status esp_schedule_heft(const esp_scene *scene, esp_schedule *schedule) {
  return by_levels(scene, 1, scene->processors->count, schedule);
}

esp_status esp_schedule_heft_half(const esp_scene *scene,
                                  esp_schedule *schedule) {
  return by_levels(scene, 0.5, scene->processors->count, schedule);
}

esp_status esp_schedule_static(const esp_scene *scene, esp_schedule *schedule) {
  return by_levels(scene, 0, scene->processors->count, schedule);
}

esp_status esp_schedule_few(const esp_scene *scene, esp_schedule *schedule) {
  esp_schedule tried;
  ESP_TRY(esp_schedule_room(scene->dag->count, &tried));
  schedule->makespan = (double)INFINITY;
  esp_status status = ESP_OK;
  for (int p = 2; p < scene->processors->count && status == ESP_OK; p *= 2) {
    status = by_levels(scene, 1, p, &tried);
    if (status == ESP_OK) esp_schedule_keep_better(schedule, &tried);
  }
  esp_schedule_free(&tried);
  return status;
}
