// Gathers what the ranks measured into rank 0's report.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/job_run.h"
#include "report/notes.h"

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// The value below which `share` of the sorted numbers lie (nearest rank).
static double quantile(const double *sorted, int count, double share) {
  if (count == 0) return 0;
  int at = (int)(share * count);
  return sorted[at < count ? at : count - 1];
}

static esp_status gather_latencies(esp_running *run, esp_report *r) {
  double *all = NULL;
  int count = 0;
  // Those of ways that were only tried are left out.
  const int64_t first = run->first_latency;
  const double *mine = run->outcome.latencies > 0
                           ? run->outcome.latency_s + first
                           : run->outcome.latency_s;
  ESP_TRY(esp_comm_gather_numbers(
      run->comm, mine, (int)(run->outcome.latencies - first), &all, &count));
  if (count > 0) {
    qsort(all, (size_t)count, sizeof *all, rising);
    r->latency_median_s = quantile(all, count, 0.5);
    r->latency_p99_s = quantile(all, count, 0.99);
  }
  free(all);
  return ESP_OK;
}

static double computed(const esp_running *run) {
  return esp_engine_computed(&run->full) + esp_engine_computed(&run->tail);
}

// What each rank did with its time.
static esp_status gather_shares(esp_running *run, esp_report *r) {
  const esp_batch_result *o = &run->outcome;
  const esp_tune *tune = &run->tune;
  const double all = o->seconds > 0 ? o->seconds : 1;
  const int workers = run->resources.streams * run->resources.workers;
  const double mine[] = {
      (tune->worked_before + computed(run) / (workers > 0 ? workers : 1)) / all,
      (tune->moved_before + esp_engine_moved(&run->full) +
       esp_engine_moved(&run->tail)) /
          all,
      o->read_s / all, o->write_s / all, o->wait_s / all};
  enum { NUMBERS = sizeof mine / sizeof mine[0] };
  double *gathered = NULL;
  int count;
  ESP_TRY(esp_comm_gather_numbers(run->comm, mine, NUMBERS, &gathered, &count));
  r->share = calloc((size_t)esp_comm_size(run->comm), sizeof *r->share);
  for (int i = 0; r->share != NULL && NUMBERS * i < count; i++) {
    const double *s = gathered + (size_t)NUMBERS * (size_t)i;
    r->share[i] = (esp_rank_shares){s[0], s[1], s[2], s[3], s[4]};
  }
  free(gathered);
  return r->share != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot report");
}

static void gather_sums(esp_running *run, esp_report *r) {
  const esp_batch_result *o = &run->outcome;
  double sums[] = {(double)o->right, (double)o->samples, o->read_s,
                   o->write_s,       o->wait_s,          computed(run)};
  esp_comm_sum(run->comm, sums, (int)(sizeof sums / sizeof sums[0]));
  r->right = (int64_t)sums[0];
  r->computed = (int64_t)sums[1];
  r->read_s = sums[2];
  r->write_s = sums[3];
  r->wait_s = sums[4];
  r->compute_s = sums[5];
}

// "node1 x 2, node2 x 2": ranks come node by node from every launcher's
// default; where they do not, a host is named again.
static char *list_hosts(const char *names, int ranks) {
  char *text = NULL;
  size_t bytes;
  FILE *out = open_memstream(&text, &bytes);
  if (out == NULL) return NULL;
  for (int r = 0, same; r < ranks; r += same) {
    const char *name = names + (size_t)r * ESP_HOST_BYTES;
    for (same = 1; r + same < ranks; same++) {
      if (strcmp(name, name + (size_t)same * ESP_HOST_BYTES) != 0) break;
    }
    fprintf(out, "%s%s x %d", r > 0 ? ", " : "", name, same);
  }
  return fclose(out) == 0 ? text : NULL;
}

esp_status esp_hosts_gather(const esp_comm *comm, char **names) {
  char mine[ESP_HOST_BYTES] = "";
  (void)gethostname(mine, sizeof mine - 1);
  *names = calloc((size_t)esp_comm_size(comm), ESP_HOST_BYTES);
  const esp_status status =
      *names != NULL ? ESP_OK
                     : ESP_FAIL(ESP_NO_MEMORY, "cannot list the hosts");
  ESP_TRY(esp_comm_agree(comm, status));
  esp_comm_gather_texts(comm, mine, ESP_HOST_BYTES, *names);
  return ESP_OK;
}

esp_status esp_report_hosts(const esp_comm *comm, char **hosts) {
  char *names;
  const esp_status status = esp_hosts_gather(comm, &names);
  if (status == ESP_OK && esp_comm_rank(comm) == 0) {
    *hosts = list_hosts(names, esp_comm_size(comm));
  }
  free(names);
  return status;
}

