#include "config/cluster.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/spelling.h"
#include "config/yaml.h"

enum { MOST = 1 << 20 }; // of whatever is counted

typedef enum kind { KIND_INT, KIND_REAL, KIND_SPEEDS } kind;

static const struct {
  const char *name;
  kind kind;
  size_t place; // in the cluster
  double fallback, least;
  const char *unit;
} keys[] = {
#define KEY(member, kind, fallback, least, unit, help)                         \
  {#member,    KIND_##kind, offsetof(esp_cluster, member),                     \
   (fallback), (least),     (unit)},
#include "config/cluster_keys.h"
#undef KEY
    {"speeds", KIND_SPEEDS, 0, 0, 0, ""},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

static int find_key(const char *name) {
  for (int k = 0; k < KEYS; k++) {
    if (strcmp(keys[k].name, name) == 0) return k;
  }
  return -1;
}

static bool has_key(const char *name) { return find_key(name) >= 0; }
static bool takes_list(const char *name) { return strcmp(name, "speeds") == 0; }
static const char *name_of(int key) { return keys[key].name; }

static bool is_end(const char *text) { return text[strspn(text, " ")] == '\0'; }

static esp_status set_integer(int key, const char *text, int64_t *place) {
  char *end;
  errno = 0;
  const long long number = strtoll(text, &end, 10);
  if (end == text || !is_end(end) || errno != 0 ||
      (double)number < keys[key].least || number > MOST) {
    return ESP_FAIL(ESP_USAGE,
                    "%s is \"%s\", expected a whole number from %.0f "
                    "to %d",
                    keys[key].name, text, keys[key].least, MOST);
  }
  *place = number;
  return ESP_OK;
}

static esp_status set_real(int key, const char *text, double *place) {
  char *end;
  const double number = strtod(text, &end);
  if (end == text || !is_end(end) || !isfinite(number) || number <= 0) {
    return ESP_FAIL(ESP_USAGE, "%s is \"%s\", expected a number above 0 (%s)",
                    keys[key].name, text, keys[key].unit);
  }
  *place = number;
  return ESP_OK;
}

// "SPEED" or "N x SPEED".
static bool read_speed(const char *text, int *count, double *speed) {
  char *end;
  *count = 1;
  *speed = strtod(text, &end);
  const char *rest = end + strspn(end, " ");
  if (end != text && *rest == 'x') {
    const double nodes = *speed;
    if (!(nodes >= 1 && nodes <= MOST) || nodes != floor(nodes)) return false;
    *count = (int)nodes;
    text = rest + 1;
    *speed = strtod(text, &end);
  }
  return end != text && is_end(end) && isfinite(*speed) && *speed > 0;
}

static esp_status add_speeds(const char *text, esp_cluster *cluster) {
  int count;
  double speed;
  if (!read_speed(text, &count, &speed) || cluster->speeds + count > MOST) {
    return ESP_FAIL(ESP_USAGE,
                    "speeds: \"%s\", expected a number above 0, or \"N x "
                    "SPEED\" for N nodes",
                    text);
  }
  const size_t all = (size_t)(cluster->speeds + count);
  double *more = realloc(cluster->speed, all * sizeof *more);
  if (more == NULL)
    return ESP_FAIL(ESP_NO_MEMORY, "cannot keep %zu speeds", all);
  cluster->speed = more;
  for (int i = 0; i < count; i++) more[cluster->speeds++] = speed;
  return ESP_OK;
}

static esp_status set_speeds(const char *lines, esp_cluster *cluster) {
  char *copy = strdup(lines), *rest = copy;
  esp_status status =
      copy != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "no memory");
  for (char *line; status == ESP_OK && (line = strsep(&rest, "\n")) != NULL;) {
    status = add_speeds(line, cluster);
  }
  free(copy);
  return status;
}

static esp_status set(void *target, const char *name, const char *text) {
  const int k = find_key(name);
  if (k < 0) {
    return esp_no_such_key(name, name_of, KEYS, "docs/cluster-file.md");
  }
  char *place = (char *)target + keys[k].place;
  switch (keys[k].kind) {
  case KIND_INT:
    return set_integer(k, text, (int64_t *)(void *)place);
  case KIND_REAL:
    return set_real(k, text, (double *)(void *)place);
  default:
    return set_speeds(text, target);
  }
}

static void set_defaults(esp_cluster *cluster) {
  *cluster = (esp_cluster){0};
#define KEY(member, kind, fallback, least, unit, help)                         \
  cluster->member = (fallback);
#include "config/cluster_keys.h"
#undef KEY
}

esp_status esp_cluster_load(const char *path, esp_cluster *cluster) {
  static const esp_yaml yaml = {.kind = "cluster",
                                .has_key = has_key,
                                .takes_list = takes_list,
                                .set = set};
  set_defaults(cluster);
  ESP_TRY(esp_yaml_load(&yaml, path, cluster));
  if (cluster->nodes * cluster->ranks_per_node > MOST) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%s: %lld nodes of %lld ranks are more than "
                    "%d ranks",
                    path, (long long)cluster->nodes,
                    (long long)cluster->ranks_per_node, MOST);
  }
  if (cluster->speeds > 0 && cluster->speeds != cluster->nodes) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%s: speeds has %d numbers for %lld nodes: give one for "
                    "each",
                    path, cluster->speeds, (long long)cluster->nodes);
  }
  return ESP_OK;
}

void esp_cluster_end(esp_cluster *cluster) {
  free(cluster->speed);
  *cluster = (esp_cluster){0};
}
