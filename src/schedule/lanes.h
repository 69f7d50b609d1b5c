// What runs on each processor while a schedule is being made.  Private to
// schedule/.
#ifndef ESP_SCHEDULE_LANES_H
#define ESP_SCHEDULE_LANES_H

#include "schedule/private.h"

typedef struct esp_busy {
  double start, finish;
} esp_busy;

typedef struct esp_lane {
  esp_busy *busy; // by time
  size_t count, room;
} esp_lane;

typedef struct esp_lanes {
  const esp_scene *scene;
  esp_schedule *schedule;
  esp_lane *lane; // [processors]
  int *least;     // a tree: of each two neighbours the one that ends first; the
                  // processors are its leaves
  int leaves;     // a power of two
} esp_lanes;

esp_status esp_lanes_begin(const esp_scene *scene, esp_schedule *schedule,
                           esp_lanes *lanes);
void esp_lanes_end(esp_lanes *lanes);

// When all that a task needs is on a processor; all of it has been placed.
double esp_lanes_ready(const esp_lanes *lanes, int task, int processor);
// When the processor first has `weight` seconds free from `ready` on.
double esp_lanes_gap(const esp_lanes *lanes, int processor, double ready,
                     double weight);
// The processor of [first, end) that has ended all it has first; of equals the
// first.
int esp_lanes_least(const esp_lanes *lanes, int first, int end);
// Puts the task there, from `start` on.
esp_status esp_lanes_place(esp_lanes *lanes, int task, int processor,
                           double start);

#endif
