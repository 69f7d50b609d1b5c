// Nodes -> tasks, values -> arcs.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "plan/schedule.h"

double esp_value_seconds(const esp_plan_problem *problem, int value,
                         esp_distance distance) {
  return esp_link_seconds(
      &problem->links.over[distance],
      (double)esp_tensor_bytes(&problem->graph->value[value].tensor));
}

// A constant is everywhere.
static bool carries_data(const esp_value *value) {
  return value->tensor.data == NULL || value->is_input;
}

typedef struct collector {
  const esp_plan_problem *problem;
  esp_arc *arc;
  size_t count, room;
  size_t own; // arcs before those of the node at hand
} collector;

static void lengthen(const collector *c, int value, esp_arc *arc) {
  const int nodes = c->problem->graph->nnode; // what is beyond is rank 0 itself
  if (arc->from < nodes && arc->to < nodes) {
    arc->cost[ESP_SAME_RANK] =
        esp_value_seconds(c->problem, value, ESP_SAME_RANK);
  }
  for (int d = ESP_SAME_NODE; d < ESP_DISTANCES; d++) {
    arc->cost[d] += esp_value_seconds(c->problem, value, (esp_distance)d);
  }
}

// Two tasks have one arc: all values that go from one to the other.
static esp_status add(collector *c, int from, int to, int value) {
  for (size_t a = c->own; a < c->count; a++) {
    if (c->arc[a].from != from || c->arc[a].to != to) continue;
    lengthen(c, value, &c->arc[a]);
    return ESP_OK;
  }
  esp_arc arc = {.from = from, .to = to};
  lengthen(c, value, &arc);
  ESP_TRY(esp_grow(&c->arc, &c->room, c->count + 1, sizeof *c->arc));
  c->arc[c->count++] = arc;
  return ESP_OK;
}

static bool is_read_before(const esp_node *node, int input) {
  for (int i = 0; i < input; i++) {
    if (node->in[i] == node->in[input]) return true;
  }
  return false;
}

static esp_status add_node(collector *c, int n) {
  const esp_graph *graph = c->problem->graph;
  const esp_node *node = &graph->node[n];
  const int begin = graph->nnode, end = begin + 1;
  c->own = c->count;
  for (int i = 0; i < node->nin; i++) {
    const int value = node->in[i];
    if (value < 0 || !carries_data(&graph->value[value]) ||
        is_read_before(node, i)) {
      continue;
    }
    const int producer = graph->value[value].producer;
    ESP_TRY(add(c, producer >= 0 ? producer : begin, n, value));
  }
  for (int i = 0; i < node->nout; i++) {
    const int value = node->out[i];
    if (value < 0 || !graph->value[value].is_output) continue;
    ESP_TRY(add(c, n, end, value));
  }
  return ESP_OK;
}

esp_status esp_plan_dag(const esp_plan_problem *problem, esp_dag **dag) {
  const int nodes = problem->graph->nnode;
  collector c = {.problem = problem};
  double *weight = calloc((size_t)nodes + 2, sizeof *weight);
  esp_status status =
      weight != NULL ? ESP_OK
                     : ESP_FAIL(ESP_NO_MEMORY, "cannot plan %d nodes", nodes);
  for (int n = 0; n < nodes && status == ESP_OK; n++) {
    weight[n] =
        problem->narrow != NULL ? problem->narrow[n] : problem->seconds[n];
    status = add_node(&c, n);
  }
  if (status == ESP_OK) {
    status = esp_dag_create(nodes + 2, weight, (int)c.count, c.arc, NULL, dag);
  }
  if (status == ESP_OK) {
    (*dag)->at_home[nodes] = (*dag)->at_home[nodes + 1] = true;
  }
  free(c.arc);
  free(weight);
  return status;
}

int esp_plan_ranks_per_node(const esp_plan_problem *problem) {
  return problem->ranks_per_node > 0 ? problem->ranks_per_node : problem->ranks;
}

esp_distance esp_plan_distance(const esp_plan_problem *problem, int from,
                               int to) {
  const esp_processors ranks = {
      .per_rank = 1, .ranks_per_node = esp_plan_ranks_per_node(problem)};
  return esp_distance_of(&ranks, from, to);
}

