#include "report/reasons.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef esp_reason_figures figures;

// Below this ceiling a graph has no branches worth the name.
static const double CHAIN = 1.05;
// Below this one it has few.
static const double FEW = 1.3;
// A branch may be too small up to so many hand-overs: one thread begins it, and
// others wait for its end, on cores whose caches do not have its values.
static const double SMALL = 20;

enum { MOST_CPUS = 4096 };

// Reads a number; false when there is none.
static bool number(const char **text, long *value) {
  char *end;
  if (**text < '0' || **text > '9') return false;
  *value = strtol(*text, &end, 10);
  *text = end;
  return *value < MOST_CPUS;
}

// One entry: N, N-M or N-M:STEP.
static bool mark(const char **text, bool *seen) {
  long first, last, step = 1;
  if (!number(text, &first)) return false;
  last = first;
  if (**text == '-') {
    ++*text;
    if (!number(text, &last) || last < first) return false;
    if (**text == ':') {
      ++*text;
      if (!number(text, &step) || step < 1) return false;
    }
  }
  for (long cpu = first; cpu <= last; cpu += step) seen[cpu] = true;
  return true;
}

int esp_reasons_count_cpus(const char *list) {
  bool seen[MOST_CPUS] = {false};
  for (const char *at = list + strspn(list, " ,\t"); *at != '\0';) {
    if (!mark(&at, seen)) return -1;
    const size_t gap = strspn(at, " ,\t");
    if (gap == 0 && *at != '\0') return -1;
    at += gap;
  }
  int count = 0;
  for (int cpu = 0; cpu < MOST_CPUS; cpu++) count += seen[cpu];
  return count;
}

bool esp_reasons_is_short(double seconds, int threads, double region_seconds) {
  return seconds - seconds / threads < 2 * region_seconds;
}

static double ceiling(const figures *f) {
  return f->span > 0 ? f->total / f->span : 1;
}

static bool binds(const char *omp_proc_bind) {
  return omp_proc_bind != NULL && strcasecmp(omp_proc_bind, "false") != 0;
}

// Each writes its sentence and says whether it holds.

static bool one_core(const figures *f, char *text) {
  if (f->cores_asked || f->mask_cores > 1) return false;
  if (f->machine_cores <= 1) {
    (void)snprintf(text, ESP_REASON_TEXT,
                   "this machine has one core: nothing can run side by side");
    return true;
  }
  const char *cause = "by taskset, a cpuset, or the batch system";
  char named[128];
  if (f->gomp_cpu_affinity != NULL) {
    (void)snprintf(named, sizeof named, "by GOMP_CPU_AFFINITY=%.64s",
                   f->gomp_cpu_affinity);
    cause = named;
  } else if (binds(f->omp_proc_bind)) {
    (void)snprintf(named, sizeof named,
                   "by OMP_PROC_BIND=%.64s, which binds the main thread to one "
                   "place",
                   f->omp_proc_bind);
    cause = named;
  }
  (void)snprintf(text, ESP_REASON_TEXT,
                 "only one core: the affinity mask of this process has 1 of "
                 "the machine's %d processors (set %s), so that all threads "
                 "take turns on it",
                 f->machine_cores, cause);
  return true;
}

static bool pinned_together(const figures *f, char *text) {
  if (f->gomp_cpu_affinity == NULL || f->cores < 2) return false;
  const int cpus = esp_reasons_count_cpus(f->gomp_cpu_affinity);
  if (cpus < 1 || cpus >= f->cores) return false;
  (void)snprintf(text, ESP_REASON_TEXT,
                 "threads are pinned together: GOMP_CPU_AFFINITY=%.64s names "
                 "%d processor%s for %d cores; unset it",
                 f->gomp_cpu_affinity, cpus, cpus == 1 ? "" : "s", f->cores);
  return true;
}

static bool one_thread(const figures *f, char *text) {
  if (f->omp_num_threads == NULL || atoi(f->omp_num_threads) != 1) return false;
  (void)snprintf(text, ESP_REASON_TEXT,
                 "OMP_NUM_THREADS=%.32s is set: operators have one thread each "
                 "(width 1) in whatever runs in this shell; unset it",
                 f->omp_num_threads);
  return true;
}

static bool no_branches(const figures *f, char *text) {
  if (ceiling(f) >= CHAIN) return false;
  (void)snprintf(text, ESP_REASON_TEXT,
                 "no branches: the model is a chain.  Its longest path takes "
                 "%.3g of %.3g ms, so that any number of inter-op threads "
                 "gives at most %.2fx",
                 1e3 * f->span, 1e3 * f->total, ceiling(f));
  return true;
}

