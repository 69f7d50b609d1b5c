// A limit to the memory of each rank: how many of them hold the model.
#include <stdio.h>

#include "api/job_run.h"

// Weights that are not mapped from a file of their own stand in every rank, as
// they were read, beside those that it has packed.
static double read_bytes(const esp_running *run) {
  return (double)run->info.weight_bytes - (double)run->info.mapped_bytes;
}

double esp_memory_limit(const esp_running *run) {
  if (run->job->memory == 0) return 0;
  const double left = 1e6 * (double)run->job->memory - read_bytes(run);
  return left > 1 ? left : 1;
}

int esp_weight_copies(const esp_running *run) {
  const bool tail = run->fixed <= 0 && run->samples % run->batch > 0;
  return tail && run->samples > run->batch ? 2 : 1;
}

// Does a replica of so many ranks hold it?  ESP_LIMIT: it does not.
static esp_status try_ranks(esp_running *run, int ranks) {
  esp_resources *r = &run->resources;
  r->ranks_per_replica = ranks;
  r->replicas = esp_comm_size(run->comm) / ranks;
  const esp_build_options how =
      esp_engine_options(run, run->batch, esp_engine_slots(run));
  esp_built built;
  ESP_TRY(esp_build(&how, &built));
  esp_build_end(&built);
  return ESP_OK;
}

static esp_status refuse(const esp_running *run) {
  char reason[512];
  (void)snprintf(reason, sizeof reason, "%s", esp_last_error());
  const double read = read_bytes(run);
  if (read < 0.1e6) return ESP_FAIL(ESP_LIMIT, "memory: %s", reason);
  return ESP_FAIL(ESP_LIMIT,
                  "memory: %s; besides, each rank has %.0f MB of weights as "
                  "they were read: saved as external data they would be mapped",
                  reason, 1e-6 * read);
}

esp_status esp_memory_fit(esp_running *run) {
  esp_resources *r = &run->resources;
  const int all = esp_comm_size(run->comm);
  const int most = run->job->replicas > 0 ? r->ranks_per_replica : all;
  if (run->job->memory == 0) return ESP_OK;
  r->free_choice = false; // other ways take other memory
  esp_status status = ESP_LIMIT;
  for (int ranks = r->ranks_per_replica; ranks <= most; ranks++) {
    if (all % ranks != 0) continue;
    status = try_ranks(run, ranks);
    if (status != ESP_LIMIT) break;
  }
  if (status == ESP_UNSUPPORTED) return ESP_OK; // it will be walked, by each
  return status == ESP_LIMIT ? refuse(run) : status;
}
