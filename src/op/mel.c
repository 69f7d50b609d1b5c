// MelWeightMatrix: triangles that gather the bins of a spectrum into bands of
// equal width on the mel scale, mel(f) = 2595 log10(1 + f / 700).
#include <math.h>

#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

// The rate and the edges: one number each, which no shape depends on.
static esp_status check_hertz(const esp_args *args) {
  ESP_TRY(esp_check_type(args, 2, ESP_TYPE(ESP_INT32) | ESP_TYPE(ESP_INT64)));
  ESP_TRY(esp_check_type(args, 3, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_type(args, 4, ESP_TYPES_FLOATING));
  for (int i = 2; i < 5; i++) {
    if (esp_shape_count(&args->in[i]->shape) == 1) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "input %d must be one number", i);
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  int64_t length;
  esp_dtype type;
  esp_shape shape = {.ndim = 2};
  ESP_TRY(esp_check_arity(args, 5, 5, 1));
  ESP_TRY(esp_size_of(args, 0, "num_mel_bins", 1, &shape.dim[1]));
  ESP_TRY(esp_size_of(args, 1, "dft_length", 1, &length));
  ESP_TRY(check_hertz(args));
  ESP_TRY(esp_type_of(args, "output_datatype", ESP_FLOAT, ESP_TYPES_NUMERIC,
                      &type));
  shape.dim[0] = length / 2 + 1;
  esp_set_output(args, 0, type, &shape);
  return ESP_OK;
}

typedef struct scale {
  double low, step; // in mel; ONNX divides by two more than there are bands
  double per_hertz; // bins
} scale;

static double mel_of(double hertz) { return 2595 * log10(1 + hertz / 700); }

// The bin where edge i of the bands lies.
static int64_t bin_of(const scale *s, int64_t i) {
  const double hertz =
      700 * (pow(10, ((double)i * s->step + s->low) / 2595) - 1);
  return (int64_t)fmin(floor(hertz * s->per_hertz), 0x1p53);
}

// The weight of bin j in a triangle; a rising side of no width is its peak.
static double weight(int64_t j, int64_t left, int64_t centre, int64_t right) {
  if (j >= centre && j < right) {
    return (double)(right - j) / (double)(right - centre);
  }
  if (j == centre) return 1;
  return j >= left && j < centre ? (double)(j - left) / (double)(centre - left)
                                 : 0;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  const esp_tensor *y = args->out[0];
  const int64_t bands = y->shape.dim[1];
  const double length = esp_number_at(args->in[1], 0);
  const double rate = esp_number_at(args->in[2], 0);
  const double low = esp_number_at(args->in[3], 0);
  const double high = esp_number_at(args->in[4], 0);
  if (!(rate > 0 && low >= 0 && low <= high && isfinite(high))) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "edges of %g and %g hertz at a sample rate of %g, expected "
                    "0 <= lower <= upper and 0 < rate",
                    low, high, rate);
  }
  const scale s = {.low = mel_of(low),
                   .step = (mel_of(high) - mel_of(low)) / (double)(bands + 2),
                   .per_hertz = (length + 1) / rate};
  for (int64_t i = 0; i < bands; i++) {
    const int64_t left = bin_of(&s, i), centre = bin_of(&s, i + 1),
                  right = bin_of(&s, i + 2);
    for (int64_t j = 0; j < y->shape.dim[0]; j++) {
      esp_number_put(y, j * bands + i, weight(j, left, centre, right));
    }
  }
  return ESP_OK;
}

const esp_op esp_op_mel = {.infer = infer, .run = run};
