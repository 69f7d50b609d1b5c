#include "api/cluster.h"

#include <math.h>
#include <stdlib.h>

#include "optimise/optimise.h"

// The machine -----------------------------------------------------------------

static void take(double given, double *place) {
  if (given > 0) *place = given;
}

// What the file does not say is as it is here.
static esp_status describe_machine(esp_cluster_findings *f) {
  const esp_cluster *c = &f->cluster;
  esp_link *ranks = &f->machine.links.over[ESP_SAME_NODE];
  esp_link *nodes = &f->machine.links.over[ESP_OTHER_NODE];
  f->machine = esp_cost_typical();
  if (c->core_flops == 0 || c->core_bandwidth == 0) {
    ESP_TRY(esp_cost_measure(&f->machine));
  }
  take(c->core_flops, &f->machine.flops_per_second);
  take(c->core_bandwidth, &f->machine.bytes_per_second);
  ranks->bytes_per_second = f->machine.bytes_per_second / 2; // as here
  take(c->rank_latency, &ranks->seconds);
  take(c->rank_bandwidth, &ranks->bytes_per_second);
  take(c->network_latency, &nodes->seconds);
  take(c->network_bandwidth, &nodes->bytes_per_second);
  return ESP_OK;
}

static int ranks_of(const esp_cluster *c) {
  return (int)(c->nodes * c->ranks_per_node);
}

static double slowness_of(const esp_cluster *c, int rank) {
  return c->speeds > 0 ? 1 / c->speed[rank / c->ranks_per_node] : 1;
}

// One replica on paper --------------------------------------------------------

// A schedule, and places for all values, take seconds then.
static bool is_large(const esp_cluster_findings *f) {
  enum { MANY_NODES = 5000 };
  return f->graph->nnode > MANY_NODES;
}

static int slots_of(const esp_division *division) {
  return division->ranks > 1 ? division->ranks : division->streams;
}

