#include <stdio.h>
#include <string.h>

#include "app.h"

int app_operators(int argc, char **argv) {
  if (argc == 1 && strcmp(argv[0], "--help") == 0) {
    printf(
        "usage: espalier operators [--json]\n\n"
        "Lists the operators that are known, with what becomes of a batch in "
        "them:\n\n"
        "  followed  it is known which samples an output depends on\n"
        "  walked    the model is walked node by node\n"
        "  untold    nothing is known: results may depend on the batch\n\n"
        "Versions and types of each: docs/operators.md.\n\n"
        "  --json    a JSON object for each\n");
    return EXIT_DONE;
  }
  const bool json = argc == 1 && strcmp(argv[0], "--json") == 0;
  if (argc > json) return app_usage("operators", "no argument %s", argv[0]);
  char *text;
  const esp_status status = esp_operators(json, &text);
  return status == ESP_OK ? app_print(text) : app_fail(status);
}
