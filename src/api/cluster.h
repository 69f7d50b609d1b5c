// A model on machines that need not be there: divisions tried on paper. Private
// to api/.
#ifndef ESP_API_CLUSTER_H
#define ESP_API_CLUSTER_H

#include "api/private.h"
#include "config/cluster.h"

// How the ranks are divided, and what that comes to on paper.
typedef struct esp_division {
  int replicas, ranks; // ranks of one replica
  int streams, workers, width;
  double seconds;            // of one batch, on the first replica
  double period;             // between two batches: less, through stages
  double lower_bound;        // of it
  double samples_per_second; // of all replicas
} esp_division;

enum { ESP_MOST_DIVISIONS = 64 };

typedef struct esp_cluster_findings {
  esp_cluster cluster;
  esp_machine machine; // a core and its links
  int64_t batch;
  bool throughput; // is what counts; else the seconds of a batch
  esp_graph *graph;
  double *seconds; // [nnode] at the width of the division at hand
  double *bytes;   // [nnode]
  esp_division division[ESP_MOST_DIVISIONS];
  int divisions, best;
  esp_plan *whole;   // of the first replica in the best division
  esp_built divided; // the same with heavy nodes divided; plan NULL: it is no
                     // better
  const esp_plan *plan;     // the better of the two
  const esp_graph *planned; // and its graph
  // Of the time of all workers of that replica.
  double computed, idle;
  double sent; // of the time of all its ranks, during which messages moved
} esp_cluster_findings;

// Tries divisions of the cluster of setting->cluster for a loaded model.  Ended
// with esp_cluster_findings_end(), also after a failure.
esp_status esp_cluster_findings_make(const esp_graph *model,
                                     const esp_setting *setting,
                                     esp_cluster_findings *findings);
void esp_cluster_findings_end(esp_cluster_findings *findings);

// In words, and as JSON; free with free() (cluster_text.c).
esp_status esp_cluster_text(const char *model,
                            const esp_cluster_findings *findings, char **text);
esp_status esp_cluster_json(const char *model,
                            const esp_cluster_findings *findings, char **text);

#endif
