#include <stdio.h>
#include <string.h>

#include "app.h"

static int examine(bool json) {
  esp_context *context;
  // One thread of each kind: what a run would get is told, not tried.
  const esp_options options = {.num_interop_threads = 1, .oversubscribe = true};
  esp_status status = esp_open(&options, &context);
  if (status != ESP_OK) return app_fail(status);
  char *text;
  bool healthy;
  status = esp_doctor(context, json, &text, &healthy);
  int result = healthy ? EXIT_DONE : EXIT_FAILED;
  if (esp_rank(context) == 0) {
    const int printed = status == ESP_OK ? app_print(text) : app_fail(status);
    if (printed != EXIT_DONE) result = printed;
  }
  esp_close(context);
  return result;
}

int app_doctor(int argc, char **argv) {
  bool json = false;
  app_arguments a = {.count = argc, .text = argv};
  while (app_next(&a)) {
    if (a.key != NULL && strcmp(a.key, "json") == 0) {
      json = true;
    } else if (a.key != NULL && strcmp(a.key, "help") == 0) {
      printf("usage: espalier doctor [--json]\n"
             "       mpirun -n 8 espalier doctor\n\n"
             "Prints what this machine, launcher, binding and environment will "
             "do to a run, and\nwhat to change.  Start it as you would start "
             "the run.\nExit status 1 when a run would fail.\n");
      return EXIT_DONE;
    } else {
      return app_usage("doctor", "what is %s?",
                       a.key != NULL ? a.buffer : a.value);
    }
  }
  return examine(json);
}
