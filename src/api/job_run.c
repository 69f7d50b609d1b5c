// A job from its keys to its report.  Each phase ends with the ranks agreeing
// on its status, so that nobody goes on alone.
#include "api/job_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "optimise/optimise.h"

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
static esp_status choose_batch(esp_running *run) {
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

// What cannot be planned is tried on the first rows, and walked.
static esp_status build_walked(const esp_running *run, esp_build_options *how,
                               esp_built *built) {
  esp_tensor *rows = NULL;
  const int ninput = run->model->ninput;
  const esp_tensor **input = calloc((size_t)ninput + 1, sizeof *input);
  esp_status status = input != NULL
                          ? esp_inputs_read(run, how->batch, &rows)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot try the model");
  if (status == ESP_OK) {
    for (int i = 0; i < ninput; i++) input[i] = &rows[i];
    how->input = input;
    how->workers = 1;
    status = esp_build_walked(how, built);
  }
  esp_inputs_free(rows, ninput);
  free(input);
  return status;
}

static esp_status build_engine(esp_running *run, int64_t batch, int slots,
                               int first_tag, esp_built *built,
                               esp_engine *engine) {
  esp_build_options how = {.model = run->model,
                           .machine = &run->machine,
                           .batch = batch,
                           .ranks = run->resources.ranks_per_replica,
                           .workers = run->resources.workers,
                           .width = run->resources.width};
  esp_status status = esp_build(&how, built);
  if (status == ESP_UNSUPPORTED) status = build_walked(run, &how, built);
  ESP_TRY(status);
  const esp_exec_options options = {.graph = built->graph,
                                    .plan = built->plan,
                                    .rank = esp_comm_rank(run->group),
                                    .group = run->group,
                                    .workers = run->workers,
                                    .bell = run->bell,
                                    .timed = true,
                                    .trace = run->trace,
                                    .engine = engine == &run->tail,
                                    .slots = slots,
                                    .first_tag = first_tag};
  *engine = (esp_engine){.graph = built->graph,
                         .plan = built->plan,
                         .batch = batch,
                         .slots = slots};
  return esp_exec_create(&options, &engine->exec);
}

// Phase 3: plans, packed weights, memory, threads.
static esp_status build_engines(esp_running *run) {
  const esp_resources *r = &run->resources;
  ESP_TRY(esp_bell_create(&run->bell));
  const char *pin = run->job->pin;
  const bool bound =
      strcmp(pin, "auto") == 0 ? !r->shared : strcmp(pin, "yes") == 0;
  ESP_TRY(esp_workers_rebind(run->workers, r->streams * r->workers, r->width,
                             bound ? r->cores.unit : NULL, r->cores.count));
  // A model with a batch of its own gets its last one filled with zeros.
  const int64_t rest = run->fixed > 0 ? 0 : run->samples % run->batch;
  const bool ends = // with the smaller batch
      rest > 0 && run->npending > 0 &&
      run->pending[run->npending - 1] == run->samples / run->batch;
  const int slots = r->streams + 1; // one is read or written meanwhile
  int tags = 0;
  run->full.batch = run->batch;
  if (run->npending > ends) {
    ESP_TRY(build_engine(run, run->batch, slots, tags, &run->full_built,
                         &run->full));
    tags = slots * run->full_built.plan->nmessage;
  }
  if (ends) {
    ESP_TRY(build_engine(run, rest, 1, tags, &run->tail_built, &run->tail));
  }
  return ESP_OK;
}

// Latency on several cores: branches on workers, or wide operators?  The plans
// are made on every rank alike from the same machine.
static esp_status choose_shape(esp_running *run) {
  esp_resources *r = &run->resources;
  if (!r->free_choice || r->cores.count == 1 || run->samples == 0) {
    return ESP_OK;
  }
  double best = 0;
  const int shapes[2][2] = {{r->cores.count, 1}, {1, r->cores.count}};
  for (int i = 0; i < 2; i++) {
    const esp_build_options how = {.model = run->model,
                                   .machine = &run->machine,
                                   .batch = run->batch,
                                   .ranks = r->ranks_per_replica,
                                   .workers = shapes[i][0],
                                   .width = shapes[i][1]};
    esp_built built;
    const esp_status status = esp_build(&how, &built);
    if (status == ESP_UNSUPPORTED) { // to be walked, a node at a time
      r->workers = r->width = 1;
      return ESP_OK;
    }
    ESP_TRY(status);
    if (i == 0 || built.plan->predicted < best) {
      best = built.plan->predicted;
      r->workers = shapes[i][0];
      r->width = shapes[i][1];
    }
    esp_build_end(&built);
  }
  return ESP_OK;
}

static esp_status run_batches(esp_running *run, const esp_listener *listener) {
  const esp_batch_options options = {
      .world = run->comm,
      .group = run->group,
      .replicas = run->resources.replicas,
      .workers = run->workers,
      .bell = run->bell,
      .full = run->full,
      .tail = run->tail,
      .samples = run->samples,
      .pending = run->pending,
      .npending = run->npending,
      .done_before = run->resumed_from,
      .chain = run->state.chain,
      .chains = run->state.chains,
      .carry = run->state.carry,
      .carries = run->state.count,
      .source = run->source,
      .sources = run->sources,
      .results = run->results,
      .result_of = run->result_of,
      .scoring = run->scoring,
      .journal = &run->past.journal,
      .journal_seconds = (double)run->job->journal_seconds,
      .asked_to_stop = listener != NULL ? listener->asked_to_stop : NULL,
      .deadline = esp_walltime_deadline(run),
      .trace = run->trace,
      .progress = listener != NULL ? listener->progress : NULL,
      .context = listener != NULL ? listener->context : NULL};
  return esp_batch_run(&options, &run->outcome);
}

static esp_status compute(esp_running *run, const esp_listener *listener) {
  const esp_comm *comm = run->comm;
  esp_status status =
      esp_resources_divide(run->job, esp_comm_size(comm), &run->resources);
  if (status == ESP_OK) status = choose_batch(run);
  if (status == ESP_OK) status = esp_resume_list(run);
  if (status == ESP_OK) status = esp_state_list(run);
  ESP_TRY(esp_comm_agree(comm, status));
  ESP_TRY(esp_machine_shared(comm, &run->machine));
  const int replica = esp_comm_rank(comm) / run->resources.ranks_per_replica;
  ESP_TRY(esp_comm_split(comm, replica, &run->group));
  ESP_TRY(esp_comm_agree(comm, choose_shape(run)));
  ESP_TRY(esp_job_trace_begin(run));
  ESP_TRY(esp_comm_agree(comm, build_engines(run)));
  (void)esp_comm_share_constants(comm);
  ESP_TRY(esp_outputs_open(run));
  run->load_s = esp_clock_seconds() - run->began;
  ESP_TRY(run_batches(run, listener));
  ESP_TRY(esp_job_trace_end(run));
  if (run->outcome.stop != ESP_STOP_NONE) return ESP_OK;
  return esp_results_finish(run->results);
}

static esp_status run_phases(esp_running *run, const esp_listener *listener,
                             esp_report **report) {
  const esp_comm *comm = run->comm;
  run->began = esp_clock_seconds();
  ESP_TRY(esp_comm_agree(comm, esp_job_check(run->job)));
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
  esp_exec_free(run->full.exec);
  esp_exec_free(run->tail.exec);
  esp_bell_free(run->bell);
  esp_build_end(&run->full_built);
  esp_build_end(&run->tail_built);
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
