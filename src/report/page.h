// A run as one HTML page that needs nothing else: what it came to, the schedule
// as it was planned and as it ran, where each rank's time went, the operators
// that cost most, and what to change.  Floor 7.
#ifndef ESP_REPORT_PAGE_H
#define ESP_REPORT_PAGE_H

#include <stdio.h>

#include "report/drawing.h"
#include "report/report.h"

typedef struct esp_page {
  const esp_report *report;
  // Of the plan that ran to the end; NULL: nothing was planned.
  const esp_graph *graph;
  const esp_plan *plan;
  const double *planned;  // [nnode] seconds that the plan counts on
  const double *measured; // [nnode] seconds of a batch; NULL: not measured
  // What ran in a part of the run, its beginning being 0.
  esp_bar *ran;
  size_t rans;
  double ran_seconds;
} esp_page;

// ESP_IO, ESP_NO_MEMORY.  The order of the bars is changed.
esp_status esp_page_write(FILE *out, const esp_page *page);

#endif
