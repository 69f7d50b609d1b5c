// What the precision of a job costs, on its first samples.
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "api/precision.h"
#include "base/log.h"

// The output that is scored, or the first.
static int ranked_output(const esp_running *run) {
  const esp_graph *model = run->model;
  const char *name = run->job->score_output;
  for (int i = 0; name != NULL && i < model->noutput; i++) {
    if (strcmp(model->value[model->output[i]].name, name) == 0) return i;
  }
  return 0;
}

static esp_status compare(esp_running *run) {
  enum { MOST = 16 };
  int64_t rows = run->samples < MOST ? run->samples : MOST;
  if (rows > run->batch) rows = run->batch;
  if (run->fixed > 0) rows = run->fixed;
  if (run->state.count > 0) rows = 1;
  const int ninput = run->model->ninput;
  esp_tensor *tensor = NULL;
  const esp_tensor **input = calloc((size_t)ninput + 1, sizeof *input);
  esp_status status = input != NULL ? esp_inputs_read(run, rows, &tensor)
                                    : ESP_FAIL(ESP_NO_MEMORY, "cannot compare");
  if (status == ESP_OK) {
    for (int i = 0; i < ninput; i++) input[i] = &tensor[i];
    status = esp_precision_compare(run->model, rows, input,
                                   run->resources.cores.count,
                                   ranked_output(run), &run->accuracy);
  }
  esp_inputs_free(tensor, ninput);
  free(input);
  return status;
}

esp_status esp_job_compare_precision(esp_running *run) {
  esp_status status = ESP_OK;
  if (run->accuracy.precision == ESP_PRECISION_FLOAT32 || run->npending == 0) {
    return ESP_OK;
  }
  if (esp_comm_rank(run->comm) == 0) status = compare(run);
  return esp_comm_agree(run->comm, status);
}
