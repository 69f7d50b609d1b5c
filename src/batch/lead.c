// The leader of a replica: takes a batch, or a chain, from the dealer, reads
// its rows, starts it, and writes what comes out when all ranks of the replica
// have done their part.  A failure ends the job, but what is under way is
// finished first.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "batch/private.h"

static void tell_members(esp_runner *runner, int seat, int64_t number) {
  const int members = esp_comm_size(runner->options->group) - 1;
  const int base = (seat >= 0 ? seat : runner->seats) * members;
  // The seat's last order is long gone, but its place is free only now.
  esp_messages_finish(runner->orders, runner->ended);
  for (int m = 0; m < members; m++) {
    runner->order[base + m] = (esp_order){.number = number, .seat = seat};
    esp_messages_send(runner->orders, base + m, m + 1, ESP_ORDER_TAG,
                      &runner->order[base + m], sizeof *runner->order);
  }
}

static int idle_seat(const esp_runner *runner, const esp_engine *engine) {
  for (int i = 0; i < runner->seats; i++) {
    const esp_seat *seat = &runner->seat[i];
    if (seat->engine == engine && !seat->running && !seat->loaded) return i;
  }
  return -1;
}

static void trace(const esp_runner *runner, const esp_seat *seat,
                  esp_trace_kind kind, double begin, double end) {
  const esp_batch_options *o = runner->options;
  if (o->trace == NULL) return;
  esp_trace_add(o->trace, &(esp_trace_event){.begin = begin,
                                             .end = end,
                                             .batch = seat->number,
                                             .kind = kind,
                                             .engine = seat->engine == &o->tail,
                                             .lane = ESP_TRACE_CONDUCTOR});
}

// Begins what has been read, as much as may run at one time.
static void start_loaded(esp_runner *runner) {
  const int most = runner->options->at_once;
  while (runner->loaded > 0 && (most == 0 || runner->running < most)) {
    int first = -1;
    for (int i = 0; i < runner->seats; i++) {
      if (!runner->seat[i].loaded) continue;
      if (first < 0 || runner->seat[i].turn < runner->seat[first].turn) {
        first = i;
      }
    }
    esp_seat *seat = &runner->seat[first];
    seat->loaded = false;
    runner->loaded--;
    esp_ending_expect(runner, first);
    tell_members(runner, first, seat->number);
    esp_seat_start(runner, first, seat->number);
  }
}

// After a failure nothing more begins.
static void drop_loaded(esp_runner *runner) {
  for (int i = 0; i < runner->seats; i++) runner->seat[i].loaded = false;
  runner->loaded = 0;
}

// Reads the rows of a batch straight into the planned input.
static esp_status begin_batch(esp_runner *runner, esp_seat *seat,
                              int64_t number) {
  const esp_batch_options *o = runner->options;
  const esp_engine *engine = seat->engine;
  seat->number = number;
  esp_runner_rows(o, number, &seat->first, &seat->count);

  const double start = esp_clock_seconds();
  for (int i = 0; i < o->sources; i++) {
    const int value = engine->graph->input[o->source[i].input];
    char *rows = esp_exec_value(engine->exec, seat->slot, value);
    ESP_TRY(
        esp_dataset_read(o->source[i].dataset, seat->first, seat->count, rows));
    const size_t bytes = esp_tensor_bytes(&engine->graph->value[value].tensor);
    const size_t used = bytes / (size_t)engine->batch * (size_t)seat->count;
    memset(rows + used, 0, bytes - used); // nothing, but in a last fixed batch
  }
  const double end = esp_clock_seconds();
  runner->result->read_s += end - start;
  trace(runner, seat, ESP_TRACE_READ, start, end);
  seat->loaded = true;
  seat->turn = runner->turns++;
  runner->loaded++;
  start_loaded(runner);
  return ESP_OK;
}

// What the dealer has handed out: a batch, or the first of a chain.
static esp_status begin(esp_runner *runner, long dealt) {
  const esp_batch_options *o = runner->options;
  const esp_chain *chain = o->chain != NULL ? &o->chain[dealt] : NULL;
  const int64_t number =
      o->pending[chain != NULL ? chain->first : o->first + dealt];
  int64_t first, count;
  esp_runner_rows(o, number, &first, &count);
  const esp_engine *engine =
      count < o->full.batch && o->tail.exec != NULL ? &o->tail : &o->full;
  esp_seat *seat = &runner->seat[idle_seat(runner, engine)];
  seat->next = seat->end = 0;
  if (chain != NULL) {
    seat->next = chain->first + 1;
    seat->end = chain->first + chain->count;
    ESP_TRY(esp_carry_begin(runner, seat, chain));
  }
  return begin_batch(runner, seat, number);
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
  ESP_TRY(esp_outcome_write(runner, seat));
  ESP_TRY(esp_results_note_computed(
      o->results, seat->first, seat->count, o->journal->starts - 1,
      esp_comm_rank(o->world), esp_clock_seconds() - runner->result->began));
  return esp_safe_add(runner, seat->number);
}

