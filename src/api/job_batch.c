// How many samples are computed together.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "api/rig.h"
#include "base/clock.h"
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

// Enough samples to keep the kernels busy; how many fit the caches is not
// known.
static const int64_t DEFAULT_BATCH = 16;

// A smaller last batch has an engine, and packed weights, of its own: where
// memory is short, batches are all alike, if that makes them not much smaller.
static void choose_divisor(esp_running *run) {
  for (int64_t batch = run->batch; 2 * batch > run->batch; batch--) {
    if (batch == 0 || run->samples % batch != 0) continue;
    run->batch = batch;
    return;
  }
}

// The batch: asked for, or what the model fixes, or what an earlier run has
// found to be best.
esp_status esp_job_choose_batch(esp_running *run) {
  const esp_book *book = &run->tune.book;
  const int64_t usual = book->batch_chosen ? book->batch : DEFAULT_BATCH;
  const esp_value *input =
      &run->model->value[run->model->input[run->source[0].input]];
  const int64_t fixed = input->tensor.shape.dim[0];
  run->fixed = fixed;
  if (run->state.count > 0) return choose_single(run);
  ESP_TRY(esp_build_batch(run->model, run->source[0].input, run->job->batch,
                          usual, &run->batch));
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
  if (fixed < 0 && run->job->batch == 0 && run->job->memory > 0) {
    choose_divisor(run);
  }
  return ESP_OK;
}

// Trying ----------------------------------------------------------------------

// What one batch is tried for; the part of a job that may go into trying; how
// much better another batch must be.
static const double TRIAL_SECONDS = 0.3, PART = 0.05, BETTER = 1.03;
enum { MOST_TRIALS = 6, LARGEST = 512 };

typedef struct stand {
  esp_built built;
  esp_rig rig;
} stand;

static esp_status open_stand(const esp_running *run, int64_t batch, stand *s) {
  const esp_resources *r = &run->resources;
  *s = (stand){0};
  const esp_build_options how = {.model = run->model,
                                 .machine = &run->machine,
                                 .batch = batch,
                                 .micro_batch =
                                     esp_micro_batch(run->job->micro_batch),
                                 .ranks = 1,
                                 .workers = r->workers,
                                 .width = r->width};
  ESP_TRY(esp_build(&how, &s->built));
  const esp_rig_options options = {.graph = s->built.graph,
                                   .machine = &run->machine,
                                   .cores = &r->cores,
                                   .shape = {r->streams, r->workers, r->width}};
  return esp_rig_open(&options, &s->rig);
}

static void close_stand(stand *s) {
  esp_rig_close(&s->rig);
  esp_build_end(&s->built);
}

static esp_status time_stand(stand *s, int64_t batch, double *rate) {
  enum { MOST_BATCHES = 4096 };
  double *took = calloc(MOST_BATCHES, sizeof *took), all;
  if (took == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot try a batch");
  const int least = s->rig.slots + 2;
  esp_status status = esp_rig_run(&s->rig, least, took, &all);
  const int batches =
      esp_rig_fit(TRIAL_SECONDS, all / least, least, MOST_BATCHES);
  if (status == ESP_OK) status = esp_rig_run(&s->rig, batches, took, &all);
  if (status == ESP_OK) *rate = (double)batches * (double)batch / all;
  free(took);
  return status;
}

// Samples a second of all ranks together, the same on all; 0: the model cannot
// be planned, or its inputs cannot be made up.  Collective.
static esp_status rate_of(const esp_running *run, int64_t batch, double *rate) {
  stand s;
  *rate = 0;
  esp_status status = open_stand(run, batch, &s);
  const bool unsupported = status == ESP_UNSUPPORTED;
  status = esp_comm_agree(run->comm, unsupported ? ESP_OK : status);
  if (status == ESP_OK && !unsupported) status = time_stand(&s, batch, rate);
  close_stand(&s);
  status = esp_comm_agree(run->comm, status);
  esp_comm_sum(run->comm, rate, 1);
  return status;
}

// Is there a choice, and does it matter?
static bool is_open(const esp_running *run) {
  const esp_resources *r = &run->resources;
  return run->tune.on && run->tune.alike &&
         strcmp(run->job->objective, "throughput") == 0 &&
         run->job->batch == 0 && run->fixed < 0 && run->state.count == 0 &&
         run->job->memory == 0 && run->coupling.kind == ESP_COUPLING_NONE &&
         run->past.batch == 0 && r->ranks_per_replica == 1 &&
         !run->tune.book.batch_chosen && run->batch == DEFAULT_BATCH;
}

// Halves or doubles the batch as long as that is better.
static esp_status climb(esp_running *run, bool halve, double *best_rate) {
  int64_t batch = run->batch;
  const int64_t shares =
      (int64_t)run->resources.replicas * run->resources.streams;
  for (int trial = 0; trial < MOST_TRIALS; trial++) {
    double rate;
    if (halve ? batch == 1 : 2 * batch * shares > run->samples) break;
    batch = halve ? batch / 2 : 2 * batch;
    if (batch > LARGEST) break;
    ESP_TRY(rate_of(run, batch, &rate));
    esp_log(ESP_LOG_INFO, "tried batches of %lld: %.6g samples per second",
            (long long)batch, rate);
    if (rate < *best_rate * BETTER) break;
    *best_rate = rate;
    run->batch = batch;
  }
  return ESP_OK;
}

// Estimates the seconds of the whole job, and measures those of making an
// engine; the same on all ranks.  0: the model cannot be planned.
static esp_status estimate(const esp_running *run, double *job_seconds,
                           double *build_seconds) {
  const double began = esp_clock_seconds();
  const esp_build_options how = {.model = run->model,
                                 .machine = &run->machine,
                                 .batch = run->batch,
                                 .ranks = 1,
                                 .workers = 1,
                                 .width = 1};
  esp_built built = {0};
  double seconds[2] = {0};
  esp_status status = esp_build(&how, &built);
  if (status == ESP_OK) {
    const int cores = run->resources.cores.count * esp_comm_size(run->comm);
    seconds[0] =
        built.plan->total / (double)run->batch * (double)run->samples / cores;
    esp_build_end(&built);
  }
  seconds[1] = esp_clock_seconds() - began;
  ESP_TRY(
      esp_comm_agree(run->comm, status == ESP_UNSUPPORTED ? ESP_OK : status));
  esp_comm_broadcast(run->comm, 0, seconds, sizeof seconds);
  *job_seconds = seconds[0];
  *build_seconds = seconds[1];
  return ESP_OK;
}

esp_status esp_job_try_batches(esp_running *run) {
  if (!is_open(run)) return ESP_OK;
  double rate, job_seconds, build_seconds;
  ESP_TRY(estimate(run, &job_seconds, &build_seconds));
  const double cost = MOST_TRIALS * (TRIAL_SECONDS + 2 * build_seconds);
  if (cost > PART * job_seconds) return ESP_OK;
  ESP_TRY(rate_of(run, run->batch, &rate));
  if (rate == 0) return ESP_OK;
  const int64_t usual = run->batch;
  ESP_TRY(climb(run, true, &rate));
  if (run->batch == usual) ESP_TRY(climb(run, false, &rate));
  run->tune.book.batch_chosen = true;
  return ESP_OK;
}
