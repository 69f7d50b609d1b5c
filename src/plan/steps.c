#include <stdlib.h>
#include <string.h>

#include "plan/private.h"

// All steps of all ranks in one order.  Every wait, for data or for memory,
// points from an earlier to a later step of this order, and the two sides of a
// message are neighbours in it; so no ring of ranks can wait for each other,
// although a large send ends only when its receive has begun.
typedef struct placed {
  esp_step step;
  int rank;
  int64_t tie; // order among steps that start together: data flows forwards
} placed;

typedef struct maker {
  const esp_plan_problem *problem;
  const esp_schedule *schedule;
  esp_plan *plan;
  placed *list;
  size_t count, room;
} maker;

static int rank_of(const maker *m, int node) {
  return m->schedule->processor[node] / esp_plan_lanes(m->problem);
}

static double finish_of(const maker *m, int node) {
  return m->schedule->start[node] +
         esp_plan_node_seconds(m->problem, m->plan, node);
}

static esp_status add(maker *m, int rank, int64_t tie, esp_step step) {
  ESP_TRY(esp_grow(&m->list, &m->room, m->count + 1, sizeof *m->list));
  m->list[m->count++] = (placed){.step = step, .rank = rank, .tie = tie};
  return ESP_OK;
}

static esp_status add_message(maker *m, int value, int from_rank, int to_rank,
                              int producer, double ready) {
  const esp_distance way = esp_plan_distance(m->problem, from_rank, to_rank);
  const double seconds = esp_value_seconds(m->problem, value, way);
  // The caller looks for outputs in the memory of rank 0.
  const bool output = m->problem->graph->value[value].is_output && to_rank == 0;
  const int64_t tie = 2 * (int64_t)producer + 1;
  esp_step step = {.kind = ESP_STEP_SEND,
                   .node = -1,
                   .value = value,
                   .peer = to_rank,
                   .message = m->plan->nmessage++,
                   .lent = way == ESP_SAME_NODE && !output,
                   .start = ready,
                   .finish = ready + seconds};
  ESP_TRY(add(m, from_rank, tie, step));
  step.kind = ESP_STEP_RECV;
  step.peer = from_rank;
  m->plan->bytes_sent +=
      (double)esp_tensor_bytes(&m->problem->graph->value[value].tensor);
  return add(m, to_rank, tie, step);
}

// Sends a value to each rank that reads it and does not make it, once.
static esp_status send_value(maker *m, const esp_graph_uses *uses, int value,
                             int *mark) {
  const esp_value *v = &m->problem->graph->value[value];
  const int producer = v->producer;
  if (producer < 0 && !v->is_input) return ESP_OK; // a constant is everywhere
  const int home = producer >= 0 ? rank_of(m, producer) : 0;
  const double ready = producer >= 0 ? finish_of(m, producer) : 0;
  mark[home] = value;
  for (int u = uses->first[value]; u < uses->first[value + 1]; u++) {
    const int rank = rank_of(m, uses->node[u]);
    if (mark[rank] == value) continue;
    mark[rank] = value;
    ESP_TRY(add_message(m, value, home, rank, producer, ready));
  }
  if (v->is_output && mark[0] != value) {
    ESP_TRY(add_message(m, value, home, 0, producer, ready));
  }
  return ESP_OK;
}

static int in_order(const void *a, const void *b) {
  const placed *x = a, *y = b;
  if (x->step.start != y->step.start) {
    return x->step.start < y->step.start ? -1 : 1;
  }
  if (x->tie != y->tie) return x->tie < y->tie ? -1 : 1;
  if (x->step.message != y->step.message) {
    return x->step.message < y->step.message ? -1 : 1;
  }
  return (int)x->step.kind - (int)y->step.kind; // SEND before RECV
}

static esp_status collect(maker *m) {
  const esp_graph *graph = m->problem->graph;
  for (int n = 0; n < graph->nnode; n++) {
    const esp_step step = {.kind = ESP_STEP_RUN,
                           .node = n,
                           .value = -1,
                           .peer = -1,
                           .message = -1,
                           .worker = m->schedule->processor[n] %
                                     esp_plan_lanes(m->problem),
                           .width = m->plan->width_of[n],
                           .start = m->schedule->start[n],
                           .finish = finish_of(m, n)};
    ESP_TRY(add(m, rank_of(m, n), 2 * (int64_t)n, step));
  }
  esp_graph_uses uses;
  ESP_TRY(esp_graph_uses_create(graph, &uses));
  int *mark = malloc((size_t)m->plan->ranks * sizeof *mark);
  esp_status status =
      mark != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  for (int r = 0; mark != NULL && r < m->plan->ranks; r++) mark[r] = -1;
  for (int v = 0; v < graph->nvalue && status == ESP_OK; v++) {
    status = send_value(m, &uses, v, mark);
  }
  free(mark);
  esp_graph_uses_free(&uses);
  return status;
}

static esp_status hand_out(const maker *m) {
  esp_plan *plan = m->plan;
  for (size_t i = 0; i < m->count; i++) plan->rank[m->list[i].rank].nstep++;
  for (int r = 0; r < plan->ranks; r++) {
    esp_rank_plan *rank = &plan->rank[r];
    rank->step = calloc((size_t)rank->nstep + 1, sizeof *rank->step);
    if (rank->step == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
    rank->nstep = 0;
  }
  for (size_t i = 0; i < m->count; i++) {
    esp_rank_plan *rank = &plan->rank[m->list[i].rank];
    rank->step[rank->nstep++] = m->list[i].step;
  }
  return ESP_OK;
}

esp_status esp_plan_make_steps(const esp_plan_problem *problem,
                               const esp_schedule *schedule, esp_plan *plan) {
  maker m = {.problem = problem, .schedule = schedule, .plan = plan};
  esp_status status = collect(&m);
  if (status == ESP_OK) {
    qsort(m.list, m.count, sizeof *m.list, in_order);
    status = hand_out(&m);
  }
  free(m.list);
  return status;
}
