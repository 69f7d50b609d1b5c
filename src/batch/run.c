#include <stdlib.h>

#include "base/clock.h"
#include "batch/private.h"

void esp_seat_start(esp_runner *runner, int index, int64_t number) {
  esp_seat *seat = &runner->seat[index];
  seat->running = true;
  runner->running++;
  esp_exec_start(seat->engine->exec, seat->slot, number);
}

void esp_runner_move(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  if (o->full.exec != NULL) esp_exec_move(o->full.exec);
  if (o->tail.exec != NULL) esp_exec_move(o->tail.exec);
}

esp_status esp_runner_collect(esp_runner *runner,
                              esp_status (*ended)(esp_runner *, esp_seat *)) {
  for (int i = 0; i < runner->seats; i++) {
    esp_seat *seat = &runner->seat[i];
    esp_status status;
    const char *message;
    if (!seat->running ||
        !esp_exec_done(seat->engine->exec, seat->slot, &status, &message)) {
      continue;
    }
    if (status != ESP_OK) {
      return ESP_FAIL(status, "samples %lld to %lld: %s",
                      (long long)seat->first,
                      (long long)(seat->first + seat->count - 1), message);
    }
    seat->running = false;
    runner->running--;
    if (ended != NULL) ESP_TRY(ended(runner, seat));
  }
  return ESP_OK;
}

static int messages_under_way(const esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  int count = esp_messages_pending(runner->orders);
  if (o->full.exec != NULL) count += esp_exec_messages(o->full.exec);
  if (o->tail.exec != NULL) count += esp_exec_messages(o->tail.exec);
  return count;
}

// MPI tells nobody that a message has come: somebody must look.  While the
// workers compute, looking often would take their cores from them; when they
// are idle, this rank's core is free for it.
void esp_runner_rest(esp_runner *runner, uint64_t seen, bool expecting) {
  static const double A_MOMENT = 50e-6, A_WHILE = 500e-6;
  const esp_batch_options *o = runner->options;
  double limit = -1;
  if (expecting) limit = A_WHILE;
  if (messages_under_way(runner) > 0) {
    limit = esp_workers_busy(o->workers) > 0 ? A_MOMENT : 0;
  }
  const double begin = esp_clock_seconds();
  if (limit != 0) esp_bell_wait(o->bell, seen, limit);
  runner->result->wait_s += esp_clock_seconds() - begin;
}

static void add_seats(esp_runner *runner, const esp_engine *engine) {
  if (engine->exec == NULL) return;
  for (int i = 0; i < engine->slots; i++) {
    runner->seat[runner->seats++] = (esp_seat){.engine = engine, .slot = i};
  }
}

static esp_status open_runner(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  const int members = esp_comm_size(o->group) - 1;
  const size_t room = (size_t)(o->full.slots + o->tail.slots + 1);
  const size_t places = room * (size_t)(members + 1) + (size_t)members;
  runner->seat = calloc(room, sizeof *runner->seat);
  runner->order = calloc(places + 1, sizeof *runner->order);
  runner->ended = calloc(places + 1, sizeof *runner->ended);
  if (runner->seat == NULL || runner->order == NULL || runner->ended == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot run batches");
  }
  add_seats(runner, &o->full);
  add_seats(runner, &o->tail);
  runner->batches = (o->full.exec != NULL ? o->samples / o->full.batch : 0) +
                    (o->tail.exec != NULL ? 1 : 0);
  ESP_TRY(esp_messages_create(o->group, (int)places, &runner->orders));
  ESP_TRY(esp_dealer_create(o->world, &runner->dealer));
  return esp_outcome_open(runner);
}

static void close_runner(esp_runner *runner) {
  esp_outcome_close(runner);
  esp_dealer_free(runner->dealer);
  esp_messages_free(runner->orders);
  free(runner->ended);
  free(runner->order);
  free(runner->seat);
}

// After a failure on the only rank: what runs still uses the slots' memory.
static void settle(esp_runner *runner) {
  esp_bell *bell = runner->options->bell;
  for (int i = 0; i < runner->seats; i++) {
    const esp_seat *seat = &runner->seat[i];
    esp_status status;
    const char *message;
    for (uint64_t seen = esp_bell_count(bell);
         seat->running &&
         !esp_exec_done(seat->engine->exec, seat->slot, &status, &message);
         seen = esp_bell_count(bell)) {
      esp_bell_wait(bell, seen, 0.1);
    }
  }
}

esp_status esp_batch_run(const esp_batch_options *options,
                         esp_batch_result *result) {
  *result = (esp_batch_result){0};
  esp_runner runner = {.options = options, .result = result};
  esp_status status = esp_comm_agree(options->world, open_runner(&runner));
  if (status == ESP_OK) {
    esp_comm_barrier(options->world); // so that all measure from one moment
    runner.began = esp_clock_seconds();
    status = esp_comm_rank(options->group) == 0 ? esp_runner_lead(&runner)
                                                : esp_runner_follow(&runner);
  }
  if (status != ESP_OK && esp_comm_size(options->world) == 1) settle(&runner);
  if (status == ESP_OK) {
    esp_comm_barrier(options->world);
    result->seconds = esp_clock_seconds() - runner.began;
  }
  close_runner(&runner);
  return status;
}
