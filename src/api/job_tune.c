#include "api/job_tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/trial.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/quantile.h"
#include "kernel/library.h"

// What one way is tried for, the part of a job that may go into trying, how
// much better a way must be than the plain one, and how far the seconds of a
// plan may be off before it is made anew.
static const double TRIAL_SECONDS = 0.5, PART = 0.05, BETTER = 0.97, OFF = 0.2;
static const char MEASURED_HERE[] = "measured in the first batches",
                  MEASURED_BEFORE[] = "measured by an earlier run";
enum { LEAST_BATCHES = 4, MOST_WAYS = 16 };

static esp_way way_of(const esp_resources *r) {
  return (esp_way){r->streams, r->workers, r->width, r->molded};
}

static void set_way(esp_resources *r, const esp_way *way) {
  r->streams = way->streams;
  r->workers = way->workers;
  r->width = way->width;
  r->molded = way->molded;
}

static bool is_latency(const esp_running *run) {
  return strcmp(run->job->objective, "latency") == 0;
}

// Before the first batch ------------------------------------------------------

// Everything that the figures depend on, a line each.
static char *make_key(const esp_running *run) {
  const esp_resources *r = &run->resources;
  char *key = NULL, library[256];
  esp_hardware hardware;
  if (esp_topology_hardware(&hardware) != ESP_OK) return NULL;
  const int written = asprintf(
      &key,
      "espalier %s\nlibrary %s\nprocessor %s\nmodel %016llx\nlayout %s\n"
      "scale %s\nprecision %s\nbatch %lld\nobjective %s\nranks %d of %d\ncores "
      "%d\n"
      "streams %lld workers %lld width %lld\n",
      esp_version(), esp_kernel_library(library, sizeof library),
      hardware.model, (unsigned long long)run->info.hash,
      run->job->layout != NULL ? run->job->layout : "as it is",
      run->job->scale != NULL ? run->job->scale : "none", run->job->precision,
      (long long)run->job->batch, // 0: open
      run->job->objective, r->ranks_per_replica, esp_comm_size(run->comm),
      r->cores.count, (long long)run->job->streams,
      (long long)run->job->workers, (long long)run->job->width);
  return written >= 0 ? key : NULL;
}

// Those of rank 0, where there is room for them.
static esp_status share_seconds(const esp_running *run, int nodes,
                                double **seconds) {
  const size_t bytes = (size_t)nodes * sizeof **seconds;
  if (*seconds == NULL) *seconds = malloc(bytes + 1);
  ESP_TRY(esp_comm_agree(
      run->comm, *seconds != NULL
                     ? ESP_OK
                     : ESP_FAIL(ESP_NO_MEMORY, "cannot plan %d nodes", nodes)));
  esp_comm_broadcast(run->comm, 0, *seconds, bytes);
  return ESP_OK;
}

// Rank 0 reads; all get the same.
static esp_status share_book(esp_running *run) {
  esp_book *book = &run->tune.book;
  if (esp_comm_rank(run->comm) == 0 && run->tune.key != NULL) {
    esp_book_read(run->tune.key, book);
  }
  double *seconds = book->seconds, *narrow = book->narrow;
  esp_comm_broadcast(run->comm, 0, book, sizeof *book);
  book->seconds = seconds;
  book->narrow = narrow;
  if (book->nodes == 0) return ESP_OK;
  ESP_TRY(share_seconds(run, book->nodes, &book->seconds));
  return book->way.molded ? share_seconds(run, book->nodes, &book->narrow)
                          : ESP_OK;
}

// Latency on several cores: branches on workers, or wide operators, by the
// estimates.  The plans are made on every rank alike from the same machine.
static esp_status choose_by_estimate(esp_running *run) {
  esp_resources *r = &run->resources;
  const esp_way ways[2] = {{1, r->cores.count, 1, false},
                           {1, 1, r->cores.count, false}};
  double best = 0;
  for (int i = 0; i < 2; i++) {
    const esp_build_options how = {.model = run->model,
                                   .machine = &run->machine,
                                   .batch = run->batch,
                                   .ranks = r->ranks_per_replica,
                                   .ranks_per_node = run->ranks_per_node,
                                   .workers = ways[i].workers,
                                   .width = ways[i].width};
    esp_built built;
    const esp_status status = esp_build(&how, &built);
    if (status == ESP_UNSUPPORTED) { // to be walked, a node at a time
      r->workers = r->width = 1;
      return ESP_OK;
    }
    ESP_TRY(status);
    if (i == 0 || built.plan->predicted < best) {
      best = built.plan->predicted;
      set_way(r, &ways[i]);
    }
    esp_build_end(&built);
  }
  return ESP_OK;
}

