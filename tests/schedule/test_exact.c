// Branch and bound by itself: from no schedule at all to the shortest.
#include "schedule/private.h" // before `dag` is a type

#include "schedule/drawn.h"

static esp_schedule search(const esp_dag *made, const esp_processors *p,
                           int64_t placements, bool *proven) {
  esp_scene scene = {.dag = made, .processors = p};
  esp_schedule schedule;
  scene.head = calloc(2 * (size_t)made->count + 1, sizeof *scene.head);
  scene.tail = scene.head + made->count;
  CHECK_OK(esp_schedule_bound(made, p, scene.head, scene.tail, &scene.bound));
  CHECK_OK(esp_schedule_room(made->count, &schedule));
  CHECK_OK(esp_schedule_exact(&scene, placements, &schedule, proven));
  free(scene.head);
  return schedule;
}

// However the processors are grouped: all ways between them cost the same.
static void the_shortest_is_found_and_proven(void) {
  for (int round = 0; round < 300; round++) {
    dag graph;
    bool proven;
    draw_graph(1 + round % 6, 1 + round % 4, 6, round % 2 ? 20 : 4, &graph);
    esp_dag *made = dag_made(&graph);
    const int per_rank = graph.processors % 2 == 0 && round % 3 ? 2 : 1;
    const esp_processors p = {.count = graph.processors,
                              .per_rank = per_rank,
                              .ranks_per_node = 1 + round % 2};
    esp_schedule schedule = search(made, &p, 10000000, &proven);
    CU_ASSERT(proven);
    CU_ASSERT_EQUAL((int64_t)schedule.makespan, dag_shortest(&graph));
    CU_ASSERT_PTR_NULL(dag_fault(&graph, schedule.processor, schedule.start,
                                 schedule.makespan));
    esp_schedule_free(&schedule);
    esp_dag_free(made);
    dag_end(&graph);
  }
}

static void a_search_that_was_cut_off_proves_nothing(void) {
  dag graph;
  bool proven = true;
  draw_graph(30, 4, 6, 10, &graph);
  esp_dag *made = dag_made(&graph);
  const esp_processors p = {.count = 4, .per_rank = 1, .ranks_per_node = 1};
  esp_schedule schedule = search(made, &p, 1000, &proven);
  CU_ASSERT(!proven);
  CU_ASSERT_PTR_NULL(
      dag_fault(&graph, schedule.processor, schedule.start, schedule.makespan));
  esp_schedule_free(&schedule);
  esp_dag_free(made);
  dag_end(&graph);
}

static void home_is_processor_0(void) {
  dag graph;
  bool proven;
  draw_graph(6, 3, 6, 5, &graph);
  esp_dag *made = dag_made(&graph);
  made->at_home[2] = made->at_home[5] = true;
  const esp_processors p = {.count = 3, .per_rank = 1, .ranks_per_node = 3};
  esp_schedule schedule = search(made, &p, 10000000, &proven);
  CU_ASSERT(proven);
  CU_ASSERT_EQUAL(schedule.processor[2], 0);
  CU_ASSERT_EQUAL(schedule.processor[5], 0);
  esp_schedule_free(&schedule);
  esp_dag_free(made);
  dag_end(&graph);
}

int main(void) {
  static const check_case cases[] = {
      CASE(the_shortest_is_found_and_proven),
      CASE(a_search_that_was_cut_off_proves_nothing),
      CASE(home_is_processor_0),
      {NULL, NULL},
  };
  return check_run("schedule/exact", cases);
}
