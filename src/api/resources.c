#include <stdlib.h>
#include <string.h>

#include "api/private.h"
#include "base/log.h"

// Ranks of a node whose masks are the same share those cores: each takes its
// part.  A rank with a mask of its own has it for itself.
esp_status esp_resources_find(const esp_comm *comm, esp_resources *resources) {
  *resources = (esp_resources){0};
  esp_cores mine;
  const esp_status status = esp_comm_agree(comm, esp_topology_cores(&mine));
  if (status != ESP_OK) return status;

  const int ranks = esp_comm_node_size(comm);
  esp_cores *all = calloc((size_t)ranks, sizeof *all);
  if (all == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot compare cores");
  esp_comm_node_gather(comm, &mine, sizeof mine, all);
  int sharers = 0, before = 0;
  for (int r = 0; r < ranks; r++) {
    if (memcmp(&all[r], &mine, sizeof mine) != 0) continue;
    sharers++;
    before += r < esp_comm_node_rank(comm);
  }
  free(all);

  resources->shared = sharers > mine.count;
  if (resources->shared) { // each gets one, several the same
    resources->cores =
        (esp_cores){.count = 1, .unit = {mine.unit[before % mine.count]}};
    return ESP_OK;
  }
  const int begin = before * mine.count / sharers;
  const int end = (before + 1) * mine.count / sharers;
  resources->cores.count = end - begin;
  memcpy(resources->cores.unit, mine.unit + begin,
         (size_t)(end - begin) * sizeof mine.unit[0]);
  return ESP_OK;
}

// OMP_NUM_THREADS is the width of an operator where the job says nothing.
static esp_status width_of(const esp_job *job, int *width) {
  const char *text = getenv("OMP_NUM_THREADS");
  const int environment = text != NULL ? atoi(text) : 0;
  if (job->width > 0 && environment > 0 && job->width != environment) {
    return ESP_FAIL(ESP_USAGE,
                    "width is %lld and OMP_NUM_THREADS is %d: unset "
                    "OMP_NUM_THREADS, or leave width out",
                    (long long)job->width, environment);
  }
  *width = job->width > 0 ? (int)job->width : environment;
  return ESP_OK;
}

static esp_status divide_ranks(const esp_job *job, int ranks,
                               esp_resources *resources) {
  const bool latency = strcmp(job->objective, "latency") == 0;
  int replicas = (int)job->replicas;
  if (replicas == 0) replicas = latency ? 1 : ranks;
  if (replicas > ranks || ranks % replicas != 0) {
    return ESP_FAIL(ESP_USAGE,
                    "%d ranks cannot be divided into %d replicas: replicas "
                    "must divide the number of ranks",
                    ranks, replicas);
  }
  resources->replicas = replicas;
  resources->ranks_per_replica = ranks / replicas;
  return ESP_OK;
}

esp_status esp_resources_divide(const esp_job *job, int ranks,
                                esp_resources *resources) {
  ESP_TRY(divide_ranks(job, ranks, resources));
  const int cores = resources->cores.count;
  const bool latency = strcmp(job->objective, "latency") == 0;
  int width = 0;
  ESP_TRY(width_of(job, &width));
  resources->free_choice = job->workers == 0 && width == 0 && latency;
  resources->width = width > 0 ? width : 1;
  int workers = (int)job->workers;
  if (workers == 0) workers = latency ? cores / resources->width : 1;
  resources->workers = workers > 0 ? workers : 1;

  // Over a dataset, one stream of one thread for each core is hard to beat.
  const int threads = resources->workers * resources->width;
  int streams = (int)job->streams;
  if (streams == 0) streams = latency ? 1 : cores / threads;
  resources->streams = streams > 0 ? streams : 1;
  if (resources->streams * threads > cores) {
    esp_log(ESP_LOG_WARNING,
            "%d streams x %d workers x width %d are more threads than the %d "
            "core%s that this rank may use",
            resources->streams, resources->workers, resources->width, cores,
            cores == 1 ? "" : "s");
  }
  return ESP_OK;
}
