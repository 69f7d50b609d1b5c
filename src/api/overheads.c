// What threads themselves cost, and who else uses the cores.
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "api/trial.h"
#include "base/clock.h"
#include "base/quantile.h"
#include "kernel/parallel.h"
#include "kernel/speed.h"

// An item that notes when it runs, or measures something there.
typedef struct probe {
  esp_item item;  // the first member: the pool gives it back
  esp_bell *bell; // rung when it is done; NULL: somebody watches
  int width;
  double began, result;
  esp_status status;
  atomic_bool done;
} probe;

static void finish_probe(probe *p) {
  esp_bell *bell = p->bell; // once done, the probe may be gone
  atomic_store_explicit(&p->done, true, memory_order_release);
  if (bell != NULL) esp_bell_ring(bell);
}

static void note_time(esp_item *item, int seat) {
  probe *p = (probe *)item;
  (void)seat;
  p->began = esp_clock_seconds();
  finish_probe(p);
}

static void do_nothing(int64_t begin, int64_t end, void *argument) {
  (void)begin;
  (void)end;
  (void)argument;
}

static void time_regions(esp_item *item, int seat) {
  enum { REGIONS = 200, FIRST = 10 };
  probe *p = (probe *)item;
  double took[REGIONS];
  (void)seat;
  for (int r = 0; r < FIRST + REGIONS; r++) {
    const double began = esp_clock_seconds();
    esp_loop_over(p->width, p->width, 1, do_nothing, NULL);
    if (r >= FIRST) took[r - FIRST] = esp_clock_seconds() - began;
  }
  p->result = esp_quantile(took, REGIONS, 0.5);
  finish_probe(p);
}

static void time_memory(esp_item *item, int seat) {
  probe *p = (probe *)item;
  (void)seat;
  p->status = esp_kernel_copying(&p->result);
  finish_probe(p);
}

static void begin_probe(esp_workers *workers, probe *p,
                        void (*run)(esp_item *, int)) {
  p->item.run = run;
  atomic_store(&p->done, false);
  esp_workers_push(workers, &p->item);
}

// Watches, so that nothing is lost between the end and the return.
static void watch_probe(const probe *p) {
  while (!atomic_load_explicit(&p->done, memory_order_acquire)) thrd_yield();
}

// Sleeps, so that the core is the probe's.
static void wait_probe(const probe *p) {
  for (;;) {
    const uint64_t seen = esp_bell_count(p->bell);
    if (atomic_load_explicit(&p->done, memory_order_acquire)) return;
    esp_bell_wait(p->bell, seen, -1);
  }
}

esp_status esp_trial_pool(const esp_cores *cores, int count, int width,
                          esp_workers **workers) {
  const int skip = cores->count > count * width ? 1 : 0;
  const esp_workers_options pool = {.count = count,
                                    .width = width,
                                    .unit = cores->unit + skip,
                                    .units = cores->count - skip};
  return esp_workers_open(&pool, workers);
}

static esp_status measure_handover(const esp_cores *cores, double *seconds) {
  enum { ROUNDS = 200 };
  static const double PAUSE = 20e-6, LIMIT = 50e-3;
  esp_workers *workers = NULL;
  double took[ROUNDS];
  int rounds = 0;
  ESP_TRY(esp_trial_pool(cores, 1, 1, &workers));
  probe p = {0};
  const double first = esp_clock_seconds();
  while (rounds < ROUNDS && esp_clock_seconds() - first < LIMIT) {
    const double began = esp_clock_seconds();
    begin_probe(workers, &p, note_time);
    watch_probe(&p);
    took[rounds++] = p.began - began;
    const double rest = esp_clock_seconds();
    while (esp_clock_seconds() - rest < PAUSE) continue;
  }
  esp_workers_close(workers);
  *seconds = esp_quantile(took, rounds, 0.5);
  return ESP_OK;
}

// Runs `count` probes at once on a pool of as many workers.
static esp_status run_probes(const esp_cores *cores, int count, int width,
                             void (*run)(esp_item *, int), probe *probes) {
  esp_workers *workers = NULL;
  esp_bell *bell = NULL;
  esp_status status = esp_bell_create(&bell);
  if (status == ESP_OK) status = esp_trial_pool(cores, count, width, &workers);
  for (int c = 0; c < count && status == ESP_OK; c++) {
    probes[c].bell = bell;
    probes[c].width = width;
    begin_probe(workers, &probes[c], run);
  }
  for (int c = 0; c < count && status == ESP_OK; c++) wait_probe(&probes[c]);
  esp_workers_close(workers);
  esp_bell_free(bell);
  return status;
}

static esp_status measure_region(const esp_cores *cores, double *seconds) {
  probe p = {0};
  ESP_TRY(run_probes(cores, 1, cores->count, time_regions, &p));
  *seconds = p.result;
  return ESP_OK;
}

static esp_status measure_memory(const esp_cores *cores,
                                 double *bytes_per_second) {
  probe *p = calloc((size_t)cores->count, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot measure the memory");
  esp_status status = run_probes(cores, cores->count, 1, time_memory, p);
  *bytes_per_second = 0;
  for (int c = 0; c < cores->count && status == ESP_OK; c++) {
    *bytes_per_second += p[c].result;
    if (p[c].status != ESP_OK) {
      status = ESP_FAIL(p[c].status, "cannot measure the memory");
    }
  }
  free(p);
  return status;
}

esp_status esp_trial_overheads(const esp_cores *cores,
                               const esp_machine *machine,
                               esp_overheads *overheads) {
  *overheads = (esp_overheads){.bytes_per_second = machine->bytes_per_second};
  ESP_TRY(measure_handover(cores, &overheads->handover_seconds));
  if (cores->count == 1) return ESP_OK;
  ESP_TRY(measure_region(cores, &overheads->region_seconds));
  return measure_memory(cores, &overheads->bytes_per_second);
}

static bool has_unit(const esp_cores *cores, int unit) {
  for (int c = 0; c < cores->count; c++) {
    if (cores->unit[c] == unit) return true;
  }
  return false;
}

// Seconds that these cores have worked since the machine began, for whomever;
// 0 where the system does not tell.  Source: proc(5), /proc/stat.
static double busy_seconds(const esp_cores *cores) {
  FILE *in = fopen("/proc/stat", "r");
  char line[512];
  double ticks = 0;
  while (in != NULL && fgets(line, sizeof line, in) != NULL) {
    int unit;
    double user, nice, system, idle, waiting, irq, softirq, steal;
    if (sscanf(line, "cpu%d %lf %lf %lf %lf %lf %lf %lf %lf", &unit, &user,
               &nice, &system, &idle, &waiting, &irq, &softirq, &steal) != 9 ||
        !has_unit(cores, unit)) {
      continue;
    }
    ticks += user + nice + system + irq + softirq + steal;
  }
  if (in != NULL) (void)fclose(in);
  return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double own_seconds(void) {
  struct timespec used;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

double esp_trial_others_seconds(const esp_cores *cores) {
  return busy_seconds(cores) - own_seconds();
}
