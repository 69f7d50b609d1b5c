#include "comm/parent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"

struct esp_parent {
  pid_t first; // who it was
  int wake[2]; // the thread ends when its other end is closed
  esp_thread thread;
};

static bool has_launcher(void) {
  static const char *const theirs[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK",
                                       "PMI_RANK"};
  for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
    if (getenv(theirs[i]) != NULL) return true;
  }
  return false;
}

// Nobody may read what is written here any more.
static void end_process(void) {
  sigset_t pipes;
  (void)sigemptyset(&pipes);
  (void)sigaddset(&pipes, SIGPIPE);
  (void)pthread_sigmask(SIG_BLOCK, &pipes, NULL);
  esp_log(ESP_LOG_ERROR, "what started this rank is gone: it ends");
  _exit(1);
}

static void *look(void *argument) {
  enum { EVERY_MS = 500 };
  const esp_parent *self = argument;
  struct pollfd wake = {.fd = self->wake[0], .events = POLLIN};
  while (poll(&wake, 1, EVERY_MS) <= 0) {
    if (getppid() != self->first) end_process();
  }
  return NULL;
}

esp_status esp_parent_watch(esp_parent **parent) {
  if (!has_launcher()) return ESP_OK;
  esp_parent *self = calloc(1, sizeof *self);
  if (self == NULL || pipe2(self->wake, O_CLOEXEC) != 0) {
    free(self);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot watch the launcher");
  }
  self->first = getppid();
  const esp_status status =
      esp_thread_start(&self->thread, "esp-parent", look, self);
  if (status != ESP_OK) {
    (void)close(self->wake[0]);
    (void)close(self->wake[1]);
    free(self);
    return status;
  }
  *parent = self;
  return ESP_OK;
}

void esp_parent_end(esp_parent *parent) {
  if (parent == NULL) return;
  (void)close(parent->wake[1]);
  esp_thread_join(&parent->thread);
  (void)close(parent->wake[0]);
  free(parent);
}