static void describe_plan(const esp_running *run, esp_report *r) {
  const esp_resources *have = &run->resources;
  const esp_built *built =
      run->full.exec != NULL ? &run->full_built : &run->tail_built;
  r->ranks = esp_comm_size(run->comm);
  r->replicas = have->replicas;
  r->ranks_per_replica = have->ranks_per_replica;
  r->streams = have->streams;
  r->workers = have->workers;
  r->width = have->width;
  r->batch = run->batch;
  if (built->plan == NULL) return; // no samples
  r->molded = built->plan->molded;
  for (int n = 0; n < built->plan->nnode; n++) {
    r->nodes_per_rank[built->plan->rank_of[n]]++;
  }
  const int slots = run->full.exec != NULL ? run->full.slots : run->tail.slots;
  for (int i = 0; i < built->plan->ranks; i++) {
    const esp_rank_plan *rank = &built->plan->rank[i];
    r->weight_bytes[i] = rank->weight_bytes;
    r->value_bytes[i] = (double)slots * (double)rank->bytes;
  }
  r->predicted_s = built->plan->predicted;
  r->lower_bound_s = built->plan->lower_bound;
  if (built->plan->critical > 0) {
    r->ceiling = built->plan->total / built->plan->critical;
  }
}

static esp_status add_notes(const esp_running *run, esp_report *r) {
  const esp_note_figures figures = {
      .cores = run->resources.cores.count,
      .batches =
          (r->computed + run->batch - 1) / (run->batch > 0 ? run->batch : 1),
      .tune_off = !run->tune.on,
      .others = r->seconds > 0 ? run->others_s / r->seconds : 0};
  return esp_notes_find(&figures, r);
}

static char *copy(const char *text) { return strdup(text != NULL ? text : ""); }

static esp_status fill(esp_running *run, esp_report *r) {
  const esp_job *job = run->job;
  r->nodes_per_rank = calloc((size_t)run->resources.ranks_per_replica,
                             sizeof *r->nodes_per_rank);
  const size_t ranks = (size_t)run->resources.ranks_per_replica;
  r->weight_bytes = calloc(ranks, sizeof *r->weight_bytes);
  r->value_bytes = calloc(ranks, sizeof *r->value_bytes);
  if (r->nodes_per_rank == NULL || r->weight_bytes == NULL ||
      r->value_bytes == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot report");
  }
  r->memory_limit = 1e6 * (double)job->memory;
  describe_plan(run, r);
  const esp_built *built =
      run->full.exec != NULL ? &run->full_built : &run->tail_built;
  r->method = copy(built->plan != NULL ? built->plan->method : "nothing to do");
  r->model = copy(run->model_text);
  r->input = copy(job->input);
  r->output = copy(job->output);
  r->summary_file = job->summary != NULL && strcmp(job->summary, "-") != 0
                        ? copy(job->summary)
                        : NULL;
  r->accuracy = run->accuracy;
  r->samples = run->samples;
  r->done = esp_ranges_total(&run->past.journal.done);
  r->resumed_from = run->resumed_from;
  r->stopped = run->outcome.stop != ESP_STOP_NONE;
  r->nothing_to_do = run->past.finished;
  r->seconds = run->outcome.seconds;
  r->load_s = run->load_s;
  r->measured_s = r->latency_median_s;
  r->peak_bytes = 0;
  if (run->full.exec != NULL) {
    r->peak_bytes += (double)esp_exec_bytes(run->full.exec);
  }
  if (run->tail.exec != NULL) {
    r->peak_bytes += (double)esp_exec_bytes(run->tail.exec);
  }
  // Of a run that was stopped, what it has done is scored.
  if (run->scoring.labels != NULL) {
    r->score_name = copy("accuracy");
    r->score = r->done > 0 ? (double)r->right / (double)r->done : 0;
  }
  r->costs = run->tune.costs != NULL ? run->tune.costs : "estimated";
  ESP_TRY(add_notes(run, r));
  return esp_versions(&r->versions);
}

esp_status esp_report_make(esp_running *run, esp_report **report) {
  esp_report *r = calloc(1, sizeof *r);
  esp_status status =
      r != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot report");
  ESP_TRY(esp_comm_agree(run->comm, status));
  status = gather_latencies(run, r);
  if (status == ESP_OK) {
    gather_sums(run, r);
    status = gather_shares(run, r);
  }
  if (status == ESP_OK) {
    status = esp_report_hosts(run->comm, &r->hosts);
  }
  if (status == ESP_OK) status = fill(run, r);
  status = esp_comm_agree(run->comm, status);
  if (status != ESP_OK || esp_comm_rank(run->comm) != 0) {
    esp_report_free(r);
    return status;
  }
  *report = r;
  return ESP_OK;
}
