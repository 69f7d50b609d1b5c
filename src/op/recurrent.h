// What an LSTM, GRU or RNN is, for its two implementations.  Private to op/.
#ifndef ESP_OP_RECURRENT_H
#define ESP_OP_RECURRENT_H

#include "kernel/matmul.h"
#include "op/activation.h"
#include "op/op.h"

enum { ESP_MOST_DIRECTIONS = 2, ESP_MOST_ACTIVATIONS = 3 };

typedef struct esp_layer {
  int op, gates, directions, activations;
  bool reverse_first; // direction reverse
  bool batch_first;   // layout 1
  bool input_forget, before_reset;
  bool usual; // an LSTM of the usual functions and nothing else: in one loop
  float clip; // 0: none
  int64_t steps, batch, input, hidden;
  esp_activation f[ESP_MOST_DIRECTIONS][ESP_MOST_ACTIVATIONS];
  // float32 only.
  esp_matmul *from_input[ESP_MOST_DIRECTIONS],
      *from_hidden[ESP_MOST_DIRECTIONS];
  int64_t parts, rows; // of the batch, that are computed side by side
  int64_t chunk;       // steps whose products with the input are made at once
  size_t x_bytes, products_bytes, step_bytes, state_bytes, matmul_bytes;
  size_t lane_bytes; // all of it
} esp_layer;

// The time at which step s of direction d looks for row b of the batch; -1:
// that row has ended.
int64_t esp_layer_time(const esp_layer *l, const esp_args *args, int d,
                       int64_t s, int64_t b);
// Where direction d of row b begins, in elements: in output 0 at time t, and in
// initial and last states.
int64_t esp_layer_output(const esp_layer *l, int d, int64_t t, int64_t b);
int64_t esp_layer_state(const esp_layer *l, int d, int64_t b);

// double, by plain loops: rows of the batch are independent.
size_t esp_recurrent_plain_scratch(const esp_layer *l); // bytes of a run
void esp_recurrent_plain_run(const esp_layer *l, const esp_args *args,
                             double *scratch, int width);

#endif
