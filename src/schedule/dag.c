#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "schedule/private.h"

// Groups the arcs by the task that they go to, then lists by where they leave.
static void group(esp_dag *dag, int arcs, const esp_arc *arc) {
  int *first = dag->in_first; // counted into [to + 2], filled by [to + 1]
  for (int a = 0; a < arcs; a++) first[arc[a].to + 2]++;
  for (int t = 0; t < dag->count; t++) first[t + 2] += first[t + 1];
  for (int a = 0; a < arcs; a++) dag->in[first[arc[a].to + 1]++] = arc[a];

  first = dag->out_first;
  for (int a = 0; a < arcs; a++) first[dag->in[a].from + 2]++;
  for (int t = 0; t < dag->count; t++) first[t + 2] += first[t + 1];
  for (int a = 0; a < arcs; a++) dag->out[first[dag->in[a].from + 1]++] = a;
}

// Fills the order; a task left over is on a cycle or behind one.
static int sort(esp_dag *dag, int *waits) {
  int head = 0, tail = 0;
  for (int t = 0; t < dag->count; t++) {
    waits[t] = dag->in_first[t + 1] - dag->in_first[t];
    if (waits[t] == 0) dag->order[tail++] = t;
  }
  while (head < tail) {
    const int t = dag->order[head++];
    for (int o = dag->out_first[t]; o < dag->out_first[t + 1]; o++) {
      const int next = dag->in[dag->out[o]].to;
      if (--waits[next] == 0) dag->order[tail++] = next;
    }
  }
  return tail;
}

// Among tasks that wait for ever each has one before it that does too; going
// back once for every task ends on a cycle.
static int find_cycle(const esp_dag *dag, const int *waits) {
  int t = 0;
  while (waits[t] == 0) t++;
  for (int step = 0; step < dag->count; step++) {
    int a = dag->in_first[t];
    while (waits[dag->in[a].from] == 0) a++;
    t = dag->in[a].from;
  }
  return t;
}

esp_status esp_dag_create(int count, const double *weight, int arcs,
                          const esp_arc *arc, int *on_cycle, esp_dag **dag) {
  const size_t n = (size_t)count;
  esp_dag *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule");
  self->count = count;
  self->weight = malloc((n + 1) * sizeof *self->weight);
  self->in_first = calloc(n + 2, sizeof *self->in_first);
  self->in = malloc(((size_t)arcs + 1) * sizeof *self->in);
  self->out_first = calloc(n + 2, sizeof *self->out_first);
  self->out = malloc(((size_t)arcs + 1) * sizeof *self->out);
  self->order = malloc((n + 1) * sizeof *self->order);
  self->at_home = calloc(n + 1, sizeof *self->at_home);
  int *waits = malloc((n + 1) * sizeof *waits);
  esp_status status = ESP_OK;
  if (self->weight == NULL || self->in_first == NULL || self->in == NULL ||
      self->out_first == NULL || self->out == NULL || self->order == NULL ||
      self->at_home == NULL || waits == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d tasks", count);
  }
  if (status == ESP_OK) {
    memcpy(self->weight, weight, n * sizeof *weight);
    group(self, arcs, arc);
    if (sort(self, waits) < count) {
      if (on_cycle != NULL) *on_cycle = find_cycle(self, waits);
      status = ESP_FAIL(ESP_BAD_INPUT, "the tasks need each other in a cycle");
    }
  }
  free(waits);
  if (status != ESP_OK) {
    esp_dag_free(self);
    return status;
  }
  *dag = self;
  return ESP_OK;
}

void esp_dag_free(esp_dag *dag) {
  if (dag == NULL) return;
  free(dag->weight);
  free(dag->in_first);
  free(dag->in);
  free(dag->out_first);
  free(dag->out);
  free(dag->order);
  free(dag->at_home);
  free(dag);
}

esp_status esp_dag_reverse(const esp_dag *dag, esp_dag **reversed) {
  const int arcs = dag->in_first[dag->count];
  esp_arc *arc = malloc(((size_t)arcs + 1) * sizeof *arc);
  if (arc == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %d tasks", dag->count);
  }
  for (int a = 0; a < arcs; a++) {
    arc[a] = dag->in[a];
    arc[a].from = dag->in[a].to;
    arc[a].to = dag->in[a].from;
  }
  const esp_status status =
      esp_dag_create(dag->count, dag->weight, arcs, arc, NULL, reversed);
  free(arc);
  if (status != ESP_OK) return status;
  memcpy((*reversed)->at_home, dag->at_home,
         (size_t)dag->count * sizeof *dag->at_home);
  return ESP_OK;
}
