// Chooses the schedule, and turns it into the steps and the memory of each
// rank.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/private.h"

static const struct {
  const char *name;
  esp_scheduler run;
} schedulers[] = {
#define SCHEDULER(name, function, help) {(name), (function)},
#include "plan/scheduler_list.h"
#undef SCHEDULER
};

static esp_status best_schedule(const esp_tasks *tasks, esp_schedule *best) {
  const size_t room = ((size_t)tasks->count + 1) * sizeof *best->at;
  esp_schedule tried = {.at = malloc(room)};
  best->at = malloc(room);
  best->finish = (double)INFINITY;
  esp_status status = ESP_OK;
  if (tried.at == NULL || best->at == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d nodes", tasks->count);
  }
  for (size_t s = 0;
       s < sizeof schedulers / sizeof schedulers[0] && status == ESP_OK; s++) {
    status = schedulers[s].run(tasks, &tried);
    if (status != ESP_OK || tried.finish >= best->finish) continue;
    esp_slot_of_node *spare = best->at;
    *best = tried;
    best->method = schedulers[s].name;
    tried.at = spare;
  }
  free(tried.at);
  return status;
}

static void describe(const esp_tasks *tasks, const esp_schedule *schedule,
                     esp_plan *plan) {
  const esp_plan_problem *problem = tasks->problem;
  plan->method = schedule->method;
  plan->predicted = schedule->finish;
  for (int n = 0; n < tasks->count; n++) {
    plan->rank_of[n] = schedule->at[n].rank;
    plan->total += problem->seconds[n];
    plan->critical = fmax(plan->critical, tasks->longest[n]);
  }
  plan->lower_bound =
      fmax(plan->critical, plan->total / (problem->ranks * problem->workers));
}

static esp_status allocate(const esp_plan_problem *problem, esp_plan **plan) {
  esp_plan *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  self->ranks = problem->ranks;
  self->workers = problem->workers;
  self->width = problem->width;
  self->nvalue = problem->graph->nvalue;
  self->nnode = problem->graph->nnode;
  self->rank = calloc((size_t)self->ranks, sizeof *self->rank);
  self->rank_of = calloc((size_t)self->nnode + 1, sizeof *self->rank_of);
  if (self->rank == NULL || self->rank_of == NULL) {
    esp_plan_free(self);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot plan for %d ranks", problem->ranks);
  }
  *plan = self;
  return ESP_OK;
}

esp_status esp_plan_build(const esp_plan_problem *problem, esp_plan **plan) {
  esp_plan *made = NULL;
  esp_tasks *tasks = NULL;
  esp_schedule schedule = {0};
  esp_status status = allocate(problem, &made);
  if (status == ESP_OK) status = esp_tasks_create(problem, &tasks);
  if (status == ESP_OK) status = best_schedule(tasks, &schedule);
  if (status == ESP_OK) {
    describe(tasks, &schedule, made);
    status = esp_plan_make_steps(tasks, &schedule, made);
  }
  for (int r = 0; r < problem->ranks && status == ESP_OK; r++) {
    status = esp_plan_place_values(problem->graph, r, made);
  }
  free(schedule.at);
  esp_tasks_free(tasks);
  if (status != ESP_OK) {
    esp_plan_free(made);
    return status;
  }
  *plan = made;
  return ESP_OK;
}

esp_status esp_plan_predict(const esp_plan_problem *problem, double *seconds) {
  esp_tasks *tasks;
  esp_schedule schedule = {0};
  ESP_TRY(esp_tasks_create(problem, &tasks));
  const esp_status status = best_schedule(tasks, &schedule);
  if (status == ESP_OK) *seconds = schedule.finish;
  free(schedule.at);
  esp_tasks_free(tasks);
  return status;
}

void esp_plan_free(esp_plan *plan) {
  if (plan == NULL) return;
  for (int r = 0; plan->rank != NULL && r < plan->ranks; r++) {
    free(plan->rank[r].step);
    free(plan->rank[r].nwait);
    free(plan->rank[r].first);
    free(plan->rank[r].waiting);
    free(plan->rank[r].place);
  }
  free(plan->rank);
  free(plan->rank_of);
  free(plan);
}
