// The equation of an Einsum, read into named axes.  Private to op/.
#ifndef ESP_OP_EQUATION_H
#define ESP_OP_EQUATION_H

#include "op/op.h"

enum {
  ESP_EQUATION_AXES = 52 + ESP_MAX_NDIM, // letters and the axes of an ellipsis
  ESP_EQUATION_INPUTS = 16
};

// Every named axis with its extent, the output's first, in its order; then
// those that are summed.  Strides by input, in elements; 0: it is repeated.
typedef struct esp_axes {
  int nout, count;
  int64_t dim[ESP_EQUATION_AXES];
  int64_t stride[ESP_EQUATION_INPUTS][ESP_EQUATION_AXES];
  int nin;
} esp_axes;

// Reads the node's equation against its inputs' shapes.
// ESP_BAD_INPUT: it is not one, or the extents of an axis differ.
// ESP_UNSUPPORTED: the output has too many axes.
esp_status esp_axes_of(const esp_args *args, esp_axes *axes);

#endif
