#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "batch/private.h"

void esp_runner_rows(const esp_batch_options *options, int64_t number,
                     int64_t *first, int64_t *count) {
  *first = number * options->full.batch;
  *count = options->samples - *first;
  if (*count > options->full.batch) *count = options->full.batch;
}

esp_status esp_runner_tell_asked(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  const int asked = o->asked_to_stop != NULL ? o->asked_to_stop(o->context) : 0;
  if (asked == runner->stop) return ESP_OK;
  runner->stop = asked;
  return esp_dealer_tell(runner->dealer, &(esp_tidings){.stop = asked});
}

void esp_seat_start(esp_runner *runner, int index, int64_t number) {
  esp_seat *seat = &runner->seat[index];
  seat->running = true;
  seat->computed = false;
  seat->ending = (esp_ending){.status = ESP_OK};
  runner->running++;
  esp_exec_start(seat->engine->exec, seat->slot, number);
}

void esp_runner_move(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  if (o->full.exec != NULL) esp_exec_move(o->full.exec);
  if (o->tail.exec != NULL) esp_exec_move(o->tail.exec);
}

// Has this rank done its part of a seat's batch?
static void look_at(esp_seat *seat) {
  esp_status status;
  const char *message;
  seat->computed =
      esp_exec_done(seat->engine->exec, seat->slot, &status, &message);
  if (seat->computed) esp_ending_own(seat, status, message);
}

esp_status esp_runner_collect(esp_runner *runner,
                              esp_status (*ended)(esp_runner *, esp_seat *)) {
  for (int i = 0; i < runner->seats; i++) {
    esp_seat *seat = &runner->seat[i];
    if (!seat->running) continue;
    if (!seat->computed) look_at(seat);
    if (!seat->computed || seat->unheard > 0) continue;
    seat->running = false;
    runner->running--;
    ESP_TRY(ended(runner, seat));
  }
  return ESP_OK;
}

// Is a part of a batch still to be done here?
static bool computes(const esp_runner *runner) {
  for (int i = 0; i < runner->seats; i++) {
    if (runner->seat[i].running && !runner->seat[i].computed) return true;
  }
  return false;
}

// Of the plans, by MPI.
static int messages_under_way(const esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  int count = 0;
  if (o->full.exec != NULL) count += esp_exec_messages(o->full.exec);
  if (o->tail.exec != NULL) count += esp_exec_messages(o->tail.exec);
  return count;
}

// MPI tells nobody that a message has come: somebody must look.  While the
// workers compute, looking often would take their cores from them; when they
// are idle, this rank's core is free for it.
void esp_runner_rest(esp_runner *runner, uint64_t seen, bool expecting) {
  // Nothing rings when somebody asks to stop.
  static const double A_MOMENT = 50e-6, A_WHILE = 500e-6, AT_MOST = 0.1;
  const esp_batch_options *o = runner->options;
  const bool hears = esp_messages_pending(runner->orders) > 0 ||
                     esp_messages_pending(runner->endings) > 0;
  const bool moves = messages_under_way(runner) > 0;
  double limit = expecting || hears ? A_WHILE : AT_MOST;
  if (moves || hears) {
    const bool busy = esp_workers_busy(o->workers) > 0;
    if (!busy && (moves || !computes(runner))) limit = 0;
    if (busy && moves) limit = A_MOMENT;
  }
  const double begin = esp_clock_seconds();
  if (limit != 0) {
    esp_bell_wait(o->bell, seen, limit);
  } else {
    (void)sched_yield(); // a worker of this or another rank may have just woken
  }
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
  ESP_TRY(esp_messages_create(o->group, (int)places, &runner->orders));
  ESP_TRY(esp_ending_open(runner));
  const int64_t deals = o->chain != NULL ? o->chains : o->end - o->first;
  ESP_TRY(esp_dealer_create(o->world, (long)deals, &runner->dealer));
  ESP_TRY(esp_outcome_open(runner));
  return esp_outcome_score_done(runner);
}

static void close_runner(esp_runner *runner) {
  esp_outcome_close(runner);
  esp_dealer_free(runner->dealer);
  esp_messages_free(runner->orders);
  esp_ending_close(runner);
  free(runner->ended);
  free(runner->order);
  free(runner->seat);
  free(runner->safe.written);
  free(runner->message);
}

// The others are in the middle of something that this rank takes part in.
static void give_up(const esp_runner *runner, esp_status status) {
  esp_comm_abort(runner->options->world, status == ESP_BAD_INPUT ? 3 : 1,
                 esp_last_error());
}

static esp_status run(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  esp_comm_barrier(o->world); // so that all measure from one moment
  runner->safe.synced = esp_clock_seconds();
  if (runner->result->began == 0) runner->result->began = runner->safe.synced;
  const esp_status status = esp_comm_rank(o->group) == 0
                                ? esp_runner_lead(runner)
                                : esp_runner_follow(runner);
  if (status != ESP_OK) give_up(runner, status);
  esp_batch_result *result = runner->result;
  if (esp_ranges_cover(&o->journal->done, 0, o->samples)) {
    result->stop = ESP_STOP_NONE; // asked for, but all was done
  }
  esp_comm_broadcast(o->world, 0, &result->stop, sizeof result->stop);
  result->seconds = esp_clock_seconds() - result->began;
  result->pace_s = runner->ends > 1 ? (runner->last_end - runner->first_end) /
                                          (runner->ends - 1)
                                    : 0;
  result->finished += esp_dealer_finished(runner->dealer);
  if (runner->status != ESP_OK) {
    (void)esp_fail_message(runner->status, runner->message);
  }
  return esp_comm_agree(o->world, runner->status);
}

esp_status esp_batch_run(const esp_batch_options *options,
                         esp_batch_result *result) {
  esp_runner runner = {.options = options, .result = result};
  esp_status status = esp_comm_agree(options->world, open_runner(&runner));
  if (status == ESP_OK) status = run(&runner);
  close_runner(&runner);
  return status;
}
