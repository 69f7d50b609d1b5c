// Schedules: where and when each node runs.  Private to plan/.
#ifndef ESP_PLAN_SCHEDULE_H
#define ESP_PLAN_SCHEDULE_H

#include "plan/plan.h"

// The problem with what every scheduler asks of it: who waits for whom, and
// what a message costs.  Edges from graph inputs have from = -1.
typedef struct esp_edge {
  int from, to; // nodes
  int value;
  double seconds; // of the message, if the two are on different ranks
} esp_edge;

typedef struct esp_tasks {
  const esp_plan_problem *problem;
  int count;     // nodes
  int *in_first; // [count + 1] edges into node n are
  esp_edge *in;  // in[in_first[n] .. in_first[n + 1])
  int *out_first;
  int *out;        // indices into `in` of the edges that leave node n
  double *longest; // [count] seconds from the node's start to the end of the
                   // graph along the longest path, without messages
  double *to_home; // [count] seconds of the messages that bring the node's
                   // graph outputs to rank 0
} esp_tasks;

esp_status esp_tasks_create(const esp_plan_problem *problem, esp_tasks **tasks);
void esp_tasks_free(esp_tasks *tasks);
// Seconds of the message that carries a value to another rank.
double esp_message_seconds(const esp_plan_problem *problem, int value);

typedef struct esp_slot_of_node {
  int rank, worker;
  double start, finish;
} esp_slot_of_node;

typedef struct esp_schedule {
  const char *method;
  esp_slot_of_node *at; // [count]
  double finish;        // seconds until all outputs are on rank 0
} esp_schedule;

// A scheduler fills schedule->at, which has room, and schedule->finish.
typedef esp_status (*esp_scheduler)(const esp_tasks *tasks,
                                    esp_schedule *schedule);

#define SCHEDULER(name, function, help)                                        \
  esp_status function(const esp_tasks *tasks, esp_schedule *schedule);
#include "plan/scheduler_list.h"
#undef SCHEDULER

// Fills schedule->finish from schedule->at.
void esp_schedule_finish(const esp_tasks *tasks, esp_schedule *schedule);

#endif
