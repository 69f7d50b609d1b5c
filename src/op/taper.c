// HannWindow, HammingWindow, BlackmanWindow: weights that taper a signal.
// Source: Harris, "On the use of windows for harmonic analysis with the
// discrete Fourier transform", Proceedings of the IEEE 66 (1978).
#include <math.h>

#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

static esp_status infer(const esp_args *args) {
  esp_shape shape = {.ndim = 1};
  esp_dtype type;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_size_of(args, 0, "size", 0, &shape.dim[0]));
  ESP_TRY(esp_type_of(args, "output_datatype", ESP_FLOAT, ESP_TYPES_NUMERIC,
                      &type));
  esp_set_output(args, 0, type, &shape);
  return ESP_OK;
}

// Weights of the cosines of 0, 1 and 2 turns: w = a - b cos(t) + c cos(2 t).
typedef struct cosines {
  double a, b, c;
} cosines;

static cosines cosines_of(const esp_node *node) {
  switch (node->op) {
  case ESP_OP_HANN_WINDOW:
    return (cosines){0.5, 0.5, 0};
  case ESP_OP_HAMMING_WINDOW: // 25/46, as ONNX writes it out
    return (cosines){25.0 / 46.0, 1 - 25.0 / 46.0, 0};
  default:
    return (cosines){0.42, 0.5, 0.08};
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  const double turn = 6.283185307179586;
  const esp_tensor *y = args->out[0];
  const int64_t size = y->shape.dim[0];
  const bool periodic = esp_node_int(args->node, "periodic", 1) != 0;
  const double period = (double)(periodic ? size : size - 1);
  const cosines w = cosines_of(args->node);
  for (int64_t i = 0; i < size; i++) {
    // A symmetric window of one weight is the middle of any other.
    const double t = period == 0 ? turn / 2 : turn * (double)i / period;
    esp_number_put(y, i, w.a - w.b * cos(t) + w.c * cos(2 * t));
  }
  return ESP_OK;
}

const esp_op esp_op_taper = {.infer = infer, .run = run};
