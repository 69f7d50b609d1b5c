#include "exec/trace.h"

#include <stdlib.h>
#include <string.h>

#include "workers/workers.h"

enum { LANES = ESP_MAX_SEATS + 1, FIRST_ROOM = 1024 };

typedef struct lane {
  esp_trace_event *event; // [room]
  int64_t count, room, missing;
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

static bool has_room(lane *l, int64_t most) {
  if (l->count < l->room) return true;
  if (l->count >= most) return false;
  int64_t room = l->room > 0 ? 2 * l->room : FIRST_ROOM;
  if (room > most) room = most;
  esp_trace_event *grown = realloc(l->event, (size_t)room * sizeof *grown);
  if (grown == NULL) return false;
  l->event = grown;
  l->room = room;
  return true;
}

void esp_trace_add(esp_trace *trace, const esp_trace_event *event) {
  lane *l = &trace->lane[event->lane];
  if (has_room(l, trace->most)) {
    l->event[l->count++] = *event;
  } else {
    l->missing++;
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
