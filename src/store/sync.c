// Brings a file to the disk on a thread of its own: the conductor goes on.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "store/private.h"

struct esp_syncer {
  int file;
  char *path;
  esp_lock lock;
  esp_thread thread;
  bool wanted, running, closing;
  int error; // of the last sync; 0: none
};

static void *serve(void *argument) {
  esp_syncer *self = argument;
  esp_lock_take(&self->lock);
  for (;;) {
    while (!self->wanted && !self->closing) esp_lock_wait(&self->lock);
    if (!self->wanted) break;
    self->wanted = false;
    esp_lock_give(&self->lock);
    const int error = fdatasync(self->file) == 0 ? 0 : errno;
    esp_lock_take(&self->lock);
    self->error = error;
    self->running = false;
  }
  esp_lock_give(&self->lock);
  return NULL;
}

esp_status esp_syncer_open(const char *path, esp_syncer **syncer) {
  esp_syncer *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot sync %s", path);
  self->path = strdup(path);
  self->file = open(path, O_WRONLY | O_CLOEXEC);
  if (self->path == NULL || self->file < 0) {
    const int reason = errno;
    free(self->path);
    free(self);
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(reason));
  }
  esp_lock_init(&self->lock);
  const esp_status status =
      esp_thread_start(&self->thread, "esp-sync", serve, self);
  if (status != ESP_OK) {
    esp_lock_fini(&self->lock);
    (void)close(self->file);
    free(self->path);
    free(self);
    return status;
  }
  *syncer = self;
  return ESP_OK;
}

void esp_syncer_close(esp_syncer *syncer) {
  if (syncer == NULL) return;
  esp_lock_take(&syncer->lock);
  syncer->closing = true;
  esp_lock_changed(&syncer->lock);
  esp_lock_give(&syncer->lock);
  esp_thread_join(&syncer->thread);
  esp_lock_fini(&syncer->lock);
  (void)close(syncer->file);
  free(syncer->path);
  free(syncer);
}

void esp_syncer_begin(esp_syncer *syncer) {
  esp_lock_take(&syncer->lock);
  syncer->wanted = syncer->running = true;
  esp_lock_changed(&syncer->lock);
  esp_lock_give(&syncer->lock);
}

bool esp_syncer_ended(esp_syncer *syncer, esp_status *status) {
  esp_lock_take(&syncer->lock);
  const bool ended = !syncer->running;
  const int error = syncer->error;
  esp_lock_give(&syncer->lock);
  *status = !ended || error == 0
                ? ESP_OK
                : ESP_FAIL(ESP_IO, "%s cannot be brought to the disk: %s",
                           syncer->path, strerror(error));
  return ended;
}
