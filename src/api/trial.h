// A graph run for real in the shapes that explain compares (trial.c), and what
// threads themselves cost (overheads.c).  Nothing else of explain knows workers
// and exec.  Private to api/.
#ifndef ESP_API_TRIAL_H
#define ESP_API_TRIAL_H

#include "api/private.h"

// What it costs to use threads on this machine.
typedef struct esp_overheads {
  double handover_seconds; // from one worker to another, awake or nearly so
  double region_seconds;   // to begin and end a team of `cores` threads
  double bytes_per_second; // of memory, all cores together
} esp_overheads;

// Measures for some tens of milliseconds; for one core a team costs nothing and
// memory is the machine's.
esp_status esp_trial_overheads(const esp_cores *cores,
                               const esp_machine *machine,
                               esp_overheads *overheads);

// Seconds that these cores have worked for other processes since some moment; 0
// and less where the system does not tell.
double esp_trial_others_seconds(const esp_cores *cores);
// A pool on these cores, away from the first one where there is another.
esp_status esp_trial_pool(const esp_cores *cores, int count, int width,
                          esp_workers **workers);

typedef enum esp_trial_shape {
  ESP_TRIAL_ONE,      // one worker, one thread
  ESP_TRIAL_WORKERS,  // a worker for each core, operators of one thread
  ESP_TRIAL_WIDTH,    // one worker, operators as wide as there are cores
  ESP_TRIAL_REPLICAS, // a batch on each core
  ESP_TRIAL_SHAPES
} esp_trial_shape;

typedef struct esp_trial_options {
  const esp_graph *graph;
  const esp_machine *machine;
  const esp_cores *cores;
} esp_trial_options;

typedef struct esp_trial {
  int cores, rounds;
  // Of one batch (replicas: time over batches), the median of all rounds, and
  // the distance of their quartiles over it.  0: the shape was not tried, as
  // there is one core.
  double seconds[ESP_TRIAL_SHAPES], spread[ESP_TRIAL_SHAPES];
  double others; // cores, of those that were used, that other processes took
  double *node_seconds; // [nnode] of the shape of one thread, medians
} esp_trial;

// Runs the graph on random input (whole numbers are 0, as they may be indices)
// in all shapes, one after the other in several rounds.  Ended with
// esp_trial_end().
esp_status esp_trial_run(const esp_trial_options *options, esp_trial *trial);
void esp_trial_end(esp_trial *trial);
// The largest spread of all shapes.
double esp_trial_spread(const esp_trial *trial);
// Was the machine not this process's alone?  So it is when a spread is above a
// tenth, or others used more than a tenth of a core.
bool esp_trial_noisy(const esp_trial *trial);

// Seconds of the nodes of a graph (trial_nodes.c), measured by running it on
// one thread and on all, in turn, for some tenths of a second.  Ended with
// esp_node_costs_end().
esp_status esp_trial_nodes(const esp_trial_options *options,
                           esp_node_costs *costs);

// Ranks that share one batch (trial_ranks.c) ---------------------------------

// Rank 0 says whether it goes on; the others sleep until then, and learn it.
// Collective.
esp_status esp_trial_call(const esp_comm *comm, bool *go);

typedef struct esp_trial_ranks_options {
  const esp_comm *comm;
  const esp_graph *graph;
  const esp_machine *machine; // all three the same on every rank
  const double *seconds;      // [nnode]
  const esp_cores *cores;     // of this rank
} esp_trial_ranks_options;

// Runs the graph over all ranks, a batch at a time; gives the median of rounds
// and the distance of their quartiles over it, on rank 0.  Collective.
esp_status esp_trial_ranks(const esp_trial_ranks_options *options,
                           double *seconds, double *spread);

#endif
