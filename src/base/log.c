#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_int limit = -1;

static int limit_from_environment(void) {
  static const char *const names[] = {"error", "warning", "info", "debug"};
  const char *asked = getenv("ESPALIER_LOG");
  for (int i = 0; asked != NULL && i < 4; i++) {
    if (strcmp(asked, names[i]) == 0) return i;
  }
  return ESP_LOG_WARNING;
}

void esp_log_limit(esp_log_level level) { atomic_store(&limit, (int)level); }

void esp_log(esp_log_level level, const char *format, ...) {
  int now = atomic_load(&limit);
  if (now < 0) {
    now = limit_from_environment();
    atomic_store(&limit, now);
  }
  if ((int)level > now) return;

  char line[4200];
  int used = snprintf(line, sizeof line, "espalier: ");
  va_list args;
  va_start(args, format);
  int more =
      vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
  va_end(args);
  if (more < 0) return;
  used += more;
  if ((size_t)used > sizeof line - 2) used = (int)sizeof line - 2;
  line[used++] = '\n';
  (void)fwrite(line, 1, (size_t)used, stderr);
}
