// Regular expressions of RE2's syntax in the words of POSIX.  Private to op/.
#ifndef ESP_OP_PATTERN_H
#define ESP_OP_PATTERN_H

#include <stdbool.h>

#include "base/status.h"

// Writes an extended POSIX expression, with glibc's anchors \` and \', that the
// same whole strings match; the caller frees it with free().  It is meant for a
// UTF-8 locale.  ESP_UNSUPPORTED: names the part of the pattern that POSIX has
// no words for (flags, named groups, \b, \pN and the like, and ranges beyond
// ASCII, which glibc does not order).  ESP_BAD_INPUT: brackets or groups are
// left open, a class is unknown, something repeats more than the 1000 times
// that RE2 allows, or there is nothing to repeat (a** too).
esp_status esp_pattern_translate(const char *pattern, char **posix);

// Is it RE2's syntax, and means the same to PCRE2?  ESP_BAD_INPUT: no, as it
// looks around, refers back and the like; the message names the part.  *lines:
// it asks for ^ and $ at lines somewhere.
esp_status esp_pattern_check(const char *pattern, bool *lines);

#endif
