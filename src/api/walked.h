// Models that cannot be planned, run by the walker (docs/adr/0005).  Private to
// api/.
#ifndef ESP_API_WALKED_H
#define ESP_API_WALKED_H

#include "graph/graph.h"

typedef struct esp_walked esp_walked;

// The model is kept.
esp_status esp_walked_create(const esp_graph *model, esp_walked **walked);
void esp_walked_free(esp_walked *walked); // no run may be under way

// Runs it: inputs and outputs as for esp_run().  From any number of threads at
// once: each run has a walk of its own, which is kept for a later one.
esp_status esp_walked_run(esp_walked *walked, int width,
                          const esp_tensor *const *inputs,
                          esp_tensor **outputs);

#endif
