// A planning problem as a task graph for schedule/, and its schedule.  Private
// to plan/.
//
// Tasks 0 .. nnode - 1 are the nodes of the graph.  Two more stand for rank 0,
// which has the inputs and wants the outputs: one before all that reads an
// input, one after all that makes an output.  Processor p is worker p %
// workers of rank p / workers.
#ifndef ESP_PLAN_SCHEDULE_H
#define ESP_PLAN_SCHEDULE_H

#include "plan/plan.h"
#include "schedule/schedule.h"

// Where nodes may be narrow, the processors are the threads of the team.
//
// The task graph; ended with esp_dag_free().
esp_status esp_plan_dag(const esp_plan_problem *problem, esp_dag **dag);
// Finds the schedule of a problem; ended with esp_schedule_free().
esp_status esp_plan_schedule(const esp_plan_problem *problem,
                             esp_schedule *schedule);
// Seconds that no plan can beat.
esp_status esp_plan_bound(const esp_plan_problem *problem, double *bound);
// Overwrites it with all nodes in a row on processor 0; the bound stays.
esp_status esp_plan_schedule_row(const esp_plan_problem *problem,
                                 esp_schedule *schedule);

// Overwrites it with stages: nodes in their order, a run of them for each rank,
// none of which reads more bytes of weights than so many; the bound stays.  The
// slowest is as fast as can be: at computing and sending, or, `even`, at
// computing alone.  *fits: there are ranks enough.
esp_status esp_plan_schedule_stages(const esp_plan_problem *problem,
                                    double weights, bool even,
                                    esp_schedule *schedule, bool *fits);

// Seconds of a node on a rank.
static inline double esp_node_seconds(const esp_plan_problem *problem, int node,
                                      int rank) {
  return problem->slowness != NULL
             ? problem->seconds[node] * problem->slowness[rank]
             : problem->seconds[node];
}
int esp_plan_ranks_per_node(const esp_plan_problem *problem);
// How far one rank is from another.
esp_distance esp_plan_distance(const esp_plan_problem *problem, int from,
                               int to);
// Seconds that a value takes over a distance.
double esp_value_seconds(const esp_plan_problem *problem, int value,
                         esp_distance distance);

#endif
