// Stages: the nodes in their order, cut into a run for each rank, so that none
// has more weights than its memory holds, and the slowest is as fast as can be.
#include <math.h>
#include <stdlib.h>

#include "plan/private.h"
#include "plan/schedule.h"

typedef struct cutter {
  const esp_plan_problem *problem;
  double weights; // bytes that a rank may have
  int *seen;      // [nvalue] the rank that has counted this constant, plus 1
  int *rank;      // [nnode]
  double *over;   // [nnode + 1] bytes that go over a cut before each node; 0:
                  // nobody asks
} cutter;

// Bytes of the constants of a node that its rank does not have yet.
static double more_weights(cutter *c, const esp_node *node, int rank) {
  const esp_graph *graph = c->problem->graph;
  double sum = 0;
  for (int i = 0; i < node->nin; i++) {
    const int v = node->in[i];
    if (v < 0 || !esp_plan_is_weight(&graph->value[v]) ||
        c->seen[v] == rank + 1) {
      continue;
    }
    c->seen[v] = rank + 1;
    sum += (double)esp_tensor_bytes(&graph->value[v].tensor);
  }
  return sum;
}

static void forget(cutter *c) {
  for (int v = 0; v < c->problem->graph->nvalue; v++) c->seen[v] = 0;
}

// What a node makes goes over all cuts up to its last reader; the inputs, and
// the outputs, come from and go to rank 0 wherever the cuts are.
static esp_status find_crossings(cutter *c) {
  const esp_graph *graph = c->problem->graph;
  esp_graph_uses uses;
  ESP_TRY(esp_graph_uses_create(graph, &uses));
  for (int v = 0; v < graph->nvalue; v++) {
    const int from = graph->value[v].producer;
    int last = from;
    for (int u = uses.first[v]; u < uses.first[v + 1]; u++) {
      if (uses.node[u] > last) last = uses.node[u];
    }
    if (from < 0 || last == from) continue;
    const double bytes = (double)esp_tensor_bytes(&graph->value[v].tensor);
    c->over[from + 1] += bytes;
    c->over[last + 1] -= bytes;
  }
  esp_graph_uses_free(&uses);
  for (int n = 1; n <= graph->nnode; n++) c->over[n] += c->over[n - 1];
  return ESP_OK;
}

// Seconds of a message from a rank to the next with all that goes over a cut.
static double crossing(const cutter *c, int rank, int node) {
  return esp_link_seconds(
      &c->problem->links.over[esp_plan_distance(c->problem, rank, rank + 1)],
      c->over[node]);
}

// Fills rank after rank, each to the last cut that its values go over in so
// many seconds; false: there are too few for stages of so many seconds, or a
// node has more weights than fit.
static bool cut_at(cutter *c, double most, double most_over) {
  const esp_graph *graph = c->problem->graph;
  int rank = 0, last = 0; // where the rank may end at the latest, so far
  double seconds = 0, weights = 0;
  forget(c);
  for (int n = 0, begin = 0; n < graph->nnode;) {
    const double takes = esp_node_seconds(c->problem, n, rank);
    const double more = more_weights(c, &graph->node[n], rank);
    if (seconds + takes <= most && weights + more <= c->weights) {
      seconds += takes;
      weights += more;
      c->rank[n++] = rank;
      if (crossing(c, rank, n) <= most_over) last = n;
      continue;
    }
    if (last == begin || ++rank == c->problem->ranks) return false;
    n = begin = last;
    seconds = weights = 0;
  }
  return true;
}

static bool cut(cutter *c) {
  enum { HALVINGS = 50 };
  const esp_plan_problem *problem = c->problem;
  double slowness = 1, sum = 0, over = 0;
  for (int r = 0; problem->slowness != NULL && r < problem->ranks; r++) {
    slowness = fmax(slowness, problem->slowness[r]);
  }
  for (int n = 0; n < problem->graph->nnode; n++) {
    sum += problem->seconds[n];
    over = fmax(over, c->over[n]);
  }
  double low = 0, high = sum * slowness;
  for (int d = ESP_SAME_NODE; d < ESP_DISTANCES; d++) {
    high = fmax(high, esp_link_seconds(&problem->links.over[d], over));
  }
  high *= 1.001; // rounding
  if (!cut_at(c, high, high)) return false;
  for (int i = 0; i < HALVINGS; i++) {
    const double middle = (low + high) / 2;
    *(cut_at(c, middle, middle) ? &high : &low) = middle;
  }
  // Where sending is what takes longest, computing is still shared evenly.
  over = high;
  low = 0;
  for (int i = 0; i < HALVINGS; i++) {
    const double middle = (low + high) / 2;
    *(cut_at(c, middle, over) ? &high : &low) = middle;
  }
  return cut_at(c, high, over);
}

// When each node begins on the first worker of its rank.
static esp_status fill_times(const cutter *c, esp_schedule *schedule) {
  const esp_plan_problem *problem = c->problem;
  const esp_graph *graph = problem->graph;
  double *free_at = calloc((size_t)problem->ranks, sizeof *free_at);
  if (free_at == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  schedule->makespan = 0;
  schedule->method = "stages";
  for (int n = 0; n < graph->nnode; n++) {
    const int rank = c->rank[n];
    double start = free_at[rank];
    for (int i = 0; i < graph->node[n].nin; i++) {
      const int v = graph->node[n].in[i];
      const int from = v >= 0 ? graph->value[v].producer : -1;
      if (from < 0) continue;
      double there = schedule->start[from] +
                     esp_node_seconds(problem, from, c->rank[from]);
      if (c->rank[from] != rank) {
        there += esp_value_seconds(
            problem, v, esp_plan_distance(problem, c->rank[from], rank));
      }
      start = fmax(start, there);
    }
    schedule->processor[n] = rank * problem->workers;
    schedule->start[n] = start;
    free_at[rank] = start + esp_node_seconds(problem, n, rank);
    schedule->makespan = fmax(schedule->makespan, free_at[rank]);
  }
  free(free_at);
  return ESP_OK;
}

esp_status esp_plan_schedule_stages(const esp_plan_problem *problem,
                                    double weights, bool even,
                                    esp_schedule *schedule, bool *fits) {
  cutter c = {.problem = problem,
              .weights = weights,
              .seen = calloc((size_t)problem->graph->nvalue + 1, sizeof(int)),
              .rank = calloc((size_t)problem->graph->nnode + 1, sizeof(int)),
              .over =
                  calloc((size_t)problem->graph->nnode + 2, sizeof(double))};
  esp_status status = c.seen != NULL && c.rank != NULL && c.over != NULL
                          ? (even ? ESP_OK : find_crossings(&c))
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  *fits = status == ESP_OK && cut(&c);
  if (*fits) status = fill_times(&c, schedule);
  free(c.over);
  free(c.rank);
  free(c.seen);
  return status;
}
