#include "api/findings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optimise/optimise.h"

// Views ----------------------------------------------------------------------

static void count_kind(esp_view *v, const esp_node *node, double seconds) {
  int k = 0;
  while (k < v->kinds && strcmp(v->kind[k].op_type, node->op_type) != 0) k++;
  if (k == ESP_MOST_KINDS) return;
  if (k == v->kinds) {
    v->kind[v->kinds++] = (esp_operator_kind){.op_type = node->op_type};
  }
  v->kind[k].count++;
  v->kind[k].seconds += seconds;
}

static int dearer(const void *a, const void *b) {
  const esp_operator_kind *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return strcmp(x->op_type, y->op_type);
}

static esp_plan_problem problem_of(const esp_findings *f,
                                   const double *seconds) {
  return (esp_plan_problem){.graph = f->built.graph,
                            .ranks = 1,
                            .workers = 1,
                            .width = 1,
                            .seconds = seconds,
                            .links = f->machine.links};
}

static esp_status predict(const esp_findings *f, const esp_view *v, int workers,
                          double handover, esp_gain *gain) {
  esp_plan_problem problem = problem_of(f, v->seconds);
  problem.workers = workers;
  problem.links.over[ESP_SAME_RANK].seconds = handover;
  gain->count = workers;
  double bound;
  ESP_TRY(esp_plan_predict(&problem, &gain->seconds, &bound));
  gain->gain = gain->seconds > 0 ? v->profile.total / gain->seconds : 1;
  gain->most = bound > 0 ? v->profile.total / bound : 1;
  return ESP_OK;
}

// 1, 2, 4 ... up to `most`, which is the last whatever it is.
static int next_count(int count, int most) {
  return 2 * count < most || count == most ? 2 * count : most;
}

static esp_status find_view(const esp_findings *f, const double *seconds,
                            esp_view *v) {
  const esp_graph *graph = f->built.graph;
  v->seconds = seconds;
  for (int n = 0; n < graph->nnode; n++) {
    count_kind(v, &graph->node[n], seconds[n]);
  }
  qsort(v->kind, (size_t)v->kinds, sizeof *v->kind, dearer);
  ESP_TRY(esp_profile_create(graph, seconds, ESP_PROFILE_COLUMNS, &v->profile));
  const double handover = f->overheads.handover_seconds;
  for (int w = 1; w <= f->cores && v->worker_steps < ESP_MOST_GAINS;
       w = next_count(w, f->cores)) {
    ESP_TRY(predict(f, v, w, handover, &v->workers[v->worker_steps++]));
  }
  const int most = v->profile.most > 1 ? v->profile.most : 1;
  ESP_TRY(predict(f, v, most, handover, &v->unlimited));
  esp_gain free_of_cost;
  ESP_TRY(predict(f, v, f->cores, 0, &free_of_cost));
  v->free_gain = free_of_cost.gain;
  return ESP_OK;
}

static void end_view(esp_view *v) { esp_profile_end(&v->profile); }

// What each kind gives -------------------------------------------------------

