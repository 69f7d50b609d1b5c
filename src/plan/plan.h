// Graph + costs -> plan: who computes what, when, where in memory, and what is
// sent.  Floor 5.
//
// A plan is flat arrays: it can be printed, compared and tested on one process,
// and exec/ walks it without choosing anything.  The same inputs give the same
// plan on every rank.
#ifndef ESP_PLAN_PLAN_H
#define ESP_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/graph.h"
#include "schedule/schedule.h"

// What one batch of one replica may use, and what things cost.
typedef struct esp_plan_problem {
  const esp_graph *graph; // shapes known; every output is made by a node
  int ranks;              // of the replica; its rank 0 has inputs and outputs
  int ranks_per_node;     // they come node by node; 0: all are on one
  int workers;            // operators side by side in a rank
  int width;              // OpenMP threads of an operator
  const double *seconds;  // of each node of the graph at that width
  // [nnode] of one rank with one worker whose width is above 1: seconds of each
  // node at one thread.  A node may then be narrow, so that as many run side by
  // side as the worker's team has threads; the plan is *molded*.  NULL: every
  // node is as wide as the team.
  const double *narrow;
  esp_links links; // between workers of a rank, ranks of a node, and nodes
  const double *slowness; // [ranks] 1 / speed; NULL: all 1
  // What nodes read and write, and what the memory of a machine gives to all
  // its cores together; NULL and 0: nodes do not slow one another down.
  const double *bytes; // [nnode]
  double bytes_per_second;
  bool on_paper; // steps and times, but no memory: exec/ cannot run the plan
  // What the weights of a rank's nodes, and the values of so many batches at
  // once, may take together on each rank; 0: as much as they take.  On paper
  // values count as nothing.
  double memory; // bytes
  int slots;     // 0: 1
  int copies;    // of the weights, as engines for several sizes of batch pack
                 // their own; 0: 1
} esp_plan_problem;

typedef enum esp_step_kind {
  ESP_STEP_RUN, // compute a node
  ESP_STEP_SEND,
  ESP_STEP_RECV
} esp_step_kind;

// What one rank does once for a batch.
//
// Between ranks of a node a value may be lent: where they share memory the
// receiver reads it in the sender's, and the SEND ends when it has; elsewhere
// it is copied to the place that the receiver has for it.  A lent value stays
// where it is to the end of the batch, and nothing takes its place over.
typedef struct esp_step {
  esp_step_kind kind;
  int node;             // RUN
  int value;            // SEND, RECV
  int peer;             // SEND, RECV: the other rank of the replica
  int message;          // SEND, RECV: the same number on both sides
  bool lent;            // SEND, RECV: as above
  int worker;           // RUN: of the rank, as the schedule saw it; of a narrow
                        // step of a molded plan the thread of the team
  int width;            // RUN: OpenMP threads
  double start, finish; // seconds after the batch began, as predicted
} esp_step;

// One rank of a replica.  Steps are in the order of the plan; a step begins
// when the steps that it waits for have ended.
typedef struct esp_rank_plan {
  int nstep;
  esp_step *step;
  int *nwait;          // [nstep] how many steps it waits for
  int *first;          // [nstep + 1] those that wait for step s are
  int *waiting;        // waiting[first[s] .. first[s + 1])
  size_t bytes;        // of the one block that holds all values of a batch
  double weight_bytes; // of the constants that its nodes read
  size_t *place;       // [nvalue] offset in the block; ESP_NO_PLACE: not here
  int *over; // [nvalue] the value whose place it takes as it is made, whose
             // last reader makes it; -1: none
} esp_rank_plan;

#define ESP_NO_PLACE SIZE_MAX

typedef struct esp_plan {
  int ranks, workers, width;
  int nvalue, nmessage;
  esp_rank_plan *rank;
  int *rank_of;  // [nnode] rank of each node
  int *width_of; // [nnode] OpenMP threads of each node
  int nnode;
  const char *method; // of the schedule that was chosen
  bool staged;        // the ranks are stages, for their memory's sake
  bool molded;        // widths differ: see esp_plan_phase_end()
  double predicted;   // seconds of one batch, as simulated
  double total;       // T1: seconds of all nodes, one after the other
  double critical;    // Tinf: seconds of the longest path
  double lower_bound; // no schedule on these resources takes less
  double bytes_sent;  // between ranks
} esp_plan;

// Builds the plan.  Not collective: the same on every rank.  The caller frees
// it; it keeps nothing of the problem.  ESP_LIMIT: the memory of so many ranks
// does not hold it; the message says what is missing.
esp_status esp_plan_build(const esp_plan_problem *problem, esp_plan **plan);
void esp_plan_free(esp_plan *plan); // NULL is allowed
// Other seconds have become known: times, totals and bounds of the plan follow
// them; who does what, in which order and where stays.
esp_status esp_plan_retime(const esp_plan_problem *problem, esp_plan *plan);
// Only the seconds of the plan that would be built, and those that none can
// beat.
esp_status esp_plan_predict(const esp_plan_problem *problem, double *seconds,
                            double *lower_bound);

// The steps of a molded plan go by *phases*, one after the other: a wide step
// by itself, or narrow ones that stand together, side by side.  Gives the first
// step after the phase that begins with this one.
int esp_plan_phase_end(const esp_rank_plan *rank, int step);

// Seconds between two batches of many that follow one another, so many of them
// at once: what the busiest rank computes, or moves, for one, and no less than
// one takes by itself over their number.
double esp_plan_period(const esp_plan *plan, int slots);

// Checks what exec/ relies on: every node once, after what it reads; every
// message sent and received once; no step waits for a later one; no two values
// that live at the same time share memory.  ESP_INTERNAL names the fault.
esp_status esp_plan_check(const esp_plan *plan, const esp_graph *graph);

// The plan in words, one line a step, or as JSON; free with free().
esp_status esp_plan_text(const esp_plan *plan, const esp_graph *graph,
                         char **text);
esp_status esp_plan_json(const esp_plan *plan, const esp_graph *graph,
                         char **text);

#endif