static esp_status note_latency(esp_runner *runner, const esp_seat *seat) {
  esp_batch_result *result = runner->result;
  size_t room = (size_t)result->latencies; // grown one by one: few and small
  if ((result->latencies & (result->latencies - 1)) != 0) room *= 2;
  ESP_TRY(esp_grow(&result->latency_s, &room, (size_t)result->latencies + 1,
                   sizeof *result->latency_s));
  const double seconds = esp_exec_batch_seconds(seat->engine->exec, seat->slot);
  result->latency_s[result->latencies++] = seconds;
  if (seconds > runner->longest) runner->longest = seconds;
  runner->last_end = esp_clock_seconds();
  if (runner->ends++ == 0) runner->first_end = runner->last_end;
  return ESP_OK;
}

// Keeps the first failure, tells rank 0, and goes on without new batches.
static esp_status fail(esp_runner *runner, esp_status status) {
  if (status == ESP_OK || runner->status != ESP_OK) return ESP_OK;
  runner->message = strdup(esp_last_error());
  if (runner->message == NULL) return status;
  runner->status = status;
  drop_loaded(runner);
  return esp_dealer_tell(runner->dealer, &(esp_tidings){.failed = true});
}

// The next batch of the chain that a seat is at.
static esp_status go_on(esp_runner *runner, esp_seat *seat) {
  if (runner->closed || runner->status != ESP_OK || seat->next == seat->end) {
    return ESP_OK;
  }
  esp_carry_on(runner, seat);
  return begin_batch(runner, seat, runner->options->pending[seat->next++]);
}

static esp_status ended(esp_runner *runner, esp_seat *seat) {
  const esp_ending *ending = &seat->ending;
  if (ending->status != ESP_OK) {
    return fail(runner,
                ESP_FAIL((esp_status)ending->status, "samples %lld to %lld: %s",
                         (long long)seat->first,
                         (long long)(seat->first + seat->count - 1),
                         ending->message));
  }
  const double now = esp_clock_seconds();
  ESP_TRY(note_latency(runner, seat));
  const esp_status status = write_outputs(runner, seat);
  const double end = esp_clock_seconds();
  runner->result->write_s += end - now;
  trace(runner, seat, ESP_TRACE_WRITE, now, end);
  if (status == ESP_OK) runner->result->samples += seat->count;
  ESP_TRY(fail(runner, status));
  ESP_TRY(fail(runner, go_on(runner, seat)));
  start_loaded(runner);
  return ESP_OK;
}

static void show_progress(esp_runner *runner, bool last) {
  static const double INTERVAL = 0.2;
  const esp_batch_options *o = runner->options;
  if (o->progress == NULL || esp_comm_rank(o->world) != 0) return;
  const double now = esp_clock_seconds();
  if (!last && now - runner->told < INTERVAL) return;
  runner->told = now;
  const int64_t finished =
      runner->result->finished + esp_dealer_finished(runner->dealer);
  const bool all = o->end == o->npending || runner->result->stop;
  const esp_progress progress = {.samples = o->done_before + finished,
                                 .total = o->samples,
                                 .resumed_from = o->done_before,
                                 .seconds = now - runner->result->began,
                                 .last = last && all};
  o->progress(o->context, &progress);
}

// Is there a seat for one more batch?
static bool has_room(const esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  if (runner->seats == 0) return true; // nothing to do, which it has to hear
  return runner->running + runner->loaded < runner->seats &&
         (o->full.exec == NULL || idle_seat(runner, &o->full) >= 0);
}

// Rank 0: closes the dealer when somebody asked for it, or when a batch more
// might not end in time.
static void consider_stop(esp_runner *runner) {
  static const double A_MARGIN = 1; // seconds
  const esp_batch_options *o = runner->options;
  esp_stop *stop = &runner->result->stop;
  if (esp_dealer_failed(runner->dealer)) esp_dealer_close(runner->dealer);
  if (*stop != ESP_STOP_NONE) return;
  if (esp_dealer_stop(runner->dealer) > 0) {
    *stop = ESP_STOP_ASKED;
  } else if (o->deadline > 0) {
    const double left = o->deadline - esp_clock_seconds();
    const double need = A_MARGIN + 2 * runner->longest;
    if (left < need) *stop = ESP_STOP_TIME;
  }
  if (*stop != ESP_STOP_NONE) esp_dealer_close(runner->dealer);
}

