// What a run came to, as table and JSON; the line that shows progress.
// Floor 7.
#ifndef ESP_REPORT_REPORT_H
#define ESP_REPORT_REPORT_H

#include <espalier/espalier.h>

#include "plan/plan.h"
#include "report/accuracy.h"

// How a rank has spent the time from the first to the last batch; shares of it.
typedef struct esp_rank_shares {
  double computed;            // its workers, the mean of all
  double sent;                // messages were under way
  double read, wrote, waited; // its conductor
} esp_rank_shares;

enum { ESP_MOST_NOTES = 8 };

// Everything that the table and the summary say; texts are the report's own.
struct esp_report {
  char *model, *input, *output;
  char *score_name; // NULL: not scored
  double score;
  int64_t right;
  esp_accuracy accuracy; // of the job's precision
  int64_t samples, batch;
  int64_t done, computed, resumed_from; // samples: all; by this run; before it
  bool stopped;                         // before the end
  bool nothing_to_do;                   // all was done before
  double seconds, load_s;               // of the batches; of all before them
  double latency_median_s, latency_p99_s;
  int ranks, replicas, ranks_per_replica, streams, workers, width;
  bool molded; // nodes of a worker are as wide as that, or narrow side by side
  int *nodes_per_rank; // [ranks_per_replica]
  char *method;
  double predicted_s, measured_s, lower_bound_s, ceiling; // of one batch
  double read_s, write_s, wait_s, compute_s;              // summed over ranks
  const char *costs; // where the predicted seconds come from; static storage
  esp_rank_shares *share; // [ranks]
  char *note[ESP_MOST_NOTES];
  int notes;
  double peak_bytes;   // of values and scratch memory, largest rank
  double memory_limit; // bytes of a rank; 0: none
  double *weight_bytes, *value_bytes; // [ranks_per_replica] as planned
  char *versions;                     // one line for each library
  char *hosts;                        // "name x ranks, ..."
  char *summary_file;                 // NULL: not written
};

#endif
