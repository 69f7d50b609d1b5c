// The activation functions that recurrent operators name.  Private to op/.
// Source: ONNX RNN-14.
#ifndef ESP_OP_ACTIVATION_H
#define ESP_OP_ACTIVATION_H

#include "op/op.h"

struct esp_function; // what the functions have in common

typedef struct esp_activation {
  const struct esp_function *function;
  double alpha, beta; // of the functions that have them
} esp_activation;

// Reads the attributes activations, activation_alpha and activation_beta:
// `count` functions, for all directions; without the first, `each` names in
// `fallback` for every direction.  Numbers go to the functions that have them,
// in order; those left without get the function's own.
// ESP_BAD_INPUT: another number of names; ESP_UNSUPPORTED: an unknown name, or
// numbers that no function takes.
esp_status esp_activations_read(const esp_node *node, int count, int each,
                                const char *const *fallback,
                                esp_activation *list);

// Is it this function, as it is without attributes?
bool esp_activation_is(const esp_activation *f, const char *name);

// y[i] = f(x[i]); y may be x.
void esp_activation_float(const esp_activation *f, const float *x, float *y,
                          int64_t n);
void esp_activation_double(const esp_activation *f, const double *x, double *y,
                           int64_t n);

#endif
