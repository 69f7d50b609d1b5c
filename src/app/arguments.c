#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

int app_exit_of(esp_status status) {
  switch (status) {
  case ESP_OK:
    return EXIT_DONE;
  case ESP_USAGE:
    return EXIT_USAGE;
  case ESP_STOPPED:
    return EXIT_STOPPED;
  case ESP_BAD_INPUT:
  case ESP_UNSUPPORTED:
  case ESP_EXISTS:
    return EXIT_BAD_INPUT;
  default:
    return EXIT_FAILED;
  }
}

int app_fail(esp_status status) {
  fprintf(stderr, "espalier: %s\n", esp_last_error());
  return app_exit_of(status);
}

int app_usage(const char *subcommand, const char *format, ...) {
  char said[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(said, sizeof said, format, args);
  va_end(args);
  fprintf(stderr, "espalier: %s; see espalier %s --help\n", said, subcommand);
  return EXIT_USAGE;
}

int app_print(char *text) {
  const bool wrong = fputs(text, stdout) == EOF || fflush(stdout) != 0;
  free(text);
  if (!wrong) return EXIT_DONE;
  fprintf(stderr, "espalier: cannot write to standard output\n");
  return EXIT_FAILED;
}

bool app_next(app_arguments *a) {
  if (a->next >= a->count) return false;
  const char *text = a->text[a->next++];
  a->key = NULL;
  a->value = text;
  if (strncmp(text, "--", 2) != 0 || text[2] == '\0') return true;
  const size_t length = strcspn(text + 2, "=");
  (void)snprintf(a->buffer, sizeof a->buffer, "%.*s", (int)length, text + 2);
  a->key = a->buffer;
  a->value = text[2 + length] == '=' ? text + 3 + length : NULL;
  return true;
}

const char *app_value(app_arguments *a) {
  if (a->value != NULL) return a->value;
  return a->next < a->count ? a->text[a->next++] : NULL;
}

bool app_integer(const char *text, int64_t least, int64_t *number) {
  char *end;
  if (text == NULL || *text == '\0') return false;
  errno = 0;
  const long long value = strtoll(text, &end, 10);
  if (*end != '\0' || errno != 0 || value < least) return false;
  *number = value;
  return true;
}
