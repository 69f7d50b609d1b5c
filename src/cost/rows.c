// Rows of a batch that are computed together.
#include <math.h>

#include "cost/cost.h"
#include "op/op.h"

// A node's constants, and the values that have rows.
static void add_bytes(const esp_graph *graph, int value, double *constants,
                      double *values) {
  if (value < 0) return;
  const esp_tensor *tensor = &graph->value[value].tensor;
  *(tensor->data != NULL ? constants : values) +=
      (double)esp_tensor_bytes(tensor);
}

// How often constants are read in turn: by a recurrent layer at every step.
static double passes_of(const esp_graph *graph, const esp_node *node) {
  const bool steps = node->op == ESP_OP_LSTM || node->op == ESP_OP_GRU ||
                     node->op == ESP_OP_RNN;
  return steps ? (double)graph->value[node->in[0]].tensor.shape.dim[0] : 1;
}

// Seconds of a piece beyond arithmetic: calls, and what does not fit the cache.
static double seconds_of(const esp_graph *graph, const esp_machine *machine,
                         double part) {
  double seconds = 0;
  for (int n = 0; n < graph->nnode; n++) {
    const esp_node *node = &graph->node[n];
    double constants = 0, values = 0;
    for (int i = 0; i < node->nin; i++) {
      add_bytes(graph, node->in[i], &constants, &values);
    }
    for (int i = 0; i < node->nout; i++) {
      add_bytes(graph, node->out[i], &constants, &values);
    }
    const double beyond = passes_of(graph, node) * constants + part * values -
                          machine->cache_bytes;
    seconds +=
        machine->call_seconds + fmax(0, beyond) / machine->bytes_per_second;
  }
  return seconds;
}

int64_t esp_cost_rows(const esp_graph *graph, const esp_machine *machine,
                      int64_t batch) {
  int64_t best = batch;
  double least = seconds_of(graph, machine, 1);
  for (int64_t rows = batch / 2; rows > 0; rows--) {
    if (batch % rows != 0) continue;
    const double pieces = (double)(batch / rows);
    const double seconds = pieces * seconds_of(graph, machine, 1 / pieces);
    if (seconds >= least) continue;
    least = seconds;
    best = rows;
  }
  return best;
}
