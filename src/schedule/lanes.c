#include "schedule/lanes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

esp_status esp_lanes_begin(const esp_scene *scene, esp_schedule *schedule,
                           esp_lanes *lanes) {
  *lanes = (esp_lanes){.scene = scene, .schedule = schedule};
  const int count = scene->processors->count;
  for (lanes->leaves = 1; lanes->leaves < count;) lanes->leaves *= 2;
  lanes->lane = calloc((size_t)count, sizeof *lanes->lane);
  lanes->least = calloc(2 * (size_t)lanes->leaves, sizeof *lanes->least);
  schedule->makespan = 0;
  if (lanes->lane == NULL || lanes->least == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule on %d processors", count);
  }
  for (int p = 0; p < lanes->leaves; p++) lanes->least[lanes->leaves + p] = p;
  for (int i = lanes->leaves - 1; i > 0; i--) {
    lanes->least[i] = lanes->least[2 * i];
  }
  return ESP_OK;
}

void esp_lanes_end(esp_lanes *lanes) {
  free(lanes->least);
  if (lanes->lane == NULL) return;
  for (int p = 0; p < lanes->scene->processors->count; p++) {
    free(lanes->lane[p].busy);
  }
  free(lanes->lane);
}

static double end_of(const esp_lanes *lanes, int processor) {
  if (processor >= lanes->scene->processors->count) return (double)INFINITY;
  const esp_lane *lane = &lanes->lane[processor];
  return lane->count > 0 ? lane->busy[lane->count - 1].finish : 0;
}

static int sooner(const esp_lanes *lanes, int a, int b) {
  const double x = end_of(lanes, a), y = end_of(lanes, b);
  return y < x || (y == x && b < a) ? b : a;
}

static void renew(esp_lanes *lanes, int processor) {
  for (int i = (lanes->leaves + processor) / 2; i > 0; i /= 2) {
    lanes->least[i] =
        sooner(lanes, lanes->least[2 * i], lanes->least[2 * i + 1]);
  }
}

int esp_lanes_least(const esp_lanes *lanes, int first, int end) {
  int best = first;
  int low = lanes->leaves + first, high = lanes->leaves + end;
  for (; low < high; low /= 2, high /= 2) {
    if (low % 2 == 1) best = sooner(lanes, best, lanes->least[low++]);
    if (high % 2 == 1) best = sooner(lanes, best, lanes->least[--high]);
  }
  return best;
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
  enum { MOST_GAPS = 512 }; // that are looked at; else it is put at the end
  const esp_lane *lane = &lanes->lane[processor];
  const size_t first = first_after(lane, ready);
  const size_t all = lane->count;
  const size_t end = all - first > MOST_GAPS ? first + MOST_GAPS : all;
  for (size_t i = first; i < end; i++) {
    if (ready + weight <= lane->busy[i].start) return ready;
    const double finish = lane->busy[i].finish;
    ready = ready < finish ? finish : ready;
  }
  return end < all ? lane->busy[all - 1].finish : ready;
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
  renew(lanes, processor);
  return ESP_OK;
}
