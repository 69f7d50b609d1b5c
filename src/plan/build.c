// Chooses the schedule, and turns it into the steps and the memory of each
// rank.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/private.h"

// Fills T1 and Tinf, of one thread where that is known: nodes stand after those
// that they read.
static esp_status sum_up(const esp_plan_problem *problem, esp_plan *plan) {
  const esp_graph *graph = problem->graph;
  const double *seconds =
      problem->narrow != NULL ? problem->narrow : problem->seconds;
  double *finish = calloc((size_t)graph->nnode + 1, sizeof *finish);
  if (finish == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  for (int n = 0; n < graph->nnode; n++) {
    double start = 0;
    for (int i = 0; i < graph->node[n].nin; i++) {
      const int value = graph->node[n].in[i];
      const int producer = value >= 0 ? graph->value[value].producer : -1;
      if (producer >= 0) start = fmax(start, finish[producer]);
    }
    finish[n] = start + seconds[n];
    plan->total += seconds[n];
    plan->critical = fmax(plan->critical, finish[n]);
  }
  free(finish);
  return ESP_OK;
}

// The two are sums of the same seconds in another order: rounding is no reason
// to be below the bound.
static void settle(esp_plan *plan) {
  static const double ROUNDING = 1e-9;
  if (plan->lower_bound > plan->predicted &&
      plan->lower_bound < plan->predicted * (1 + ROUNDING)) {
    plan->lower_bound = plan->predicted;
  }
}

esp_status esp_plan_retime(const esp_plan_problem *problem, esp_plan *plan) {
  plan->total = plan->critical = 0;
  ESP_TRY(sum_up(problem, plan));
  ESP_TRY(esp_plan_bound(problem, &plan->lower_bound));
  ESP_TRY(esp_plan_simulate(problem, plan));
  settle(plan);
  return ESP_OK;
}

static esp_status describe(const esp_plan_problem *problem,
                           const esp_schedule *schedule, esp_plan *plan) {
  plan->method = schedule->method;
  plan->predicted = schedule->makespan;
  plan->lower_bound = schedule->lower_bound;
  for (int n = 0; n < problem->graph->nnode; n++) {
    plan->rank_of[n] = schedule->processor[n] / esp_plan_lanes(problem);
    if (schedule->width == NULL) continue;
    plan->width_of[n] = schedule->width[n];
    plan->molded |= schedule->width[n] != problem->width;
  }
  return sum_up(problem, plan);
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
  self->width_of = calloc((size_t)self->nnode + 1, sizeof *self->width_of);
  if (self->rank == NULL || self->rank_of == NULL || self->width_of == NULL) {
    esp_plan_free(self);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot plan for %d ranks", problem->ranks);
  }
  for (int n = 0; n < self->nnode; n++) self->width_of[n] = self->width;
  *plan = self;
  return ESP_OK;
}

static esp_status fill(const esp_plan_problem *problem,
                       const esp_schedule *schedule, esp_plan *plan) {
  ESP_TRY(describe(problem, schedule, plan));
  ESP_TRY(esp_plan_make_steps(problem, schedule, plan));
  for (int r = 0; r < problem->ranks; r++) {
    ESP_TRY(esp_plan_place_values(problem, r, plan));
  }
  ESP_TRY(esp_plan_simulate(problem, plan));
  settle(plan);
  return ESP_OK;
}

static esp_status make(const esp_plan_problem *problem,
                       const esp_schedule *schedule, esp_plan **plan) {
  esp_plan *made;
  ESP_TRY(allocate(problem, &made));
  const esp_status status = fill(problem, schedule, made);
  if (status != ESP_OK) {
    esp_plan_free(made);
    return status;
  }
  *plan = made;
  return ESP_OK;
}

// The schedule that was found counts on neither memory nor ports: where it
// comes out slower than all nodes in a row, these are the plan.
static esp_status keep_shorter(const esp_plan_problem *problem,
                               esp_schedule *schedule, esp_plan **plan) {
  if (esp_plan_is_alone(problem)) return ESP_OK;
  esp_plan *row;
  ESP_TRY(esp_plan_schedule_row(problem, schedule));
  ESP_TRY(make(problem, schedule, &row));
  if (row->predicted <= (*plan)->predicted) {
    row->lower_bound = (*plan)->lower_bound;
    settle(row);
    esp_plan *spare = *plan;
    *plan = row;
    row = spare;
  }
  esp_plan_free(row);
  return ESP_OK;
}

// Memory ----------------------------------------------------------------------

static double copies_of(const esp_plan_problem *problem) {
  return problem->copies > 0 ? problem->copies : 1;
}

static int slots_of(const esp_plan_problem *problem) {
  return problem->slots > 0 ? problem->slots : 1;
}

static double memory_of(const esp_plan_problem *problem,
                        const esp_rank_plan *rank) {
  return copies_of(problem) * rank->weight_bytes +
         (double)slots_of(problem) * (double)rank->bytes;
}

// By how much the fullest rank has too much; 0: all fit.
static double too_much(const esp_plan_problem *problem, const esp_plan *plan) {
  double most = 0;
  for (int r = 0; r < plan->ranks; r++) {
    most = fmax(most, memory_of(problem, &plan->rank[r]));
  }
  return fmax(0, most - problem->memory);
}

static esp_status refuse(const esp_plan_problem *problem,
                         const esp_plan *plan) {
  double all = 0, values = 0;
  for (int r = 0; r < plan->ranks; r++) {
    const double weights = copies_of(problem) * plan->rank[r].weight_bytes;
    all += weights;
    values = fmax(values, memory_of(problem, &plan->rank[r]) - weights);
  }
  return ESP_FAIL(ESP_LIMIT,
                  "%d rank%s with %.0f MB each cannot hold the model: %.0f MB "
                  "of weights, and values of up to %.0f MB on a rank",
                  plan->ranks, plan->ranks == 1 ? "" : "s",
                  1e-6 * problem->memory, 1e-6 * all, 1e-6 * values);
}

// The better of the best stages so far and those of so many bytes of weights a
// rank; *best is NULL as long as there are none.
static esp_status try_stages(const esp_plan_problem *problem, double weights,
                             bool even, esp_schedule *schedule,
                             esp_plan **best) {
  const int slots = slots_of(problem);
  bool fits;
  esp_plan *stages;
  ESP_TRY(esp_plan_schedule_stages(problem, weights / copies_of(problem), even,
                                   schedule, &fits));
  if (!fits) return ESP_OK;
  ESP_TRY(make(problem, schedule, &stages));
  const bool better = too_much(problem, stages) <= 0 &&
                      (*best == NULL || esp_plan_period(stages, slots) <
                                            esp_plan_period(*best, slots));
  esp_plan_free(better ? *best : stages);
  if (better) *best = stages;
  return ESP_OK;
}

// Where the schedule puts more on a rank than its memory holds, stages take its
// place.  How much of the memory is left for values tells only a plan: all for
// weights is tried, and less and less of it.
static esp_status find_stages(const esp_plan_problem *problem,
                              esp_schedule *schedule, esp_plan **best) {
  enum { TRIES = 12 };
  double all = 0; // bytes of weights
  for (int v = 0; v < problem->graph->nvalue; v++) {
    const esp_value *value = &problem->graph->value[v];
    if (esp_plan_is_weight(value)) {
      all += copies_of(problem) * (double)esp_tensor_bytes(&value->tensor);
    }
  }
  const double spare = problem->memory - all / problem->ranks;
  for (int t = 0; t < TRIES && spare > 0; t++) {
    const double weights = problem->memory - spare * t / TRIES;
    ESP_TRY(try_stages(problem, weights, false, schedule, best));
    ESP_TRY(try_stages(problem, weights, true, schedule, best));
  }
  return ESP_OK;
}

static esp_status keep_within(const esp_plan_problem *problem,
                              esp_schedule *schedule, esp_plan **plan) {
  if (problem->memory <= 0 || too_much(problem, *plan) <= 0) return ESP_OK;
  esp_plan *best = NULL;
  const esp_status status = find_stages(problem, schedule, &best);
  if (status != ESP_OK) {
    esp_plan_free(best);
    return status;
  }
  if (best == NULL) return refuse(problem, *plan);
  best->lower_bound = (*plan)->lower_bound;
  best->staged = true;
  settle(best);
  esp_plan_free(*plan);
  *plan = best;
  return ESP_OK;
}

esp_status esp_plan_build(const esp_plan_problem *problem, esp_plan **plan) {
  esp_schedule schedule;
  esp_plan *made = NULL;
  ESP_TRY(esp_plan_schedule(problem, &schedule));
  esp_status status = ESP_OK;
  // Alone, a worker keeps the order of the graph: pieces of a batch one after
  // the other, and branches, so that what one has made is read while it is
  // near.
  if (esp_plan_is_alone(problem)) {
    status = esp_plan_schedule_row(problem, &schedule);
  }
  if (status == ESP_OK) status = make(problem, &schedule, &made);
  if (status == ESP_OK) status = keep_shorter(problem, &schedule, &made);
  if (status == ESP_OK) status = keep_within(problem, &schedule, &made);
  esp_schedule_free(&schedule);
  if (status != ESP_OK) {
    esp_plan_free(made);
    return status;
  }
  *plan = made;
  return ESP_OK;
}

int esp_plan_phase_end(const esp_rank_plan *rank, int step) {
  int end = step + 1;
  if (rank->step[step].width > 1) return end;
  while (end < rank->nstep && rank->step[end].width == 1) end++;
  return end;
}

double esp_plan_period(const esp_plan *plan, int slots) {
  double most = plan->predicted / slots;
  for (int r = 0; r < plan->ranks; r++) {
    double computed = 0, moved = 0;
    for (int s = 0; s < plan->rank[r].nstep; s++) {
      const esp_step *step = &plan->rank[r].step[s];
      // A RECV begins when it may: how long it moves, its SEND tells.
      if (step->kind == ESP_STEP_RUN) computed += step->finish - step->start;
      if (step->kind == ESP_STEP_SEND) moved += step->finish - step->start;
    }
    const int lanes = plan->molded ? plan->width : plan->workers;
    most = fmax(most, fmax(computed / lanes, moved));
  }
  return most;
}

esp_status esp_plan_predict(const esp_plan_problem *problem, double *seconds,
                            double *lower_bound) {
  esp_plan *plan;
  ESP_TRY(esp_plan_build(problem, &plan));
  *seconds = plan->predicted;
  *lower_bound = plan->lower_bound;
  esp_plan_free(plan);
  return ESP_OK;
}

void esp_plan_free(esp_plan *plan) {
  if (plan == NULL) return;
  for (int r = 0; plan->rank != NULL && r < plan->ranks; r++) {
    free(plan->rank[r].step);
    free(plan->rank[r].nwait);
    free(plan->rank[r].first);
    free(plan->rank[r].waiting);
    free(plan->rank[r].place);
    free(plan->rank[r].over);
  }
  free(plan->rank);
  free(plan->rank_of);
  free(plan->width_of);
  free(plan);
}
