// Task graphs -> schedules: on which processor and when each task runs.
// Knows nothing of tensors, models or ranks' messages beyond what they cost.
// Floor 1.
//
// A task runs once, on one processor, without a pause.  It begins when all that
// it needs has come: the result of a task on the same processor at once, from
// another after the cost of the arc, which grows with the distance of the two.
// Times are doubles; with whole numbers they are exact up to 2^53.
#ifndef ESP_SCHEDULE_SCHEDULE_H
#define ESP_SCHEDULE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// How far two processors are from each other.
typedef enum esp_distance {
  ESP_SAME_PROCESSOR, // a message costs nothing
  ESP_SAME_RANK,
  ESP_SAME_NODE,
  ESP_OTHER_NODE,
  ESP_DISTANCES
} esp_distance;

// What carries data over a distance: an empty message, and each byte of it.
typedef struct esp_link {
  double seconds;
  double bytes_per_second; // 0: bytes cost nothing
} esp_link;
// One for each distance; [ESP_SAME_PROCESSOR] is not looked at.
typedef struct esp_links {
  esp_link over[ESP_DISTANCES];
} esp_links;

static inline double esp_link_seconds(const esp_link *link, double bytes) {
  return link->bytes_per_second > 0
             ? link->seconds + bytes / link->bytes_per_second
             : link->seconds;
}

typedef struct esp_arc {
  int from, to;
  double cost[ESP_DISTANCES]; // of the message; [ESP_SAME_PROCESSOR] is 0
} esp_arc;

typedef struct esp_dag {
  int count;      // tasks
  double *weight; // [count] seconds on a processor of speed 1
  int *in_first;  // [count + 1] arcs into task t are
  esp_arc *in;    // in[in_first[t] .. in_first[t + 1])
  int *out_first; // [count + 1] arcs out of task t are
  int *out;       // in[out[out_first[t] .. out_first[t + 1])]
  int *order;     // [count] every task after those that it needs
  bool *at_home;  // [count] runs on processor 0 and nowhere else
} esp_dag;

// Makes a graph from its arcs, in any order and no two between the same tasks;
// copies everything.  No task is at home yet.  ESP_BAD_INPUT: the arcs make a
// cycle; *on_cycle, when not NULL, is then a task of it.  Ended with
// esp_dag_free().
esp_status esp_dag_create(int count, const double *weight, int arcs,
                          const esp_arc *arc, int *on_cycle, esp_dag **dag);
void esp_dag_free(esp_dag *dag); // NULL is allowed

// Processors are numbered through: those of rank 0, then of rank 1 ...
typedef struct esp_processors {
  int count;
  int per_rank;           // at least 1
  int ranks_per_node;     // at least 1
  const double *slowness; // [count] 1 / speed; NULL: all 1
} esp_processors;

static inline esp_distance esp_distance_of(const esp_processors *p, int a,
                                           int b) {
  if (a == b) return ESP_SAME_PROCESSOR;
  const int rank_a = a / p->per_rank, rank_b = b / p->per_rank;
  if (rank_a == rank_b) return ESP_SAME_RANK;
  return rank_a / p->ranks_per_node == rank_b / p->ranks_per_node
             ? ESP_SAME_NODE
             : ESP_OTHER_NODE;
}

typedef struct esp_schedule {
  const char *method; // that found it; static storage
  int *processor;     // [count]
  int *width;         // [count] processors that each has; NULL: one each
  double *start;      // [count]
  double makespan;    // until all is done
  double lower_bound; // no schedule takes less
} esp_schedule;

// How long to look for a better schedule, in tasks placed; what is tried does
// not depend on the clock, so that all ranks find the same.
typedef struct esp_effort {
  int64_t placements; // by the search after the list schedulers
  int64_t proof;      // by branch and bound after that; 0: it is left out
} esp_effort;
// What the command uses: well under a second for 30 tasks.
extern const esp_effort esp_effort_thorough;

// Finds a schedule by every scheduler of scheduler_list.h, keeps the best and
// improves it; small graphs are searched through, and where that ends, what was
// found is proven to be the shortest: it is the lower bound too.  Its arrays
// are freed by esp_schedule_free().
esp_status esp_schedule_find(const esp_dag *dag,
                             const esp_processors *processors,
                             const esp_effort *effort, esp_schedule *schedule);
// Only what no schedule can beat.
esp_status esp_schedule_lower_bound(const esp_dag *dag,
                                    const esp_processors *processors,
                                    double *bound);
void esp_schedule_free(esp_schedule *schedule);

// Tasks that run on one processor or on all of them together (*moldable*).
typedef struct esp_mold {
  int processors;      // at least 2, equal; messages between them cost nothing
  const double *wide;  // [count] seconds on all of them
  double wake_seconds; // until another processor begins after a task on all
  int64_t placements;  // tasks placed while looking for better widths
} esp_mold;
// Finds widths and order together; the weights of the graph are seconds on one
// processor.  A task on all processors has processor 0.
esp_status esp_schedule_mold(const esp_dag *dag, const esp_mold *mold,
                             esp_schedule *schedule);
// Only what no such schedule can beat.
double esp_schedule_mold_bound(const esp_dag *dag, const esp_mold *mold);

#endif
