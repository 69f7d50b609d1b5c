// Files of "key: value" lines, as YAML.  Private to config/.
#ifndef ESP_CONFIG_YAML_H
#define ESP_CONFIG_YAML_H

#include "base/status.h"

#include <stdbool.h>

// What such a file sets.
typedef struct esp_yaml {
  const char *kind; // of file: "job", "cluster"
  bool (*has_key)(const char *name);
  bool (*takes_list)(const char *name);
  // Reads the text of a value; the items of a list come as a line each.
  esp_status (*set)(void *target, const char *name, const char *text);
} esp_yaml;

// Sets every key of the file, in its order.  ESP_IO, ESP_BAD_INPUT: names file,
// line and what was expected; the target may be half set then.
esp_status esp_yaml_load(const esp_yaml *yaml, const char *path, void *target);

#endif
