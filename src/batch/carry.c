// What a batch leaves behind for the next of its chain.
#include <string.h>

#include "batch/private.h"

static void *input_of(const esp_seat *seat, const esp_carry *carry) {
  return esp_exec_value(seat->engine->exec, seat->slot,
                        seat->engine->graph->input[carry->input]);
}

static size_t bytes_of(const esp_seat *seat, const esp_carry *carry) {
  const esp_graph *graph = seat->engine->graph;
  return esp_tensor_bytes(&graph->value[graph->input[carry->input]].tensor);
}

esp_status esp_carry_begin(esp_runner *runner, const esp_seat *seat,
                           const esp_chain *chain) {
  const esp_batch_options *o = runner->options;
  for (int i = 0; i < o->carries; i++) {
    const esp_carry *carry = &o->carry[i];
    if (chain->fresh) {
      memset(input_of(seat, carry), 0, bytes_of(seat, carry));
      continue;
    }
    ESP_TRY(esp_results_read(o->results, o->result_of[carry->output],
                             o->pending[chain->first] - 1, 1,
                             input_of(seat, carry)));
  }
  return ESP_OK;
}

void esp_carry_on(const esp_runner *runner, const esp_seat *seat) {
  const esp_batch_options *o = runner->options;
  const esp_graph *graph = seat->engine->graph;
  for (int i = 0; i < o->carries; i++) {
    const int output = graph->output[o->carry[i].output];
    memcpy(input_of(seat, &o->carry[i]),
           esp_exec_value(seat->engine->exec, seat->slot, output),
           bytes_of(seat, &o->carry[i]));
  }
}
