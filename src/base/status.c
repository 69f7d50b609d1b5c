#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { MESSAGE_BYTES = 4096 };
static _Thread_local char message[MESSAGE_BYTES] = "";

const char *esp_status_text(esp_status status) {
  static const char *const texts[] = {
#define X(name, text) [ESP_##name] = (text),
      ESP_STATUS_LIST(X)
#undef X
  };
  if ((size_t)status >= sizeof texts / sizeof texts[0]) {
    return "status of a user's task";
  }
  return texts[status];
}

const char *esp_last_error(void) { return message; }

esp_status esp_fail(esp_status status, const char *file, int line,
                    const char *format, ...) {
  char made[MESSAGE_BYTES];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(made, sizeof made, format, args);
  va_end(args);
  memcpy(message, made, sizeof message); // an argument may be the old message
  esp_log(ESP_LOG_DEBUG, "%s:%d: %s", file, line, message);
  return status;
}

esp_status esp_fail_within(esp_status status, const char *format, ...) {
  char made[MESSAGE_BYTES];
  va_list args;
  va_start(args, format);
  int used = vsnprintf(made, sizeof made, format, args);
  va_end(args);
  size_t at = used < 0 ? 0 : strlen(made);
  const char *const parts[] = {": ", message};
  for (int p = 0; p < 2; p++) {
    for (const char *c = parts[p]; *c != '\0' && at + 1 < sizeof made; c++) {
      made[at++] = *c;
    }
  }
  made[at] = '\0';
  memcpy(message, made, sizeof message);
  return status;
}

esp_status esp_fail_message(esp_status status, const char *text) {
  if (text != message) (void)snprintf(message, sizeof message, "%s", text);
  return status;
}

void esp_fail_clear(void) { message[0] = '\0'; }
