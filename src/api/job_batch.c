// How many samples are computed together.
#include "api/job_run.h"
#include "base/log.h"

// A model whose samples influence one another gets the dataset whole where
// nothing else was asked for; says what cutting it will do.
static void heed_coupling(esp_running *run) {
  const char *where = run->coupling.where;
  if (run->coupling.kind == ESP_COUPLING_UNTOLD) {
    esp_log(ESP_LOG_WARNING,
            "it cannot be told whether the samples of a batch influence one "
            "another (%s): if they do, results depend on batch, here %lld",
            where, (long long)run->batch);
    return;
  }
  if (run->job->batch == 0 && run->fixed < 0) {
    run->batch = run->samples > 0 ? run->samples : 1;
  }
  const int64_t rest = run->samples % run->batch;
  esp_log(ESP_LOG_WARNING,
          "the samples of a batch influence one another in node %s: results "
          "depend on how the dataset is cut, here in batches of %lld%s",
          where, (long long)run->batch,
          rest > 0 ? " and a smaller last one" : "");
}

// With state, rows go one by one.
static esp_status choose_single(esp_running *run) {
  run->batch = 1;
  if (run->fixed < 0 || run->fixed == 1) return ESP_OK;
  return ESP_FAIL(ESP_UNSUPPORTED,
                  "state: the model takes %lld samples at a time, and rows of "
                  "a sequence go one by one",
                  (long long)run->fixed);
}

// The batch: asked for, or what the model fixes, or enough samples to keep the
// kernels busy while a batch still fits the caches.
esp_status esp_job_choose_batch(esp_running *run) {
  static const int64_t DEFAULT_BATCH = 16;
  const esp_value *input =
      &run->model->value[run->model->input[run->source[0].input]];
  const int64_t fixed = input->tensor.shape.dim[0];
  run->fixed = fixed;
  if (run->state.count > 0) return choose_single(run);
  ESP_TRY(esp_build_batch(run->model, run->source[0].input, run->job->batch,
                          DEFAULT_BATCH, &run->batch));
  if (fixed == 0 || (fixed > 0 && run->coupling.kind == ESP_COUPLING_FOUND &&
                     run->samples % fixed != 0)) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "the model takes %lld samples at a time, which influence "
                    "one another, and %lld are no multiple of it: set samples",
                    (long long)fixed, (long long)run->samples);
  }
  if (run->coupling.kind != ESP_COUPLING_NONE) heed_coupling(run);
  if (run->coupling.kind == ESP_COUPLING_FOUND) return ESP_OK;
  // Batches that are done stay done.
  if (fixed < 0 && run->job->batch == 0 && run->past.batch > 0) {
    run->batch = run->past.batch;
    return ESP_OK;
  }
  // A batch is shared by no two replicas: small datasets are cut finer.
  const int64_t shares =
      (int64_t)run->resources.replicas * run->resources.streams;
  if (fixed < 0 && run->job->batch == 0 && run->samples / shares < run->batch) {
    run->batch = run->samples / shares > 0 ? run->samples / shares : 1;
  }
  return ESP_OK;
}
