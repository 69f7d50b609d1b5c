// What ran when, as a file for Perfetto or chrome://tracing.  Floor 7.
#ifndef ESP_REPORT_TRACE_H
#define ESP_REPORT_TRACE_H

#include <stdio.h>

#include "exec/trace.h"
#include "graph/graph.h"
#include "plan/plan.h"

enum { ESP_TRACE_ENGINES = 2 };

typedef struct esp_trace_picture {
  int ranks, ranks_per_replica;
  const char *host; // of rank r at host + r * host_room
  size_t host_room;
  // Of each engine; NULL: there is none of that number.
  const esp_graph *graph[ESP_TRACE_ENGINES];
  const esp_plan *plan[ESP_TRACE_ENGINES];
  // Events of rank r are event[first[r] .. first[r + 1]), in seconds after the
  // moment in which all ranks began.
  const int64_t *first;
  const esp_trace_event *event;
} esp_trace_picture;

// Writes the Trace Event Format ("JSON Object Format", Google, 2016): a process
// for each rank, a thread for the conductor and for each worker, a slice for
// each operator, read and write, an asynchronous slice for each message, and an
// arrow from the operator that made a value to the first that read it on
// another rank.  ESP_NO_MEMORY; whether all was written is the stream's.
esp_status esp_trace_draw(FILE *out, const esp_trace_picture *picture);

#endif
