#include "exec/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "workers/workers.h"

enum { LANES = ESP_MAX_SEATS + 2 };
_Static_assert(ESP_TRACE_LISTENER == ESP_MAX_SEATS + 1, "after the seats");

typedef struct lane {
  esp_trace_event *event; // [room]
  size_t room;
  int64_t count, missing;
} lane;

struct esp_trace {
  int64_t most;
  lane lane[LANES];
};

esp_status esp_trace_create(int64_t most, esp_trace **trace) {
  esp_trace *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot trace");
  self->most = most;
  *trace = self;
  return ESP_OK;
}

void esp_trace_free(esp_trace *trace) {
  if (trace == NULL) return;
  for (int i = 0; i < LANES; i++) free(trace->lane[i].event);
  free(trace);
}

void esp_trace_add(esp_trace *trace, const esp_trace_event *event) {
  lane *l = &trace->lane[event->lane];
  if (l->count < trace->most &&
      esp_grow(&l->event, &l->room, (size_t)l->count + 1, sizeof *l->event) ==
          ESP_OK) {
    l->event[l->count++] = *event;
  } else {
    l->missing++;
  }
}

void esp_trace_clear(esp_trace *trace) {
  for (int i = 0; i < LANES; i++) {
    trace->lane[i].count = trace->lane[i].missing = 0;
  }
}

int64_t esp_trace_count(const esp_trace *trace) {
  int64_t count = 0;
  for (int i = 0; i < LANES; i++) count += trace->lane[i].count;
  return count;
}

int64_t esp_trace_missing(const esp_trace *trace) {
  int64_t missing = 0;
  for (int i = 0; i < LANES; i++) missing += trace->lane[i].missing;
  return missing;
}

void esp_trace_copy(const esp_trace *trace, esp_trace_event *to) {
  for (int i = 0; i < LANES; i++) {
    const lane *l = &trace->lane[i];
    if (l->count > 0) memcpy(to, l->event, (size_t)l->count * sizeof *to);
    to += l->count;
  }
}
