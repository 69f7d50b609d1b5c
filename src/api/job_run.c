// A job from its keys to its report.  Each phase ends with the ranks agreeing
// on its status, so that nobody goes on alone.
#include "api/job_tune.h"
#include "api/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "optimise/optimise.h"

// Ranks that share a batch have one plan: each takes as many threads as the one
// that has fewest cores.
static esp_status level_threads(esp_running *run) {
  esp_resources *r = &run->resources;
  if (r->ranks_per_replica == 1 || run->tune.alike) return ESP_OK;
  const double mine[2] = {r->streams, r->workers};
  double *all = NULL;
  int count = 0, least[2] = {r->streams, r->workers};
  ESP_TRY(esp_comm_gather_numbers(run->comm, mine, 2, &all, &count));
  for (int i = 0; i < count; i++) {
    if ((int)all[i] < least[i % 2]) least[i % 2] = (int)all[i];
  }
  free(all);
  esp_comm_broadcast(run->comm, 0, least, sizeof least);
  r->streams = least[0];
  r->workers = least[1];
  return ESP_OK;
}

static esp_status compute(esp_running *run, const esp_listener *listener) {
  const esp_comm *comm = run->comm;
  esp_status status =
      esp_resources_divide(run->job, esp_comm_size(comm), &run->resources);
  ESP_TRY(esp_comm_agree(comm, status));
  ESP_TRY(esp_tune_read(run));
  ESP_TRY(level_threads(run));
  ESP_TRY(esp_comm_agree(comm, esp_job_choose_batch(run)));
  // Batches have one number on all ranks, also where cores are uneven.
  esp_comm_broadcast(comm, 0, &run->batch, sizeof run->batch);
  ESP_TRY(esp_machine_shared(comm, &run->machine));
  ESP_TRY(esp_comm_agree(comm, esp_memory_fit(run)));
  ESP_TRY(level_threads(run)); // of the ranks that now share a batch
  ESP_TRY(esp_job_try_batches(run));
  status = esp_resume_list(run);
  if (status == ESP_OK) status = esp_state_list(run);
  ESP_TRY(esp_comm_agree(comm, status));
  const int replica = esp_comm_rank(comm) / run->resources.ranks_per_replica;
  ESP_TRY(esp_comm_split(comm, replica, &run->group));
  if (run->resources.ranks_per_replica > 1) {
    ESP_TRY(esp_machine_links(run->group, &run->machine, &run->ranks_per_node));
    esp_comm_broadcast(comm, 0, &run->machine, sizeof run->machine);
  }
  ESP_TRY(esp_job_compare_precision(run));
  ESP_TRY(esp_tune_begin(run));
  ESP_TRY(esp_job_trace_begin(run));
  ESP_TRY(esp_engines_make(run, run->npending));
  ESP_TRY(esp_outputs_open(run));
  run->load_s = esp_clock_seconds() - run->began;
  const double others = esp_trial_others_seconds(&run->resources.cores);
  ESP_TRY(esp_tune_run(run, listener));
  run->others_s = esp_trial_others_seconds(&run->resources.cores) - others;
  ESP_TRY(esp_tune_keep(run));
  ESP_TRY(esp_job_trace_end(run));
  if (run->outcome.stop != ESP_STOP_NONE) return ESP_OK;
  return esp_results_finish(run->results);
}

static esp_status run_phases(esp_running *run, const esp_listener *listener,
                             esp_report **report) {
  const esp_comm *comm = run->comm;
  run->began = esp_clock_seconds();
  ESP_TRY(esp_comm_agree(comm, esp_job_check(run->job)));
  ESP_TRY(esp_comm_agree(comm, esp_use_packed(run->job->packed_cache)));
  esp_comm_patience(run->comm, (int)run->job->silence_seconds);
  ESP_TRY(esp_inputs_open(run));
  ESP_TRY(esp_resume_look(run));
  ESP_TRY(esp_resources_find(comm, &run->resources));
  if (run->past.finished) {
    run->resumed_from = run->samples;
  } else {
    ESP_TRY(compute(run, listener));
  }
  ESP_TRY(esp_report_make(run, report));
  ESP_TRY(esp_job_page_write(run, *report));
  if (run->outcome.stop == ESP_STOP_NONE) return ESP_OK;
  return ESP_FAIL(ESP_STOPPED, "%s: stopped early; the same command goes on",
                  run->job->output);
}

static void close_run(esp_running *run) {
  esp_job_trace_close(run);
  esp_results_close(run->results);
  const esp_context *context = run->context;
  (void)esp_workers_rebind(run->workers, run->workers_before, run->width_before,
                           context->pinned ? context->cores.unit : NULL,
                           context->cores.count);
  esp_engines_end(run);
  esp_tune_end(run);
  esp_bell_free(run->bell);
  esp_comm_free_part(run->group);
  esp_inputs_close(run);
  esp_graph_free(run->model);
  free(run->result_of);
  free(run->pending);
  esp_ranges_end(&run->past.journal.done);
  free(run->outcome.latency_s);
}

esp_status esp_job_run(esp_context *context, const esp_job *job,
                       const esp_listener *listener, esp_report **report) {
  *report = NULL;
  if (context->comm == NULL) {
    return ESP_FAIL(ESP_USAGE, "a job needs a context with MPI: open it "
                               "without `alone`");
  }
  esp_running run = {.context = context,
                     .comm = context->comm,
                     .job = job,
                     .workers = context->workers,
                     .workers_before = esp_workers_count(context->workers),
                     .width_before = esp_workers_width(context->workers)};
  const esp_status status = run_phases(&run, listener, report);
  close_run(&run);
  return status;
}
