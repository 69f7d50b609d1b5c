// How fast a model is: by sessions, as a C program would run it, on made-up
// inputs, in the way that short trials have found best.
#include "api/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

#include "api/precision.h"
#include "api/rig.h"
#include "api/session.h"
#include "api/trial.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/quantile.h"
#include "kernel/speed.h"

enum {
  TEAM_SLEEPS_US = 20000, // a team looks for work so long before it sleeps: the
                          // way that comes next is to have its cores
  FEWEST = 3              // batches of a trial, and of a round
};
static const double TRIAL_SECONDS = 0.25, DEFAULT_SECONDS = 5;

typedef struct bench {
  esp_context *context;
  const esp_bench_setting *setting;
  esp_session *session;
  esp_bench_findings *found;
  esp_tensor **input; // [inputs of the model]
  esp_node_costs costs;
} bench;

// Inputs ----------------------------------------------------------------------

// What --dim says of an open dimension; 0: nothing.
static int64_t told_size(const esp_bench_setting *setting, const char *name) {
  for (int i = 0; name != NULL && i < setting->dims; i++) {
    if (strcmp(setting->dim[i].name, name) == 0) return setting->dim[i].size;
  }
  return 0;
}

static esp_status close_shape(const bench *b, const esp_value *value,
                              esp_shape *shape) {
  *shape = value->tensor.shape;
  for (int d = 0; d < shape->ndim; d++) {
    if (shape->dim[d] >= 0) continue;
    const char *name = value->dim_name != NULL ? value->dim_name[d] : NULL;
    shape->dim[d] = told_size(b->setting, name);
    if (shape->dim[d] > 0) continue;
    if (d > 0) {
      return ESP_FAIL(ESP_USAGE,
                      "input \"%s\" leaves its dimension %d open: give --dim "
                      "%s=N",
                      value->name, d, name != NULL ? name : "NAME");
    }
    shape->dim[d] = b->found->batch;
  }
  return ESP_OK;
}

