// Heavy nodes in parts, for workers and ranks that would have nothing else to
// do: which nodes those are, and whether the plan is shorter so.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/private.h"
#include "op/op.h"
#include "optimise/optimise.h"

enum { MOST_PARTS = 8, MOST_NODES = 2000 };
static const double MOST_COPIED = 1e9; // bytes of weights, on every rank

// The nodes of a graph that may be divided.
typedef struct choice {
  const esp_divide_options *options;
  const esp_plan_problem *problem; // of the graph as it is
  int parts;
  double *saved; // [nnode] seconds that dividing a node saves on its path; not
                 // above 0: it stays whole
  double *weight, *start, *tail; // [nnode] for the longest path
  bool *divide;                  // [nnode]
} choice;

// Over the longest way that processors of this problem have between them.
static const esp_link *link_of(const esp_plan_problem *p) {
  const bool nodes = p->ranks_per_node > 0 && p->ranks_per_node < p->ranks;
  const esp_distance distance = p->ranks == 1 ? ESP_SAME_RANK
                                : nodes       ? ESP_OTHER_NODE
                                              : ESP_SAME_NODE;
  return &p->links.over[distance];
}

// What parts cost: each copies what the others have made, which comes from
// where they are.
static double cost_of(const choice *c, int n) {
  const esp_graph *graph = c->problem->graph;
  const esp_machine *machine = c->options->machine;
  const double bytes =
      (double)esp_tensor_bytes(&graph->value[graph->node[n].out[0]].tensor);
  return machine->call_seconds + 2 * bytes / machine->bytes_per_second +
         esp_link_seconds(link_of(c->problem), bytes / c->parts);
}

static void find_savings(const choice *c) {
  const esp_graph *graph = c->problem->graph;
  double all = 0, copied;
  for (int n = 0; n < graph->nnode; n++) {
    c->saved[n] = 0;
    if (graph->node[n].nout < 1 || graph->node[n].out[0] < 0) continue;
    const double saved =
        c->problem->seconds[n] * (1 - 1.0 / c->parts) - cost_of(c, n);
    if (saved <= 0 || !esp_optimise_divides(graph, n, c->parts, &copied) ||
        all + copied > MOST_COPIED) {
      continue;
    }
    c->saved[n] = saved;
    all += copied;
  }
}

static int producer_of(const esp_graph *graph, int n, int input) {
  const int value = graph->node[n].in[input];
  return value >= 0 ? graph->value[value].producer : -1;
}

// Divides what lies on the longest path, as far as that saves something; false:
// there is nothing.
static bool divide_path(const choice *c) {
  static const double ROUNDING = 1e-9;
  const esp_graph *graph = c->problem->graph;
  double longest = 0;
  for (int n = 0; n < graph->nnode; n++) {
    c->weight[n] = c->problem->seconds[n] - (c->divide[n] ? c->saved[n] : 0);
    c->start[n] = c->tail[n] = 0;
    for (int i = 0; i < graph->node[n].nin; i++) {
      const int from = producer_of(graph, n, i);
      if (from < 0) continue;
      c->start[n] = fmax(c->start[n], c->start[from] + c->weight[from]);
    }
    longest = fmax(longest, c->start[n] + c->weight[n]);
  }
  bool any = false;
  for (int n = graph->nnode - 1; n >= 0; n--) {
    const double rest = c->tail[n] + c->weight[n];
    for (int i = 0; i < graph->node[n].nin; i++) {
      const int from = producer_of(graph, n, i);
      if (from >= 0) c->tail[from] = fmax(c->tail[from], rest);
    }
    const bool on_path = c->start[n] + rest >= longest * (1 - ROUNDING);
    if (!on_path || c->divide[n] || c->saved[n] <= 0) continue;
    c->divide[n] = any = true;
  }
  return any;
}

static bool divide_rest(const choice *c) {
  bool any = false;
  for (int n = 0; n < c->problem->graph->nnode; n++) {
    any |= !c->divide[n] && c->saved[n] > 0;
    c->divide[n] = c->saved[n] > 0;
  }
  return any;
}

static bool is_known(const choice *c, const esp_graph *graph) {
  return c->options->known != NULL && c->options->nodes == graph->nnode;
}

