// plan --tasks: schedules of bare task graphs.
#include <stdio.h>

#include "app.h"

static void print_line(void *context, const char *line) {
  bool *wrong = context;
  *wrong |= puts(line) == EOF || fflush(stdout) != 0;
}

int app_plan_tasks(const char *path, bool json) {
  bool wrong = false;
  const esp_status status = esp_plan_tasks(path, json, print_line, &wrong);
  if (status != ESP_OK) return app_fail(status);
  if (!wrong) return EXIT_DONE;
  fprintf(stderr, "espalier: cannot write to standard output\n");
  return EXIT_FAILED;
}
