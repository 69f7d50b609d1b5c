// Plans walked for real: any ranks and workers give the bytes of one.
// Run with 1, 2 and 3 ranks: mpirun -n <ranks> test_exec_exec
#include "exec/exec.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/toy.h"

static esp_comm *comm;

static bool connected; // messages go through shared memory

enum { LENGTH = 3000, SLOTS = 3 };

typedef struct walker {
  esp_graph *graph;
  esp_plan *plan;
  esp_workers *pool;
  esp_bell *bell;
  esp_exec *exec;
} walker;

static void open_plan(walker *w, const esp_plan_problem *problem,
                      const esp_comm *group) {
  CHECK_OK(esp_plan_build(problem, &w->plan));
  CHECK_OK(esp_plan_check(w->plan, w->graph));
  const esp_workers_options pool = {.count = problem->workers,
                                    .width = problem->width};
  CHECK_OK(esp_workers_open(&pool, &w->pool));
  CHECK_OK(esp_bell_create(&w->bell));
  const esp_exec_options options = {.graph = w->graph,
                                    .plan = w->plan,
                                    .rank = group != NULL ? esp_comm_rank(group)
                                                          : 0,
                                    .group = group,
                                    .workers = w->pool,
                                    .bell = w->bell,
                                    .slots = SLOTS};
  CHECK_OK(esp_exec_create(&options, &w->exec));
  if (group != NULL && connected) CHECK_OK(esp_exec_connect(w->exec));
}

static void open_walker(walker *w, const esp_comm *group, int workers) {
  double *seconds = calloc((size_t)w->graph->nnode + 1, sizeof *seconds);
  for (int n = 0; n < w->graph->nnode; n++) seconds[n] = 1;
  const esp_plan_problem problem = {
      .graph = w->graph,
      .ranks = group != NULL ? esp_comm_size(group) : 1,
      .workers = workers,
      .width = 1,
      .seconds = seconds,
      // cheap, so that the graph is spread
      .links = {{[ESP_SAME_NODE] = {1e-3, 1e9}}}};
  open_plan(w, &problem, group);
  free(seconds);
}

// One worker, whose team is sometimes better divided among narrow nodes.
static void open_molded(walker *w, int width) {
  const size_t nodes = (size_t)w->graph->nnode;
  double *narrow = calloc(nodes + 1, sizeof *narrow);
  double *wide = calloc(nodes + 1, sizeof *wide);
  for (size_t n = 0; n < nodes; n++) {
    narrow[n] = 1 + (double)(check_random() % 4);
    wide[n] = narrow[n] * (check_random() % 3 == 0 ? 1.0 / width : 1.5);
  }
  const esp_plan_problem problem = {.graph = w->graph,
                                    .ranks = 1,
                                    .workers = 1,
                                    .width = width,
                                    .seconds = wide,
                                    .narrow = narrow};
  open_plan(w, &problem, NULL);
  free(narrow);
  free(wide);
}

static void close_walker(walker *w) {
  esp_exec_free(w->exec);
  esp_workers_close(w->pool);
  esp_bell_free(w->bell);
  esp_plan_free(w->plan);
}

static void start(walker *w, int slot, int batch) {
  float *in = esp_exec_value(w->exec, slot, w->graph->input[0]);
  for (int i = 0; in != NULL && i < LENGTH; i++) {
    in[i] = (float)((i * 7 + batch * 13) % 101);
  }
  esp_exec_start(w->exec, slot, batch);
}

static void finish(walker *w, int slot) {
  esp_status status;
  const char *message;
  while (!esp_exec_done(w->exec, slot, &status, &message)) {
    const uint64_t seen = esp_bell_count(w->bell);
    esp_exec_move(w->exec);
    if (!esp_exec_done(w->exec, slot, &status, &message)) {
      esp_bell_wait(w->bell, seen, 1e-4);
    }
  }
  CU_ASSERT_EQUAL(status, ESP_OK);
}

// Batches in all slots at once, twice, against one rank with one worker.
static void compare_with_one(esp_graph *graph, int workers) {
  walker one = {.graph = graph}, all = {.graph = graph};
  open_walker(&one, NULL, 1);
  open_walker(&all, comm, workers);
  for (int round = 0; round < 2; round++) {
    for (int s = 0; s < SLOTS; s++) start(&all, s, round * SLOTS + s);
    for (int s = 0; s < SLOTS; s++) {
      finish(&all, s);
      if (esp_comm_rank(comm) != 0) continue;
      start(&one, 0, round * SLOTS + s);
      finish(&one, 0);
      for (int i = 0; i < graph->noutput; i++) {
        const int v = graph->output[i];
        check_same_bytes(esp_exec_value(all.exec, s, v),
                         esp_exec_value(one.exec, 0, v),
                         LENGTH * sizeof(float));
      }
    }
  }
  esp_comm_barrier(comm);
  close_walker(&one);
  close_walker(&all);
}

static void branches_give_the_bytes_of_one(void) {
  for (int workers = 1; workers <= 3; workers++) {
    esp_graph *graph = toy_branches(4, 6, LENGTH);
    compare_with_one(graph, workers);
    esp_graph_free(graph);
  }
}

static void random_graphs_give_the_bytes_of_one(void) {
  for (int round = 0; round < 12; round++) {
    esp_graph *graph = toy_random(5 + 4 * round, LENGTH); // same on all ranks
    compare_with_one(graph, 1 + round % 2);
    esp_graph_free(graph);
  }
}

static void shared_memory_gives_the_bytes_of_one(void) {
  connected = true;
  branches_give_the_bytes_of_one();
  random_graphs_give_the_bytes_of_one();
  connected = false;
}

static void molded_plans_give_the_bytes_of_one(void) {
  int molded = 0;
  for (int round = 0; round < 24; round++) {
    esp_graph *graph = round % 2 == 0 ? toy_random(4 + 3 * round, LENGTH)
                                      : toy_branches(3, 2 + round, LENGTH);
    walker one = {.graph = graph}, team = {.graph = graph};
    open_walker(&one, NULL, 1);
    open_molded(&team, 2 + round % 3);
    molded += team.plan->molded;
    for (int batch = 0; batch < SLOTS; batch++) {
      start(&one, batch, batch);
      start(&team, batch, batch);
      finish(&one, batch);
      finish(&team, batch);
      for (int i = 0; i < graph->noutput; i++) {
        check_same_bytes(esp_exec_value(team.exec, batch, graph->output[i]),
                         esp_exec_value(one.exec, batch, graph->output[i]),
                         LENGTH * sizeof(float));
      }
    }
    close_walker(&one);
    close_walker(&team);
    esp_graph_free(graph);
  }
  CU_ASSERT(molded > 12);
}

int main(void) {
  static const check_case cases[] = {
      CASE(branches_give_the_bytes_of_one),
      CASE(random_graphs_give_the_bytes_of_one),
      CASE(shared_memory_gives_the_bytes_of_one),
      CASE(molded_plans_give_the_bytes_of_one),
      {NULL, NULL},
  };
  if (esp_comm_open(false, &comm) != ESP_OK) return 1;
  const int result = check_run("exec", cases);
  esp_comm_close(comm);
  return result;
}
