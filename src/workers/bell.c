#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "workers/workers.h"

struct esp_bell {
  pthread_mutex_t lock;
  pthread_cond_t rung;
  _Atomic uint64_t count;
};

esp_status esp_bell_create(esp_bell **bell) {
  esp_bell *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make a bell");
  pthread_condattr_t clock;
  (void)pthread_condattr_init(&clock);
  (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&self->lock, NULL);
  (void)pthread_cond_init(&self->rung, &clock);
  (void)pthread_condattr_destroy(&clock);
  *bell = self;
  return ESP_OK;
}

void esp_bell_free(esp_bell *bell) {
  if (bell == NULL) return;
  (void)pthread_cond_destroy(&bell->rung);
  (void)pthread_mutex_destroy(&bell->lock);
  free(bell);
}

void esp_bell_ring(esp_bell *bell) {
  (void)pthread_mutex_lock(&bell->lock);
  atomic_fetch_add(&bell->count, 1);
  (void)pthread_cond_broadcast(&bell->rung);
  (void)pthread_mutex_unlock(&bell->lock);
}

uint64_t esp_bell_count(const esp_bell *bell) {
  return atomic_load(&bell->count);
}

void esp_bell_wait(esp_bell *bell, uint64_t seen, double seconds) {
  struct timespec until;
  if (seconds >= 0) {
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    const double end = (double)until.tv_nsec * 1e-9 + seconds;
    until.tv_sec += (time_t)floor(end);
    until.tv_nsec = (long)((end - floor(end)) * 1e9);
  }
  (void)pthread_mutex_lock(&bell->lock);
  while (atomic_load(&bell->count) == seen) {
    const int result =
        seconds < 0 ? pthread_cond_wait(&bell->rung, &bell->lock)
                    : pthread_cond_timedwait(&bell->rung, &bell->lock, &until);
    if (result != 0) break; // the time is over
  }
  (void)pthread_mutex_unlock(&bell->lock);
}
