// A dataset through a plan: read ahead, run, write, score.  Floor 7.
#ifndef ESP_BATCH_BATCH_H
#define ESP_BATCH_BATCH_H

#include <espalier/espalier.h>

#include "base/ranges.h"
#include "comm/comm.h"
#include "exec/exec.h"
#include "graph/graph.h"
#include "plan/plan.h"
#include "store/store.h"
#include "workers/workers.h"

// A graph prepared for one size of batch on this rank.
typedef struct esp_engine {
  const esp_graph *graph;
  const esp_plan *plan;
  esp_exec *exec;
  int64_t batch; // samples
  int slots;
} esp_engine;

// What is made of one model output beside the output itself; each with the
// index of its result in the results file, or -1.
typedef struct esp_scoring {
  int output;      // which graph output is read
  int64_t classes; // values of a row of it
  int argmax, top_values, top_indices;
  int top_k;
  esp_dataset *labels; // NULL: no accuracy
} esp_scoring;

// A dataset and the graph input that it feeds.
typedef struct esp_source {
  int input;
  esp_dataset *dataset;
} esp_source;

// Batches that one replica does one after the other, because what one leaves
// behind is an input of the next: [first, first + count) of those pending.
typedef struct esp_chain {
  int64_t first, count;
  bool fresh; // begins with zeros, else with what the results hold of the batch
              // before it
} esp_chain;

// A graph output that becomes a graph input of the next batch of the chain.
typedef struct esp_carry {
  int output, input;
} esp_carry;

typedef struct esp_batch_options {
  const esp_comm *world;
  const esp_comm *group; // this replica's ranks; its rank 0 leads
  int replicas;
  int at_once; // batches that a replica computes at one time, while more are
               // read; 0: what has been read begins where workers are idle
  esp_workers *workers;
  esp_bell *bell;
  esp_engine full; // for whole batches; its batch is always told, exec NULL:
                   // there is none to do
  esp_engine tail; // for the last, smaller one; exec NULL: there is none, or
                   // the full one takes it, filled with zeros
  int64_t samples; // rows of the job, from the first on
  // Batches, numbered from the first row on, that are still to be done, and
  // which of them this call does: [first, end).
  const int64_t *pending;
  int64_t npending, first, end;
  int64_t done_before; // rows that are in no pending batch
  // What is handed out: chains of pending batches, of one row each; NULL: each
  // batch by itself.
  const esp_chain *chain;
  int64_t chains;
  const esp_carry *carry; // [carries]
  int carries;
  const esp_source *source; // [sources] what feeds the graph's inputs
  int sources;
  esp_results *results;
  const int *result_of; // [noutput] result of each graph output, -1: not kept
  esp_scoring scoring;
  // What the results hold already; brought up to date on rank 0.
  esp_journal *journal;
  double journal_seconds; // at most so much work is lost by a kill
  // When to stop before the end: how often somebody has asked this rank to
  // (once: at the next safe batch; more often: at once; NULL: nobody can), and
  // the second of the clock by which all is to be over (0: none; rank 0's).
  int (*asked_to_stop)(void *context);
  double deadline;
  esp_trace *trace; // of the engines' execs: gets reads and writes; NULL: none
  // Called on rank 0 at most five times a second; NULL: never.
  void (*progress)(void *context, const esp_progress *progress);
  void *context;
} esp_batch_options;

typedef enum esp_stop {
  ESP_STOP_NONE,  // all samples are done
  ESP_STOP_ASKED, // somebody has asked for it
  ESP_STOP_TIME   // the deadline is near
} esp_stop;

typedef struct esp_batch_result {
  esp_stop stop;                  // the same on all ranks
  double began;                   // seconds of the clock, when all were ready
  double seconds;                 // from the first to the last batch, all ranks
  double read_s, write_s, wait_s; // of this rank's conductor
  int64_t samples;                // that this rank's replica did (leaders only)
  int64_t finished;               // by all replicas; on rank 0
  int64_t right;                  // of them, whose largest output is the label
  double *latency_s;              // of each batch; free with free()
  int latencies;
  double pace_s; // from the end of one batch of this replica to that of the
                 // next, the mean of the last call; 0: there was one at most
} esp_batch_result;

// Runs pending batches, or as many as there is time for.  Collective.  Several
// calls may do a job's batches, one range after the other: the result of the
// first is given to the next, and adds up.
// What has been done is written to the results and noted in the journal, also
// after a failure, which all ranks learn of.  Being asked to stop a second time
// ends the job.
esp_status esp_batch_run(const esp_batch_options *options,
                         esp_batch_result *result);
// The class of a row: the index of its largest value, the first of equals.  A
// NaN is never the largest; a row of NaN alone gives 0.
int64_t esp_argmax(const float *row, int64_t count);
// The k largest in falling order, equals by rising index, NaN last.
void esp_top_k(const float *row, int64_t count, int k, float *values,
               int64_t *indices);

#endif
