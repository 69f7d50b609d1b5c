#include <math.h>
#include <stdlib.h>

#include "plan/schedule.h"

double esp_message_seconds(const esp_plan_problem *problem, int value) {
  const double bytes =
      (double)esp_tensor_bytes(&problem->graph->value[value].tensor);
  return problem->message_seconds + bytes / problem->message_bytes_per_second;
}

static bool carries_data(const esp_value *value) {
  return value->tensor.data == NULL || value->is_input;
}

static void add_edges(esp_tasks *tasks) {
  const esp_graph *graph = tasks->problem->graph;
  int edges = 0;
  for (int n = 0; n < tasks->count; n++) {
    tasks->in_first[n] = edges;
    for (int i = 0; i < graph->node[n].nin; i++) {
      const int value = graph->node[n].in[i];
      if (value < 0 || !carries_data(&graph->value[value])) continue;
      tasks->in[edges++] =
          (esp_edge){.from = graph->value[value].producer,
                     .to = n,
                     .value = value,
                     .seconds = esp_message_seconds(tasks->problem, value)};
    }
  }
  tasks->in_first[tasks->count] = edges;
}

static void turn_edges(esp_tasks *tasks) {
  const int edges = tasks->in_first[tasks->count];
  int *first =
      tasks->out_first; // counted into [from + 2], filled by [from + 1]
  for (int e = 0; e < edges; e++) {
    if (tasks->in[e].from >= 0) first[tasks->in[e].from + 2]++;
  }
  for (int n = 0; n < tasks->count; n++) first[n + 2] += first[n + 1];
  for (int e = 0; e < edges; e++) {
    if (tasks->in[e].from >= 0) tasks->out[first[tasks->in[e].from + 1]++] = e;
  }
}

static void measure(esp_tasks *tasks) {
  const esp_graph *graph = tasks->problem->graph;
  for (int n = tasks->count - 1; n >= 0; n--) {
    double after = 0;
    for (int o = tasks->out_first[n]; o < tasks->out_first[n + 1]; o++) {
      after = fmax(after, tasks->longest[tasks->in[tasks->out[o]].to]);
    }
    tasks->longest[n] = tasks->problem->seconds[n] + after;
    for (int i = 0; i < graph->node[n].nout; i++) {
      const int value = graph->node[n].out[i];
      if (value >= 0 && graph->value[value].is_output) {
        tasks->to_home[n] =
            fmax(tasks->to_home[n], esp_message_seconds(tasks->problem, value));
      }
    }
  }
}

esp_status esp_tasks_create(const esp_plan_problem *problem,
                            esp_tasks **tasks) {
  const size_t n = (size_t)problem->graph->nnode;
  size_t edges = 0;
  for (size_t i = 0; i < n; i++) edges += (size_t)problem->graph->node[i].nin;

  esp_tasks *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  self->problem = problem;
  self->count = (int)n;
  self->in_first = calloc(n + 1, sizeof *self->in_first);
  self->in = calloc(edges + 1, sizeof *self->in);
  self->out_first = calloc(n + 2, sizeof *self->out_first);
  self->out = calloc(edges + 1, sizeof *self->out);
  self->longest = calloc(n + 1, sizeof *self->longest);
  self->to_home = calloc(n + 1, sizeof *self->to_home);
  if (self->in_first == NULL || self->in == NULL || self->out_first == NULL ||
      self->out == NULL || self->longest == NULL || self->to_home == NULL) {
    esp_tasks_free(self);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot plan %zu nodes", n);
  }
  add_edges(self);
  turn_edges(self);
  measure(self);
  *tasks = self;
  return ESP_OK;
}

void esp_tasks_free(esp_tasks *tasks) {
  if (tasks == NULL) return;
  free(tasks->in_first);
  free(tasks->in);
  free(tasks->out_first);
  free(tasks->out);
  free(tasks->longest);
  free(tasks->to_home);
  free(tasks);
}

void esp_schedule_finish(const esp_tasks *tasks, esp_schedule *schedule) {
  schedule->finish = 0;
  for (int n = 0; n < tasks->count; n++) {
    double end = schedule->at[n].finish;
    if (schedule->at[n].rank != 0) end += tasks->to_home[n];
    schedule->finish = fmax(schedule->finish, end);
  }
}
