#include "schedule/private.h"

esp_status esp_schedule_sequential(const esp_scene *scene,
                                   esp_schedule *schedule) {
  double now = 0;
  for (int i = 0; i < scene->dag->count; i++) {
    const int t = scene->dag->order[i];
    schedule->processor[t] = 0;
    schedule->start[t] = now;
    now += esp_weight_on(scene->dag, scene->processors, t, 0);
  }
  schedule->makespan = now;
  return ESP_OK;
}
