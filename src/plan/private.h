// What the files of plan/ share.  Private to plan/.
#ifndef ESP_PLAN_PRIVATE_H
#define ESP_PLAN_PRIVATE_H

#include "plan/plan.h"
#include "plan/schedule.h"

// Does one worker do everything, a node after the other?
static inline bool esp_plan_is_alone(const esp_plan_problem *problem) {
  return problem->ranks * problem->workers == 1 && problem->narrow == NULL;
}

// Is the value a weight, of which each rank has those that its nodes read?
static inline bool esp_plan_is_weight(const esp_value *value) {
  return value->tensor.data != NULL && !value->is_input && value->producer < 0;
}

// Steps that can run at once in a rank: its workers, or the threads of the team
// of the only one.
static inline int esp_plan_lanes(const esp_plan_problem *problem) {
  return problem->narrow != NULL ? problem->width : problem->workers;
}

// Seconds of a node where and as wide as the plan has it.
static inline double esp_plan_node_seconds(const esp_plan_problem *problem,
                                           const esp_plan *plan, int node) {
  if (problem->narrow != NULL && plan->width_of[node] == 1) {
    return problem->narrow[node];
  }
  return esp_node_seconds(problem, node, plan->rank_of[node]);
}

// Which steps wait for which, before they are counted and listed.
typedef struct esp_wait {
  int before, after; // steps of one rank
} esp_wait;
typedef struct esp_waits {
  esp_wait *wait;
  size_t count, room;
} esp_waits;
esp_status esp_waits_add(esp_waits *waits, int before, int after);
// Writes nwait, first and waiting of a rank; duplicates count once.
esp_status esp_waits_list(const esp_waits *waits, esp_rank_plan *rank);

// Fills the steps of every rank from the schedule: a RUN for each node, and a
// SEND and a RECV for each value and each other rank that needs it.
esp_status esp_plan_make_steps(const esp_plan_problem *problem,
                               const esp_schedule *schedule, esp_plan *plan);

// Runs the plan on paper: fills start and finish of all steps, and the seconds
// of a batch.
esp_status esp_plan_simulate(const esp_plan_problem *problem, esp_plan *plan);

// Gives every value of a rank its place in the rank's block, but not on paper,
// and fills who waits for whom: for data, and for memory that is used again.
esp_status esp_plan_place_values(const esp_plan_problem *problem, int rank,
                                 esp_plan *plan);

#endif
