// A process among the ranks: MPI and the pool.
#include <stdio.h>
#include <stdlib.h>

#include "api/private.h"
#include "api/remote.h"
#include "base/log.h"

const char *esp_version(void) { return ESPALIER_VERSION; }

// The two numbers that the options leave open: a worker for each core, or for
// each team of cores.
static esp_status guess_threads(const esp_options *o, int cores, int *workers,
                                int *width) {
  if (o->num_threads < 0 || o->num_interop_threads < 0) {
    return esp_threads_check(1, o->num_interop_threads, o->num_threads, cores,
                             true);
  }
  ESP_TRY(esp_threads_width(o->num_threads, width));
  ESP_TRY(esp_threads_workers(o->num_interop_threads, workers));
  if (*width == 0) *width = 1;
  if (*workers == 0) *workers = cores / *width > 0 ? cores / *width : 1;
  return esp_threads_check(1, *workers, *width, cores, o->oversubscribe);
}

static esp_status open_pool(esp_context *self, const esp_options *o) {
  esp_resources r;
  ESP_TRY(esp_resources_find(self->comm, &r));
  int workers, width;
  self->cores = r.cores;
  self->pinned = !o->do_not_pin && !r.shared;
  self->oversubscribe = o->oversubscribe;
  ESP_TRY(guess_threads(o, self->cores.count, &workers, &width));
  const esp_workers_options pool = {.count = workers,
                                    .width = width,
                                    .unit =
                                        self->pinned ? self->cores.unit : NULL,
                                    .units = self->cores.count,
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
  if (context->comm != NULL && esp_store_is_broken()) {
    esp_comm_abort(context->comm, 1, "what could not be written is given up");
  }
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
  ESP_TRY(esp_threads_check(1, workers, width, context->cores.count,
                            context->oversubscribe));
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