// What only rank 0 does: hears, notes, decides.
static esp_status preside(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  if (esp_comm_rank(o->world) != 0) return ESP_OK;
  ESP_TRY(esp_dealer_serve(runner->dealer));
  ESP_TRY(fail(runner, esp_safe_journal(runner)));
  consider_stop(runner);
  show_progress(runner, false);
  if (esp_dealer_stop(runner->dealer) < 2) return ESP_OK;
  esp_comm_abort(o->world, 75,
                 "stopped at once: what the journal holds stays, "
                 "and the same command goes on from there");
}

typedef struct turn {
  bool asking, wants, exhausted, leaving; // wants: what it asks for is work
  int64_t reported;                       // samples
  double asked;                           // when it last asked
} turn;

// Asks for a batch or a chain when there is room for one; in the middle of
// chains, now and then, whether they are to be gone on with.
static esp_status ask(esp_runner *runner, turn *t) {
  static const double INTERVAL = 0.2;
  const int64_t samples = runner->result->samples;
  const double now = esp_clock_seconds();
  t->wants = !t->exhausted && has_room(runner);
  const bool checks = !t->wants && runner->options->chain != NULL &&
                      runner->running > 0 && now - t->asked > INTERVAL;
  if (!t->wants && !checks) return ESP_OK;
  t->asking = true;
  t->asked = now;
  const esp_tidings tidings = {
      .asks = t->wants, .checks = checks, .finished = samples - t->reported};
  t->reported = samples;
  return esp_dealer_tell(runner->dealer, &tidings);
}

static esp_status hear(esp_runner *runner, turn *t, long answer) {
  t->asking = false;
  if (answer == ESP_DEALER_CLOSED) runner->closed = true;
  const bool work = answer >= 0 && runner->status == ESP_OK;
  if (work) return fail(runner, begin(runner, answer));
  t->exhausted = t->exhausted || t->wants || runner->closed;
  return ESP_OK;
}

static esp_status leave(esp_runner *runner, turn *t) {
  t->leaving = true;
  tell_members(runner, -1, -1);
  const esp_tidings tidings = {
      .leaves = true, .finished = runner->result->samples - t->reported};
  return esp_dealer_tell(runner->dealer, &tidings);
}

// One look at everything; *more: there is something to do at once.
static esp_status look(esp_runner *runner, turn *t, bool *more) {
  *more = false;
  ESP_TRY(esp_runner_tell_asked(runner));
  esp_runner_move(runner);
  (void)esp_messages_test(runner->orders, runner->ended);
  esp_ending_move(runner);
  ESP_TRY(esp_runner_collect(runner, ended));
  const bool last = t->exhausted && runner->running == 0 && runner->loaded == 0;
  ESP_TRY(fail(runner, esp_safe_move(runner, last)));
  ESP_TRY(preside(runner));
  if (!t->asking) ESP_TRY(ask(runner, t));
  long answer;
  if (t->asking && esp_dealer_answered(runner->dealer, &answer)) {
    ESP_TRY(hear(runner, t, answer));
    *more = true;
  } else if (last && !t->leaving && esp_safe_all(runner)) {
    ESP_TRY(leave(runner, t));
    *more = true;
  }
  return ESP_OK;
}

static bool is_over(esp_runner *runner, const turn *t) {
  if (!t->leaving || !esp_dealer_all_sent(runner->dealer)) return false;
  return esp_comm_rank(runner->options->world) != 0 ||
         esp_dealer_all_left(runner->dealer);
}

esp_status esp_runner_lead(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  const bool serving =
      esp_comm_rank(o->world) == 0 && esp_comm_size(o->world) > 1;
  turn t = {0};
  for (;;) {
    const uint64_t seen = esp_bell_count(o->bell);
    bool more;
    ESP_TRY(look(runner, &t, &more));
    if (more) continue;
    if (is_over(runner, &t)) break;
    esp_runner_rest(runner, seen,
                    t.asking || t.leaving || serving || esp_safe_waits(runner));
  }
  esp_messages_finish(runner->orders, runner->ended);
  show_progress(runner, true);
  return esp_comm_rank(o->world) == 0 ? fail(runner, esp_safe_end(runner))
                                      : ESP_OK;
}
