#include <stdio.h>
#include <string.h>

#include "app.h"

int app_inspect(int argc, char **argv) {
  if (argc == 1 && strcmp(argv[0], "--help") == 0) {
    printf("usage: espalier inspect FILE...\n\n"
           "Describes ONNX models and HDF5 files (datasets, results).\n");
    return EXIT_DONE;
  }
  if (argc == 0) return app_usage("inspect", "which file?");
  int result = EXIT_DONE;
  for (int i = 0; i < argc; i++) {
    char *text;
    const esp_status status = esp_inspect(argv[i], &text);
    const int one = status == ESP_OK ? app_print(text) : app_fail(status);
    if (one > result) result = one;
  }
  return result;
}
