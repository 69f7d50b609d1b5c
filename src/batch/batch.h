// A dataset through a plan: read ahead, run, write, score.  Floor 7.
#ifndef ESP_BATCH_BATCH_H
#define ESP_BATCH_BATCH_H

#include <espalier/espalier.h>

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
  int64_t batch;
  int slots;
} esp_engine;

// What is made of one model output beside the output itself; each with the
// index of its result in the results file, or -1.
typedef struct esp_scoring {
  int output; // which graph output is read
  int argmax, top_values, top_indices;
  int top_k;
  esp_dataset *labels; // NULL: no accuracy
} esp_scoring;

typedef struct esp_batch_options {
  const esp_comm *world;
  const esp_comm *group; // this replica's ranks; its rank 0 leads
  int replicas;
  esp_workers *workers;
  esp_bell *bell;
  esp_engine full; // for whole batches; exec NULL: there is none
  esp_engine tail; // for the last, smaller one; exec NULL: there is none
  int64_t samples; // rows to run, from the first on
  int feed;        // graph input that the dataset feeds
  esp_dataset *dataset;
  esp_results *results;
  const int *result_of; // [noutput] result of each graph output, -1: not kept
  esp_scoring scoring;
  // Called on rank 0 at most five times a second; NULL: never.
  void (*progress)(void *context, const esp_progress *progress);
  void *context;
} esp_batch_options;

typedef struct esp_batch_result {
  double seconds;                 // from the first to the last batch, all ranks
  double read_s, write_s, wait_s; // of this rank's conductor
  int64_t samples;                // that this rank's replica did (leaders only)
  int64_t right;                  // of them, whose largest output is the label
  double *latency_s;              // of each batch; free with free()
  int latencies;
} esp_batch_result;

// Runs all samples.  Collective.  A failure in the middle is this rank's alone:
// the caller ends the job.  On success all results are written, not yet
// finished (esp_results_finish).
esp_status esp_batch_run(const esp_batch_options *options,
                         esp_batch_result *result);

// The class of a row: the index of its largest value, the first of equals.  A
// NaN is never the largest; a row of NaN alone gives 0.
int64_t esp_argmax(const float *row, int64_t count);
// The k largest in falling order, equals by rising index, NaN last.
void esp_top_k(const float *row, int64_t count, int k, float *values,
               int64_t *indices);

#endif
