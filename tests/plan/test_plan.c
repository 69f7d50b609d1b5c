// Plans: legal for random graphs and any resources, and good where the best is
// known.
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/toy.h"

// With so many ranks on a node; 0: all.
static esp_plan *plan_over(const esp_graph *graph, int ranks, int per_node,
                           int workers, double message, bool equal) {
  double *seconds = calloc((size_t)graph->nnode + 1, sizeof *seconds);
  for (int n = 0; n < graph->nnode; n++) {
    seconds[n] = equal ? 1.0 : (double)(check_random() % 10);
  }
  const esp_plan_problem problem = {
      .graph = graph,
      .ranks = ranks,
      .ranks_per_node = per_node,
      .workers = workers,
      .width = 1,
      .seconds = seconds,
      .links = {{[ESP_SAME_NODE] = {message, 1e9},
                 [ESP_OTHER_NODE] = {message, 1e9}}}};
  esp_plan *plan = NULL;
  CHECK_OK(esp_plan_build(&problem, &plan));
  free(seconds);
  return plan;
}

static esp_plan *plan_of(const esp_graph *graph, int ranks, int workers,
                         double message, bool equal) {
  return plan_over(graph, ranks, 0, workers, message, equal);
}

static void random_graphs_have_legal_plans(void) {
  for (int round = 0; round < 40; round++) {
    esp_graph *graph = toy_random(1 + round, 16);
    for (int ranks = 1; ranks <= 4; ranks *= 2) {
      for (int workers = 1; workers <= 3; workers += 2) {
        const double message = (double)(check_random() % 4);
        esp_plan *plan =
            plan_over(graph, ranks, round % 3, workers, message, round % 2);
        CHECK_OK(esp_plan_check(plan, graph));
        CU_ASSERT(plan->predicted >= plan->lower_bound - 1e-9);
        CU_ASSERT(plan->predicted <= plan->total + 1e-9);
        esp_plan_free(plan);
      }
    }
    esp_graph_free(graph);
  }
}

// Every step of a molded plan waits for steps of its phase or of one before it;
// what waits in a phase is narrow.
static void check_phases(const esp_plan *plan) {
  const esp_rank_plan *rank = &plan->rank[0];
  for (int begin = 0; begin < rank->nstep;) {
    const int end = esp_plan_phase_end(rank, begin);
    CU_ASSERT(end > begin && end <= rank->nstep);
    for (int s = begin; s < end; s++) {
      CU_ASSERT(rank->step[s].width == 1 || end == begin + 1);
      CU_ASSERT(rank->step[s].worker < plan->width);
      for (int i = rank->first[s]; i < rank->first[s + 1]; i++) {
        CU_ASSERT(rank->waiting[i] > s);
      }
    }
    begin = end;
  }
}

static void molded_plans_are_legal(void) {
  int molded = 0;
  for (int round = 0; round < 40; round++) {
    esp_graph *graph = toy_random(1 + 2 * round, 16);
    double narrow[80], wide[80], row = 0;
    const int width = 2 + round % 3;
    for (int n = 0; n < graph->nnode; n++) {
      narrow[n] = 1 + (double)(check_random() % 9);
      wide[n] = narrow[n] / (1 + (double)(check_random() % 100) / 50);
      row += wide[n];
    }
    const esp_plan_problem problem = {.graph = graph,
                                      .ranks = 1,
                                      .workers = 1,
                                      .width = width,
                                      .seconds = wide,
                                      .narrow = narrow};
    esp_plan *plan = NULL;
    CHECK_OK(esp_plan_build(&problem, &plan));
    CHECK_OK(esp_plan_check(plan, graph));
    CU_ASSERT(plan->predicted >= plan->lower_bound - 1e-9);
    CU_ASSERT(plan->predicted <= row + 1e-9);
    if (plan->molded) check_phases(plan);
    molded += plan->molded;
    esp_plan_free(plan);
    esp_graph_free(graph);
  }
  CU_ASSERT(molded > 20);
}

