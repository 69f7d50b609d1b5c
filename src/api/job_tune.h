// The way a job uses the cores: found in earlier runs, or by trying ways in the
// first batches of a long one.  Private to api/.
#ifndef ESP_API_JOB_TUNE_H
#define ESP_API_JOB_TUNE_H

#include "api/job_run.h"

// Reads what earlier runs have measured.  Collective.
esp_status esp_tune_read(esp_running *run);
// Takes the way that is left open from what earlier runs have measured, or from
// the estimates.  Collective.
esp_status esp_tune_begin(esp_running *run);
// Runs all pending batches; in the first of them ways are tried, where the job
// leaves them open and is long enough.  Collective.
esp_status esp_tune_run(esp_running *run, const esp_listener *listener);
// Notes what operators took, and keeps it for the next run.  Collective.
esp_status esp_tune_keep(esp_running *run);
void esp_tune_end(esp_running *run);

#endif
