// A job while it runs.  Private to api/.
#ifndef ESP_API_JOB_RUN_H
#define ESP_API_JOB_RUN_H

#include "api/private.h"

typedef struct esp_running {
  esp_context *context;
  esp_comm *comm;
  const esp_job *job;

  esp_graph *model; // with the nodes that convert the dataset in front
  esp_model_info info;
  esp_dataset *dataset, *labels; // labels: NULL when there are none
  int feed;                      // graph input that the dataset feeds
  int64_t samples, batch;

  esp_resources resources;
  esp_machine machine;
  esp_comm *group;                  // ranks of this replica
  esp_workers *workers;             // the context's
  int workers_before, width_before; // as the context had them
  esp_bell *bell;
  esp_built full_built, tail_built; // whole batches; the smaller last one
  esp_engine full, tail;

  esp_results *results;
  int *result_of; // [noutput]
  esp_scoring scoring;
  double load_s;
  esp_batch_result outcome;
} esp_running;

// Creates the results file for the model's outputs, and what is made of them
// (outputs.c).  Collective.
esp_status esp_outputs_open(esp_running *run);
// Notes in the file what made it.  Collective.
esp_status esp_outputs_note(esp_running *run);
// Gathers what the ranks know into rank 0's report (report_make.c). Collective.
esp_status esp_report_make(esp_running *run, esp_report **report);

#endif
