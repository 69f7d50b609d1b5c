#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

static const char *const verdicts[] = {[ESP_CASE_PASS] = "pass",
                                       [ESP_CASE_FAIL] = "fail",
                                       [ESP_CASE_UNSUPPORTED] = "unsupported",
                                       [ESP_CASE_ERROR] = "error"};

static bool verify_one(const char *directory, double rtol, double atol) {
  char *reason = NULL;
  const esp_verdict verdict = esp_verify(directory, rtol, atol, &reason);
  printf("{\"case\":");
  app_write_json_text(stdout, directory);
  printf(",\"status\":\"%s\",\"reason\":", verdicts[verdict]);
  app_write_json_text(stdout, reason != NULL ? reason : "");
  printf("}\n");
  (void)fflush(stdout);
  free(reason);
  return verdict == ESP_CASE_PASS;
}

static bool read_number(const char *text, double *number) {
  char *end;
  if (text == NULL || *text == '\0') return false;
  *number = strtod(text, &end);
  return *end == '\0' && *number >= 0;
}

int app_verify(int argc, char **argv) {
  double rtol = 1e-3, atol = 1e-7; // as ONNX's own runner
  int cases = 0, passed = 0;
  app_arguments a = {.count = argc, .text = argv};
  while (app_next(&a)) {
    if (a.key == NULL) {
      cases++;
      continue;
    }
    if (strcmp(a.key, "help") == 0) {
      printf("usage: espalier verify CASE_DIR... [--rtol X] [--atol X]\n\n"
             "Runs ONNX test cases (model.onnx, test_data_set_*/input_*.pb and "
             "output_*.pb), one\nJSON line each.  Exit status 0 only if all "
             "pass.\n");
      return EXIT_DONE;
    }
    double *place = strcmp(a.key, "rtol") == 0   ? &rtol
                    : strcmp(a.key, "atol") == 0 ? &atol
                                                 : NULL;
    if (place == NULL || !read_number(app_value(&a), place)) {
      return app_usage("verify", "option --%s is not understood", a.buffer);
    }
  }
  if (cases == 0) return app_usage("verify", "which case directories?");
  a = (app_arguments){.count = argc, .text = argv};
  while (app_next(&a)) {
    if (a.key != NULL) {
      (void)app_value(&a);
    } else {
      passed += verify_one(a.value, rtol, atol);
    }
  }
  return passed == cases ? EXIT_DONE : EXIT_FAILED;
}
