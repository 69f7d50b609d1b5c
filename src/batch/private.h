// What the files of batch/ share.  Private to batch/.
#ifndef ESP_BATCH_PRIVATE_H
#define ESP_BATCH_PRIVATE_H

#include "batch/batch.h"

// A slot of one of the two engines.
typedef struct esp_seat {
  const esp_engine *engine;
  int slot;
  bool running;
  int64_t first, count; // rows of the batch in it
} esp_seat;

// What the leader of a replica tells its other ranks.
typedef struct esp_order {
  int64_t number; // of the batch; -1: there are no more
  int64_t seat;
} esp_order;
enum { ESP_ORDER_TAG = (1 << 24) - 1 };

typedef struct esp_runner {
  const esp_batch_options *options;
  esp_batch_result *result;
  esp_seat *seat;
  int seats;
  int running;
  int64_t batches; // of the whole job
  esp_dealer *dealer;
  esp_messages *orders; // leader: a place per seat and member; member: one
  esp_order *order;     // what is under way at those places
  int *ended;
  double began; // seconds of the clock
  double told;  // when progress was last shown
  // scoring of one batch
  int64_t *labels;
  void *raw_labels;
  int64_t *picked;
  float *top_values;
  int64_t *top_indices;
} esp_runner;

// Leads a replica: takes batches, reads, starts, writes (lead.c).
esp_status esp_runner_lead(esp_runner *runner);
// Follows the leader's orders (follow.c).
esp_status esp_runner_follow(esp_runner *runner);

// Starts a batch in a seat; moves the messages of both engines; gives the
// status of a seat that has ended (run.c).
void esp_seat_start(esp_runner *runner, int seat, int64_t number);
void esp_runner_move(esp_runner *runner);
// Notes each seat that has ended, and calls ended() for it.
esp_status esp_runner_collect(esp_runner *runner,
                              esp_status (*ended)(esp_runner *, esp_seat *));
// Sleeps until the workers ring, or, where messages may come, for a moment.
void esp_runner_rest(esp_runner *runner, uint64_t seen, bool expecting);

// Scores a batch and writes argmax and top k (outcome.c).
esp_status esp_outcome_open(esp_runner *runner);
void esp_outcome_close(esp_runner *runner);
esp_status esp_outcome_write(esp_runner *runner, const esp_seat *seat);

#endif