static esp_status make_inputs(bench *b) {
  const esp_graph *model = b->session->model;
  b->input = calloc((size_t)model->ninput + 1, sizeof(esp_tensor *));
  if (b->input == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make inputs");
  for (int i = 0; i < model->ninput; i++) {
    const esp_value *value = &model->value[model->input[i]];
    esp_shape shape;
    if (value->kind != ESP_KIND_TENSOR || value->tensor.type == ESP_STRING ||
        value->any_shape) {
      return ESP_FAIL(ESP_UNSUPPORTED,
                      "input \"%s\" is no tensor of numbers with a known "
                      "shape, and cannot be made up",
                      value->name);
    }
    ESP_TRY(close_shape(b, value, &shape));
    ESP_TRY(esp_tensor_create(value->tensor.type, shape.dim, shape.ndim,
                              &b->input[i]));
    esp_rig_fill(b->input[i]);
  }
  return ESP_OK;
}

static void free_inputs(bench *b) {
  for (int i = 0; b->input != NULL && i < b->session->model->ninput; i++) {
    esp_tensor_free(b->input[i]);
  }
  free(b->input);
}

// Running ---------------------------------------------------------------------

// One stream: a thread that runs batches until a moment.
typedef struct stream {
  const bench *b;
  int core, cores; // of its own, when there are several streams
  double until;
  int least;
  double *latency;
  size_t count, room;
  esp_status status;
  char message[512];
} stream;

static esp_status run_batch(const bench *b, esp_tensor **output,
                            double *seconds) {
  const double began = esp_clock_seconds();
  ESP_TRY(esp_run(b->session, (const esp_tensor *const *)b->input, output));
  *seconds = esp_clock_seconds() - began;
  return ESP_OK;
}

static esp_status run_until(stream *s) {
  const int noutput = s->b->session->model->noutput;
  esp_tensor **output = calloc((size_t)noutput + 1, sizeof(esp_tensor *));
  esp_status status =
      output != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot run the model");
  for (int i = 0;
       status == ESP_OK && (i < s->least || esp_clock_seconds() < s->until);
       i++) {
    double seconds = 0;
    status = run_batch(s->b, output, &seconds);
    if (status == ESP_OK) {
      status =
          esp_grow(&s->latency, &s->room, s->count + 1, sizeof *s->latency);
    }
    if (status == ESP_OK) s->latency[s->count++] = seconds;
  }
  for (int i = 0; output != NULL && i < noutput; i++)
    esp_tensor_free(output[i]);
  free(output);
  return status;
}

static int serve_stream(void *argument) {
  stream *s = argument;
  const esp_context *context = s->b->context;
  if (context->pinned) {
    esp_topology_bind(context->cores.unit + s->core, s->cores);
  }
  s->status = run_until(s);
  if (s->status != ESP_OK) {
    (void)snprintf(s->message, sizeof s->message, "%s", esp_last_error());
  }
  return 0;
}

static esp_status add_latencies(esp_bench_way *way, const stream *s) {
  ESP_TRY(esp_grow(&way->latency, &way->room, way->latencies + s->count,
                   sizeof *way->latency));
  if (s->count > 0) {
    memcpy(way->latency + way->latencies, s->latency,
           s->count * sizeof *s->latency);
  }
  way->latencies += s->count;
  return ESP_OK;
}

// All streams for so many seconds; *rate: samples a second.
static esp_status run_streams(const bench *b, esp_bench_way *way,
                              double seconds, double *rate) {
  stream *s = calloc((size_t)way->streams, sizeof *s);
  thrd_t *thread = calloc((size_t)way->streams, sizeof *thread);
  esp_status status = s != NULL && thread != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot run the model");
  const double began = esp_clock_seconds();
  int begun = 0;
  for (; status == ESP_OK && begun < way->streams; begun++) {
    s[begun] = (stream){.b = b,
                        .core = begun * way->width,
                        .cores = way->width,
                        .until = began + seconds,
                        .least = FEWEST};
    if (way->streams == 1) {
      s->status = status = run_until(s);
    } else if (thrd_create(&thread[begun], serve_stream, &s[begun]) !=
               thrd_success) {
      status = ESP_FAIL(ESP_LIMIT, "cannot start a thread");
      break;
    }
  }
  size_t batches = 0;
  for (int i = 0; i < begun; i++) {
    if (way->streams > 1) (void)thrd_join(thread[i], NULL);
    if (s[i].status != ESP_OK && way->streams > 1 && status == ESP_OK) {
      status = ESP_FAIL(s[i].status, "%s", s[i].message);
    }
    batches += s[i].count;
    if (status == ESP_OK) status = add_latencies(way, &s[i]);
    free(s[i].latency);
  }
  const double took = esp_clock_seconds() - began;
  *rate = (double)batches * (double)b->found->batch / took;
  free(thread);
  free(s);
  return status;
}

// The pool for a way: the threads of streams stand in for its workers.
static esp_status set_way(const bench *b, const esp_bench_way *way) {
  const int workers = way->streams * way->workers;
  b->session->options.num_interop_threads = way->workers;
  b->session->molded = way->molded;
  ESP_TRY(esp_set_num_threads(b->context, 1));
  ESP_TRY(esp_set_num_interop_threads(b->context, workers));
  return esp_set_num_threads(b->context, way->width);
}

// Ways ------------------------------------------------------------------------

static bool is_wanted(const esp_bench_setting *s, const esp_bench_way *way) {
  return (s->streams == 0 || s->streams == way->streams) &&
         (s->workers == 0 || s->workers == way->workers) &&
         (s->width == 0 || s->width == way->width);
}

static void add_way(bench *b, int streams, int workers, int width,
                    bool molded) {
  esp_bench_findings *f = b->found;
  const esp_bench_way way = {
      .streams = streams, .workers = workers, .width = width, .molded = molded};
  if (f->ways < ESP_MOST_WAYS && is_wanted(b->setting, &way)) {
    f->way[f->ways++] = way;
  }
}

// 1, 2, 4 ... and `most`.
static int next(int count, int most) {
  return 2 * count < most || count == most ? 2 * count : most;
}

// One thread, and all ways that use every core; several streams have one worker
// each, as their batches are side by side already.
static esp_status list_ways(bench *b) {
  const esp_bench_setting *s = b->setting;
  esp_bench_findings *f = b->found;
  const int c = f->cores;
  if (s->streams > 0 && s->workers > 0 && s->width > 0) {
    ESP_TRY(esp_threads_check(s->streams, s->workers, s->width, c, false));
    add_way(b, s->streams, s->workers, s->width, false);
    return ESP_OK;
  }
  add_way(b, 1, 1, 1, false);
  for (int width = 1; width <= c; width = next(width, c)) {
    const int rest = c / width;
    if (rest * width > 1) add_way(b, 1, rest, width, false);
    if (f->throughput && rest > 1) add_way(b, rest, 1, width, false);
  }
  if (f->ways > 0) return ESP_OK;
  return ESP_FAIL(ESP_USAGE,
                  "no way of %d cores has these streams, workers and width: "
                  "give all three, or fewer of them",
                  c);
}

// How good a way is, from what it has measured so far; larger is better.
static double worth(const esp_bench_findings *f, const esp_bench_way *way) {
  return f->throughput ? way->samples_per_second : 1 / way->median_s;
}

static void find_best(esp_bench_findings *f) {
  f->best = 0;
  for (int w = 1; w < f->ways; w++) {
    if (worth(f, &f->way[w]) > worth(f, &f->way[f->best])) f->best = w;
  }
}

static void conclude(esp_bench_way *way, int rounds) {
  way->median_s = esp_quantile(way->latency, (int)way->latencies, 0.5);
  way->p99_s = esp_quantile(way->latency, (int)way->latencies, 0.99);
  const double low = esp_quantile(way->rate, rounds, 0.25),
               high = esp_quantile(way->rate, rounds, 0.75);
  way->samples_per_second = esp_quantile(way->rate, rounds, 0.5);
  way->spread = (high - low) / way->samples_per_second;
}

// A batch of each stream, after another way: packs, touches memory, wakes
// threads.  What is kept comes after that.
static esp_status warm_up(const bench *b, esp_bench_way *way) {
  const size_t before = way->latencies;
  double rate;
  ESP_TRY(set_way(b, way));
  ESP_TRY(run_streams(b, way, 0, &rate));
  way->latencies = before;
  return ESP_OK;
}

static esp_status try_way(const bench *b, esp_bench_way *way) {
  ESP_TRY(warm_up(b, way));
  ESP_TRY(run_streams(b, way, TRIAL_SECONDS, &way->rate[0]));
  conclude(way, 1);
  way->latencies = 0;
  if (way->width > 1) (void)usleep(TEAM_SLEEPS_US);
  return ESP_OK;
}

static esp_status try_ways(bench *b) {
  esp_bench_findings *f = b->found;
  for (int w = 0; w < f->ways; w++) {
    f->way[w].rate = calloc(ESP_BENCH_ROUNDS, sizeof(double));
    if (f->way[w].rate == NULL) {
      return ESP_FAIL(ESP_NO_MEMORY, "cannot keep the figures");
    }
    ESP_TRY(try_way(b, &f->way[w]));
  }
  find_best(f);
  return ESP_OK;
}

// The best, or all in turn, a part of the time in each round.
static esp_status measure(bench *b) {
  esp_bench_findings *f = b->found;
  const double all =
      b->setting->seconds > 0 ? b->setting->seconds : DEFAULT_SECONDS;
  for (int round = 0; round < ESP_BENCH_ROUNDS; round++) {
    for (int w = 0; w < f->ways; w++) {
      esp_bench_way *way = &f->way[w];
      if (!f->sweep && w != f->best) continue;
      if (f->sweep || round == 0) ESP_TRY(warm_up(b, way));
      ESP_TRY(run_streams(b, way, all / ESP_BENCH_ROUNDS, &way->rate[round]));
      if (f->sweep && way->width > 1) (void)usleep(TEAM_SLEEPS_US);
    }
  }
  for (int w = 0; w < f->ways; w++) {
    if (f->sweep || w == f->best) conclude(&f->way[w], ESP_BENCH_ROUNDS);
  }
  if (f->sweep) find_best(f);
  return ESP_OK;
}

// What ran --------------------------------------------------------------------

static double process_bytes(void) {
  FILE *in = fopen("/proc/self/status", "r"); // proc(5): VmHWM, in kB
  char line[256];
  double kilobytes = 0;
  while (in != NULL && fgets(line, sizeof line, in) != NULL) {
    (void)sscanf(line, "VmHWM: %lf", &kilobytes);
  }
  if (in != NULL) (void)fclose(in);
  return 1024 * kilobytes;
}

static void describe_plan(const bench *b) {
  esp_bench_findings *f = b->found;
  const esp_bench_way *best = &f->way[f->best];
  for (int e = 0; e < b->session->engines; e++) {
    const esp_session_engine *engine = b->session->engine[e];
    if (engine->workers != best->workers || engine->width != best->width ||
        engine->molded != best->molded) {
      continue;
    }
    const esp_plan *plan = engine->built.plan;
    f->method = plan->method;
    f->predicted_s = plan->predicted;
    f->lower_bound_s = plan->lower_bound;
    f->ceiling = plan->critical > 0 ? plan->total / plan->critical : 1;
    f->block_bytes = (double)esp_exec_bytes(engine->exec);
    (void)esp_cost_work(engine->built.graph, &f->flops, &f->bytes);
  }
}

// Without them there is nothing to put side by side.
static bool has_branches(const esp_plan *plan) {
  static const double WORTH = 1.05;
  return plan->total > WORTH * plan->critical;
}

// Measures what the nodes take, for the plans that are tried; where the ways
// are open, also that of nodes which are narrow or wide.
static esp_status look_at_nodes(bench *b) {
  esp_bench_findings *f = b->found;
  const esp_session *s = b->session;
  const bool wide = f->way[f->ways - 1].width == f->cores;
  if (f->ways == 1 || f->cores == 1 || s->walked != NULL || !wide ||
      !has_branches(s->engine[0]->built.plan)) {
    return ESP_OK;
  }
  esp_machine machine;
  ESP_TRY(esp_context_machine(b->context, &machine));
  const esp_trial_options options = {.graph = s->engine[0]->built.graph,
                                     .machine = &machine,
                                     .cores = &b->context->cores};
  ESP_TRY(esp_trial_nodes(&options, &b->costs));
  b->session->costs = &b->costs;
  add_way(b, 1, 1, f->cores, true);
  return ESP_OK;
}

static esp_status run_bench(bench *b, double began) {
  esp_bench_findings *f = b->found;
  const esp_graph *model = b->session->model;
  ESP_TRY(esp_build_batch(model, 0, b->setting->batch, 1, &f->batch));
  ESP_TRY(make_inputs(b));
  ESP_TRY(list_ways(b));
  // The first result, in the way that is the first guess.
  stream first = {.b = b, .least = 1};
  ESP_TRY(set_way(b, &f->way[f->ways - 1]));
  const esp_status status = run_until(&first);
  free(first.latency);
  ESP_TRY(status);
  f->load_s = esp_clock_seconds() - began;
  f->process_bytes = process_bytes(); // before other ways pack for themselves
  ESP_TRY(look_at_nodes(b));
  if (f->ways > 1) {
    ESP_TRY(try_ways(b));
  } else {
    f->way[0].rate = calloc(ESP_BENCH_ROUNDS, sizeof(double));
    if (f->way[0].rate == NULL) return ESP_FAIL(ESP_NO_MEMORY, "no memory");
  }
  const double others = esp_trial_others_seconds(&b->context->cores);
  const double start = esp_clock_seconds();
  ESP_TRY(measure(b));
  f->others = fmax(0, esp_trial_others_seconds(&b->context->cores) - others) /
              (esp_clock_seconds() - start);
  describe_plan(b);
  if (f->accuracy.precision == ESP_PRECISION_FLOAT32) return ESP_OK;
  return esp_precision_compare(model, f->batch,
                               (const esp_tensor *const *)b->input, f->cores, 0,
                               &f->accuracy);
}

static esp_status make_findings(esp_context *context, const char *model,
                                const esp_bench_setting *setting,
                                esp_bench_findings *f) {
  *f = (esp_bench_findings){.model = model,
                            .throughput = setting->throughput,
                            .sweep = setting->sweep,
                            .cores = context->cores.count};
  bench b = {.context = context, .setting = setting, .found = f};
  double core_flops;
  ESP_TRY(esp_kernel_peak(40, &core_flops));
  f->peak_flops = core_flops * f->cores;
  const double began = esp_clock_seconds();
  f->accuracy.precision = setting->precision;
  const esp_session_options options = {.micro_batch = setting->micro_batch,
                                       .precision = setting->precision,
                                       .packed_cache = setting->packed_cache};
  ESP_TRY(esp_session_open(context, model, &options, &b.session));
  b.session->exact = true;
  const esp_status status = run_bench(&b, began);
  free_inputs(&b);
  esp_session_close(b.session);
  esp_node_costs_end(&b.costs);
  return status;
}

bool esp_bench_noisy(const esp_bench_findings *f) {
  return f->others > 0.1 || f->way[f->best].spread > 0.1;
}

double esp_bench_flops_per_second(const esp_bench_findings *f) {
  return f->flops / (double)f->batch * f->way[f->best].samples_per_second;
}

esp_status esp_bench(esp_context *context, const char *model,
                     const esp_bench_setting *setting, bool json, char **text) {
  *text = NULL;
  if (esp_size(context) > 1) {
    return ESP_FAIL(ESP_USAGE, "bench runs on one rank: start it without "
                               "mpirun or srun, or with one task");
  }
  esp_bench_findings *f = calloc(1, sizeof *f);
  if (f == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot measure");
  esp_status status = make_findings(context, model, setting, f);
  if (status == ESP_OK) {
    status = json ? esp_bench_json(f, text) : esp_bench_text(f, text);
  }
  for (int w = 0; w < f->ways; w++) {
    free(f->way[w].latency);
    free(f->way[w].rate);
  }
  free(f);
  return status;
}