static esp_status find_widths(esp_findings *f) {
  const int nodes = f->built.graph->nnode;
  double *seconds = calloc((size_t)nodes + 1, sizeof *seconds);
  if (seconds == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot explain");
  esp_status status = ESP_OK;
  for (int w = next_count(1, f->cores);
       w <= f->cores && f->width_steps < ESP_MOST_GAINS && status == ESP_OK;
       w = next_count(w, f->cores)) {
    esp_gain *gain = &f->width[f->width_steps++];
    status = esp_cost_estimate(f->built.graph, &f->machine, w, seconds);
    gain->count = w;
    for (int n = 0; n < nodes; n++) {
      gain->seconds += seconds[n] + f->overheads.region_seconds;
    }
    gain->gain = f->estimated.profile.total / gain->seconds;
  }
  free(seconds);
  return status;
}

// Ranks may have parts of heavy nodes.
static esp_status find_ranks(esp_findings *f, const esp_graph *model,
                             int ranks) {
  const esp_view *v = esp_findings_best_view(f);
  const esp_build_options how = {.model = model,
                                 .machine = &f->machine,
                                 .batch = f->batch,
                                 .seconds = v->seconds,
                                 .nodes = f->built.graph->nnode,
                                 .ranks = ranks,
                                 .workers = 1,
                                 .width = 1};
  esp_built built;
  ESP_TRY(esp_build(&how, &built));
  const esp_plan *plan = built.plan;
  const double total = v->profile.total;
  f->ranks =
      (esp_gain){.count = ranks,
                 .seconds = plan->predicted,
                 .gain = plan->predicted > 0 ? total / plan->predicted : 1,
                 .most = plan->lower_bound > 0 ? total / plan->lower_bound : 1};
  f->messages = plan->nmessage;
  f->parts = esp_count_parts(built.graph);
  f->bytes_sent = plan->bytes_sent;
  esp_build_end(&built);
  esp_gain no_messages;
  ESP_TRY(predict(f, v, ranks, 0, &no_messages));
  f->free_ranks_gain = no_messages.gain;
  return ESP_OK;
}

static double largest_cache(void) {
  static const double COMMON = 32e6; // where the system does not tell
  const long bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return bytes > 0 ? (double)bytes : COMMON;
}

// Weights, and the block of values of one batch.
static double working_bytes(const esp_findings *f) {
  return (double)f->info.weight_bytes + (double)f->built.plan->rank[0].bytes;
}

// Every core has a batch of its own, until memory is the limit.
static void find_replicas(esp_findings *f) {
  const double total = f->estimated.profile.total;
  double seconds = total / f->cores;
  if (f->cores > 1 && working_bytes(f) * f->cores > largest_cache()) {
    seconds = fmax(seconds, f->bytes / f->overheads.bytes_per_second);
  }
  if (seconds > total) seconds = total;
  f->replicas = (esp_gain){.count = f->cores,
                           .seconds = seconds,
                           .gain = seconds > 0 ? total / seconds : 1};
}

// Reasons --------------------------------------------------------------------

// What a team costs an operator: an empty one, or, where the model ran with
// wide operators, what those took beyond their share.
static double team_seconds(const esp_findings *f) {
  const double empty = f->overheads.region_seconds;
  const int nodes = f->built.graph->nnode;
  const double wide = f->trial.seconds[ESP_TRIAL_WIDTH];
  if (!f->measured || wide <= 0 || nodes == 0 || esp_trial_noisy(&f->trial)) {
    return empty;
  }
  const double share = f->trial.seconds[ESP_TRIAL_ONE] / f->trial.cores;
  return fmax(empty, (wide - share) / nodes);
}

// What a worker for each core gives: as it was, where that was measured
// quietly, else as the schedule predicts.
static double workers_gain(const esp_findings *f, const esp_view *v) {
  const double was = esp_findings_measured_gain(f, ESP_TRIAL_WORKERS);
  if (was > 0 && f->trial.cores == f->cores && !esp_trial_noisy(&f->trial)) {
    return was;
  }
  return v->workers[v->worker_steps - 1].gain;
}

static double short_share(const esp_findings *f, const esp_view *v) {
  double sum = 0;
  for (int n = 0; n < f->built.graph->nnode; n++) {
    if (esp_reasons_is_short(v->seconds[n], f->cores, team_seconds(f))) {
      sum += v->seconds[n];
    }
  }
  return v->profile.total > 0 ? sum / v->profile.total : 0;
}

static void find_reasons(esp_findings *f, const esp_setting *setting,
                         int mask_cores) {
  const esp_view *v = esp_findings_best_view(f);
  const int nodes = f->built.graph->nnode;
  const esp_reason_figures figures = {
      .cores = f->cores,
      .cores_asked = setting->cores > 0,
      .mask_cores = mask_cores,
      .machine_cores = (int)sysconf(_SC_NPROCESSORS_ONLN),
      .omp_num_threads = getenv("OMP_NUM_THREADS"),
      .omp_proc_bind = getenv("OMP_PROC_BIND"),
      .gomp_cpu_affinity = getenv("GOMP_CPU_AFFINITY"),
      .total = v->profile.total,
      .span = v->profile.span,
      .alone = v->profile.most > 0 ? v->profile.share[1] : 1,
      .branches = v->profile.branches,
      .branch_seconds = v->profile.branch_seconds,
      .handover_seconds = f->overheads.handover_seconds,
      .free_gain = v->free_gain,
      .paid_gain = workers_gain(f, v),
      .ranks = f->ranks.count,
      .message_seconds = f->machine.links.over[ESP_SAME_NODE].seconds,
      .free_ranks_gain = f->free_ranks_gain,
      .ranks_gain = f->ranks.gain,
      .region_seconds = team_seconds(f),
      .short_share = short_share(f, v),
      .operator_seconds = nodes > 0 ? v->profile.total / nodes : 0,
      .batch = f->batch,
      .traffic_bytes = f->bytes,
      .working_bytes = working_bytes(f),
      .cache_bytes = largest_cache(),
      .bytes_per_second = f->overheads.bytes_per_second};
  f->reasons = esp_reasons_find(&figures, f->reason);
}

// All of it ------------------------------------------------------------------

static esp_status run_trial(esp_findings *f, const esp_cores *cores) {
  const esp_trial_options options = {
      .graph = f->built.graph, .machine = &f->machine, .cores = cores};
  ESP_TRY(esp_trial_run(&options, &f->trial));
  ESP_TRY(find_view(f, f->trial.node_seconds, &f->real));
  f->measured = true;
  return ESP_OK;
}

static esp_status build(esp_findings *f, const esp_graph *model,
                        const esp_setting *setting) {
  static const int64_t DEFAULT_BATCH = 1;
  ESP_TRY(esp_build_batch(model, 0, setting->batch, DEFAULT_BATCH, &f->batch));
  const esp_build_options how = {.model = model,
                                 .machine = &f->machine,
                                 .batch = f->batch,
                                 .ranks = 1,
                                 .workers = 1,
                                 .width = 1};
  return esp_build(&how, &f->built);
}

static int64_t first_dim(const esp_graph *model, int input) {
  const esp_shape *shape = &model->value[model->input[input]].tensor.shape;
  return shape->ndim > 0 ? shape->dim[0] : 0;
}

// Samples are what the first input has, and every other one of as many rows.
static esp_status find_coupling(const esp_graph *model, esp_findings *f) {
  if (model->ninput == 0) return ESP_OK;
  int *input = calloc((size_t)model->ninput, sizeof *input), inputs = 0;
  if (input == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot follow samples");
  for (int i = 0; i < model->ninput; i++) {
    if (i == 0 || first_dim(model, i) == first_dim(model, 0)) {
      input[inputs++] = i;
    }
  }
  const esp_status status =
      esp_optimise_coupling(model, input, inputs, &f->coupling);
  free(input);
  return status;
}

esp_status esp_findings_make(const esp_graph *model, const esp_setting *setting,
                             esp_findings *f) {
  esp_cores mask;
  ESP_TRY(esp_topology_cores(&mask));
  f->cores = setting->cores > 0 ? setting->cores : mask.count;
  esp_cores used = mask;
  if (f->cores < used.count) used.count = f->cores;
  ESP_TRY(esp_cost_measure(&f->machine));
  ESP_TRY(build(f, model, setting));
  ESP_TRY(find_coupling(model, f));
  ESP_TRY(esp_trial_overheads(&used, &f->machine, &f->overheads));
  f->machine.links.over[ESP_SAME_RANK].seconds = f->overheads.handover_seconds;
  ESP_TRY(esp_cost_work(f->built.graph, &f->flops, &f->bytes));
  ESP_TRY(find_view(f, f->built.seconds, &f->estimated));
  ESP_TRY(find_widths(f));
  find_replicas(f);
  if (setting->measure) ESP_TRY(run_trial(f, &used));
  ESP_TRY(find_ranks(f, model, setting->ranks > 0 ? setting->ranks : 2));
  find_reasons(f, setting, mask.count);
  return ESP_OK;
}

void esp_findings_end(esp_findings *f) {
  end_view(&f->estimated);
  end_view(&f->real);
  esp_trial_end(&f->trial);
  esp_build_end(&f->built);
}

double esp_findings_measured_gain(const esp_findings *f,
                                  esp_trial_shape shape) {
  if (!f->measured || f->trial.seconds[shape] <= 0) return 0;
  return f->trial.seconds[ESP_TRIAL_ONE] / f->trial.seconds[shape];
}

const esp_view *esp_findings_best_view(const esp_findings *f) {
  return f->measured ? &f->real : &f->estimated;
}
