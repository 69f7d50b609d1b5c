// Schedules: legal, never below the bound, and as short as the best where the
// best is known.
#include "schedule/schedule.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schedule/drawn.h"
#include "schedule/task_file.h"
#include "support/check.h"
#include "support/dag.h"
#include "support/planted.h"

static const esp_effort quick = {.placements = 400000, .proof = 100000};

static esp_schedule schedule_of(const dag *graph, const esp_effort *effort) {
  const esp_processors processors = {
      .count = graph->processors, .per_rank = 1, .ranks_per_node = 1};
  esp_dag *made = dag_made(graph);
  esp_schedule schedule = {0};
  CHECK_OK(esp_schedule_find(made, &processors, effort, &schedule));
  const char *fault =
      dag_fault(graph, schedule.processor, schedule.start, schedule.makespan);
  if (fault != NULL) printf("\n    %s: %s", graph->name, fault);
  CU_ASSERT_PTR_NULL(fault);
  CU_ASSERT(schedule.makespan >= schedule.lower_bound);
  esp_dag_free(made);
  return schedule;
}

static void small_graphs_have_the_shortest_schedule(void) {
  for (int round = 0; round < 200; round++) {
    dag graph;
    draw_graph(1 + round % 6, 1 + round % 3, 10, round % 2 ? 30 : 6, &graph);
    const int64_t shortest = dag_shortest(&graph);
    esp_schedule schedule = schedule_of(&graph, &quick);
    CU_ASSERT_EQUAL((int64_t)schedule.makespan, shortest);
    CU_ASSERT_EQUAL((int64_t)schedule.lower_bound, shortest); // proven
    esp_schedule_free(&schedule);
    dag_end(&graph);
  }
}

static void drawn_graphs_have_legal_schedules(void) {
  for (int round = 0; round < 60; round++) {
    dag graph;
    draw_graph(20 + round, 1 + round % 9, 10, 1 + round, &graph);
    esp_schedule schedule = schedule_of(&graph, &quick);
    esp_schedule_free(&schedule);
    dag_end(&graph);
  }
}

static void a_graph_without_tasks_takes_no_time(void) {
  dag graph;
  draw_graph(0, 3, 10, 1, &graph);
  esp_schedule schedule = schedule_of(&graph, &quick);
  CU_ASSERT_EQUAL(schedule.makespan, 0);
  esp_schedule_free(&schedule);
  dag_end(&graph);
}

static void the_same_graph_has_the_same_schedule(void) {
  dag graph;
  draw_graph(40, 4, 10, 20, &graph);
  esp_schedule one = schedule_of(&graph, &quick);
  esp_schedule two = schedule_of(&graph, &quick);
  check_same_bytes(one.start, two.start, 40 * sizeof *one.start);
  check_same_bytes(one.processor, two.processor, 40 * sizeof *one.processor);
  esp_schedule_free(&one);
  esp_schedule_free(&two);
  dag_end(&graph);
}

// Edges that span much time, little, and that fit exactly.
static const planted kinds[] = {
    {.edges = 1, .cost = 100, .reach = 1},
    {.edges = 3, .cost = 100, .reach = 1},
    {.edges = 3, .cost = 100, .reach = 0.1},
    {.edges = 3, .cost = 100, .reach = 0.02},
    {.edges = 2, .cost = 100, .reach = 0.1, .tight = true},
    {.edges = 2, .cost = 100, .reach = 0.02, .tight = true},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static double planted_ratio(planted how) {
  FILE *file = tmpfile();
  planted_write(&how, "planted", file);
  rewind(file);
  dag graph;
  CU_ASSERT_FATAL(dag_read(file, &graph));
  (void)fclose(file);
  esp_schedule schedule = schedule_of(&graph, &esp_effort_thorough);
  const double ratio = schedule.makespan / (double)graph.optimum;
  CU_ASSERT(ratio >= 1);
  CU_ASSERT(schedule.lower_bound <= (double)graph.optimum);
  esp_schedule_free(&schedule);
  dag_end(&graph);
  return ratio;
}

static void planted_optima_are_nearly_reached(void) {
  static const int tasks[] = {50, 200, 1000, 5000};
  double sum = 0, most = 0;
  int count = 0;
  for (size_t n = 0; n < sizeof tasks / sizeof tasks[0]; n++) {
    for (int k = 0; k < KINDS; k++) {
      planted how = kinds[k];
      how.tasks = tasks[n];
      how.processors = 2 << (check_random() % 4);
      how.weight = 100;
      how.seed = check_random();
      const double ratio = planted_ratio(how);
      sum += ratio;
      most = ratio > most ? ratio : most;
      count++;
    }
  }
  printf("\n    %d graphs, mean ratio %.4f, worst %.4f", count, sum / count,
         most);
  CU_ASSERT(sum / count <= 1.02);
}

int main(void) {
  static const check_case cases[] = {
      CASE(small_graphs_have_the_shortest_schedule),
      CASE(drawn_graphs_have_legal_schedules),
      CASE(a_graph_without_tasks_takes_no_time),
      CASE(the_same_graph_has_the_same_schedule),
      CASE(planted_optima_are_nearly_reached),
      {NULL, NULL},
  };
  return check_run("schedule", cases);
}
