// The trace of a job (key `trace`): from the ranks' events to one file.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "base/log.h"
#include "report/trace.h"

// Events of a lane: for a file of some ten megabytes, as much as a viewer shows
// in one go; and for a page, which draws a few batches of the first ranks.
enum { MOST_EVENTS = 1 << 17, PAGE_EVENTS = 1 << 12, PAGE_RANKS = 64 };
enum { NUMBERS = 7 };

static esp_status open_file(const char *key, const char *path, FILE **file) {
  *file = fopen(path, "w");
  if (*file != NULL) return ESP_OK;
  return ESP_FAIL(ESP_IO, "%s: cannot write %s: %s", key, path,
                  strerror(errno));
}

// What is gathered is counted in int (MPI).
static int64_t most_events(const esp_running *run) {
  if (run->job->trace == NULL) return PAGE_EVENTS;
  const esp_resources *r = &run->resources;
  const int64_t lanes = (int64_t)esp_comm_size(run->comm) *
                        ((int64_t)r->streams * r->workers * r->width + 1);
  const int64_t most = INT_MAX / NUMBERS / lanes - 1;
  return most < MOST_EVENTS ? most : MOST_EVENTS;
}

esp_status esp_job_trace_begin(esp_running *run) {
  const esp_job *job = run->job;
  esp_status status = ESP_OK;
  if (job->trace == NULL && job->report == NULL) return ESP_OK;
  if (esp_comm_rank(run->comm) == 0) {
    if (job->trace != NULL) {
      status = open_file("trace", job->trace, &run->trace_file);
    }
    if (job->report != NULL && status == ESP_OK) {
      status = open_file("report", job->report, &run->page_file);
    }
  }
  if (status == ESP_OK) {
    status = esp_trace_create(most_events(run), &run->trace);
  }
  return esp_comm_agree(run->comm, status);
}

// The moment from which events count: that in which the node's first rank saw
// all ranks begin, as ranks of a node have one clock.  Collective.
static esp_status common_begin(const esp_running *run, double *began) {
  const int ranks = esp_comm_node_size(run->comm);
  double *all = calloc((size_t)ranks + 1, sizeof *all);
  ESP_TRY(esp_comm_agree(
      run->comm, all != NULL
                     ? ESP_OK
                     : ESP_FAIL(ESP_NO_MEMORY, "cannot gather the trace")));
  esp_comm_node_gather(run->comm, &run->outcome.began, sizeof *all, all);
  *began = all[0];
  free(all);
  return ESP_OK;
}

// Events as numbers, behind how many there are and how many are missing.
static double *numbers_of(const esp_running *run, int64_t count, double began) {
  esp_trace_event *event = malloc(((size_t)count + 1) * sizeof *event);
  double *made = event != NULL
                     ? malloc(((size_t)count * NUMBERS + 2) * sizeof *made)
                     : NULL;
  if (made != NULL) {
    double *at = made;
    if (count > 0) esp_trace_copy(run->trace, event);
    *at++ = (double)count;
    *at++ = (double)esp_trace_missing(run->trace);
    for (int64_t i = 0; i < count; i++) {
      const esp_trace_event *e = &event[i];
      *at++ = e->begin - began;
      *at++ = e->end - began;
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

static esp_status draw(esp_running *run, const char *hosts, double missing) {
  const esp_trace_picture picture = {
      .ranks = esp_comm_size(run->comm),
      .ranks_per_replica = run->resources.ranks_per_replica,
      .host = hosts,
      .host_room = ESP_HOST_BYTES,
      .graph = {run->full_built.graph, run->tail_built.graph},
      .plan = {run->full_built.plan, run->tail_built.plan},
      .first = run->event_first,
      .event = run->event};
  ESP_TRY(esp_trace_draw(run->trace_file, &picture));
  if (missing > 0) {
    esp_log(ESP_LOG_WARNING,
            "trace: %s holds the beginning, %.0f later events are left out",
            run->job->trace, missing);
  }
  return ESP_OK;
}

// Rank 0: keeps what has come from all, for the page, and draws it.
static esp_status keep(esp_running *run, const double *all, const char *hosts) {
  const int ranks = esp_comm_size(run->comm);
  double missing = 0;
  run->event_first = calloc((size_t)ranks + 1, sizeof *run->event_first);
  if (run->event_first == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot gather the trace");
  }
  ESP_TRY(read_events(all, ranks, run->event_first, &run->event, &missing));
  return run->trace_file != NULL ? draw(run, hosts, missing) : ESP_OK;
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
    status = keep(run, all, hosts);
  }
  free(all);
  free(hosts);
  return status;
}

esp_status esp_job_trace_end(esp_running *run) {
  if (run->trace == NULL) return ESP_OK;
  const bool tells =
      run->job->trace != NULL || esp_comm_rank(run->comm) < PAGE_RANKS;
  const int64_t count = tells ? esp_trace_count(run->trace) : 0;
  double began;
  ESP_TRY(common_begin(run, &began));
  double *mine = numbers_of(run, count, began);
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

static void give_up(FILE *file, const char *path) {
  if (file == NULL) return;
  (void)fclose(file);
  (void)remove(path);
}

void esp_job_trace_close(esp_running *run) {
  give_up(run->trace_file, run->job->trace); // nothing has come of it
  give_up(run->page_file, run->job->report);
  free(run->event_first);
  free(run->event);
  esp_trace_free(run->trace);
}
