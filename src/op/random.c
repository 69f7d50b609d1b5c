// Operators that draw random numbers: the same ones in every run, for any plan
// and width.  Elements are drawn in their order, on one thread, from a stream
// that starts anew at each run of the node.
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/mersenne.h"
#include "op/number.h"
#include "op/samples.h"

// The seed, and without one the node's name (FNV-1a), so that two nodes of a
// model draw different numbers.  Whole seeds mean what they mean to NumPy's
// RandomState; the bits of others are taken.
static uint32_t seed_of(const esp_node *node) {
  const esp_attribute *given =
      esp_node_attribute(node, "seed", ESP_ATTRIBUTE_FLOAT);
  uint32_t seed = 2166136261u;
  if (given == NULL) {
    for (const char *c = node->name; c != NULL && *c != '\0'; c++) {
      seed = (seed ^ (unsigned char)*c) * 16777619u;
    }
  } else if (given->f >= 0 && given->f < 0x1p32f &&
             floorf(given->f) == given->f) {
    seed = (uint32_t)given->f;
  } else {
    memcpy(&seed, &given->f, sizeof seed);
  }
  return seed;
}

static esp_status shape_of(const esp_args *args, esp_shape *shape) {
  const esp_attribute *list =
      esp_node_attribute(args->node, "shape", ESP_ATTRIBUTE_INTS);
  if (list == NULL) return ESP_FAIL(ESP_BAD_INPUT, "shape is missing");
  if (list->count > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_BAD_INPUT, "shape has %lld dimensions, at most %d",
                    (long long)list->count, ESP_MAX_NDIM);
  }
  *shape = (esp_shape){.ndim = (int)list->count};
  for (int i = 0; i < shape->ndim; i++) {
    shape->dim[i] = list->ints[i];
    if (shape->dim[i] >= 0) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "shape has a dimension of %lld",
                    (long long)shape->dim[i]);
  }
  return ESP_OK;
}

// RandomNormal and RandomUniform: all is in the attributes.
static esp_status infer_made(const esp_args *args) {
  esp_shape shape;
  esp_dtype type;
  ESP_TRY(esp_check_arity(args, 0, 0, 1));
  ESP_TRY(shape_of(args, &shape));
  ESP_TRY(esp_type_of(args, "dtype", ESP_FLOAT, ESP_TYPES_FLOATING, &type));
  esp_set_output(args, 0, type, &shape);
  return ESP_OK;
}

static esp_status infer_multinomial(const esp_args *args) {
  const int64_t samples = esp_node_int(args->node, "sample_size", 1);
  esp_dtype type;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_ndim(args, 0, 2, 2));
  if (samples < 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "sample_size is %lld, expected at least 1",
                    (long long)samples);
  }
  ESP_TRY(esp_type_of(args, "dtype", ESP_INT32,
                      ESP_TYPE(ESP_INT32) | ESP_TYPE(ESP_INT64), &type));
  const esp_shape shape = {2, {args->in[0]->shape.dim[0], samples}};
  esp_set_output(args, 0, type, &shape);
  return ESP_OK;
}

// Bernoulli and the Like forms: shape and, without dtype, type of the input.
static esp_status infer_like(const esp_args *args) {
  const bool bernoulli = args->node->op == ESP_OP_BERNOULLI;
  esp_dtype type;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(
      esp_check_type(args, 0, bernoulli ? ESP_TYPES_FLOATING : ESP_TYPES_ALL));
  ESP_TRY(esp_type_of(args, "dtype", args->in[0]->type,
                      bernoulli ? ESP_TYPES_ANY : ESP_TYPES_FLOATING, &type));
  esp_set_output(args, 0, type, &args->in[0]->shape);
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  switch (args->node->op) {
  case ESP_OP_RANDOM_NORMAL:
  case ESP_OP_RANDOM_UNIFORM:
    return infer_made(args);
  case ESP_OP_MULTINOMIAL:
    return infer_multinomial(args);
  default:
    return infer_like(args);
  }
}

// Multinomial adds up the probabilities of a row.
static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  if (args->node->op == ESP_OP_MULTINOMIAL) {
    made->scratch_bytes = (size_t)args->in[0]->shape.dim[1] * sizeof(double);
  }
  return ESP_OK;
}

