// Plans on paper: what holds nodes and messages up is counted.
#include <stdlib.h>

#include "plan/plan.h"
#include "support/check.h"
#include "support/toy.h"

enum { LENGTH = 16, BYTES = LENGTH * sizeof(float) };

static esp_plan *plan_of(const esp_plan_problem *problem) {
  esp_plan *plan = NULL;
  CHECK_OK(esp_plan_build(problem, &plan));
  return plan;
}

// Every node takes a second.
static const double seconds[16] = {1, 1, 1, 1, 1, 1, 1, 1,
                                   1, 1, 1, 1, 1, 1, 1, 1};

// Three branches of 5 s on three ranks: two inputs leave rank 0 and two results
// come back.  All at once they would take 1 s each way; by one port they are
// one after the other, which costs the later branch a second.
static void messages_take_turns_at_a_port(void) {
  esp_graph *graph = toy_branches(3, 5, LENGTH);
  const esp_plan_problem problem = {
      .graph = graph,
      .ranks = 3,
      .workers = 1,
      .width = 1,
      .seconds = seconds,
      .links = {{[ESP_SAME_NODE] = {0, BYTES}}}}; // a second for a value
  esp_plan *plan = plan_of(&problem);
  CU_ASSERT_EQUAL(plan->nmessage, 4);
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 2 + 5 + 1 + 1, 1e-9);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

// Two branches that each take the whole bandwidth of memory for themselves gain
// nothing from two workers; the plan is a row then.
static void nodes_share_memory(void) {
  esp_graph *graph = toy_branches(2, 5, LENGTH);
  double bytes[11];
  for (int n = 0; n < 11; n++) bytes[n] = 100;
  esp_plan_problem problem = {.graph = graph,
                              .ranks = 1,
                              .workers = 2,
                              .width = 1,
                              .seconds = seconds,
                              .bytes = bytes,
                              .bytes_per_second = 200};
  esp_plan *plan = plan_of(&problem);
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 6, 1e-9);
  esp_plan_free(plan);
  problem.bytes_per_second = 100;
  plan = plan_of(&problem);
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 11, 1e-9);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

// Four ranks on two nodes: two branches stay on the node of rank 0.
static void far_ranks_are_used_last(void) {
  esp_graph *graph = toy_branches(2, 5, LENGTH);
  const esp_plan_problem problem = {
      .graph = graph,
      .ranks = 4,
      .ranks_per_node = 2,
      .workers = 1,
      .width = 1,
      .seconds = seconds,
      .links = {{[ESP_SAME_NODE] = {0.5, 0}, [ESP_OTHER_NODE] = {2, 0}}}};
  esp_plan *plan = plan_of(&problem);
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 7, 1e-9);
  CU_ASSERT_EQUAL(plan->rank[2].nstep + plan->rank[3].nstep, 0);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

static void slow_ranks_get_less(void) {
  esp_graph *graph = toy_branches(4, 2, LENGTH);
  const double slowness[2] = {1, 3};
  const esp_plan_problem problem = {.graph = graph,
                                    .ranks = 2,
                                    .workers = 1,
                                    .width = 1,
                                    .seconds = seconds,
                                    .slowness = slowness};
  esp_plan *plan = plan_of(&problem);
  // Three branches and the end on the fast one, one on the slow one.
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 7, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(plan->lower_bound, 7, 0.5);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

static void on_paper_there_is_no_memory(void) {
  esp_graph *graph = toy_random(12, LENGTH);
  esp_plan_problem problem = {.graph = graph,
                              .ranks = 2,
                              .workers = 1,
                              .width = 1,
                              .seconds = seconds,
                              .links = {{[ESP_SAME_NODE] = {0.1, 0}}},
                              .on_paper = true};
  esp_plan *plan = plan_of(&problem);
  CU_ASSERT_EQUAL(plan->rank[0].bytes, 0);
  problem.on_paper = false;
  esp_plan *real = plan_of(&problem);
  CU_ASSERT(plan->predicted <= real->predicted + 1e-9);
  esp_plan_free(plan);
  esp_plan_free(real);
  esp_graph_free(graph);
}

int main(void) {
  static const check_case cases[] = {
      CASE(messages_take_turns_at_a_port), CASE(nodes_share_memory),
      CASE(far_ranks_are_used_last),       CASE(slow_ranks_get_less),
      CASE(on_paper_there_is_no_memory),   {NULL, NULL},
  };
  return check_run("simulate", cases);
}
