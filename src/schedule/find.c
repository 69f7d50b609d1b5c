// Tries every scheduler, keeps the best, and improves it.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/private.h"

const esp_effort esp_effort_thorough = {.placements = 8000000,
                                        .proof = 2000000};

esp_status esp_schedule_room(int count, esp_schedule *schedule) {
  *schedule = (esp_schedule){.makespan = (double)INFINITY, .method = ""};
  schedule->processor = calloc((size_t)count + 1, sizeof *schedule->processor);
  schedule->start = calloc((size_t)count + 1, sizeof *schedule->start);
  if (schedule->processor != NULL && schedule->start != NULL) return ESP_OK;
  esp_schedule_free(schedule);
  return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d tasks", count);
}

void esp_schedule_free(esp_schedule *schedule) {
  free(schedule->processor);
  free(schedule->start);
  free(schedule->width);
  *schedule = (esp_schedule){0};
}

void esp_schedule_keep_better(esp_schedule *best, esp_schedule *tried) {
  if (tried->makespan >= best->makespan) return;
  const esp_schedule spare = *best;
  *best = *tried;
  *tried = spare;
}

static const struct {
  const char *name;
  esp_scheduler run;
} schedulers[] = {
#define SCHEDULER(name, function, help) {(name), (function)},
#include "schedule/scheduler_list.h"
#undef SCHEDULER
};
enum { SCHEDULERS = sizeof schedulers / sizeof schedulers[0] };

static esp_status scene_begin(const esp_dag *dag,
                              const esp_processors *processors,
                              esp_scene *scene) {
  *scene = (esp_scene){.dag = dag, .processors = processors};
  scene->head = malloc(2 * ((size_t)dag->count + 1) * sizeof *scene->head);
  if (scene->head == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d tasks", dag->count);
  }
  scene->tail = scene->head + dag->count;
  return esp_schedule_bound(dag, processors, scene->head, scene->tail,
                            &scene->bound);
}

// A schedule of the reversed graph becomes one of the graph.
static void turn(const esp_scene *scene, esp_schedule *schedule) {
  for (int t = 0; t < scene->dag->count; t++) {
    const double weight =
        esp_weight_on(scene->dag, scene->processors, t, schedule->processor[t]);
    schedule->start[t] = schedule->makespan - (schedule->start[t] + weight);
  }
}

typedef struct tries {
  esp_schedule found[2 * SCHEDULERS];
} tries;

// As short as can be, but for rounding.
static bool is_shortest(const esp_scene *scene, const esp_schedule *schedule) {
  return schedule->makespan <= scene->bound * (1 + 1e-12);
}

static esp_status try_all(const esp_scene *scene, const esp_scene *back,
                          tries *pool) {
  for (int i = 0; i < SCHEDULERS; i++) {
    esp_schedule *one = &pool->found[2 * i], *two = one + 1;
    ESP_TRY(esp_schedule_room(scene->dag->count, one));
    ESP_TRY(esp_schedule_room(scene->dag->count, two));
    if (is_shortest(scene, &pool->found[0])) continue;
    ESP_TRY(schedulers[i].run(scene, one));
    ESP_TRY(schedulers[i].run(back, two));
    if (two->makespan < (double)INFINITY) turn(scene, two);
    one->method = two->method = schedulers[i].name;
  }
  return ESP_OK;
}

static esp_schedule *best_of(tries *pool) {
  esp_schedule *best = &pool->found[0];
  for (int i = 1; i < 2 * SCHEDULERS; i++) {
    if (pool->found[i].makespan < best->makespan) best = &pool->found[i];
  }
  return best;
}

static int earlier_first(const void *a, const void *b) {
  const double x = ((const esp_schedule *)a)->makespan;
  const double y = ((const esp_schedule *)b)->makespan;
  return x < y ? -1 : x > y;
}

// The search begins from each of the best few that differ in their makespan.
static esp_status improve(const esp_scene *scene, const esp_effort *effort,
                          tries *pool) {
  enum { STARTS = 4 };
  esp_schedule *best = best_of(pool);
  if (best != &pool->found[0]) {
    const esp_schedule spare = pool->found[0];
    pool->found[0] = *best;
    *best = spare;
  }
  qsort(pool->found + 1, 2 * SCHEDULERS - 1, sizeof *pool->found,
        earlier_first);
  best = &pool->found[0];
  double last = -1;
  int starts = 0;
  for (int i = 0; i < 2 * SCHEDULERS && starts < STARTS; i++) {
    esp_schedule *from = &pool->found[i];
    if (from->makespan == last || from->makespan == (double)INFINITY) continue;
    if (is_shortest(scene, best)) break;
    last = from->makespan;
    starts++;
    const esp_anneal how = {.placements = effort->placements / STARTS,
                            .hot = starts % 2 == 1 ? 0.02 : 0.1,
                            .seed = (uint64_t)starts};
    ESP_TRY(esp_schedule_anneal(scene, &how, from));
    if (from != best) esp_schedule_keep_better(best, from);
  }
  return ESP_OK;
}

// Where the bound is not reached, small graphs are searched through.
static esp_status prove(const esp_scene *scene, const esp_effort *effort,
                        esp_schedule *schedule) {
  bool proven;
  if (effort->proof == 0 || is_shortest(scene, schedule)) return ESP_OK;
  ESP_TRY(esp_schedule_exact(scene, effort->proof, schedule, &proven));
  if (proven) schedule->lower_bound = schedule->makespan;
  return ESP_OK;
}

esp_status esp_schedule_find(const esp_dag *dag,
                             const esp_processors *processors,
                             const esp_effort *effort, esp_schedule *schedule) {
  esp_scene scene = {0}, back = {0};
  esp_dag *reversed = NULL;
  tries pool = {0};
  esp_status status = scene_begin(dag, processors, &scene);
  if (status == ESP_OK) status = esp_dag_reverse(dag, &reversed);
  if (status == ESP_OK) status = scene_begin(reversed, processors, &back);
  if (status == ESP_OK) status = try_all(&scene, &back, &pool);
  if (status == ESP_OK) status = improve(&scene, effort, &pool);
  if (status == ESP_OK) {
    *schedule = pool.found[0];
    schedule->lower_bound = fmax(scene.bound, back.bound);
    pool.found[0] = (esp_schedule){0};
    status = prove(&scene, effort, schedule);
    if (status != ESP_OK) esp_schedule_free(schedule);
  }
  for (int i = 0; i < 2 * SCHEDULERS; i++) esp_schedule_free(&pool.found[i]);
  free(scene.head);
  free(back.head);
  esp_dag_free(reversed);
  return status;
}