// Are there ways to choose from?
static bool is_open(const esp_running *run) {
  return run->tune.alike && run->resources.free_choice &&
         run->resources.cores.count > 1 && run->npending > 0 &&
         run->state.count == 0;
}

// Ways are tried by all ranks together, and are the same for all.
static bool are_alike(const esp_running *run) {
  const esp_resources *r = &run->resources;
  int first[2] = {r->cores.count, r->free_choice};
  esp_comm_broadcast(run->comm, 0, first, sizeof first);
  double same = first[0] == r->cores.count && first[1] == r->free_choice;
  esp_comm_sum(run->comm, &same, 1);
  return (int)same == esp_comm_size(run->comm);
}

esp_status esp_tune_read(esp_running *run) {
  esp_tune *tune = &run->tune;
  tune->alike = are_alike(run);
  tune->costs = "estimated";
  tune->on = strcmp(run->job->tune, "off") != 0;
  if (!tune->on) return ESP_OK;
  tune->key = make_key(run);
  return strcmp(run->job->tune, "auto") == 0 ? share_book(run) : ESP_OK;
}

esp_status esp_tune_begin(esp_running *run) {
  esp_tune *tune = &run->tune;
  if (is_open(run) && tune->book.chosen) {
    set_way(&run->resources, &tune->book.way);
  }
  if (tune->book.nodes > 0 && tune->book.batch == run->batch &&
      tune->book.way.width == run->resources.width &&
      tune->book.way.molded == run->resources.molded) {
    tune->costs = MEASURED_BEFORE;
  }
  if (!is_open(run) || tune->book.chosen) return ESP_OK;
  return is_latency(run) ? esp_comm_agree(run->comm, choose_by_estimate(run))
                         : ESP_OK;
}

// Trying ----------------------------------------------------------------------

// What a way came to, the same on all ranks.
typedef struct figures {
  double batch_seconds; // of one batch, from first node to last; median
  double pace; // seconds in which a rank does a batch, with its streams
} figures;

typedef struct trial {
  esp_running *run;
  const esp_listener *listener;
  int64_t done;   // of the pending batches
  double build_s; // to make an engine
  esp_way way;    // that the engines are made for
  figures now;    // of it
} trial;

