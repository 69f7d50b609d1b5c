// Schedules of task files as JSON.
#include <jansson.h>

#include "schedule/task_file.h"

esp_status esp_schedule_json(const esp_task_graph *graph,
                             const esp_schedule *schedule, char **text) {
  json_t *placed = json_array();
  for (int t = 0; t < graph->dag->count; t++) {
    json_array_append_new(placed,
                          json_pack("[I, i, I]", (json_int_t)graph->id[t],
                                    schedule->processor[t],
                                    (json_int_t)schedule->start[t]));
  }
  json_t *line =
      json_pack("{s:s, s:I, s:I, s:o}", "graph", graph->name, "makespan",
                (json_int_t)schedule->makespan, "lower_bound",
                (json_int_t)schedule->lower_bound, "schedule", placed);
  *text = json_dumps(line, JSON_COMPACT);
  json_decref(line);
  return *text != NULL ? ESP_OK
                       : ESP_FAIL(ESP_NO_MEMORY, "cannot write a schedule");
}
