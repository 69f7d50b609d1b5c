// One batch over the ranks that were started: the measured answer to what ranks
// that share a batch give.
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/trial.h"
#include "base/clock.h"

enum { ROUNDS = 9, MOST_BATCHES = 200, GO_TAG = 1 << 20 };
static const double ROUND_SECONDS = 20e-3;

// The others sleep while rank 0 measures alone, and look a thousand times a
// second: a rank that waits inside MPI would take a core.
static esp_status wait_for_word(const esp_comm *comm, int *word) {
  esp_messages *letters;
  ESP_TRY(esp_messages_create(comm, 1, &letters));
  esp_messages_receive(letters, 0, 0, GO_TAG, word, sizeof *word);
  int ended;
  while (esp_messages_test(letters, &ended) == 0) (void)usleep(1000);
  esp_messages_free(letters);
  return ESP_OK;
}

static esp_status give_word(const esp_comm *comm, int word) {
  const int others = esp_comm_size(comm) - 1;
  esp_messages *letters;
  int *ended = calloc((size_t)others + 1, sizeof *ended);
  if (ended == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot tell the ranks");
  ESP_TRY(esp_messages_create(comm, others, &letters));
  for (int r = 1; r <= others; r++) {
    esp_messages_send(letters, r - 1, r, GO_TAG, &word, sizeof word);
  }
  while (esp_messages_pending(letters) > 0) {
    (void)esp_messages_test(letters, ended);
  }
  esp_messages_free(letters);
  free(ended);
  return ESP_OK;
}

esp_status esp_trial_call(const esp_comm *comm, bool *go) {
  int word = *go;
  ESP_TRY(esp_comm_rank(comm) == 0 ? give_word(comm, word)
                                   : wait_for_word(comm, &word));
  *go = word != 0;
  return ESP_OK;
}

typedef struct rig {
  const esp_comm *comm;
  const esp_graph *graph;
  esp_plan *plan;
  esp_workers *workers;
  esp_bell *bell;
  esp_exec *exec;
  int64_t batches;
} rig;

// All ranks make one plan, from rank 0's seconds.
static esp_status open_rig(const esp_trial_ranks_options *o, rig *r) {
  const esp_plan_problem problem = {
      .graph = o->graph,
      .ranks = esp_comm_size(o->comm),
      .workers = 1,
      .width = 1,
      .seconds = o->seconds,
      .message_seconds = o->machine->message_seconds,
      .message_bytes_per_second = o->machine->message_bytes_per_second};
  ESP_TRY(esp_plan_build(&problem, &r->plan));
  ESP_TRY(esp_bell_create(&r->bell));
  ESP_TRY(esp_trial_pool(o->cores, 1, 1, &r->workers));
  const esp_exec_options options = {.graph = o->graph,
                                    .plan = r->plan,
                                    .rank = esp_comm_rank(o->comm),
                                    .group = o->comm,
                                    .workers = r->workers,
                                    .bell = r->bell,
                                    .slots = 1};
  return esp_exec_create(&options, &r->exec);
}

static void close_rig(rig *r) {
  esp_workers_close(r->workers);
  esp_exec_free(r->exec);
  esp_bell_free(r->bell);
  esp_plan_free(r->plan);
}

static esp_status run_batch(rig *r, double *seconds) {
  const double began = esp_clock_seconds();
  esp_status status;
  const char *message;
  esp_exec_start(r->exec, 0, r->batches++);
  for (;;) {
    const uint64_t seen = esp_bell_count(r->bell);
    esp_exec_move(r->exec);
    if (esp_exec_done(r->exec, 0, &status, &message)) break;
    if (esp_exec_messages(r->exec) > 0 && esp_workers_busy(r->workers) == 0) {
      (void)sched_yield();
    } else {
      esp_bell_wait(r->bell, seen, 50e-6);
    }
  }
  *seconds = esp_clock_seconds() - began;
  return status == ESP_OK ? ESP_OK : ESP_FAIL(status, "%s", message);
}

static esp_status run_round(rig *r, int batches, double *seconds) {
  double took[MOST_BATCHES];
  for (int b = 0; b < batches; b++) ESP_TRY(run_batch(r, &took[b]));
  *seconds = esp_quantile(took, batches, 0.5);
  return ESP_OK;
}

static esp_status run_rounds(rig *r, double *seconds, double *spread) {
  double took[ROUNDS], first;
  ESP_TRY(run_round(r, 3, &first));
  double fit = ROUND_SECONDS / fmax(first, 1e-7); // rank 0 decides for all
  esp_comm_broadcast(r->comm, 0, &fit, sizeof fit);
  const int batches = fit > MOST_BATCHES ? MOST_BATCHES
                      : fit < 3          ? 3
                                         : (int)fit;
  for (int i = 0; i < ROUNDS; i++) {
    ESP_TRY(run_round(r, batches, &took[i]));
  }
  *seconds = esp_quantile(took, ROUNDS, 0.5);
  *spread =
      (esp_quantile(took, ROUNDS, 0.75) - esp_quantile(took, ROUNDS, 0.25)) /
      fmax(*seconds, 1e-12);
  return ESP_OK;
}

esp_status esp_trial_ranks(const esp_trial_ranks_options *options,
                           double *seconds, double *spread) {
  rig r = {.comm = options->comm, .graph = options->graph};
  esp_status status = esp_comm_agree(options->comm, open_rig(options, &r));
  if (status == ESP_OK) {
    esp_trial_fill(options->graph, r.exec);
    status = run_rounds(&r, seconds, spread);
    // In the middle of a batch nobody can agree.
    if (status != ESP_OK) esp_comm_abort(options->comm, 1, esp_last_error());
  }
  close_rig(&r);
  return status;
}
