// Task graphs with a schedule planted in them, so that the optimum is known.
#ifndef CHECK_PLANTED_H
#define CHECK_PLANTED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct planted {
  int tasks, processors;
  int edges;      // for each task, about
  int64_t weight; // of a task, about
  int64_t cost;   // of an edge, at the most
  double reach;   // share of the time that an edge may span, in (0, 1]
  bool tight;     // an edge costs all that fits
  uint64_t seed;
} planted;

// Writes `processors` rows of equal length, cut into tasks without a pause
// between them, and edges whose cost fits between the two tasks where they lie
// on different rows: the planted schedule keeps every processor busy from the
// beginning to the end, so that its makespan is the optimum.
void planted_write(const planted *how, const char *name, FILE *out);

#endif
