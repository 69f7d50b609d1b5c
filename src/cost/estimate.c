#include <math.h>
#include <stdlib.h>

#include "cost/cost.h"
#include "op/op.h"

// What operators reach of the speed of a large product.
static const double REACHED = 0.9;
// How much of a further thread an operator turns into speed.
static const double GAIN_PER_THREAD = 0.9;

// Calls visit() with the work of every node.
static esp_status each_work(const esp_graph *graph,
                            void (*visit)(void *, int, const esp_work *),
                            void *context) {
  const size_t most = esp_op_most_arguments(graph);
  const esp_tensor **in = malloc(most * sizeof *in);
  esp_tensor **out = malloc(most * sizeof *out);
  esp_status status = ESP_OK;
  if (in == NULL || out == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot estimate the costs");
  }
  for (int n = 0; n < graph->nnode && status == ESP_OK; n++) {
    const esp_args args = esp_op_args(graph, &graph->node[n], in, out);
    const esp_work work = esp_op_work(&args);
    visit(context, n, &work);
  }
  free(out);
  free(in);
  return status;
}

// How much faster products of rounded operands are, at least, where the machine
// has instructions for them.
static const double GAIN_OF[] = {[ESP_PRECISION_FLOAT32] = 1,
                                 [ESP_PRECISION_BF16] = 1.7,
                                 [ESP_PRECISION_INT8] = 2.5};

typedef struct estimate {
  const esp_graph *graph;
  const esp_machine *machine;
  double threads; // what `width` threads are worth
  double *seconds;
} estimate;

static void estimate_node(void *context, int node, const esp_work *work) {
  const estimate *e = context;
  const double gain = GAIN_OF[e->graph->node[node].precision] *
                      (work->gain > 0 ? work->gain : 1);
  const double arithmetic =
      work->flops / (REACHED * gain * e->machine->flops_per_second);
  const double memory = work->bytes / e->machine->bytes_per_second;
  e->seconds[node] =
      e->machine->call_seconds + fmax(arithmetic, memory) / e->threads;
}

esp_status esp_cost_estimate(const esp_graph *graph, const esp_machine *machine,
                             int width, double *seconds) {
  estimate e = {.graph = graph,
                .machine = machine,
                .threads = 1 + GAIN_PER_THREAD * (width - 1),
                .seconds = seconds};
  return each_work(graph, estimate_node, &e);
}

static void note_bytes(void *context, int node, const esp_work *work) {
  double *bytes = context;
  bytes[node] = work->bytes;
}

esp_status esp_cost_bytes(const esp_graph *graph, double *bytes) {
  return each_work(graph, note_bytes, bytes);
}

static void add_work(void *context, int node, const esp_work *work) {
  esp_work *sum = context;
  (void)node;
  sum->flops += work->flops;
  sum->bytes += work->bytes;
}

esp_status esp_cost_work(const esp_graph *graph, double *flops, double *bytes) {
  esp_work sum = {0};
  ESP_TRY(each_work(graph, add_work, &sum));
  *flops = sum.flops;
  *bytes = sum.bytes;
  return ESP_OK;
}
