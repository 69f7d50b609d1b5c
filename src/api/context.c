#include <stdio.h>
#include <stdlib.h>

#include "api/private.h"
#include "base/log.h"

const char *esp_version(void) { return ESPALIER_VERSION; }

esp_status esp_open(const esp_options *options, esp_context **context) {
  (void)options;
  esp_context *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open espalier");
  const esp_status status = esp_comm_open(&self->comm);
  if (status != ESP_OK) {
    free(self);
    return status;
  }
  *context = self;
  return ESP_OK;
}

void esp_close(esp_context *context) {
  if (context == NULL) return;
  esp_comm_close(context->comm);
  free(context);
}

int esp_rank(const esp_context *context) {
  return esp_comm_rank(context->comm);
}
int esp_size(const esp_context *context) {
  return esp_comm_size(context->comm);
}

esp_status esp_agree(const esp_context *context, esp_status mine) {
  return esp_comm_agree(context->comm, mine);
}
