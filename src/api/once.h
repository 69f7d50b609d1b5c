// An optimised graph that is run on given inputs, one batch after the other, by
// one worker.  Private to api/.
#ifndef ESP_API_ONCE_H
#define ESP_API_ONCE_H

#include "api/private.h"
#include "exec/exec.h"

typedef struct esp_once {
  const esp_graph *graph;
  double *seconds;
  esp_plan *plan;
  esp_workers *workers;
  esp_bell *bell;
  esp_exec *exec; // slot 0 holds the values
} esp_once;

// `width`: threads of an operator.  The graph must outlive it.  Ended with
// esp_once_close(), also after a failure.
esp_status esp_once_open(const esp_graph *graph, int width, esp_once *once);
// input[i], of the type and shape of the graph's, is copied.
esp_status esp_once_run(esp_once *once, const esp_tensor *const *input);
void esp_once_close(esp_once *once);

#endif
