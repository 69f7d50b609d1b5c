// One batch over the ranks that were started: the measured answer to what ranks
// that share a batch give.
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/rig.h"
#include "api/trial.h"
#include "base/quantile.h"

enum { ROUNDS = 9, MOST_BATCHES = 200, GO_TAG = 1 << 20 };
static const double ROUND_SECONDS = 150e-3;

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

static esp_status run_round(esp_rig *r, int batches, double *seconds) {
  double took[MOST_BATCHES], all;
  ESP_TRY(esp_rig_run(r, batches, took, &all));
  *seconds = esp_quantile(took, batches, 0.5);
  return ESP_OK;
}

static esp_status run_rounds(esp_rig *r, double *seconds, double *spread) {
  double took[ROUNDS], first;
  ESP_TRY(run_round(r, 3, &first));
  int batches = esp_rig_fit(ROUND_SECONDS, first, 3, MOST_BATCHES);
  esp_comm_broadcast(r->group, 0, &batches, sizeof batches); // for all
  for (int i = 0; i < ROUNDS; i++) {
    ESP_TRY(run_round(r, batches, &took[i]));
  }
  *seconds = esp_quantile(took, ROUNDS, 0.5);
  *spread =
      (esp_quantile(took, ROUNDS, 0.75) - esp_quantile(took, ROUNDS, 0.25)) /
      fmax(*seconds, 1e-12);
  return ESP_OK;
}

// All ranks make one plan, from rank 0's seconds.
esp_status esp_trial_ranks(const esp_trial_ranks_options *options,
                           double *seconds, double *spread) {
  esp_rig rig;
  const esp_rig_options how = {.graph = options->graph,
                               .machine = options->machine,
                               .seconds = options->seconds,
                               .cores = options->cores,
                               .group = options->comm,
                               .shape = {1, 1, 1}};
  esp_status status = esp_comm_agree(options->comm, esp_rig_open(&how, &rig));
  if (status == ESP_OK) status = esp_exec_connect(rig.exec);
  if (status == ESP_OK) {
    status = run_rounds(&rig, seconds, spread);
    // In the middle of a batch nobody can agree.
    if (status != ESP_OK) esp_comm_abort(options->comm, 1, esp_last_error());
  }
  esp_rig_close(&rig);
  return status;
}