// Seconds of the new nodes: those that are known, or of parts the share of the
// whole that is estimated.
static esp_status find_seconds(const choice *c, const esp_divided *d,
                               double *seconds) {
  const esp_graph *graph = c->problem->graph;
  const esp_machine *machine = c->options->machine;
  const int width = c->problem->width;
  if (is_known(c, d->graph)) {
    memcpy(seconds, c->options->known,
           (size_t)d->graph->nnode * sizeof *seconds);
    return ESP_OK;
  }
  double *whole = calloc((size_t)graph->nnode + 1, sizeof *whole);
  if (whole == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot divide nodes");
  esp_status status = esp_cost_estimate(graph, machine, width, whole);
  if (status == ESP_OK) {
    status = esp_cost_estimate(d->graph, machine, width, seconds);
  }
  for (int n = 0; n < d->graph->nnode && status == ESP_OK; n++) {
    const int from = d->origin[n];
    if (from >= 0) seconds[n] *= c->problem->seconds[from] / whole[from];
  }
  free(whole);
  return status;
}

// The plan of a divided graph, which made->graph is already.
static esp_status plan(const choice *c, const esp_divided *d, esp_built *made) {
  const size_t nodes = (size_t)d->graph->nnode + 1;
  made->seconds = calloc(nodes, sizeof *made->seconds);
  made->bytes = calloc(nodes, sizeof *made->bytes);
  if (made->seconds == NULL || made->bytes == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot plan %d nodes", d->graph->nnode);
  }
  ESP_TRY(find_seconds(c, d, made->seconds));
  made->problem = *c->problem;
  made->problem.graph = made->graph;
  made->problem.seconds = made->seconds;
  if (c->problem->bytes != NULL) {
    ESP_TRY(esp_cost_bytes(made->graph, made->bytes));
    made->problem.bytes = made->bytes;
  }
  return esp_plan_build(&made->problem, &made->plan);
}

// Takes the plan of those divisions where it is the better one, or is known.
static esp_status try_division(const choice *c, esp_built *best) {
  esp_divided d;
  ESP_TRY(esp_optimise_divide(c->problem->graph, c->divide, c->parts, &d));
  esp_built made = {.graph = d.graph};
  const esp_status status = plan(c, &d, &made);
  free(d.origin);
  if (status != ESP_OK) {
    esp_build_end(&made);
    return status;
  }
  const double least =
      best->plan != NULL ? best->plan->predicted : c->options->least;
  if (is_known(c, made.graph) || made.plan->predicted < least) {
    const esp_built spare = *best;
    *best = made;
    made = spare;
  }
  esp_build_end(&made);
  return ESP_OK;
}

// What lies on the longest path; what does then, twice; all that saves
// something.
static esp_status try_parts(const choice *c, esp_built *best) {
  enum { PATH, NEXT_PATHS, ALL, TRIES };
  memset(c->divide, 0, (size_t)c->problem->graph->nnode * sizeof *c->divide);
  find_savings(c);
  for (int t = 0; t < TRIES; t++) {
    bool any = t == ALL ? divide_rest(c) : divide_path(c);
    if (t == NEXT_PATHS) any |= divide_path(c);
    if (any) ESP_TRY(try_division(c, best));
    if (best->plan != NULL && is_known(c, best->graph)) break;
  }
  return ESP_OK;
}

// As many parts as there are processors, or two.
static esp_status try_all(choice *c, esp_built *best) {
  const int processors = c->problem->ranks * c->problem->workers;
  c->parts = processors < MOST_PARTS ? processors : MOST_PARTS;
  ESP_TRY(try_parts(c, best));
  if (c->parts == 2 || (best->plan != NULL && is_known(c, best->graph))) {
    return ESP_OK;
  }
  c->parts = 2;
  return try_parts(c, best);
}

esp_status esp_divide(const esp_divide_options *options, esp_built *better) {
  const esp_plan_problem *p = options->problem;
  const size_t nodes = (size_t)p->graph->nnode;
  *better = (esp_built){0};
  if (p->ranks * p->workers < 2 || nodes == 0 || nodes > MOST_NODES ||
      p->memory > 0 || p->narrow != NULL) {
    return ESP_OK;
  }
  double *list = calloc(4 * nodes, sizeof *list);
  bool *divide = calloc(nodes, sizeof *divide);
  choice c = {.options = options,
              .problem = p,
              .saved = list,
              .weight = list + nodes,
              .start = list + 2 * nodes,
              .tail = list + 3 * nodes,
              .divide = divide};
  const esp_status status =
      list != NULL && divide != NULL
          ? try_all(&c, better)
          : ESP_FAIL(ESP_NO_MEMORY, "cannot divide nodes");
  free(divide);
  free(list);
  if (status != ESP_OK) esp_build_end(better);
  return status;
}

int esp_count_parts(const esp_graph *graph) {
  int count = 0;
  for (int n = 0; n < graph->nnode; n++) {
    count += esp_node_int(&graph->node[n], ESP_WHOLE_CHANNELS, 0) > 0;
  }
  return count;
}

esp_status esp_build_divide(const esp_build_options *options,
                            esp_built *built) {
  const esp_divide_options how = {.problem = &built->problem,
                                  .machine = options->machine,
                                  .known = options->seconds,
                                  .nodes = options->nodes,
                                  .least = built->plan->predicted};
  esp_built better;
  if (options->ranks == 1 && !options->divide) return ESP_OK;
  ESP_TRY(esp_divide(&how, &better));
  if (better.plan == NULL) return ESP_OK;
  esp_graph *old = built->graph; // of which the new one reads constants
  built->graph = NULL;
  esp_build_end(built);
  *built = better;
  const esp_status status = esp_graph_keep(better.graph, old);
  if (status != ESP_OK) esp_graph_free(old);
  return status;
}
