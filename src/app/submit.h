// What espalier submit is asked for, and the batch script that follows.
#ifndef ESP_APP_SUBMIT_H
#define ESP_APP_SUBMIT_H

#include <stdio.h>

#include "app.h"

typedef struct submit_request {
  int64_t nodes, ranks_per_node;
  int64_t cores_per_rank; // 0: whole nodes
  int64_t warning_seconds;
  int64_t chain;  // jobs at most, one after another; 0: no chain
  int64_t inputs; // lines of `array`
  const char *time, *partition, *name, *launcher, *array;
  const char *job_file, *output; // the first one; of the job
  bool requeue, dry_run;
  int job_files, nrun, nsbatch;
  char **run;    // [nrun] arguments of espalier run, borrowed
  char **sbatch; // [nsbatch] further options of sbatch, borrowed
} submit_request;

// Writes the script.
void submit_write(FILE *out, const submit_request *request);

#endif
