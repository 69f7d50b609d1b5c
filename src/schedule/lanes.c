#include "schedule/lanes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

esp_status esp_lanes_begin(const esp_scene *scene, esp_schedule *schedule,
                           esp_lanes *lanes) {
  *lanes = (esp_lanes){.scene = scene, .schedule = schedule};
  lanes->lane = calloc((size_t)scene->processors->count, sizeof *lanes->lane);
  schedule->makespan = 0;
  return lanes->lane != NULL
             ? ESP_OK
             : ESP_FAIL(ESP_NO_MEMORY, "cannot schedule on %d processors",
                        scene->processors->count);
}

void esp_lanes_end(esp_lanes *lanes) {
  if (lanes->lane == NULL) return;
  for (int p = 0; p < lanes->scene->processors->count; p++) {
    free(lanes->lane[p].busy);
  }
  free(lanes->lane);
}

double esp_lanes_ready(const esp_lanes *lanes, int task, int processor) {
  const esp_dag *dag = lanes->scene->dag;
  const esp_processors *processors = lanes->scene->processors;
  double ready = 0;
  for (int a = dag->in_first[task]; a < dag->in_first[task + 1]; a++) {
    const esp_arc *arc = &dag->in[a];
    const int there = lanes->schedule->processor[arc->from];
    ready = fmax(ready,
                 lanes->schedule->start[arc->from] +
                     esp_weight_on(dag, processors, arc->from, there) +
                     arc->cost[esp_distance_of(processors, there, processor)]);
  }
  return ready;
}

// The first that ends after `ready`.
static size_t first_after(const esp_lane *lane, double ready) {
  size_t low = 0, high = lane->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (lane->busy[middle].finish > ready) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

double esp_lanes_gap(const esp_lanes *lanes, int processor, double ready,
                     double weight) {
  const esp_lane *lane = &lanes->lane[processor];
  for (size_t i = first_after(lane, ready); i < lane->count; i++) {
    if (ready + weight <= lane->busy[i].start) return ready;
    ready = fmax(ready, lane->busy[i].finish);
  }
  return ready;
}

esp_status esp_lanes_place(esp_lanes *lanes, int task, int processor,
                           double start) {
  esp_lane *lane = &lanes->lane[processor];
  const double finish =
      start + esp_weight_on(lanes->scene->dag, lanes->scene->processors, task,
                            processor);
  lanes->schedule->processor[task] = processor;
  lanes->schedule->start[task] = start;
  lanes->schedule->makespan = fmax(lanes->schedule->makespan, finish);
  if (finish == start) return ESP_OK; // takes no room
  ESP_TRY(
      esp_grow(&lane->busy, &lane->room, lane->count + 1, sizeof *lane->busy));
  const size_t at = first_after(lane, start);
  memmove(&lane->busy[at + 1], &lane->busy[at],
          (lane->count - at) * sizeof *lane->busy);
  lane->busy[at] = (esp_busy){start, finish};
  lane->count++;
  return ESP_OK;
}
