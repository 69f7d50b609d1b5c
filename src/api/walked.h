// Models that cannot be planned, run by the walker (docs/adr/0005).  Private to
// api/.
#ifndef ESP_API_WALKED_H
#define ESP_API_WALKED_H

#include "op/walk_pool.h"

// Refuses an output tensor that the caller gave when its type or shape is not
// what the model makes.
esp_status esp_output_check(const char *name, const esp_tensor *given,
                            const esp_tensor *made);

// Runs a model: inputs and outputs as for esp_run().  From any number of
// threads at once.
esp_status esp_walked_run(const esp_graph *model, esp_walk_pool *pool,
                          int width, const esp_tensor *const *inputs,
                          esp_tensor **outputs);

#endif
