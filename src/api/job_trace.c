// The trace of a job (key `trace`): from the ranks' events to one file.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "base/log.h"
#include "report/trace.h"

// Of a lane: some ten megabytes, and as much as a viewer shows in one go.
enum { MOST_EVENTS = 1 << 17, NUMBERS = 7 };

esp_status esp_job_trace_begin(esp_running *run) {
  esp_status status = ESP_OK;
  if (run->job->trace == NULL) return ESP_OK;
  if (esp_comm_rank(run->comm) == 0) {
    run->trace_file = fopen(run->job->trace, "w");
    if (run->trace_file == NULL) {
      status = ESP_FAIL(ESP_IO, "trace: cannot write %s: %s", run->job->trace,
                        strerror(errno));
    }
  }
  if (status == ESP_OK) status = esp_trace_create(MOST_EVENTS, &run->trace);
  return esp_comm_agree(run->comm, status);
}

// Events as numbers, behind how many there are and how many are missing.
static double *numbers_of(const esp_running *run, int64_t count) {
  esp_trace_event *event = malloc(((size_t)count + 1) * sizeof *event);
  double *made = event != NULL
                     ? malloc(((size_t)count * NUMBERS + 2) * sizeof *made)
                     : NULL;
  if (made != NULL) {
    double *at = made;
    esp_trace_copy(run->trace, event);
    *at++ = (double)count;
    *at++ = (double)esp_trace_missing(run->trace);
    for (int64_t i = 0; i < count; i++) {
      const esp_trace_event *e = &event[i];
      *at++ = e->begin - run->outcome.began;
      *at++ = e->end - run->outcome.began;
      *at++ = (double)e->batch;
      *at++ = (double)e->kind;
      *at++ = (double)e->what;
      *at++ = (double)e->engine;
      *at++ = (double)e->lane;
    }
  }
  free(event);
  return made;
}

static esp_status read_events(const double *all, int ranks, int64_t *first,
                              esp_trace_event **events, double *missing) {
  const double *at = all;
  first[0] = 0;
  *missing = 0;
  for (int r = 0; r < ranks; r++) {
    first[r + 1] = first[r] + (int64_t)at[0];
    *missing += at[1];
    at += 2 + (int64_t)at[0] * NUMBERS;
  }
  esp_trace_event *e = malloc(((size_t)first[ranks] + 1) * sizeof *e);
  if (e == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot gather the trace");
  *events = e;
  at = all;
  for (int r = 0; r < ranks; r++) {
    const int64_t count = (int64_t)*at;
    at += 2;
    for (int64_t i = 0; i < count; i++, at += NUMBERS) {
      *e++ = (esp_trace_event){.begin = at[0],
                               .end = at[1],
                               .batch = (int64_t)at[2],
                               .kind = (esp_trace_kind)at[3],
                               .what = (int)at[4],
                               .engine = (int)at[5],
                               .lane = (int)at[6]};
    }
  }
  return ESP_OK;
}

// Rank 0: draws what has come from all.
static esp_status draw(esp_running *run, const double *all, const char *hosts) {
  const int ranks = esp_comm_size(run->comm);
  int64_t *first = calloc((size_t)ranks + 1, sizeof *first);
  esp_trace_event *event = NULL;
  double missing = 0;
  esp_status status = first != NULL
                          ? read_events(all, ranks, first, &event, &missing)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot gather the trace");
  if (status == ESP_OK) {
    const esp_trace_picture picture = {
        .ranks = ranks,
        .ranks_per_replica = run->resources.ranks_per_replica,
        .host = hosts,
        .host_room = ESP_HOST_BYTES,
        .graph = {run->full_built.graph, run->tail_built.graph},
        .plan = {run->full_built.plan, run->tail_built.plan},
        .first = first,
        .event = event};
    status = esp_trace_draw(run->trace_file, &picture);
  }
  if (status == ESP_OK && missing > 0) {
    esp_log(ESP_LOG_WARNING,
            "trace: %s holds the beginning, %.0f later events are left out",
            run->job->trace, missing);
  }
  free(event);
  free(first);
  return status;
}

static esp_status gather(esp_running *run, const double *mine, int count) {
  char *hosts;
  double *all = NULL;
  int total;
  esp_status status = esp_hosts_gather(run->comm, &hosts);
  if (status == ESP_OK) {
    status = esp_comm_gather_numbers(run->comm, mine, count, &all, &total);
  }
  if (status == ESP_OK && esp_comm_rank(run->comm) == 0) {
    status = draw(run, all, hosts);
  }
  free(all);
  free(hosts);
  return status;
}

esp_status esp_job_trace_end(esp_running *run) {
  if (run->trace == NULL) return ESP_OK;
  const int64_t count = esp_trace_count(run->trace);
  double *mine = numbers_of(run, count);
  esp_status status = mine != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot gather the trace");
  status = esp_comm_agree(run->comm, status);
  if (status == ESP_OK) {
    status = gather(run, mine, (int)(count * NUMBERS + 2));
  }
  if (run->trace_file != NULL) {
    const bool whole = !ferror(run->trace_file);
    if ((fclose(run->trace_file) != 0 || !whole) && status == ESP_OK) {
      status = ESP_FAIL(ESP_IO, "trace: cannot write %s", run->job->trace);
    }
    run->trace_file = NULL;
  }
  free(mine);
  return esp_comm_agree(run->comm, status);
}

void esp_job_trace_close(esp_running *run) {
  if (run->trace_file != NULL) { // nothing has come of it
    (void)fclose(run->trace_file);
    (void)remove(run->job->trace);
  }
  esp_trace_free(run->trace);
}