// A head that is worth all threads, two branches that are not.
static void branches_are_narrow_and_a_lone_node_wide(void) {
  esp_graph *graph = toy_branches(2, 5, 16);
  double narrow[11], wide[11];
  for (int n = 0; n < 11; n++) narrow[n] = wide[n] = 1;
  narrow[10] = 4;
  wide[10] = 2; // the one that reads all
  const esp_plan_problem problem = {.graph = graph,
                                    .ranks = 1,
                                    .workers = 1,
                                    .width = 2,
                                    .seconds = wide,
                                    .narrow = narrow};
  esp_plan *plan = NULL;
  CHECK_OK(esp_plan_build(&problem, &plan));
  CHECK_OK(esp_plan_check(plan, graph));
  CU_ASSERT(plan->molded);
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 5 + 2, 1e-9);
  CU_ASSERT_EQUAL(plan->width_of[10], 2);
  CU_ASSERT_EQUAL(plan->width_of[0], 1);
  CU_ASSERT_EQUAL(esp_plan_phase_end(&plan->rank[0], 0), 10);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

static void free_messages_spread_branches(void) {
  esp_graph *graph = toy_branches(2, 10, 16);
  esp_plan *plan = plan_of(graph, 2, 1, 1e-6, true);
  CHECK_OK(esp_plan_check(plan, graph));
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 11, 1e-3);
  CU_ASSERT(plan->nmessage >= 2);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

static void dear_messages_keep_to_one_rank(void) {
  esp_graph *graph = toy_branches(2, 10, 16);
  esp_plan *plan = plan_of(graph, 2, 1, 100, true);
  CU_ASSERT_EQUAL(plan->nmessage, 0);
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 21, 1e-9);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