static bool few_branches(const figures *f, char *text) {
  if (ceiling(f) < CHAIN || ceiling(f) >= FEW) return false;
  (void)snprintf(text, ESP_REASON_TEXT,
                 "few branches: during %.0f %% of the longest path only one "
                 "operator can run; any number of inter-op threads gives at "
                 "most %.2fx",
                 100 * f->alone, ceiling(f));
  return true;
}

static bool small_branches(const figures *f, char *text) {
  const bool lost = f->paid_gain - 1 < 0.5 * (f->free_gain - 1);
  const bool small = f->branch_seconds < SMALL * f->handover_seconds;
  if (f->free_gain < 1.1 || !lost || !small) return false;
  (void)snprintf(text, ESP_REASON_TEXT,
                 "branches too small: the %d branches take %.3g us each in the "
                 "mean, and handing one to another thread takes %.3g us at the "
                 "least; if that were free, %d workers would give %.2fx, as it "
                 "is %.2fx",
                 f->branches, 1e6 * f->branch_seconds,
                 1e6 * f->handover_seconds, f->cores, f->free_gain,
                 f->paid_gain);
  return true;
}

static bool dear_messages(const figures *f, char *text) {
  const bool lost = f->ranks_gain - 1 < 0.5 * (f->free_ranks_gain - 1);
  if (f->free_ranks_gain < 1.1 || !lost) return false;
  (void)snprintf(text, ESP_REASON_TEXT,
                 "messages too dear: the %d branches take %.3g us each in the "
                 "mean, and a message between ranks takes %.3g us and the time "
                 "of its bytes; if that were free, %d ranks would give %.2fx, "
                 "as it is %.2fx",
                 f->branches, 1e6 * f->branch_seconds, 1e6 * f->message_seconds,
                 f->ranks, f->free_ranks_gain, f->ranks_gain);
  return true;
}

static bool small_batch(const figures *f, char *text) {
  if (f->cores < 2 || f->short_share < 0.5) return false;
  (void)snprintf(text, ESP_REASON_TEXT,
                 "batch too small: at a batch of %lld an operator takes %.3g "
                 "us in the mean, and %.0f %% of the time is in operators that "
                 "%d threads cannot shorten, since a team takes %.3g us to "
                 "begin and end; a larger batch gives every operator more to "
                 "do",
                 (long long)f->batch, 1e6 * f->operator_seconds,
                 100 * f->short_share, f->cores, 1e6 * f->region_seconds);
  return true;
}

static bool memory_bound(const figures *f, char *text) {
  if (f->cores < 2 || f->working_bytes <= f->cache_bytes) return false;
  const double seconds = f->traffic_bytes / f->bytes_per_second;
  if (seconds <= f->total / f->cores) return false;
  (void)snprintf(text, ESP_REASON_TEXT,
                 "memory bandwidth: a batch moves %.3g MB, which takes %.3g ms "
                 "at the %.3g GB/s that all cores get together, more than the "
                 "%.3g ms that %d cores would need to compute; no kind of "
                 "thread gives more than %.2fx",
                 f->traffic_bytes / 1e6, 1e3 * seconds,
                 f->bytes_per_second / 1e9, 1e3 * f->total / f->cores, f->cores,
                 f->total / seconds);
  return true;
}

static const struct {
  const char *name, *concerns;
  bool (*holds)(const figures *f, char *text);
} reasons[] = {
    {"one_core", "all", one_core},
    {"pinned_together", "all", pinned_together},
    {"memory_bandwidth", "all", memory_bound},
    {"no_branches", "workers", no_branches},
    {"few_branches", "workers", few_branches},
    {"small_branches", "workers", small_branches},
    {"omp_num_threads", "width", one_thread},
    {"small_batch", "width", small_batch},
    {"dear_messages", "ranks", dear_messages},
};

int esp_reasons_find(const esp_reason_figures *f,
                     esp_reason reason[ESP_MAX_REASONS]) {
  int found = 0;
  for (size_t r = 0; r < sizeof reasons / sizeof reasons[0]; r++) {
    if (!reasons[r].holds(f, reason[found].text)) continue;
    reason[found].name = reasons[r].name;
    reason[found++].concerns = reasons[r].concerns;
  }
  return found;
}
