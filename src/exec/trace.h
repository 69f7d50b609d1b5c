// What ran when, for whoever draws it (report/trace.h).  Floor 6.
#ifndef ESP_EXEC_TRACE_H
#define ESP_EXEC_TRACE_H

#include <stdint.h>

#include "base/status.h"

typedef enum esp_trace_kind {
  ESP_TRACE_NODE, // what: the node
  ESP_TRACE_SEND, // what: the step of the rank's plan
  ESP_TRACE_RECV, // the same
  ESP_TRACE_READ, // of the batch's rows
  ESP_TRACE_WRITE // of its results
} esp_trace_kind;

// Lanes: of the thread that calls MPI and HDF5, and of the one that hears of
// messages from ranks of the node.
enum { ESP_TRACE_CONDUCTOR = 0, ESP_TRACE_LISTENER = 1025 };

typedef struct esp_trace_event {
  double begin, end; // seconds of the clock
  int64_t batch;
  esp_trace_kind kind;
  int what;
  int engine; // which of the plans that run
  int lane;   // ESP_TRACE_CONDUCTOR, or 1 + the seat of the pool
} esp_trace_event;

typedef struct esp_trace esp_trace;

// Each lane keeps its first `most` events; later ones are only counted.
esp_status esp_trace_create(int64_t most, esp_trace **trace);
void esp_trace_free(esp_trace *trace); // NULL is allowed
// A lane is one thread's at a time.  Where there is no memory the event is
// counted as one too many.
void esp_trace_add(esp_trace *trace, const esp_trace_event *event);

// Forgets all events; nobody adds any meanwhile.
void esp_trace_clear(esp_trace *trace);

// When nobody adds any more: the events, lane by lane.
int64_t esp_trace_count(const esp_trace *trace);
int64_t esp_trace_missing(const esp_trace *trace); // that were only counted
void esp_trace_copy(const esp_trace *trace, esp_trace_event *to);

#endif
