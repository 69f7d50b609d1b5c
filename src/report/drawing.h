// A schedule as a picture: lanes for the workers of each rank, and for its
// conductor, over time.  SVG 1.1.  Floor 7.
#ifndef ESP_REPORT_DRAWING_H
#define ESP_REPORT_DRAWING_H

#include <stdio.h>

#include "graph/graph.h"
#include "plan/plan.h"

// One bar of a drawing.
typedef struct esp_bar {
  int rank;
  bool conductor;       // a message, read or write; else a node
  double start, finish; // seconds
  const char *kind;     // operator, or "send", "recv" ...; colours the bar
  const char *name;     // borrowed
} esp_bar;

// Draws bars, in any order, over [0, seconds] as an <svg> element.  Bars of a
// rank that overlap get lanes of their own.  Of very many ranks the first ones
// are drawn, and it is said how many there are.
esp_status esp_draw_bars(FILE *out, esp_bar *bar, size_t count, int ranks,
                         double seconds);
// What kinds the colours stand for: the dearest ones, as an HTML list.
void esp_draw_legend(FILE *out, const esp_bar *bar, size_t count);
// The bars of a plan, as it was simulated; free().
esp_status esp_plan_bars(const esp_plan *plan, const esp_graph *graph,
                         esp_bar **bar, size_t *count);
// Draws a plan into a file.  ESP_IO: it cannot be written.
esp_status esp_plan_draw(const esp_plan *plan, const esp_graph *graph,
                         const char *path);

#endif
