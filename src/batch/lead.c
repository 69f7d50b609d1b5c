// The leader of a replica: takes a batch number from the dealer, reads its
// rows, starts it, and writes what comes out.
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "batch/private.h"

static void tell_members(esp_runner *runner, int seat, int64_t number) {
  const int members = esp_comm_size(runner->options->group) - 1;
  const int base = (seat >= 0 ? seat : runner->seats) * members;
  for (int m = 0; m < members; m++) {
    runner->order[base + m] = (esp_order){.number = number, .seat = seat};
    esp_messages_send(runner->orders, base + m, m + 1, ESP_ORDER_TAG,
                      &runner->order[base + m], sizeof *runner->order);
  }
}

static int idle_seat(const esp_runner *runner, const esp_engine *engine) {
  for (int i = 0; i < runner->seats; i++) {
    if (runner->seat[i].engine == engine && !runner->seat[i].running) return i;
  }
  return -1;
}

// Reads the rows of a batch straight into the planned input, and starts it.
static esp_status begin(esp_runner *runner, int64_t number) {
  const esp_batch_options *o = runner->options;
  const bool whole =
      o->full.exec != NULL && (number + 1) * o->full.batch <= o->samples;
  const esp_engine *engine = whole ? &o->full : &o->tail;
  const int index = idle_seat(runner, engine);
  esp_seat *seat = &runner->seat[index];
  seat->first = o->full.exec != NULL ? number * o->full.batch : 0;
  seat->count = engine->batch;

  const double start = esp_clock_seconds();
  const int input = engine->graph->input[o->feed];
  ESP_TRY(esp_dataset_read(o->dataset, seat->first, seat->count,
                           esp_exec_value(engine->exec, seat->slot, input)));
  runner->result->read_s += esp_clock_seconds() - start;
  tell_members(runner, index, number);
  esp_seat_start(runner, index, number);
  return ESP_OK;
}

static esp_status write_outputs(esp_runner *runner, const esp_seat *seat) {
  const esp_batch_options *o = runner->options;
  const esp_graph *graph = seat->engine->graph;
  for (int i = 0; i < graph->noutput; i++) {
    if (o->result_of[i] < 0) continue;
    const void *rows =
        esp_exec_value(seat->engine->exec, seat->slot, graph->output[i]);
    ESP_TRY(esp_results_write(o->results, o->result_of[i], seat->first,
                              seat->count, rows));
  }
  return esp_outcome_write(runner, seat);
}

static esp_status ended(esp_runner *runner, esp_seat *seat) {
  esp_batch_result *result = runner->result;
  const double now = esp_clock_seconds();
  size_t room = (size_t)result->latencies; // grown one by one: few and small
  if ((result->latencies & (result->latencies - 1)) != 0) room *= 2;
  ESP_TRY(esp_grow(&result->latency_s, &room, (size_t)result->latencies + 1,
                   sizeof *result->latency_s));
  result->latency_s[result->latencies++] =
      esp_exec_batch_seconds(seat->engine->exec, seat->slot);
  ESP_TRY(write_outputs(runner, seat));
  result->write_s += esp_clock_seconds() - now;
  result->samples += seat->count;
  return ESP_OK;
}

static void show_progress(esp_runner *runner, bool last) {
  static const double INTERVAL = 0.2;
  const esp_batch_options *o = runner->options;
  if (o->progress == NULL || esp_comm_rank(o->world) != 0) return;
  const double now = esp_clock_seconds();
  if (!last && now - runner->told < INTERVAL) return;
  runner->told = now;
  const esp_progress progress = {
      .samples = last ? o->samples : esp_dealer_finished(runner->dealer),
      .total = o->samples,
      .seconds = now - runner->began};
  o->progress(o->context, &progress);
}

// Every leader learns from the dealer that there is no more; the dealer's rank
// answers until all have.
static bool all_know(const esp_runner *runner) {
  return esp_comm_rank(runner->options->world) != 0 ||
         esp_dealer_dealt(runner->dealer) >=
             runner->batches + runner->options->replicas;
}

// Is there a seat for one more batch?  With no seats at all (no samples) the
// dealer is still asked once: it counts on it.
static bool has_room(const esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  if (runner->seats == 0) return true;
  return runner->running < runner->seats &&
         (o->full.exec == NULL || idle_seat(runner, &o->full) >= 0);
}

esp_status esp_runner_lead(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  const bool serving = esp_comm_rank(o->world) == 0 && o->replicas > 1;
  bool asking = false, exhausted = false;
  int64_t reported = 0;
  for (;;) {
    const uint64_t seen = esp_bell_count(o->bell);
    esp_dealer_serve(runner->dealer);
    esp_runner_move(runner);
    (void)esp_messages_test(runner->orders, runner->ended);
    ESP_TRY(esp_runner_collect(runner, ended));
    show_progress(runner, false);

    if (!asking && !exhausted && has_room(runner)) {
      esp_dealer_ask(runner->dealer,
                     (long)(runner->result->samples - reported));
      reported = runner->result->samples;
      asking = true;
    }
    long number;
    if (asking && esp_dealer_answered(runner->dealer, &number)) {
      asking = false;
      exhausted = number >= runner->batches;
      if (!exhausted) ESP_TRY(begin(runner, number));
      continue; // there may be a seat for one more
    }
    if (exhausted && runner->running == 0 && all_know(runner)) break;
    const bool expecting =
        asking || (serving && !(exhausted && all_know(runner)));
    esp_runner_rest(runner, seen, expecting);
  }
  tell_members(runner, -1, -1);
  while (esp_messages_pending(runner->orders) > 0) {
    (void)esp_messages_test(runner->orders, runner->ended);
  }
  show_progress(runner, true);
  return ESP_OK;
}