static esp_status run_slice(trial *t, int64_t end) {
  esp_running *run = t->run;
  const esp_listener *listener = t->listener;
  const esp_batch_options options = {
      .world = run->comm,
      .group = run->group,
      .replicas = run->resources.replicas,
      .at_once = is_latency(run) ? run->resources.streams : 0,
      .workers = run->workers,
      .bell = run->bell,
      .full = run->full,
      .tail = run->tail,
      .samples = run->samples,
      .pending = run->pending,
      .npending = run->npending,
      .first = t->done,
      .end = end,
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
  ESP_TRY(esp_batch_run(&options, &run->outcome));
  t->done = end;
  return ESP_OK;
}

// All ranks decide alike, by rank 0's clock.
static void note_build(trial *t, double seconds) {
  esp_comm_broadcast(t->run->comm, 0, &seconds, sizeof seconds);
  t->build_s = fmax(t->build_s, seconds);
}

static esp_status build(trial *t, int64_t end) {
  const double began = esp_clock_seconds();
  ESP_TRY(esp_engines_make(t->run, end));
  note_build(t, esp_clock_seconds() - began);
  t->way = way_of(&t->run->resources);
  return ESP_OK;
}

// Of the batches since `first` among the latencies: the mean of what the
// leaders measured.
static figures measure(const esp_running *run, int first) {
  const esp_batch_result *o = &run->outcome;
  const int count = o->latencies - first;
  double sums[3] = {0};
  double *copy = count > 0 ? malloc((size_t)count * sizeof *copy) : NULL;
  if (copy != NULL && o->pace_s > 0) {
    memcpy(copy, o->latency_s + first, (size_t)count * sizeof *copy);
    sums[0] = esp_quantile(copy, count, 0.5);
    sums[1] = o->pace_s;
    sums[2] = 1;
  }
  free(copy);
  esp_comm_sum(run->comm, sums, 3);
  const double leaders = fmax(sums[2], 1);
  return (figures){.batch_seconds = sums[0] / leaders,
                   .pace = sums[1] / leaders};
}

// Batches of all replicas that take so many seconds when a rank does one in
// `pace`.
static int64_t batches_in(const esp_running *run, double seconds, double pace) {
  const esp_resources *r = &run->resources;
  const double least = (double)LEAST_BATCHES * r->streams;
  const double each = fmax(least, ceil(seconds / fmax(pace, 1e-6)));
  return (int64_t)fmin(each, 1e9) * r->replicas;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// Tries the way that the engines are made for on the next batches, of which
// `end` is the last.
static esp_status try_now(trial *t, double guessed_pace, int64_t end) {
  esp_running *run = t->run;
  const int first = run->outcome.latencies;
  const int64_t more = batches_in(run, TRIAL_SECONDS, guessed_pace);
  ESP_TRY(run_slice(t, least(t->done + more, end)));
  t->now = measure(run, first);
  return ESP_OK;
}

static double left_seconds(const trial *t) {
  const esp_running *run = t->run;
  return (double)(run->npending - t->done) / run->resources.replicas *
         t->now.pace;
}

// Workers of a rank that can run a node at one time.
static int threads(const esp_running *run) {
  return run->resources.streams * run->resources.workers;
}

static esp_status change_to(trial *t, const esp_way *way) {
  esp_running *run = t->run;
  run->tune.worked_before += esp_engine_computed(&run->full) / threads(run);
  run->tune.moved_before += esp_engine_moved(&run->full);
  run->first_latency = run->outcome.latencies;
  if (run->trace != NULL) esp_trace_clear(run->trace); // of another plan
  esp_engines_end(run);
  set_way(&t->run->resources, way);
  return build(t, least(t->done + 1, t->run->npending));
}

// Streams of wide operators, from a batch on each core to one batch at a time
// on all; for one batch, and where there is one at a time, also its branches.
static int list_ways(const esp_running *run, esp_way *way) {
  const int cores = run->resources.cores.count;
  const bool latency = is_latency(run);
  int count = 0;
  for (int width = 1; count < MOST_WAYS - 1; width *= 2) {
    const int wide = 2 * width > cores ? cores : width; // the last takes all
    const esp_way streams = {cores / wide, 1, wide, false};
    if (!latency || wide == cores) way[count++] = streams;
    if (wide == cores) break;
  }
  const esp_plan *plan = run->full_built.plan;
  if (latency || plan->total > 1.2 * plan->critical) {
    way[count++] = (esp_way){1, cores, 1, false};
  }
  return count;
}

static double worth(const trial *t) { // less is better
  return is_latency(t->run) ? t->now.batch_seconds : t->now.pace;
}

// Ways that are compared.
typedef struct contest {
  double plain, pace; // of the first
  double least_worth; // of the best so far, or what another has to come below
  esp_way best;
  figures best_now;
  esp_node_costs costs; // as ways that tell them were tried
} contest;

// Where the way tells what nodes take on one thread, or on all: there.
static double **told_by(const trial *t, const esp_way *way, contest *c) {
  const esp_resources *r = &t->run->resources;
  if (r->ranks_per_replica > 1 || r->cores.count == 1) return NULL;
  if (way->width == 1) return &c->costs.narrow;
  return way->workers == 1 && way->width == r->cores.count ? &c->costs.wide
                                                           : NULL;
}

// Keeps that of the way that was tried last.
static esp_status note_costs(trial *t, contest *c) {
  esp_book *book = &t->run->tune.book;
  double **kept = told_by(t, &t->way, c);
  if (kept == NULL || t->way.molded) return ESP_OK;
  ESP_TRY(esp_engines_measure(t->run));
  if (c->costs.nodes == 0) c->costs.nodes = book->nodes;
  if (book->nodes != c->costs.nodes) return ESP_OK; // of another graph
  free(*kept);
  *kept = book->seconds;
  book->seconds = NULL;
  book->nodes = 0; // until the next way has run: the job may be stopped now
  return ESP_OK;
}

static double *copy_of(const double *seconds, int nodes) {
  const size_t bytes = (size_t)nodes * sizeof *seconds;
  double *copy = seconds != NULL ? malloc(bytes + 1) : NULL;
  if (copy != NULL) memcpy(copy, seconds, bytes);
  return copy;
}

// Changes to a way, whose plan is made from what is known of the nodes.
static esp_status change_knowing(trial *t, contest *c, const esp_way *way) {
  esp_book *book = &t->run->tune.book;
  double **told = told_by(t, way, c);
  free(book->seconds);
  free(book->narrow);
  book->way = *way;
  book->batch = t->run->batch;
  book->seconds = told != NULL ? copy_of(*told, c->costs.nodes) : NULL;
  book->narrow = way->molded ? copy_of(c->costs.narrow, c->costs.nodes) : NULL;
  const bool known =
      book->seconds != NULL && way->molded == (book->narrow != NULL);
  double all = known; // have all ranks had room for it?
  esp_comm_sum(t->run->comm, &all, 1);
  book->nodes = all == esp_comm_size(t->run->comm) ? c->costs.nodes : 0;
  if (book->nodes > 0) t->run->tune.costs = MEASURED_HERE;
  return change_to(t, way);
}

static esp_status compare(trial *t, contest *c) {
  ESP_TRY(try_now(t, c->pace, t->run->npending - 1)); // whole ones
  esp_log(ESP_LOG_INFO,
          "tried %d streams x %d workers x width %d%s: %.3f of the first way's "
          "time",
          t->way.streams, t->way.workers, t->way.width,
          t->way.molded ? ", molded" : "", worth(t) / c->plain);
  if (worth(t) < c->least_worth) {
    c->least_worth = worth(t);
    c->best = t->way;
    c->best_now = t->now;
  }
  return note_costs(t, c);
}

// One worker whose nodes are wide or narrow, once both are known.
static esp_status try_molded(trial *t, contest *c) {
  const esp_way molded = {1, 1, t->run->resources.cores.count, true};
  if (c->costs.narrow == NULL || c->costs.wide == NULL) return ESP_OK;
  ESP_TRY(change_knowing(t, c, &molded));
  return t->run->full_built.plan->molded ? compare(t, c) : ESP_OK;
}

// The first way again, and then the best one: a machine that drifted between
// the two is no reason to change.
static esp_status confirm(trial *t, contest *c, const esp_way *plain) {
  const esp_running *run = t->run;
  if (esp_way_same(&c->best, plain) || run->outcome.stop != ESP_STOP_NONE ||
      2 * (t->build_s + TRIAL_SECONDS) > PART * left_seconds(t)) {
    return ESP_OK;
  }
  const esp_way best = c->best;
  const double other = c->least_worth;
  ESP_TRY(change_knowing(t, c, plain));
  ESP_TRY(try_now(t, c->pace, run->npending - 1));
  const figures first = t->now;
  const double again = worth(t);
  ESP_TRY(note_costs(t, c));
  ESP_TRY(change_knowing(t, c, &best));
  ESP_TRY(try_now(t, c->pace, run->npending - 1));
  const double ratio = (worth(t) + other) / (again + c->plain);
  esp_log(ESP_LOG_INFO, "again: %.3f of the first way's time", ratio);
  if (ratio < BETTER) {
    c->best_now = t->now;
  } else {
    c->best = *plain;
    c->best_now = first;
  }
  return note_costs(t, c);
}

static esp_status hold(trial *t, contest *c) {
  const esp_running *run = t->run;
  esp_way way[MOST_WAYS];
  const int ways = list_ways(run, way);
  const double per_way = 2 * (t->build_s + TRIAL_SECONDS);
  if ((ways + 1) * per_way > PART * left_seconds(t)) return ESP_OK;
  const esp_way plain = t->way;
  ESP_TRY(note_costs(t, c));
  for (int w = 0; w < ways && run->outcome.stop == ESP_STOP_NONE; w++) {
    if (esp_way_same(&way[w], &plain)) continue;
    ESP_TRY(change_to(t, &way[w]));
    ESP_TRY(compare(t, c));
  }
  if (run->outcome.stop == ESP_STOP_NONE) ESP_TRY(try_molded(t, c));
  ESP_TRY(confirm(t, c, &plain));
  t->run->tune.book.chosen = true;
  if (esp_way_same(&c->best, &t->way)) return ESP_OK;
  t->now = c->best_now;
  return change_knowing(t, c, &c->best);
}

static esp_status try_ways(trial *t) {
  contest c = {.plain = worth(t),
               .pace = t->now.pace,
               .least_worth = worth(t) * BETTER,
               .best = t->way,
               .best_now = t->now};
  const esp_status status = hold(t, &c);
  esp_node_costs_end(&c.costs);
  return status;
}

// A plan that other seconds would have made otherwise.
static bool is_off(const trial *t) {
  const esp_plan *plan = t->run->full_built.plan;
  const bool chain = plan->workers * plan->ranks == 1;
  return !chain && t->now.batch_seconds > 0 &&
         fabs(plan->predicted / t->now.batch_seconds - 1) > OFF;
}

static esp_status plan_anew(trial *t) {
  const esp_way way = t->way;
  ESP_TRY(esp_engines_measure(t->run));
  t->run->tune.costs = MEASURED_HERE;
  return change_to(t, &way);
}

// Is it worth while to look closer after the first batches?
static bool is_tried(const esp_running *run) {
  return run->tune.on && run->full.exec != NULL && run->state.count == 0 &&
         !run->tune.book.chosen;
}

// Has any rank computed a whole batch with the engines of now?
static bool has_run(const esp_running *run) {
  double batches =
      run->full.exec != NULL ? (double)esp_exec_batches(run->full.exec) : 0;
  esp_comm_sum(run->comm, &batches, 1);
  return batches > 0;
}

static esp_status run_first(trial *t) {
  esp_running *run = t->run;
  const esp_plan *plan = run->full_built.plan;
  ESP_TRY(try_now(t, plan->predicted / run->resources.streams, run->npending));
  if (run->outcome.stop != ESP_STOP_NONE || t->done == run->npending) {
    return ESP_OK;
  }
  if (is_open(run)) ESP_TRY(try_ways(t));
  // What was changed to right now has measured nothing, and is planned by what
  // is known.
  if (!has_run(run)) return ESP_OK;
  if (is_off(t) && t->build_s < PART * left_seconds(t)) {
    return plan_anew(t);
  }
  // The plan stays, and what it predicts of the rest follows what was measured.
  if (t->now.batch_seconds == 0 || run->tune.costs == MEASURED_BEFORE) {
    return ESP_OK;
  }
  ESP_TRY(esp_engines_measure(run));
  run->tune.costs = MEASURED_HERE;
  return esp_comm_agree(
      run->comm, esp_build_retime(&run->full_built, run->tune.book.seconds));
}

esp_status esp_tune_run(esp_running *run, const esp_listener *listener) {
  trial t = {.run = run, .listener = listener, .way = way_of(&run->resources)};
  note_build(&t, run->load_s);
  if (is_tried(run)) ESP_TRY(run_first(&t));
  if (run->outcome.stop != ESP_STOP_NONE || t.done == run->npending) {
    return ESP_OK;
  }
  if (t.done > 0) ESP_TRY(build(&t, run->npending)); // with the smaller one
  return run_slice(&t, run->npending);
}

esp_status esp_tune_keep(esp_running *run) {
  esp_tune *tune = &run->tune;
  if (run->full.exec == NULL) return ESP_OK;
  ESP_TRY(esp_engines_measure(run));
  if (!tune->on || esp_comm_rank(run->comm) != 0 || tune->key == NULL ||
      tune->book.nodes == 0) {
    return ESP_OK;
  }
  // A cache that cannot be written is no reason to fail.
  if (esp_book_write(tune->key, &tune->book) != ESP_OK) {
    esp_log(ESP_LOG_DEBUG, "%s", esp_last_error());
  }
  return ESP_OK;
}

void esp_tune_end(esp_running *run) {
  esp_book_end(&run->tune.book);
  free(run->tune.key);
}
