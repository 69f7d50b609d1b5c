// The engines of a job: graph, plan, packed weights and memory for its batches.
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"

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

esp_build_options esp_engine_options(const esp_running *run, int64_t batch,
                                     int slots) {
  esp_build_options how = {.model = run->model,
                           .machine = &run->machine,
                           .batch = batch,
                           .micro_batch =
                               esp_micro_batch(run->job->micro_batch),
                           .ranks = run->resources.ranks_per_replica,
                           .ranks_per_node = run->ranks_per_node,
                           .workers = run->resources.workers,
                           .width = run->resources.width,
                           .divide = !run->resources.free_choice,
                           .memory = esp_memory_limit(run),
                           .slots = slots,
                           .copies = esp_weight_copies(run)};
  if (how.memory > 0) how.micro_batch = 0; // each piece wants all weights
  return how;
}

static esp_status build_engine(esp_running *run, int64_t batch, int slots,
                               int first_tag, esp_built *built,
                               esp_engine *engine) {
  esp_build_options how = esp_engine_options(run, batch, slots);
  const esp_book *book = &run->tune.book;
  if (batch == run->batch && book->batch == batch &&
      book->way.width == how.width &&
      book->way.molded == run->resources.molded) {
    how.seconds = book->seconds;
    how.narrow = book->narrow;
    how.nodes = book->nodes;
  }
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

// Does the batch of this place among the pending ones have fewer samples, in a
// graph of its own?  A model with a batch of its own gets its last one filled
// with zeros.
static bool is_tail(const esp_running *run, int64_t place) {
  return run->fixed <= 0 && run->samples % run->batch > 0 &&
         run->pending[place] == run->samples / run->batch;
}

int esp_engine_slots(const esp_running *run) {
  const esp_resources *r = &run->resources;
  const bool latency = strcmp(run->job->objective, "latency") == 0;
  // One is read or written meanwhile; each stage has one to work on.
  return r->streams + (latency ? 1 : r->ranks_per_replica);
}

static esp_status build(esp_running *run, int64_t end) {
  const esp_resources *r = &run->resources;
  if (run->bell == NULL) ESP_TRY(esp_bell_create(&run->bell));
  const char *pin = run->job->pin;
  const bool bound =
      strcmp(pin, "auto") == 0 ? !r->shared : strcmp(pin, "yes") == 0;
  ESP_TRY(esp_workers_rebind(run->workers, r->streams * r->workers, r->width,
                             bound ? r->cores.unit : NULL, r->cores.count));
  const bool ends = end > 0 && end == run->npending && is_tail(run, end - 1);
  const int slots = esp_engine_slots(run);
  int tags = 0;
  run->full.batch = run->batch;
  if (end > (ends ? 1 : 0)) {
    if (run->full.exec == NULL) {
      ESP_TRY(build_engine(run, run->batch, slots, tags, &run->full_built,
                           &run->full));
    }
    tags = slots * run->full_built.plan->nmessage;
  }
  if (ends && run->tail.exec == NULL) {
    const int64_t rest = run->samples % run->batch;
    ESP_TRY(build_engine(run, rest, 1, tags, &run->tail_built, &run->tail));
  }
  return ESP_OK;
}

// The ranks of a group have the same engines.
static esp_status connect(const esp_running *run) {
  if (run->full.exec != NULL) ESP_TRY(esp_exec_connect(run->full.exec));
  return run->tail.exec != NULL ? esp_exec_connect(run->tail.exec) : ESP_OK;
}

esp_status esp_engines_make(esp_running *run, int64_t end) {
  ESP_TRY(esp_comm_agree(run->comm, build(run, end)));
  ESP_TRY(esp_comm_agree(run->comm, connect(run)));
  (void)esp_comm_share_constants(run->comm);
  return ESP_OK;
}

// Keeps the seconds in the book, and frees them.  Of a molded plan each node
// was measured in one width; in the other it stays as it was known.
static void note_seconds(esp_running *run, double *seconds, int nodes) {
  esp_book *book = &run->tune.book;
  const esp_resources *r = &run->resources;
  const esp_plan *plan = run->full_built.plan;
  const bool both = r->molded && book->narrow != NULL && book->nodes == nodes;
  for (int n = 0; both && n < nodes; n++) {
    const bool narrow = plan->width_of[n] == 1;
    (narrow ? book->narrow : book->seconds)[n] = seconds[n];
  }
  if (both) {
    free(seconds);
  } else {
    free(book->seconds);
    free(book->narrow);
    book->seconds = seconds;
    book->narrow = NULL;
  }
  book->way = (esp_way){r->streams, r->workers, r->width, book->narrow != NULL};
  book->batch = run->batch;
  book->nodes = nodes;
}

esp_status esp_engines_measure(esp_running *run) {
  const bool have = run->full.exec != NULL;
  const int nodes = have ? run->full.graph->nnode : 0;
  double *sum = calloc((size_t)nodes + 1, sizeof *sum);
  ESP_TRY(esp_comm_agree(
      run->comm, sum != NULL
                     ? ESP_OK
                     : ESP_FAIL(ESP_NO_MEMORY, "cannot sum up the costs")));
  if (have) esp_exec_add_usual(run->full.exec, sum);
  const double mine = have ? (double)esp_exec_batches(run->full.exec) : 0;
  for (int n = 0; n < nodes; n++) sum[n] *= mine;
  if (esp_comm_rank(run->group) == 0) sum[nodes] = mine;
  esp_comm_sum(run->comm, sum, nodes + 1);
  const double batches = sum[nodes];
  for (int n = 0; n < nodes && batches > 0; n++) sum[n] /= batches;
  if (batches > 0) {
    note_seconds(run, sum, nodes);
  } else {
    free(sum); // what is known stays
  }
  return ESP_OK;
}

double esp_engine_computed(const esp_engine *engine) {
  double sum = 0;
  if (engine->exec == NULL) return sum;
  double *seconds = calloc((size_t)engine->graph->nnode + 1, sizeof *seconds);
  if (seconds == NULL) return sum;
  esp_exec_add_seconds(engine->exec, seconds);
  for (int n = 0; n < engine->graph->nnode; n++) {
    const esp_plan *plan = engine->plan;
    sum += plan->molded ? seconds[n] * plan->width_of[n] / plan->width
                        : seconds[n];
  }
  free(seconds);
  return sum;
}

double esp_engine_moved(const esp_engine *engine) {
  return engine->exec != NULL ? esp_exec_moved_seconds(engine->exec) : 0;
}

void esp_engines_end(esp_running *run) {
  esp_exec_free(run->full.exec);
  esp_exec_free(run->tail.exec);
  esp_build_end(&run->full_built);
  esp_build_end(&run->tail_built);
  run->full = run->tail = (esp_engine){0};
}
