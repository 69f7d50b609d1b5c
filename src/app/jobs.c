// One job, or one for each input file: run, told of, counted.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"

typedef struct tally {
  int done, failed; // jobs
  FILE *failures;   // a line each
  bool unwritten;   // a summary, or a table, could not be written
  FILE *summary;    // of all jobs; NULL: each has its own, or none
  int summaries;
} tally;

static FILE *open_summary(const char *path) {
  FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
  if (out == NULL) {
    fprintf(stderr, "espalier: cannot write the summary %s\n", path);
  }
  return out;
}

static bool close_summary(FILE *out) {
  const bool wrong = out == stdout ? fflush(out) != 0 : fclose(out) != 0;
  if (wrong) fprintf(stderr, "espalier: cannot write the summary\n");
  return !wrong;
}

static bool write_own_summary(const char *path, const char *json) {
  FILE *out = open_summary(path);
  if (out == NULL) return false;
  (void)fprintf(out, "%s\n", json);
  return close_summary(out);
}

static void begin_item(tally *t) {
  (void)fputs(t->summaries++ > 0 ? ",\n" : "[\n", t->summary);
}

// The table goes where it does not mix with a summary on standard output.
static bool tell(const esp_report *report, const char *summary, tally *t) {
  char *table = NULL, *json = NULL;
  if (esp_report_table(report, &table) != ESP_OK ||
      esp_report_json(report, &json) != ESP_OK) {
    (void)app_fail(ESP_NO_MEMORY);
    free(table);
    return false;
  }
  const bool to_stdout = summary == NULL || strcmp(summary, "-") != 0;
  (void)fputs(table, to_stdout ? stdout : stderr);
  (void)fflush(stdout);
  bool written = true;
  if (t->summary != NULL) {
    begin_item(t);
    (void)fputs(json, t->summary);
  } else if (summary != NULL) {
    written = write_own_summary(summary, json);
  }
  free(table);
  free(json);
  return written;
}

static void note_failure(const esp_job *job, esp_status status, tally *t) {
  const char *input = esp_job_get(job, "input");
  t->failed++;
  if (t->failures != NULL) {
    (void)fprintf(t->failures, "  %s: %s\n", input, esp_last_error());
  }
  if (t->summary == NULL) return;
  begin_item(t);
  (void)fputs("{\"input\": ", t->summary);
  app_write_json_text(t->summary, input);
  (void)fputs(", \"output\": ", t->summary);
  app_write_json_text(t->summary, esp_job_get(job, "output"));
  (void)fprintf(t->summary,
                ", \"exit\": %d, \"message\": ", app_exit_of(status));
  app_write_json_text(t->summary, esp_last_error());
  (void)fputs("}", t->summary);
}

// The status is the same on all ranks.
static esp_status run_one(esp_context *context, const esp_job *job, bool only,
                          tally *t) {
  const char *how = esp_job_get(job, "progress");
  app_progress progress = {
      .bar = strcmp(how, "bar") == 0 ||
             (strcmp(how, "auto") == 0 && isatty(STDERR_FILENO))};
  const esp_listener listener = {
      .context = &progress,
      .progress = strcmp(how, "none") == 0 ? NULL : app_show_progress,
      .asked_to_stop = app_asked_to_stop};
  esp_report *report = NULL;
  const esp_status status = esp_job_run(context, job, &listener, &report);
  if (esp_rank(context) == 0) {
    if (report != NULL) {
      if (!tell(report, esp_job_get(job, "summary"), t)) t->unwritten = true;
      t->done += status == ESP_OK;
    } else {
      if (!only) fprintf(stderr, "espalier: %s:\n", esp_job_get(job, "input"));
      (void)app_fail(status);
      note_failure(job, status, t);
    }
  }
  esp_report_free(report);
  return status;
}

// What many came to.
static void show(const tally *t, int count, const char *failures) {
  fprintf(stderr, "espalier: %d of %d files are done", t->done, count);
  if (t->failed > 0) fprintf(stderr, ", %d failed:\n%s", t->failed, failures);
  if (t->failed == 0) fprintf(stderr, "\n");
}

static bool same_summary(esp_job *const *job, int count) {
  const char *first = esp_job_get(job[0], "summary");
  const char *last = esp_job_get(job[count - 1], "summary");
  return count > 1 && first != NULL && strcmp(first, last) == 0;
}

int app_run_jobs(esp_context *context, esp_job *const *job, int count) {
  const bool first = esp_rank(context) == 0;
  char *failures = NULL;
  size_t bytes;
  tally t = {0};
  if (first) t.failures = open_memstream(&failures, &bytes);
  if (first && same_summary(job, count)) {
    t.summary = open_summary(esp_job_get(job[0], "summary"));
  }
  int result = EXIT_DONE;
  for (int i = 0; i < count; i++) {
    const esp_status status = run_one(context, job[i], count == 1, &t);
    if (status == ESP_OK) continue;
    const bool go_on = status != ESP_STOPPED &&
                       strcmp(esp_job_get(job[i], "keep_going"), "true") == 0;
    result = go_on ? EXIT_FAILED : app_exit_of(status);
    if (!go_on) break;
  }
  if (t.unwritten && result == EXIT_DONE) result = EXIT_FAILED;
  if (t.summary != NULL) {
    if (t.summaries > 0) (void)fputs("\n]\n", t.summary);
    if (!close_summary(t.summary)) result = EXIT_FAILED;
  }
  if (t.failures != NULL) (void)fclose(t.failures);
  if (first && count > 1) show(&t, count, failures);
  free(failures);
  return result;
}
