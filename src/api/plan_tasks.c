// Bare task graphs: a file in, a schedule out for each.
#include <stdio.h>
#include <stdlib.h>

#include <espalier/espalier.h>

#include "base/status.h"
#include "schedule/task_file.h"

static esp_status say(const esp_task_graph *graph, const esp_schedule *schedule,
                      char **text) {
  const int written =
      asprintf(text,
               "%s: makespan %.0f, lower bound %.0f, %d tasks on %d processors "
               "(from: %s)",
               graph->name, schedule->makespan, schedule->lower_bound,
               graph->dag->count, graph->processors, schedule->method);
  return written >= 0 ? ESP_OK
                      : ESP_FAIL(ESP_NO_MEMORY, "cannot write a schedule");
}

static esp_status plan_one(const esp_task_graph *graph, bool json,
                           char **text) {
  const esp_processors processors = {
      .count = graph->processors, .per_rank = 1, .ranks_per_node = 1};
  esp_schedule schedule;
  ESP_TRY(esp_schedule_find(graph->dag, &processors, &esp_effort_thorough,
                            &schedule));
  const esp_status status = json ? esp_schedule_json(graph, &schedule, text)
                                 : say(graph, &schedule, text);
  esp_schedule_free(&schedule);
  return status;
}

esp_status esp_plan_tasks(const char *path, bool json,
                          void (*tell)(void *context, const char *line),
                          void *context) {
  esp_task_file file;
  ESP_TRY(esp_task_file_read(path, &file));
  esp_status status = ESP_OK;
  for (int g = 0; g < file.count && status == ESP_OK; g++) {
    char *text;
    status = plan_one(&file.graph[g], json, &text);
    if (status != ESP_OK) break;
    tell(context, text);
    free(text);
  }
  esp_task_file_end(&file);
  return status;
}