static void draw_uniform(const esp_args *args, esp_mersenne *state) {
  const esp_tensor *y = args->out[0];
  const double low = (double)esp_node_float(args->node, "low", 0);
  const double high = (double)esp_node_float(args->node, "high", 1);
  const int64_t count = esp_shape_count(&y->shape);
  for (int64_t i = 0; i < count; i++) {
    esp_number_put(y, i, low + (high - low) * esp_mersenne_uniform(state));
  }
}

// Two normal numbers, by the polar method: Marsaglia, Bray, "A convenient
// method for generating normal variables", SIAM Review 6 (1964).
static void draw_pair(esp_mersenne *state, double *first, double *second) {
  double x, y, square;
  do {
    x = 2 * esp_mersenne_uniform(state) - 1;
    y = 2 * esp_mersenne_uniform(state) - 1;
    square = x * x + y * y;
  } while (square >= 1 || square == 0);
  const double scale = sqrt(-2 * log(square) / square);
  *first = y * scale; // the order of NumPy's RandomState
  *second = x * scale;
}

static void draw_normal(const esp_args *args, esp_mersenne *state) {
  const esp_tensor *y = args->out[0];
  const double mean = (double)esp_node_float(args->node, "mean", 0);
  const double scale = (double)esp_node_float(args->node, "scale", 1);
  const int64_t count = esp_shape_count(&y->shape);
  double number = 0, spare = 0;
  for (int64_t i = 0; i < count; i++) {
    if (i % 2 == 0) {
      draw_pair(state, &number, &spare);
    } else {
      number = spare;
    }
    esp_number_put(y, i, mean + scale * number);
  }
}

static esp_status draw_bernoulli(const esp_args *args, esp_mersenne *state) {
  const esp_tensor *x = args->in[0];
  const int64_t count = esp_shape_count(&x->shape);
  for (int64_t i = 0; i < count; i++) {
    const double p = esp_number_at(x, i);
    if (!(p >= 0 && p <= 1)) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "probability %lld is %g, expected 0 <= p <= 1",
                      (long long)i, p);
    }
    esp_whole_put(args->out[0], i, esp_mersenne_uniform(state) < p);
  }
  return ESP_OK;
}

// Adds up what is in proportion to the probabilities of a row of logarithms.
static esp_status add_up(const esp_tensor *x, int64_t row, double *sum) {
  const int64_t classes = x->shape.dim[1];
  double largest = -INFINITY, total = 0;
  for (int64_t c = 0; c < classes; c++) {
    largest = fmax(largest, esp_number_at(x, row * classes + c));
  }
  for (int64_t c = 0; c < classes; c++) {
    total += exp(esp_number_at(x, row * classes + c) - largest);
    sum[c] = total;
  }
  if (total > 0) return ESP_OK; // not NaN
  return ESP_FAIL(ESP_BAD_INPUT,
                  "row %lld has no class of finite logarithmic probability, or "
                  "one that is not a number",
                  (long long)row);
}

// The first class whose sum is above the threshold; the last sum counts as
// above, as a product may have been rounded up to it.
static int64_t class_of(const double *sum, int64_t classes, double threshold) {
  const double total = sum[classes - 1];
  int64_t low = 0, high = classes - 1;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (sum[middle] > threshold || sum[middle] == total) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

static esp_status draw_multinomial(const esp_args *args, esp_mersenne *state,
                                   double *sum) {
  const esp_tensor *x = args->in[0], *y = args->out[0];
  const int64_t classes = x->shape.dim[1], samples = y->shape.dim[1];
  for (int64_t row = 0; row < y->shape.dim[0]; row++) {
    ESP_TRY(add_up(x, row, sum));
    for (int64_t s = 0; s < samples; s++) {
      const double at = esp_mersenne_uniform(state) * sum[classes - 1];
      esp_whole_put(y, row * samples + s, class_of(sum, classes, at));
    }
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *prepared,
                      esp_team team) {
  (void)prepared;
  esp_mersenne state;
  esp_mersenne_seed(&state, seed_of(args->node));
  switch (args->node->op) {
  case ESP_OP_BERNOULLI:
    return draw_bernoulli(args, &state);
  case ESP_OP_MULTINOMIAL:
    return draw_multinomial(args, &state, team.scratch);
  case ESP_OP_RANDOM_NORMAL:
  case ESP_OP_RANDOM_NORMAL_LIKE:
    draw_normal(args, &state);
    return ESP_OK;
  default:
    draw_uniform(args, &state);
    return ESP_OK;
  }
}

const esp_op esp_op_random = {.samples = esp_samples_all_mixed,
                              .infer = infer,
                              .prepare = prepare,
                              .run = run};
