// A graph under a schedule without limits: a worker for every node, and every
// node begins as soon as what it reads is made.  Floor 5.
#ifndef ESP_PLAN_PROFILE_H
#define ESP_PLAN_PROFILE_H

#include "graph/graph.h"

// A *branch* is a longest chain of nodes, each the only reader of the one
// before and with nothing else to read, that runs beside something else.
typedef struct esp_profile {
  double total;   // T1: seconds of all nodes, one after the other
  double span;    // Tinf: seconds of the longest path
  int path_nodes; // of that path, in order
  int *path;
  int columns;
  double *at_once; // [columns] nodes that run in each slice of the span, mean
  int most;        // nodes that run at one moment, at the most
  double *share;   // [most + 1] of the span, during which exactly k nodes run
  int branches;
  double branch_seconds; // of one branch, mean; 0 without branches
} esp_profile;

// Computes the profile from the seconds of each node.  Ended with
// esp_profile_end().
esp_status esp_profile_create(const esp_graph *graph, const double *seconds,
                              int columns, esp_profile *profile);
void esp_profile_end(esp_profile *profile);

// T1 / Tinf: what branches give at the most; 1 for a graph that takes no time.
double esp_profile_ceiling(const esp_profile *profile);

#endif
