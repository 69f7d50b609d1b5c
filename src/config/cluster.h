// A cluster that is described and need not be there: the keys of a cluster
// file.  Floor 1.
#ifndef ESP_CONFIG_CLUSTER_H
#define ESP_CONFIG_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define ESP_CLUSTER_INT int64_t
#define ESP_CLUSTER_REAL double

typedef struct esp_cluster {
#define KEY(member, kind, fallback, least, unit, help)                         \
  ESP_CLUSTER_##kind member;
#include "config/cluster_keys.h"
#undef KEY
  int speeds;    // 0: all nodes are as fast
  double *speed; // [speeds] of each node, 1: as the core's figures say
} esp_cluster;

// Reads a file of the keys of cluster_keys.h and of `speeds`: a list with a
// number for each node, where "N x SPEED" stands for N nodes.  Ended with
// esp_cluster_end(), also after a failure.  ESP_IO; ESP_BAD_INPUT: names file,
// line and what was expected.
esp_status esp_cluster_load(const char *path, esp_cluster *cluster);
void esp_cluster_end(esp_cluster *cluster);

#endif