// The first one, and, where it is shorter so, with heavy nodes divided among
// its ranks.  Streams of a rank, and ranks of a node, have their part of its
// memory's bandwidth each.
//
// With a limit of memory, batches are kept for every stream, or stage, at once.
static esp_status plan_replica(const esp_cluster_findings *f,
                               const esp_division *division, esp_plan **plan,
                               esp_built *divided) {
  const esp_cluster *c = &f->cluster;
  double *slowness = calloc((size_t)division->ranks, sizeof *slowness);
  if (slowness == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  for (int r = 0; r < division->ranks; r++) {
    slowness[r] = slowness_of(c, r);
  }
  const int on_node = division->ranks < c->ranks_per_node
                          ? division->ranks
                          : (int)c->ranks_per_node;
  const double sharers =
      (double)division->streams * (double)c->ranks_per_node / on_node;
  const esp_plan_problem problem = {
      .graph = f->graph,
      .ranks = division->ranks,
      .ranks_per_node = (int)c->ranks_per_node,
      .workers = division->workers,
      .width = division->width,
      .seconds = f->seconds,
      .links = f->machine.links,
      .slowness = slowness,
      .bytes = f->bytes,
      .bytes_per_second = c->node_bandwidth / sharers,
      .memory = c->rank_memory,
      .slots = slots_of(division),
      .on_paper = c->rank_memory == 0 || is_large(f)};
  esp_status status = esp_plan_build(&problem, plan);
  if (status == ESP_OK && division->ranks > 1) {
    const esp_divide_options how = {.problem = &problem,
                                    .machine = &f->machine,
                                    .least = (*plan)->predicted};
    status = esp_divide(&how, divided);
    divided->problem.slowness = NULL; // which ends here
    if (status != ESP_OK) esp_plan_free(*plan);
  }
  free(slowness);
  return status;
}

// Replicas of several speeds take batches as they come: their rates add up.
// A replica is as much slower than the first as its ranks are together.
static double rate(const esp_cluster_findings *f,
                   const esp_division *division) {
  const esp_cluster *c = &f->cluster;
  double first = 0, sum = 0;
  for (int d = 0; d < division->replicas; d++) {
    double slowness = 0;
    for (int r = 0; r < division->ranks; r++) {
      slowness += slowness_of(c, d * division->ranks + r);
    }
    if (d == 0) first = slowness;
    sum += first / slowness;
  }
  return sum * division->streams * (double)f->batch / division->period;
}

// Is the division better than the best so far?  Of equals the earlier stays.
static bool is_better(const esp_cluster_findings *f,
                      const esp_division *division) {
  const esp_division *best = &f->division[f->best];
  return f->plan == NULL || (f->throughput ? division->samples_per_second >
                                                 best->samples_per_second
                                           : division->seconds < best->seconds);
}

static void end_plans(esp_cluster_findings *f) {
  esp_plan_free(f->whole);
  esp_build_end(&f->divided);
}

static esp_status try_division(esp_cluster_findings *f, esp_division division) {
  if (f->divisions == ESP_MOST_DIVISIONS) return ESP_OK;
  esp_plan *whole;
  esp_built divided = {0};
  ESP_TRY(esp_cost_estimate(f->graph, &f->machine, division.width, f->seconds));
  const esp_status status = plan_replica(f, &division, &whole, &divided);
  if (status == ESP_LIMIT) return ESP_OK; // others may hold the model
  ESP_TRY(status);
  const esp_plan *plan = divided.plan != NULL ? divided.plan : whole;
  division.seconds = plan->predicted;
  division.period = plan->staged ? esp_plan_period(plan, slots_of(&division))
                                 : plan->predicted;
  division.lower_bound = plan->lower_bound;
  division.samples_per_second = rate(f, &division);
  const bool better = is_better(f, &division);
  if (better) f->best = f->divisions;
  f->division[f->divisions++] = division;
  if (better) {
    end_plans(f);
    f->whole = whole;
    f->divided = divided;
    f->plan = plan;
    f->planned = divided.plan != NULL ? divided.graph : f->graph;
  } else {
    esp_plan_free(whole);
    esp_build_end(&divided);
  }
  return ESP_OK;
}

// Divisions -------------------------------------------------------------------

// Branches on workers, wide operators, and what lies between; with several
// streams each has its part of the cores.
static esp_status try_threads(esp_cluster_findings *f, int replicas, int ranks,
                              int streams) {
  const int cores = (int)f->cluster.cores_per_rank / streams;
  for (int width = 1; width <= cores; width = 2 * width) {
    const int whole = 2 * width > cores ? cores : width; // the widest last
    const esp_division division = {.replicas = replicas,
                                   .ranks = ranks,
                                   .streams = streams,
                                   .workers = cores / whole,
                                   .width = whole};
    ESP_TRY(try_division(f, division));
    if (whole == cores) break;
  }
  return ESP_OK;
}

static esp_status try_divisions(esp_cluster_findings *f) {
  const int all = ranks_of(&f->cluster);
  const int cores = (int)f->cluster.cores_per_rank;
  // A batch on each core, a batch on each rank, a batch on 2, 4 ... ranks.
  if (f->throughput && cores > 1) {
    ESP_TRY(try_threads(f, all, 1, cores));
  }
  ESP_TRY(try_threads(f, all, 1, 1));
  for (int ranks = 2; ranks < all && !is_large(f); ranks *= 2) {
    ESP_TRY(try_threads(f, all / ranks, ranks, 1));
  }
  return all > 1 ? try_threads(f, 1, all, 1) : ESP_OK;
}

// The best --------------------------------------------------------------------

static void sum_shares(esp_cluster_findings *f) {
  const esp_plan *plan = f->plan;
  double computed = 0, sent = 0;
  for (int r = 0; r < plan->ranks; r++) {
    for (int s = 0; s < plan->rank[r].nstep; s++) {
      const esp_step *step = &plan->rank[r].step[s];
      const double took = step->finish - step->start;
      if (step->kind == ESP_STEP_RUN) computed += took;
      // Of both sides: a RECV stands there long before anything moves.
      if (step->kind == ESP_STEP_SEND) sent += 2 * took;
    }
  }
  const double all = f->division[f->best].period * plan->ranks;
  if (all <= 0) return;
  f->computed = computed / (all * plan->workers);
  f->idle = fmax(0, 1 - f->computed);
  f->sent = fmin(1, sent / all);
}

static esp_status make(const esp_graph *model, const esp_setting *setting,
                       esp_cluster_findings *f) {
  ESP_TRY(esp_cluster_load(setting->cluster, &f->cluster));
  ESP_TRY(describe_machine(f));
  ESP_TRY(esp_build_batch(model, 0, setting->batch, 1, &f->batch));
  const esp_optimise_options how = {.batch = f->batch};
  ESP_TRY(esp_optimise(model, &how, &f->graph));
  const size_t nodes = (size_t)f->graph->nnode + 1;
  f->seconds = calloc(nodes, sizeof *f->seconds);
  f->bytes = calloc(nodes, sizeof *f->bytes);
  if (f->seconds == NULL || f->bytes == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot plan %zu nodes", nodes);
  }
  ESP_TRY(esp_cost_bytes(f->graph, f->bytes));
  ESP_TRY(try_divisions(f));
  if (f->plan == NULL) return ESP_LIMIT; // esp_last_error() is of the last
  sum_shares(f);
  return ESP_OK;
}

esp_status esp_cluster_findings_make(const esp_graph *model,
                                     const esp_setting *setting,
                                     esp_cluster_findings *findings) {
  *findings = (esp_cluster_findings){.throughput = !setting->latency};
  return make(model, setting, findings);
}

void esp_cluster_findings_end(esp_cluster_findings *f) {
  end_plans(f);
  free(f->seconds);
  free(f->bytes);
  esp_graph_free(f->graph);
  esp_cluster_end(&f->cluster);
  *f = (esp_cluster_findings){0};
}
