// The one way to report a failure.  Floor 0.
#ifndef ESP_BASE_STATUS_H
#define ESP_BASE_STATUS_H

#include <espalier/status.h>

// Records the message for this thread and returns the status, so that a failure
// is one statement:
//   return ESP_FAIL(ESP_BAD_INPUT, "node %s: axis %d outside [0,%d)", ...);
// The message says what, which, and what would be right.  The place in the
// source is logged when ESPALIER_LOG=debug.
#define ESP_FAIL(status, ...)                                                  \
  esp_fail((status), __FILE__, __LINE__, __VA_ARGS__)
esp_status esp_fail(esp_status status, const char *file, int line,
                    const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// Puts "<words>: " before the message of the failure being passed up and
// returns its status unchanged.
esp_status esp_fail_within(esp_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Forgets the message of this thread.
void esp_fail_clear(void);

// Leaves the current function when the call failed.  For functions that own
// nothing yet; one that owns something goes to its `done:` label instead.
#define ESP_TRY(call)                                                          \
  do {                                                                         \
    esp_status status_ = (call);                                               \
    if (status_ != ESP_OK) return status_;                                     \
  } while (0)

#endif
