// A process among the ranks: MPI and the pool.
#include <stdio.h>
#include <stdlib.h>

#include "api/private.h"
#include "api/remote.h"
#include "base/log.h"

const char *esp_version(void) { return ESPALIER_VERSION; }

static esp_status check_threads(int workers, int width, int cores,
                                bool oversubscribe) {
  if (workers < 1 || width < 1) {
    return ESP_FAIL(ESP_USAGE,
                    "%d inter-op and %d intra-op threads: both are "
                    "at least 1",
                    workers, width);
  }
  if (workers > ESP_MAX_SEATS / 2) {
    return ESP_FAIL(ESP_USAGE, "%d inter-op threads: at most %d", workers,
                    ESP_MAX_SEATS / 2);
  }
  if (!oversubscribe && (int64_t)workers * width > cores) {
    return ESP_FAIL(ESP_USAGE,
                    "%d inter-op x %d intra-op threads are more than the %d "
                    "core%s that this process may use: lower one of them, "
                    "widen the affinity mask, or set oversubscribe",
                    workers, width, cores, cores == 1 ? "" : "s");
  }
  return ESP_OK;
}

static esp_status find_cores(const esp_context *self, const esp_options *o,
                             esp_resources *r) {
  if (self->comm != NULL) return esp_resources_find(self->comm, r);
  (void)o;
  *r = (esp_resources){0};
  return esp_topology_cores(&r->cores);
}

// The two numbers that the options leave open: a worker for each core, or for
// each team of cores.
static void guess_threads(const esp_options *o, int cores, int *workers,
                          int *width) {
  const char *text = getenv("OMP_NUM_THREADS");
  const int environment = text != NULL ? atoi(text) : 0;
  *width = o->num_threads;
  if (*width == 0) {
    *width = environment > 0 && environment <= cores ? environment : 1;
  }
  *workers = o->num_interop_threads;
  if (*workers == 0) *workers = cores / *width > 0 ? cores / *width : 1;
}

static esp_status open_pool(esp_context *self, const esp_options *o) {
  esp_resources r;
  ESP_TRY(find_cores(self, o, &r));
  int workers, width;
  self->cores = r.cores.count;
  self->oversubscribe = o->oversubscribe;
  guess_threads(o, self->cores, &workers, &width);
  ESP_TRY(check_threads(workers, width, self->cores, self->oversubscribe));
  const esp_workers_options pool = {
      .count = workers,
      .width = width,
      .unit = o->do_not_pin || r.shared ? NULL : r.cores.unit,
      .units = r.cores.count,
      .stack_bytes = o->stack_bytes,
      .context = self};
  return esp_workers_open(&pool, &self->workers);
}

esp_status esp_open(const esp_options *options, esp_context **context) {
  static const esp_options guess = {0};
  const esp_options *o = options != NULL ? options : &guess;
  esp_context *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open espalier");
  esp_lock_init(&self->lock);
  esp_status status = ESP_OK;
  if (!o->alone) status = esp_comm_open(!o->no_remote_tasks, &self->comm);
  if (status == ESP_OK) status = esp_agree(self, open_pool(self, o));
  if (status == ESP_OK && !o->no_remote_tasks) {
    status = esp_agree(self, esp_service_open(self, &self->service));
  }
  if (status != ESP_OK) {
    esp_close(self);
    return status;
  }
  *context = self;
  return ESP_OK;
}

void esp_close(esp_context *context) {
  if (context == NULL) return;
  esp_service_close(context->service); // other ranks may still ask for tasks
  esp_workers_close(context->workers);
  esp_comm_close(context->comm);
  esp_lock_fini(&context->lock);
  free(context);
}

int esp_rank(const esp_context *context) {
  return context->comm != NULL ? esp_comm_rank(context->comm) : 0;
}
int esp_size(const esp_context *context) {
  return context->comm != NULL ? esp_comm_size(context->comm) : 1;
}

esp_status esp_agree(const esp_context *context, esp_status mine) {
  return context->comm != NULL ? esp_comm_agree(context->comm, mine) : mine;
}

// Threads --------------------------------------------------------------------

static esp_status resize(esp_context *context, int workers, int width) {
  ESP_TRY(
      check_threads(workers, width, context->cores, context->oversubscribe));
  return esp_workers_resize(context->workers, workers, width);
}

esp_status esp_set_num_threads(esp_context *context, int width) {
  return resize(context, esp_workers_count(context->workers), width);
}
int esp_get_num_threads(const esp_context *context) {
  return esp_workers_width(context->workers);
}
esp_status esp_set_num_interop_threads(esp_context *context, int workers) {
  return resize(context, workers, esp_workers_width(context->workers));
}
int esp_get_num_interop_threads(const esp_context *context) {
  return esp_workers_count(context->workers);
}

esp_status esp_context_machine(esp_context *context, esp_machine *machine) {
  esp_status status = ESP_OK;
  esp_lock_take(&context->lock);
  if (!context->measured) {
    status = esp_cost_measure(&context->machine);
    context->measured = status == ESP_OK;
  }
  *machine = context->machine;
  esp_lock_give(&context->lock);
  return status;
}
