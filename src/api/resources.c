#include <stdlib.h>
#include <string.h>

#include "api/private.h"

enum { CPU_LIMIT = 8192 }; // units of a machine are below it

static bool same_mask(const esp_cores *a, const esp_cores *b) {
  return a->count == b->count &&
         memcmp(a->unit, b->unit, (size_t)a->count * sizeof a->unit[0]) == 0;
}

static bool all_the_same(const esp_cores *mask, int ranks) {
  for (int r = 1; r < ranks; r++) {
    if (!same_mask(&mask[0], &mask[r])) return false;
  }
  return true;
}

// Neighbouring cores for each rank of one common mask.
static void share_one_mask(const esp_cores *mask, int ranks, int me,
                           esp_cores *mine) {
  const int begin = (int)((int64_t)me * mask->count / ranks);
  const int end = (int)((int64_t)(me + 1) * mask->count / ranks);
  mine->count = end - begin;
  memcpy(mine->unit, mask->unit + begin,
         (size_t)mine->count * sizeof mine->unit[0]);
}

// How many ranks may use a unit.
static int wanted_by(const esp_cores *mask, int ranks, int unit) {
  int count = 0;
  for (int r = 0; r < ranks; r++) {
    for (int i = 0; i < mask[r].count; i++) count += mask[r].unit[i] == unit;
  }
  return count;
}

// The free unit of a mask that fewest others could use; -1: there is none.
static int best_unit(const esp_cores *mask, int ranks, int me,
                     const bool *taken) {
  int best = -1, rivals = 0;
  for (int i = 0; i < mask[me].count; i++) {
    const int unit = mask[me].unit[i];
    if (unit >= CPU_LIMIT || taken[unit]) continue;
    const int wanted = wanted_by(mask, ranks, unit);
    if (best >= 0 && wanted >= rivals) continue;
    best = unit;
    rivals = wanted;
  }
  return best;
}

// One core at a time to the rank that has fewest; of equals, to the one with
// the smaller mask, as it has less choice.
static void share_masks(const esp_cores *mask, int ranks, int me,
                        esp_cores *mine) {
  int owned[ESP_MAX_CORES] = {0}; // number of cores of each rank
  bool taken[CPU_LIMIT] = {false};
  for (;;) {
    int next = -1, unit = -1;
    for (int r = 0; r < ranks && r < ESP_MAX_CORES; r++) {
      if (next >= 0 &&
          (owned[r] > owned[next] ||
           (owned[r] == owned[next] && mask[r].count >= mask[next].count))) {
        continue;
      }
      const int free = best_unit(mask, ranks, r, taken);
      if (free < 0) continue;
      next = r;
      unit = free;
    }
    if (next < 0) return;
    taken[unit] = true;
    owned[next]++;
    if (next != me) continue;
    int at = mine->count++; // in the machine's order
    for (; at > 0 && mine->unit[at - 1] > unit; at--) {
      mine->unit[at] = mine->unit[at - 1];
    }
    mine->unit[at] = unit;
  }
}

void esp_resources_share(const esp_cores *mask, int ranks, int me,
                         esp_cores *mine, bool *shared) {
  *mine = (esp_cores){0};
  if (all_the_same(mask, ranks)) {
    share_one_mask(&mask[0], ranks, me, mine);
  } else {
    share_masks(mask, ranks, me, mine);
  }
  // With a core for some ranks only, none of them is to bind its threads.
  *shared =
      mine->count == 0 || (all_the_same(mask, ranks) && mask[0].count < ranks);
  if (mine->count > 0) return;
  mine->count = 1;
  mine->unit[0] = mask[me].unit[me % mask[me].count];
}

esp_status esp_resources_find(const esp_comm *comm, esp_resources *resources) {
  *resources = (esp_resources){0};
  esp_status status = esp_topology_cores(&resources->mask);
  if (comm == NULL) {
    resources->cores = resources->mask;
    return status;
  }
  ESP_TRY(esp_comm_agree(comm, status));
  const int ranks = esp_comm_node_size(comm);
  esp_cores *all = calloc((size_t)ranks, sizeof *all);
  status =
      all != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot compare cores");
  ESP_TRY(esp_comm_agree(comm, status));
  esp_comm_node_gather(comm, &resources->mask, sizeof *all, all);
  esp_resources_share(all, ranks, esp_comm_node_rank(comm), &resources->cores,
                      &resources->shared);
  free(all);
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
  int width, workers;
  ESP_TRY(esp_threads_width(job->width, &width));
  ESP_TRY(esp_threads_workers(job->workers, &workers));
  const bool one_stream = latency && job->streams == 1;
  resources->free_choice =
      workers == 0 && width == 0 && (job->streams == 0 || one_stream);
  resources->width = width > 0 ? width : 1;
  if (workers == 0) workers = latency ? cores / resources->width : 1;
  resources->workers = workers > 0 ? workers : 1;

  // Over a dataset, one stream of one thread for each core is hard to beat.
  const int threads = resources->workers * resources->width;
  int streams = (int)job->streams;
  if (streams == 0) streams = latency ? 1 : cores / threads;
  resources->streams = streams > 0 ? streams : 1;
  return esp_threads_check(resources->streams, resources->workers,
                           resources->width, cores, job->oversubscribe);
}
