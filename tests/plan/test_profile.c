// Profiles of graphs whose parallelism is known.
#include "plan/profile.h"

#include <stdlib.h>

#include "plan/plan.h"
#include "support/check.h"
#include "support/toy.h"

enum { COLUMNS = 60 };

static esp_profile profile_of(const esp_graph *graph, const double *seconds) {
  double equal[128];
  for (int n = 0; n < graph->nnode; n++) equal[n] = 1e-3;
  esp_profile p = {0};
  CHECK_OK(esp_profile_create(graph, seconds != NULL ? seconds : equal, COLUMNS,
                              &p));
  return p;
}

static void a_chain_runs_one_at_a_time(void) {
  esp_graph *graph = toy_branches(1, 9, 16);
  esp_profile p = profile_of(graph, NULL);
  CU_ASSERT_DOUBLE_EQUAL(p.total, 10e-3, 1e-12);
  CU_ASSERT_DOUBLE_EQUAL(p.span, 10e-3, 1e-12);
  CU_ASSERT_DOUBLE_EQUAL(esp_profile_ceiling(&p), 1, 1e-9);
  CU_ASSERT_EQUAL(p.path_nodes, 10);
  CU_ASSERT_EQUAL(p.most, 1);
  CU_ASSERT_EQUAL(p.branches, 0);
  CU_ASSERT_DOUBLE_EQUAL(p.share[1], 1, 1e-9);
  for (int c = 0; c < COLUMNS; c++) {
    CU_ASSERT_DOUBLE_EQUAL(p.at_once[c], 1, 1e-6);
  }
  esp_profile_end(&p);
  esp_graph_free(graph);
}

static void towers_run_all_at_once(void) {
  esp_graph *graph = toy_branches(16, 4, 16);
  esp_profile p = profile_of(graph, NULL);
  CU_ASSERT_EQUAL(p.most, 16);
  CU_ASSERT_EQUAL(p.branches, 16);
  CU_ASSERT_DOUBLE_EQUAL(p.branch_seconds, 4e-3, 1e-12);
  CU_ASSERT_DOUBLE_EQUAL(p.share[16], 0.8, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(p.share[1], 0.2, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(p.at_once[0], 16, 1e-6);
  CU_ASSERT_DOUBLE_EQUAL(p.at_once[COLUMNS - 1], 1, 1e-6);
  CU_ASSERT_DOUBLE_EQUAL(esp_profile_ceiling(&p), 65.0 / 5, 1e-9);
  esp_profile_end(&p);
  esp_graph_free(graph);
}

static void the_dearer_branch_is_the_path(void) {
  esp_graph *graph = toy_branches(2, 1, 16);
  const double seconds[3] = {1, 3, 2};
  esp_profile p = profile_of(graph, seconds);
  CU_ASSERT_DOUBLE_EQUAL(p.span, 5, 1e-9);
  CU_ASSERT_EQUAL(p.path_nodes, 2);
  CU_ASSERT_EQUAL(p.path[0], 1);
  CU_ASSERT_EQUAL(p.path[1], 2);
  CU_ASSERT_DOUBLE_EQUAL(p.share[2], 0.2, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(p.share[1], 0.8, 1e-9);
  esp_profile_end(&p);
  esp_graph_free(graph);
}

// Over any graph: the shares are all of the span, and the columns hold T1.
static void shares_and_columns_add_up(void) {
  for (int round = 1; round <= 60; round++) {
    esp_graph *graph = toy_random(round, 16);
    double seconds[128];
    for (int n = 0; n < round; n++) seconds[n] = (double)(check_random() % 10);
    seconds[0] = 1;
    esp_profile p = profile_of(graph, seconds);
    double share = 0, work = 0, columns = 0;
    for (int k = 0; k <= p.most; k++) {
      share += p.share[k];
      work += k * p.share[k] * p.span;
    }
    for (int c = 0; c < COLUMNS; c++) {
      columns += p.at_once[c] * p.span / COLUMNS;
    }
    CU_ASSERT_DOUBLE_EQUAL(share, 1, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(work, p.total, 1e-9 * p.total);
    CU_ASSERT_DOUBLE_EQUAL(columns, p.total, 1e-9 * p.total);
    CU_ASSERT(p.most <= round);
    esp_profile_end(&p);
    esp_graph_free(graph);
  }
}

static void nothing_takes_no_time(void) {
  esp_graph *graph = toy_branches(3, 2, 16);
  const double seconds[7] = {0};
  esp_profile p = profile_of(graph, seconds);
  CU_ASSERT_DOUBLE_EQUAL(p.span, 0, 0);
  CU_ASSERT_EQUAL(p.most, 0);
  CU_ASSERT_DOUBLE_EQUAL(esp_profile_ceiling(&p), 1, 0);
  esp_profile_end(&p);
  esp_graph_free(graph);
}

// Two branches of 4 s: a hand-over of 1 s is paid where they join; one
// that is dearer than a branch leaves all on one worker.
static void handovers_are_counted(void) {
  esp_graph *graph = toy_branches(2, 4, 16);
  double seconds[9], got, bound;
  for (int n = 0; n < 9; n++) seconds[n] = 1;
  esp_plan_problem problem = {.graph = graph,
                              .ranks = 1,
                              .workers = 2,
                              .width = 1,
                              .seconds = seconds,
                              .links = {{[ESP_SAME_NODE] = {1, 1}}}};
  CHECK_OK(esp_plan_predict(&problem, &got, &bound));
  CU_ASSERT_DOUBLE_EQUAL(got, 5, 1e-9);
  problem.links.over[ESP_SAME_RANK].seconds = 1;
  CHECK_OK(esp_plan_predict(&problem, &got, &bound));
  CU_ASSERT_DOUBLE_EQUAL(got, 6, 1e-9);
  problem.links.over[ESP_SAME_RANK].seconds = 5;
  CHECK_OK(esp_plan_predict(&problem, &got, &bound));
  CU_ASSERT_DOUBLE_EQUAL(got, 9, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(bound, 5, 1e-9); // without a hand-over
  esp_graph_free(graph);
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_chain_runs_one_at_a_time),
      CASE(towers_run_all_at_once),
      CASE(the_dearer_branch_is_the_path),
      CASE(shares_and_columns_add_up),
      CASE(nothing_takes_no_time),
      CASE(handovers_are_counted),
      {NULL, NULL},
  };
  return check_run("profile", cases);
}