static esp_status list_processors(const esp_plan_problem *problem,
                                  esp_processors *processors,
                                  double **slowness) {
  *processors =
      (esp_processors){.count = problem->ranks * problem->workers,
                       .per_rank = problem->workers,
                       .ranks_per_node = esp_plan_ranks_per_node(problem)};
  if (problem->slowness == NULL) return ESP_OK;
  *slowness = calloc((size_t)processors->count + 1, sizeof **slowness);
  if (*slowness == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  for (int p = 0; p < processors->count; p++) {
    (*slowness)[p] = problem->slowness[p / problem->workers];
  }
  processors->slowness = *slowness;
  return ESP_OK;
}

// A worker that takes over what another has made need not have been woken for
// it.
static esp_status bound_plans(esp_dag *dag, const esp_processors *processors,
                              double *bound) {
  for (int a = 0; a < dag->in_first[dag->count]; a++) {
    dag->in[a].cost[ESP_SAME_RANK] = 0;
  }
  return esp_schedule_lower_bound(dag, processors, bound);
}

// Narrow and wide nodes -------------------------------------------------------

// Seconds of the tasks on all threads; free().
static esp_status open_mold(const esp_plan_problem *problem, esp_mold *mold,
                            double **wide) {
  static const int64_t PLACEMENTS = 1000000;
  const size_t nodes = (size_t)problem->graph->nnode;
  *wide = calloc(nodes + 2, sizeof **wide);
  if (*wide == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  if (nodes > 0) memcpy(*wide, problem->seconds, nodes * sizeof **wide);
  *mold = (esp_mold){.processors = problem->width,
                     .wide = *wide,
                     .wake_seconds = problem->links.over[ESP_SAME_RANK].seconds,
                     .placements = PLACEMENTS};
  return ESP_OK;
}

// Only the bound where `schedule` is NULL.
static esp_status mold(const esp_plan_problem *problem, esp_schedule *schedule,
                       double *bound) {
  esp_mold how;
  double *wide;
  esp_dag *dag = NULL;
  ESP_TRY(open_mold(problem, &how, &wide));
  esp_status status = esp_plan_dag(problem, &dag);
  if (status == ESP_OK && schedule != NULL) {
    status = esp_schedule_mold(dag, &how, schedule);
  } else if (status == ESP_OK) {
    *bound = esp_schedule_mold_bound(dag, &how);
  }
  esp_dag_free(dag);
  free(wide);
  return status;
}

// Of one width ----------------------------------------------------------------

esp_status esp_plan_bound(const esp_plan_problem *problem, double *bound) {
  if (problem->narrow != NULL) return mold(problem, NULL, bound);
  esp_processors processors;
  double *slowness = NULL;
  esp_dag *dag = NULL;
  esp_status status = list_processors(problem, &processors, &slowness);
  if (status == ESP_OK) status = esp_plan_dag(problem, &dag);
  if (status == ESP_OK) status = bound_plans(dag, &processors, bound);
  esp_dag_free(dag);
  free(slowness);
  return status;
}

esp_status esp_plan_schedule(const esp_plan_problem *problem,
                             esp_schedule *schedule) {
  if (problem->narrow != NULL) return mold(problem, schedule, NULL);
  // A graph of 200 nodes is improved for about 0.1 s.
  static const esp_effort effort = {.placements = 1000000};
  esp_processors processors;
  double *slowness = NULL;
  esp_dag *dag = NULL;
  esp_status status = list_processors(problem, &processors, &slowness);
  if (status == ESP_OK) status = esp_plan_dag(problem, &dag);
  if (status == ESP_OK) {
    status = esp_schedule_find(dag, &processors, &effort, schedule);
  }
  if (status == ESP_OK && processors.per_rank > 1) {
    status = bound_plans(dag, &processors, &schedule->lower_bound);
    if (status != ESP_OK) esp_schedule_free(schedule);
  }
  esp_dag_free(dag);
  free(slowness);
  return status;
}

esp_status esp_plan_schedule_row(const esp_plan_problem *problem,
                                 esp_schedule *schedule) {
  double now = 0;
  for (int n = 0; n < problem->graph->nnode; n++) {
    schedule->processor[n] = 0;
    schedule->start[n] = now;
    now += esp_node_seconds(problem, n, 0);
  }
  free(schedule->width); // all wide
  schedule->width = NULL;
  schedule->makespan = now;
  schedule->method = "sequential";
  return ESP_OK;
}
