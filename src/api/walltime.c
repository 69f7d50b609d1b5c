// By when a job is to be over: as asked, or by Slurm's limit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/job_run.h"
#include "base/clock.h"
#include "base/log.h"

double esp_walltime_read(const char *text) {
  double days = 0, part[3] = {0};
  char *end;
  double number = strtod(text, &end);
  if (end == text) return -1;
  if (*end == '-') {
    days = number;
    text = end + 1;
    number = strtod(text, &end);
    if (end == text) return -1;
  }
  int parts = 0;
  for (; parts < 3; parts++) {
    part[parts] = number;
    if (*end != ':') break;
    text = end + 1;
    number = strtod(text, &end);
    if (end == text) return -1;
  }
  if (parts == 3 || (*end != '\0' && *end != '\n')) return -1;
  double seconds = 0;
  for (int i = 0; i <= parts; i++) seconds = seconds * 60 + part[i];
  // Slurm leaves out zeros at the front, but not after days.
  if (days > 0 && parts == 0) seconds *= 3600;
  if (days > 0 && parts == 1) seconds *= 60;
  return 86400 * days + seconds;
}

static bool is_number(const char *text) {
  return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

// Seconds that Slurm leaves this job; -1: there is no job, or no limit.
static double slurm_seconds(void) {
  const char *job = getenv("SLURM_JOB_ID"), *end = getenv("SLURM_JOB_END_TIME");
  if (job == NULL || !is_number(job)) return -1;
  if (end != NULL && is_number(end))
    return strtod(end, NULL) - (double)time(NULL);
  char command[128], answer[64] = "";
  (void)snprintf(command, sizeof command,
                 "timeout 10 squeue --noheader --job=%s --format=%%L 2>&1",
                 job);
  FILE *squeue = popen(command, "r");
  if (squeue == NULL) return -1;
  const bool answered = fgets(answer, sizeof answer, squeue) != NULL;
  (void)pclose(squeue);
  return answered ? esp_walltime_read(answer) : -1;
}

double esp_walltime_deadline(const esp_running *run) {
  // So long takes the end of a run on a busy file system.
  static const double MARGIN = 10;
  const int64_t asked = run->job->max_seconds;
  if (esp_comm_rank(run->comm) != 0 || asked < 0) return 0;
  if (asked > 0) return run->began + (double)asked;
  const double left = slurm_seconds();
  if (left < 0) return 0;
  esp_log(ESP_LOG_INFO, "Slurm leaves this job %.0f s: it stops before", left);
  return esp_clock_seconds() + left - MARGIN;
}