static void workers_share_a_rank(void) {
  esp_graph *graph = toy_branches(4, 5, 16);
  esp_plan *plan = plan_of(graph, 1, 2, 1, true);
  CHECK_OK(esp_plan_check(plan, graph));
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 11, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(plan->critical, 6, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(plan->lower_bound, 11, 1e-9);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

static void a_chain_uses_two_buffers(void) {
  enum { LENGTH = 1024 };
  esp_graph *graph = toy_branches(1, 50, LENGTH);
  esp_plan *plan = plan_of(graph, 1, 1, 1, true);
  // The input, which is the caller's, and what each node writes over.
  CU_ASSERT_EQUAL(plan->rank[0].bytes, 2 * LENGTH * sizeof(float));
  const int *over = plan->rank[0].over;
  for (int n = 0; n < graph->nnode; n++) {
    const int before = n > 0 ? graph->node[n - 1].out[0] : -1;
    CU_ASSERT_EQUAL(over[graph->node[n].out[0]], before);
  }
  esp_plan_free(plan);
  esp_graph_free(graph);
}

// Only the last reader may write over a value, and what it makes is another one
// to all who come later.
static void what_is_read_again_keeps_its_place(void) {
  esp_graph *graph = toy_branches(2, 3, 16);
  const int first = graph->node[0].out[0], second = graph->node[1].out[0];
  graph->node[4].in[0] = first; // the other branch reads it too
  esp_plan *plan = plan_of(graph, 1, 1, 1, true);
  CHECK_OK(esp_plan_check(plan, graph));
  CU_ASSERT_EQUAL(plan->rank[0].over[second], -1);
  CU_ASSERT(plan->rank[0].place[first] != plan->rank[0].place[second]);
  plan->rank[0].place[second] = plan->rank[0].place[first];
  plan->rank[0].over[second] = first;
  CHECK_STATUS(esp_plan_check(plan, graph), ESP_INTERNAL);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

static const esp_step *find_step(const esp_plan *plan, int rank,
                                 esp_step_kind kind, int value) {
  for (int s = 0; s < plan->rank[rank].nstep; s++) {
    const esp_step *step = &plan->rank[rank].step[s];
    if (step->kind == kind && (value < 0 || step->value == value)) return step;
  }
  return NULL;
}

// Two branches on two ranks of a node: the input is lent to one of them, and
// what it makes of it to the other, which joins them.
static void a_lent_value_stays_as_it_is(void) {
  esp_graph *graph = toy_branches(2, 10, 16);
  const int join = graph->nnode - 1, out = graph->node[join].out[0];
  esp_plan *plan = plan_of(graph, 2, 1, 1e-6, true);
  const int home = plan->rank_of[join];
  const esp_step *back = find_step(plan, home, ESP_STEP_RECV, -1);
  CU_ASSERT_FATAL(back != NULL && back->lent);
  const int over = plan->rank[home].over[out];
  CU_ASSERT(over != back->value);
  // The node that joins them may not write over what it was lent ...
  const size_t place = plan->rank[home].place[out];
  plan->rank[home].place[out] = plan->rank[home].place[back->value];
  plan->rank[home].over[out] = back->value;
  CHECK_STATUS(esp_plan_check(plan, graph), ESP_INTERNAL);
  plan->rank[home].place[out] = place;
  plan->rank[home].over[out] = over;
  CHECK_OK(esp_plan_check(plan, graph));
  // ... nor the lender over what he has lent.
  const esp_step *first = find_step(plan, 0, ESP_STEP_SEND, -1);
  CU_ASSERT_FATAL(first != NULL && first->lent);
  plan->rank[0].place[out] = plan->rank[0].place[first->value];
  CHECK_STATUS(esp_plan_check(plan, graph), ESP_INTERNAL);
  esp_plan_free(plan);
  plan = plan_over(graph, 2, 1, 1, 1e-6, true); // on two nodes
  CU_ASSERT_FALSE(find_step(plan, 0, ESP_STEP_SEND, -1)->lent);
  esp_plan_free(plan);
  esp_graph_free(graph);
}

// With workers to spare, but a schedule on one of them, the others stay out.
static void steps_of_one_worker_are_in_a_row(void) {
  esp_graph *graph = toy_branches(3, 2, 16);
  double seconds[7] = {1, 1, 1, 1, 1, 1, 1};
  const esp_plan_problem problem = {
      .graph = graph,
      .ranks = 1,
      .workers = 2,
      .width = 1,
      .seconds = seconds,
      .links = {{[ESP_SAME_RANK] = {100, 1e9}, [ESP_SAME_NODE] = {1, 1e9}}}};
  esp_plan *plan = NULL;
  CHECK_OK(esp_plan_build(&problem, &plan));
  CU_ASSERT_DOUBLE_EQUAL(plan->predicted, 7, 1e-9);
  const esp_rank_plan *rank = &plan->rank[0];
  for (int s = 1; s < rank->nstep; s++) {
    CU_ASSERT_EQUAL(rank->waiting[rank->first[s - 1]], s);
  }
  esp_plan_free(plan);
  esp_graph_free(graph);
}

static void the_same_problem_gives_the_same_plan(void) {
  esp_graph *graph = toy_branches(5, 4, 16);
  esp_plan *a = plan_of(graph, 3, 2, 0.1, true);
  esp_plan *b = plan_of(graph, 3, 2, 0.1, true);
  char *first = NULL, *second = NULL;
  CHECK_OK(esp_plan_json(a, graph, &first));
  CHECK_OK(esp_plan_json(b, graph, &second));
  CU_ASSERT_STRING_EQUAL(first, second);
  free(first);
  free(second);
  CHECK_OK(esp_plan_text(a, graph, &first));
  CU_ASSERT(strstr(first, "rank 2:") != NULL);
  free(first);
  esp_plan_free(a);
  esp_plan_free(b);
  esp_graph_free(graph);
}

static void a_broken_plan_is_found(void) {
  esp_graph *graph = toy_branches(2, 3, 16);
  esp_plan *plan = plan_of(graph, 1, 2, 1, true);
  size_t *place = plan->rank[0].place;
  const int a = graph->node[0].out[0], b = graph->node[3].out[0];
  place[a] = place[b]; // two branches in one buffer
  CHECK_STATUS(esp_plan_check(plan, graph), ESP_INTERNAL);
  check_message("share memory");
  esp_plan_free(plan);
  esp_graph_free(graph);
}

int main(void) {
  static const check_case cases[] = {
      CASE(random_graphs_have_legal_plans),
      CASE(molded_plans_are_legal),
      CASE(branches_are_narrow_and_a_lone_node_wide),
      CASE(free_messages_spread_branches),
      CASE(dear_messages_keep_to_one_rank),
      CASE(workers_share_a_rank),
      CASE(a_chain_uses_two_buffers),
      CASE(what_is_read_again_keeps_its_place),
      CASE(a_lent_value_stays_as_it_is),
      CASE(steps_of_one_worker_are_in_a_row),
      CASE(the_same_problem_gives_the_same_plan),
      CASE(a_broken_plan_is_found),
      {NULL, NULL},
  };
  return check_run("plan", cases);
}
