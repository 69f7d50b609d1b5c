// Broadcasting of inputs against an output: ONNX's (NumPy's) rule, on physical
// shapes, with neighbouring axes merged so that the inner run is long.
// Private to op/.
#ifndef ESP_OP_BROADCAST_H
#define ESP_OP_BROADCAST_H

#include "op/op.h"

enum { ESP_BROADCAST_INPUTS = 3 };

typedef struct esp_broadcast {
  int ndim;                  // merged axes, at least 1
  int64_t dim[ESP_MAX_NDIM]; // the last is the inner run
  int64_t stride[ESP_BROADCAST_INPUTS]
                [ESP_MAX_NDIM]; // in elements; 0: repeated
  int64_t outer, inner;
} esp_broadcast;

// Plans inputs in[0 .. count) against `out`, whose shape they broadcast to.
void esp_broadcast_plan(const esp_tensor *const *in, int count,
                        const esp_tensor *out, esp_broadcast *plan);

// Offsets, in elements, of each input's first element in outer run `run`.
void esp_broadcast_at(const esp_broadcast *plan, int count, int64_t run,
                      int64_t offset[ESP_BROADCAST_INPUTS]);

#endif
