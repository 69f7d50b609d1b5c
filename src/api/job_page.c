// The page of a job (key `report`): what is drawn of it.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "report/page.h"

// The part of the run that is drawn: it begins with a batch that is neither the
// first, which touches memory, nor among those that were left out, and lasts as
// long as a few batches.
static void choose_window(const esp_running *run, int64_t events,
                          double batch_seconds, double *from, double *to) {
  enum { SKIPPED = 3 };
  static const double BATCHES = 2.5;
  double start = INFINITY, first = INFINITY;
  int64_t number = -1;
  for (int64_t i = 0; i < events; i++) {
    const esp_trace_event *e = &run->event[i];
    if (e->kind != ESP_TRACE_NODE) continue;
    first = fmin(first, e->begin);
    if (e->batch < SKIPPED || (number >= 0 && e->batch > number)) continue;
    if (e->batch != number) start = INFINITY;
    number = e->batch;
    start = fmin(start, e->begin);
  }
  *from = isfinite(start) ? start : first;
  *to = *from + BATCHES * batch_seconds;
}

static const char *const kinds[] = {[ESP_TRACE_NODE] = "",
                                    [ESP_TRACE_SEND] = "send",
                                    [ESP_TRACE_RECV] = "recv",
                                    [ESP_TRACE_READ] = "read",
                                    [ESP_TRACE_WRITE] = "write"};

// A bar of an event of a rank; names are of the graph of its engine.
static esp_bar bar_of(const esp_running *run, int rank,
                      const esp_trace_event *e) {
  const esp_built *built = e->engine == 0 ? &run->full_built : &run->tail_built;
  const int member = rank % run->resources.ranks_per_replica;
  esp_bar bar = {.rank = rank,
                 .conductor = e->kind != ESP_TRACE_NODE,
                 .start = e->begin,
                 .finish = e->end,
                 .kind = kinds[e->kind],
                 .name = ""};
  if (e->kind == ESP_TRACE_NODE) {
    bar.kind = built->graph->node[e->what].op_type;
    bar.name = built->graph->node[e->what].name;
  } else if (e->kind == ESP_TRACE_SEND || e->kind == ESP_TRACE_RECV) {
    const esp_step *step = &built->plan->rank[member].step[e->what];
    bar.name = built->graph->value[step->value].name;
  }
  return bar;
}

// What ran in the window, cut at its ends.
static esp_status list_bars(const esp_running *run, double batch_seconds,
                            esp_page *page) {
  const int ranks = esp_comm_size(run->comm);
  if (run->event == NULL) return ESP_OK;
  const int64_t events = run->event_first[ranks];
  double from, to;
  choose_window(run, events, batch_seconds, &from, &to);
  page->ran = calloc((size_t)events + 1, sizeof *page->ran);
  if (page->ran == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot draw the run");
  for (int r = 0; r < ranks; r++) {
    for (int64_t i = run->event_first[r]; i < run->event_first[r + 1]; i++) {
      esp_bar bar = bar_of(run, r, &run->event[i]);
      if (!(bar.finish > from && bar.start < to)) continue;
      bar.start = fmax(bar.start, from) - from;
      bar.finish = fmin(bar.finish, to) - from;
      page->ran[page->rans++] = bar;
    }
  }
  page->ran_seconds = page->rans > 0 ? to - from : 0;
  return ESP_OK;
}

static esp_status write(const esp_running *run, const esp_report *report) {
  const bool full = run->full_built.plan != NULL;
  const esp_built *built = full ? &run->full_built : &run->tail_built;
  const esp_book *book = &run->tune.book;
  esp_page page = {.report = report,
                   .graph = built->graph,
                   .plan = built->plan,
                   .planned = built->seconds};
  if (full && built->graph != NULL && book->nodes == built->graph->nnode) {
    page.measured = book->seconds;
  }
  esp_status status = list_bars(run, report->measured_s, &page);
  if (status == ESP_OK) status = esp_page_write(run->page_file, &page);
  free(page.ran);
  return status;
}

esp_status esp_job_page_write(esp_running *run, const esp_report *report) {
  const char *path = run->job->report;
  if (path == NULL) return ESP_OK;
  esp_status status = ESP_OK;
  if (esp_comm_rank(run->comm) == 0) {
    // A job that had nothing to do has opened nothing.
    if (run->page_file == NULL) run->page_file = fopen(path, "w");
    if (run->page_file != NULL) status = write(run, report);
    const bool open = run->page_file != NULL;
    if (!open || fclose(run->page_file) != 0 || status == ESP_IO) {
      status = ESP_FAIL(ESP_IO, "report: cannot write %s: %s", path,
                        strerror(errno));
    }
    run->page_file = NULL;
  }
  return esp_comm_agree(run->comm, status);
}
