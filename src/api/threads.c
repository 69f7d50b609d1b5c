// Where the numbers of threads come from: docs/resources.md has the table.
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "api/private.h"

// A number of threads from the environment; 0: it is not set.  OpenMP allows a
// list, one number for each level of nesting: the first is meant.
static esp_status number_of(const char *variable, int *number) {
  const char *text = getenv(variable);
  *number = 0;
  if (text == NULL || *text == '\0') return ESP_OK;
  char *end;
  errno = 0;
  const long value = strtol(text, &end, 10);
  if (errno != 0 || end == text || (*end != '\0' && *end != ',') || value < 1 ||
      value > INT_MAX) {
    return ESP_FAIL(ESP_USAGE, "%s is \"%s\", expected a number of threads",
                    variable, text);
  }
  *number = (int)value;
  return ESP_OK;
}

static esp_status contradiction(const char *first, int64_t one,
                                const char *second, int other) {
  return ESP_FAIL(ESP_USAGE,
                  "%s is %lld and %s is %d: unset %s, or leave the other out",
                  first, (long long)one, second, other, second);
}

esp_status esp_threads_width(int64_t option, int *width) {
  int ours, openmp, limit;
  ESP_TRY(number_of("ESPALIER_WIDTH", &ours));
  ESP_TRY(number_of("OMP_NUM_THREADS", &openmp));
  ESP_TRY(number_of("OMP_THREAD_LIMIT", &limit));
  if (option > 0 && openmp > 0 && option != openmp) {
    return contradiction("width", option, "OMP_NUM_THREADS", openmp);
  }
  if (option == 0 && ours > 0 && openmp > 0 && ours != openmp) {
    return contradiction("ESPALIER_WIDTH", ours, "OMP_NUM_THREADS", openmp);
  }
  *width = option > 0 ? (int)option : ours > 0 ? ours : openmp;
  if (limit > 0 && *width > limit) {
    return contradiction("width", *width, "OMP_THREAD_LIMIT", limit);
  }
  return ESP_OK;
}

esp_status esp_threads_workers(int64_t option, int *workers) {
  int ours;
  ESP_TRY(number_of("ESPALIER_WORKERS", &ours));
  *workers = option > 0 ? (int)option : ours;
  return ESP_OK;
}

esp_status esp_threads_check(int streams, int workers, int width, int cores,
                             bool oversubscribe) {
  if (streams < 1 || workers < 1 || width < 1) {
    return ESP_FAIL(ESP_USAGE,
                    "%d streams of %d inter-op and %d intra-op threads: each "
                    "is at least 1",
                    streams, workers, width);
  }
  const int64_t threads = (int64_t)streams * workers * width;
  if ((int64_t)streams * workers > ESP_MAX_SEATS / 2) {
    return ESP_FAIL(ESP_USAGE, "%lld workers: at most %d are possible",
                    (long long)streams * workers, ESP_MAX_SEATS / 2);
  }
  if (oversubscribe || threads <= cores) return ESP_OK;
  return ESP_FAIL(ESP_USAGE,
                  "%d stream%s x %d inter-op x %d intra-op threads are more "
                  "than the %d core%s that this process may use: lower one of "
                  "them, give the process more cores (espalier doctor tells "
                  "how), or set oversubscribe",
                  streams, streams == 1 ? "" : "s", workers, width, cores,
                  cores == 1 ? "" : "s");
}
