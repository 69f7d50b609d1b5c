#include "report/notes.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A prediction is off by more than that; more than that of the cores' time is
// idle.
static const double OFF = 0.2, IDLE = 0.05;

static esp_status add(esp_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static esp_status add(esp_report *r, const char *format, ...) {
  if (r->notes == ESP_MOST_NOTES) return ESP_OK;
  va_list args;
  va_start(args, format);
  const int written = vasprintf(&r->note[r->notes], format, args);
  va_end(args);
  if (written < 0) return ESP_FAIL(ESP_NO_MEMORY, "cannot write a note");
  r->notes++;
  return ESP_OK;
}

static esp_status judge_prediction(const esp_note_figures *f, esp_report *r) {
  if (r->measured_s <= 0 || r->predicted_s <= 0) return ESP_OK;
  const double ratio = r->measured_s / r->predicted_s;
  if (ratio <= 1 + OFF && ratio >= 1 / (1 + OFF)) return ESP_OK;
  if (f->others > 0.1) {
    return add(r,
               "a batch took %.2f of what was predicted, and other "
               "processes took %.1f cores meanwhile",
               ratio, f->others);
  }
  if (strcmp(r->costs, "estimated") == 0) {
    return add(r,
               "a batch took %.2f of what was predicted, as the times of "
               "operators were only estimated: %s",
               ratio,
               f->tune_off ? "tune: auto would let the next run know them"
                           : "the next run of this job knows them");
  }
  return add(r,
             "a batch took %.2f of what was predicted from times that were "
             "%s: the machine was slower or faster then; tune: again "
             "measures anew",
             ratio, r->costs);
}

static double mean_of(const esp_report *r, size_t member) {
  double sum = 0;
  for (int i = 0; i < r->ranks; i++) {
    double share;
    memcpy(&share, (const char *)&r->share[i] + member, sizeof share);
    sum += share;
  }
  return sum / r->ranks;
}
#define MEAN(member) mean_of(r, offsetof(esp_rank_shares, member))

// Why cores were idle: the first reason that holds.
static esp_status judge_idle(const esp_note_figures *f, esp_report *r) {
  const double idle = 1 - MEAN(computed);
  const int streams = r->replicas * r->streams;
  if (idle <= IDLE) return ESP_OK;
  const double percent = 100 * idle;
  if (f->batches < 4 * (int64_t)streams) {
    return add(r,
               "workers were idle for %.0f %% of the time: %lld batches are "
               "few for %d at once; a smaller batch (%lld now) fills the "
               "cores to the end",
               percent, (long long)f->batches, streams, (long long)r->batch);
  }
  if (MEAN(read) > 0.5) {
    return add(r,
               "workers were idle for %.0f %% of the time, while each rank's "
               "conductor read for %.0f %%: the data come too slowly; more "
               "ranks read side by side, and uncompressed or larger chunks "
               "read faster",
               percent, 100 * MEAN(read));
  }
  if (MEAN(wrote) > 0.5) {
    return add(r,
               "workers were idle for %.0f %% of the time, while each rank's "
               "conductor wrote for %.0f %%: more ranks write side by side",
               percent, 100 * MEAN(wrote));
  }
  if (r->ranks_per_replica > 1) {
    return add(r,
               "workers were idle for %.0f %% of the time: %d ranks share the "
               "branches of one graph, which give %.2fx at the most; "
               "objective: throughput, or replicas: %d, gives each rank "
               "batches of its own",
               percent, r->ranks_per_replica, r->ceiling, r->ranks);
  }
  if (r->workers > 1) {
    return add(
        r,
        "workers were idle for %.0f %% of the time: the graph's branches "
        "give %.2fx at the most on %d workers; width: %d instead cuts "
        "operators, and streams: %d runs batches side by side",
        percent, r->ceiling, r->workers, r->workers, r->workers);
  }
  if (r->molded) {
    return add(r,
               "threads were idle for %.0f %% of the time: narrow operators "
               "wait for one another, and the graph's branches give %.2fx at "
               "the most; streams: %d runs batches side by side",
               percent, r->ceiling, r->width);
  }
  if (r->streams * r->workers * r->width < f->cores) {
    return ESP_OK; // asked for
  }
  return add(r,
             "workers were idle for %.0f %% of the time between batches of "
             "%.3f ms: a larger batch (%lld now) makes fewer of them",
             percent, 1e3 * r->measured_s, (long long)r->batch);
}

esp_status esp_notes_find(const esp_note_figures *figures, esp_report *report) {
  if (report->nothing_to_do || report->seconds <= 0 || report->share == NULL) {
    return ESP_OK;
  }
  ESP_TRY(judge_prediction(figures, report));
  return judge_idle(figures, report);
}
