// What somebody may have meant.  Private to config/.
#ifndef ESP_CONFIG_SPELLING_H
#define ESP_CONFIG_SPELLING_H

#include "base/status.h"

// ESP_USAGE: there is no such key, with the nearest one, or where they are
// listed.
esp_status esp_no_such_key(const char *name, const char *(*name_of)(int key),
                           int keys, const char *list);

#endif
