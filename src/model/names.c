#include <stdlib.h>
#include <string.h>

#include "model/private.h"

// FNV-1a, 32 bits; open addressing with linear probes.
static size_t hash_of(const char *name) {
  uint32_t hash = 2166136261u;
  for (; *name != '\0'; name++)
    hash = (hash ^ (unsigned char)*name) * 16777619u;
  return hash;
}

static size_t find(const esp_names *names, const char *name) {
  size_t at = hash_of(name) & (names->room - 1);
  while (names->name[at] != NULL && strcmp(names->name[at], name) != 0) {
    at = (at + 1) & (names->room - 1);
  }
  return at;
}

static esp_status grow(esp_names *names) {
  esp_names larger = {.room = names->room > 0 ? 2 * names->room : 64,
                      .used = names->used};
  larger.name = calloc(larger.room, sizeof *larger.name);
  larger.value = calloc(larger.room, sizeof *larger.value);
  if (larger.name == NULL || larger.value == NULL) {
    esp_names_end(&larger);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list %zu names", names->used);
  }
  for (size_t i = 0; i < names->room; i++) {
    if (names->name[i] == NULL) continue;
    const size_t at = find(&larger, names->name[i]);
    larger.name[at] = names->name[i];
    larger.value[at] = names->value[i];
  }
  esp_names_end(names);
  *names = larger;
  return ESP_OK;
}

esp_status esp_names_put(esp_names *names, const char *name, int value) {
  if (2 * (names->used + 1) > names->room) ESP_TRY(grow(names));
  const size_t at = find(names, name);
  if (names->name[at] == NULL) {
    names->name[at] = name;
    names->used++;
  }
  names->value[at] = value;
  return ESP_OK;
}

int esp_names_get(const esp_names *names, const char *name) {
  if (names->room == 0) return -1;
  const size_t at = find(names, name);
  return names->name[at] != NULL ? names->value[at] : -1;
}

void esp_names_end(esp_names *names) {
  free(names->name);
  free(names->value);
  *names = (esp_names){0};
}
