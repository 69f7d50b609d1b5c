// Status codes of every call, and the message of the last failure.
#ifndef ESPALIER_STATUS_H
#define ESPALIER_STATUS_H

#include <espalier/declare.h>

ESP_DECLARATIONS_BEGIN

// Every status: code, then the text that a user reads.  The order is the order
// of severity: among ranks the largest wins.
#define ESP_STATUS_LIST(X)                                                     \
  X(OK, "ok")                                                                  \
  X(STOPPED, "stopped early, can be resumed")                                  \
  X(CANCELLED, "not run, because something that it needed failed")             \
  X(USAGE, "wrong usage")                                                      \
  X(BAD_INPUT, "bad input")                                                    \
  X(UNSUPPORTED, "valid, but not supported")                                   \
  X(EXISTS, "would overwrite something")                                       \
  X(IO, "a file cannot be read or written")                                    \
  X(LIMIT, "more than there may be at once")                                   \
  X(NO_MEMORY, "out of memory")                                                \
  X(INTERNAL, "a fault of espalier itself")

typedef enum esp_status {
#define X(name, text) ESP_##name,
  ESP_STATUS_LIST(X)
#undef X
} esp_status;

// Returns the fixed text of a status; never NULL.  A status that a user's own
// task made up has the text "status of a user's task".
const char *esp_status_text(esp_status status);

// Returns the message of the last failure on this thread: what, which, and what
// would be right.  "" when there was none.  Borrowed: valid until the next
// failure on this thread.
const char *esp_last_error(void);

// Sets this thread's last message and returns `status`, for a task that fails
// with a status of its own: return esp_fail_message(7, "row 12 is empty").
esp_status esp_fail_message(esp_status status, const char *message);

ESP_DECLARATIONS_END
#endif
