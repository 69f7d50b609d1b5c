// Operators + machine -> seconds.  Floor 4.
#ifndef ESP_COST_COST_H
#define ESP_COST_COST_H

#include "graph/graph.h"
#include "schedule/schedule.h"

// What one core, its memory and the ways between ranks give.  Plain numbers, so
// that rank 0's can be sent to all: plans of one job come from one machine.
typedef struct esp_machine {
  double flops_per_second; // float32, of one core, as a library kernel reaches
  double bytes_per_second; // of memory, of one core
  double call_seconds;     // of one operator that does nothing
  double cache_bytes;      // that a core has for itself
  esp_links links;         // workers of a rank, ranks of a node, nodes
} esp_machine;

// A common core of these years, for where nothing may be measured.
esp_machine esp_cost_typical(void);

// Measures this core and its memory for some milliseconds.  The links are
// typical ones.
esp_status esp_cost_measure(esp_machine *machine);

// Estimates the seconds of each node at `width` threads from its work: the
// larger of arithmetic and memory traffic, plus the call.  seconds has room for
// graph->nnode.  Shapes must be known.
esp_status esp_cost_estimate(const esp_graph *graph, const esp_machine *machine,
                             int width, double *seconds);

// How many rows of a batch, a divisor of it, are best computed together: with
// fewer of them more of what operators read and write stays in a core's cache,
// with more of them weights come into it, and operators are called, less often.
// `graph` is that of the whole batch, whose rows go apart.
int64_t esp_cost_rows(const esp_graph *graph, const esp_machine *machine,
                      int64_t batch);

// Bytes that each node reads and writes; bytes has room for graph->nnode.
esp_status esp_cost_bytes(const esp_graph *graph, double *bytes);
// Total work of a graph.
esp_status esp_cost_work(const esp_graph *graph, double *flops, double *bytes);

#endif
