// Graphs that are drawn, and as schedule/ takes them.
#ifndef ESP_TESTS_DRAWN_H
#define ESP_TESTS_DRAWN_H

#include <stdlib.h>

#include "schedule/schedule.h"
#include "support/check.h"
#include "support/dag.h"

// Weights below `heaviest`, messages below `dearness`; ended with dag_end().
static inline void draw_graph(int tasks, int processors, int heaviest,
                              int dearness, dag *graph) {
  *graph = (dag){.name = "drawn", .processors = processors, .tasks = tasks};
  graph->weight = calloc((size_t)tasks + 1, sizeof *graph->weight);
  graph->edge = calloc((size_t)(tasks * tasks) + 1, sizeof *graph->edge);
  for (int t = 0; t < tasks; t++) {
    graph->weight[t] = (int64_t)(check_random() % (uint64_t)heaviest);
    for (int u = 0; u < t; u++) {
      if (check_random() % 3 != 0) continue;
      graph->edge[graph->edges++] =
          (dag_edge){u, t, (int64_t)(check_random() % (uint64_t)dearness)};
    }
  }
}

// Messages cost the same over every distance; ended with esp_dag_free().
static inline esp_dag *dag_made(const dag *graph) {
  esp_arc *arc = calloc((size_t)graph->edges + 1, sizeof *arc);
  double *weight = calloc((size_t)graph->tasks + 1, sizeof *weight);
  for (int t = 0; t < graph->tasks; t++) weight[t] = (double)graph->weight[t];
  for (int e = 0; e < graph->edges; e++) {
    const double cost = (double)graph->edge[e].cost;
    arc[e] = (esp_arc){
        graph->edge[e].from, graph->edge[e].to, {0, cost, cost, cost}};
  }
  esp_dag *made = NULL;
  CHECK_OK(
      esp_dag_create(graph->tasks, weight, graph->edges, arc, NULL, &made));
  free(arc);
  free(weight);
  return made;
}

#endif
