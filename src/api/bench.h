// What bench has found: how fast a model is, and by which way of running it.
// Private to api/.
#ifndef ESP_API_BENCH_H
#define ESP_API_BENCH_H

#include "api/private.h"
#include "report/accuracy.h"

// A way to run it: streams at once, each on workers x width threads.
typedef struct esp_bench_way {
  int streams, workers, width;
  bool molded;     // operators are as wide as that, or narrow side by side
  double *latency; // [latencies] seconds of each batch, in all rounds
  size_t latencies, room;
  double *rate; // [rounds] samples a second
  double median_s, p99_s, samples_per_second;
  double spread; // of the rates of the rounds: quartiles' distance over median
} esp_bench_way;

enum { ESP_BENCH_ROUNDS = 7, ESP_MOST_WAYS = 64 };

typedef struct esp_bench_findings {
  const char *model;
  bool throughput; // the objective; else latency
  int64_t batch;
  int ways, best;
  esp_bench_way way[ESP_MOST_WAYS];
  bool sweep; // all ways were measured in full, not only the best
  int cores;
  esp_accuracy accuracy; // of the precision, on the made-up inputs
  double load_s;         // from the file to the first result
  double flops, bytes;   // of a batch; 0: not known
  double peak_flops;     // a second, of all cores
  // Of the plan that ran; method NULL: the model was walked.
  const char *method;
  double predicted_s, lower_bound_s, ceiling;
  double block_bytes;   // values of a batch and scratch memory
  double process_bytes; // the most that the process had
  double others;        // cores that other processes took meanwhile
} esp_bench_findings;

// Was the machine not this process's alone?
bool esp_bench_noisy(const esp_bench_findings *f);
// Of the best way; 0: the work is not known.
double esp_bench_flops_per_second(const esp_bench_findings *f);

esp_status esp_bench_text(const esp_bench_findings *f, char **text);
esp_status esp_bench_json(const esp_bench_findings *f, char **text);

#endif
