// Why a kind of parallelism gives little or nothing: decided from figures.
// Floor 7.
#ifndef ESP_REPORT_REASONS_H
#define ESP_REPORT_REASONS_H

#include <stdbool.h>
#include <stdint.h>

// Everything that a reason is decided from.  Seconds are those of one batch.
typedef struct esp_reason_figures {
  int cores;         // for which the question is asked
  bool cores_asked;  // they were asked for, whatever this process may use
  int mask_cores;    // of the affinity mask
  int machine_cores; // processors of the machine
  // Of the environment; NULL: not set.
  const char *omp_num_threads, *omp_proc_bind, *gomp_cpu_affinity;
  double total, span;      // T1 and Tinf
  double alone;            // share of the span with one operator at a time
  int branches;            // in the sense of plan/profile.h
  double branch_seconds;   // of one, mean
  double handover_seconds; // to give one to another worker, at best
  double free_gain;        // of `cores` workers if a hand-over cost nothing
  double paid_gain;        // of `cores` workers as it is
  int ranks;               // that share one batch
  double message_seconds;  // of an empty message between two of them
  double free_ranks_gain;  // if messages cost nothing
  double ranks_gain;       // as it is
  double region_seconds;   // to begin and end a team of `cores` threads
  double short_share; // of T1, in operators that such a team cannot shorten
  double operator_seconds; // of one operator, mean
  int64_t batch;
  double traffic_bytes;    // moved by all operators
  double working_bytes;    // of weights and values
  double cache_bytes;      // of the largest cache
  double bytes_per_second; // of memory, all cores together
} esp_reason_figures;

enum { ESP_REASON_TEXT = 512, ESP_MAX_REASONS = 16 };

typedef struct esp_reason {
  const char *name;     // stable, e.g. "no_branches"
  const char *concerns; // "all", "workers", "width", "ranks"
  char text[ESP_REASON_TEXT];
} esp_reason;

// Finds the reasons that hold, in the order in which they should be read: what
// keeps everything back first.  Returns how many.
int esp_reasons_find(const esp_reason_figures *f,
                     esp_reason reason[ESP_MAX_REASONS]);

// Processors that a list as of GOMP_CPU_AFFINITY names ("0 3 1-2 4-15:2", also
// with commas), each counted once; -1: it cannot be read.
int esp_reasons_count_cpus(const char *list);

// Is an operator of `seconds` too short for a team of `threads` that costs
// `region_seconds`?  It is when what the team saves is less than twice its
// cost.
bool esp_reasons_is_short(double seconds, int threads, double region_seconds);

#endif
