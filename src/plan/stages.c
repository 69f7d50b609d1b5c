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

// Fills rank after rank; false: there are too few for stages of so many
// seconds, or a node has more weights than fit.
static bool cut_at(cutter *c, double most) {
  const esp_graph *graph = c->problem->graph;
  int rank = 0;
  double seconds = 0, weights = 0;
  forget(c);
  for (int n = 0; n < graph->nnode; n++) {
    double takes = esp_node_seconds(c->problem, n, rank);
    double more = more_weights(c, &graph->node[n], rank);
    if (seconds + takes > most || weights + more > c->weights) {
      if (++rank == c->problem->ranks) return false;
      takes = esp_node_seconds(c->problem, n, rank);
      more = more_weights(c, &graph->node[n], rank);
      seconds = weights = 0;
      if (takes > most || more > c->weights) return false;
    }
    seconds += takes;
    weights += more;
    c->rank[n] = rank;
  }
  return true;
}

static bool cut(cutter *c) {
  enum { HALVINGS = 50 };
  double low = 0, high = 0;
  for (int r = 0; r < c->problem->ranks; r++) {
    double sum = 0;
    for (int n = 0; n < c->problem->graph->nnode; n++) {
      sum += esp_node_seconds(c->problem, n, r);
    }
    high = fmax(high, sum);
  }
  high *= 1.001; // rounding
  if (!cut_at(c, high)) return false;
  for (int i = 0; i < HALVINGS; i++) {
    const double middle = (low + high) / 2;
    *(cut_at(c, middle) ? &high : &low) = middle;
  }
  return cut_at(c, high);
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
        there += esp_value_seconds(problem, v, ESP_SAME_NODE);
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
                                    double weights, esp_schedule *schedule,
                                    bool *fits) {
  cutter c = {.problem = problem,
              .weights = weights,
              .seen = calloc((size_t)problem->graph->nvalue + 1, sizeof(int)),
              .rank = calloc((size_t)problem->graph->nnode + 1, sizeof(int))};
  esp_status status = c.seen != NULL && c.rank != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  *fits = status == ESP_OK && cut(&c);
  if (*fits) status = fill_times(&c, schedule);
  free(c.rank);
  free(c.seen);
  return status;
}
