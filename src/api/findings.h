// What there is to know about the parallelism of one model: numbers, without
// words.  Private to api/.
#ifndef ESP_API_FINDINGS_H
#define ESP_API_FINDINGS_H

#include "api/private.h"
#include "api/trial.h"
#include "optimise/optimise.h"
#include "plan/profile.h"
#include "report/reasons.h"

enum { ESP_MOST_KINDS = 256, ESP_MOST_GAINS = 12, ESP_PROFILE_COLUMNS = 60 };

// Operators of one kind.
typedef struct esp_operator_kind {
  const char *op_type;
  int count;
  double seconds;
} esp_operator_kind;

// So many of something, and what they give.
typedef struct esp_gain {
  int count;
  double seconds; // of one batch
  double gain;    // T1 over that
  double most;    // T1 over what no schedule can beat; 0: not known
} esp_gain;

// All that follows from the seconds of the nodes, estimated or measured.
typedef struct esp_view {
  const double *seconds; // [nnode], borrowed
  esp_profile profile;
  esp_operator_kind kind[ESP_MOST_KINDS]; // the dearest first
  int kinds;
  esp_gain workers[ESP_MOST_GAINS]; // 1, 2, 4 ... and all cores
  int worker_steps;
  esp_gain unlimited; // as many workers as ever find something to do
  double free_gain;   // a worker for each core, if hand-overs cost nothing
} esp_view;

typedef struct esp_findings {
  esp_model_info info;
  esp_built built; // graph, estimated seconds; the plan of one rank and worker
  esp_machine machine;
  esp_overheads overheads;
  esp_coupling coupling; // of its samples, which are rows of its inputs
  int64_t batch;
  int cores; // for which the question is asked
  double flops, bytes;
  esp_view estimated;
  bool measured; // the two below are there
  esp_trial trial;
  esp_view real;
  esp_gain width[ESP_MOST_GAINS]; // 2, 4 ... and all cores; estimated
  int width_steps;
  esp_gain ranks; // one replica over so many ranks of one worker, estimated
  double ranks_seconds;   // of one batch, measured; 0: it was not
  double free_ranks_gain; // if messages cost nothing
  int messages;
  int parts; // of its nodes are parts of heavy ones
  double bytes_sent;
  esp_gain replicas; // a batch on each core, estimated
  esp_reason reason[ESP_MAX_REASONS];
  int reasons;
} esp_findings;

// Finds everything for a loaded model, which must outlive the findings; with
// setting->measure also by running it.  Ended with esp_findings_end(), also
// after a failure.
esp_status esp_findings_make(const esp_graph *model, const esp_setting *setting,
                             esp_findings *findings);
// Measures what ranks that share a batch take, on the ranks of `comm`: called
// by rank 0 with its findings, by the others with NULL (findings_ranks.c).
// Collective.  `status` is how rank 0 fared so far: on failure nothing is done.
esp_status esp_findings_measure_ranks(const esp_comm *comm,
                                      const esp_graph *model, esp_status status,
                                      esp_findings *f);
void esp_findings_end(esp_findings *findings);

// What a shape that was tried gave over one thread; 0 when it was not tried.
double esp_findings_measured_gain(const esp_findings *findings,
                                  esp_trial_shape shape);
// The view that counts: the measured one where there is one.
const esp_view *esp_findings_best_view(const esp_findings *findings);

// The findings in words, and as JSON; free with free().
esp_status esp_findings_text(const char *model, const esp_findings *findings,
                             char **text);
esp_status esp_findings_json(const char *model, const esp_findings *findings,
                             char **text);

#endif
