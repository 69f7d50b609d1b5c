// Normalisations.  Means and variances are made in double, in a fixed order.
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"

static esp_status infer_channels(const esp_args *args, int parameters) {
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  for (int i = 1; i <= parameters; i++) {
    ESP_TRY(esp_check_type(args, i, ESP_TYPE(ESP_FLOAT)));
    const esp_shape *shape = &args->in[i]->shape;
    if (shape->ndim == 1 && (shape->dim[0] == args->in[0]->shape.dim[1] ||
                             args->node->op == ESP_OP_GROUP_NORMALIZATION)) {
      continue;
    }
    return ESP_FAIL(ESP_BAD_INPUT,
                    "input %d must have one number for each of "
                    "the %lld channels",
                    i, (long long)args->in[0]->shape.dim[1]);
  }
  return ESP_OK;
}

static esp_status layer_axis(const esp_args *args, int *axis) {
  return esp_check_axis("axis", esp_node_int(args->node, "axis", -1),
                        args->in[0]->shape.ndim, axis);
}

static esp_status infer_layer(const esp_args *args) {
  int axis;
  ESP_TRY(layer_axis(args, &axis));
  const int64_t n =
      esp_shape_product(&args->in[0]->shape, axis, args->in[0]->shape.ndim);
  for (int i = 1; i < 3; i++) {
    if (esp_has_input(args, i) && esp_shape_count(&args->in[i]->shape) != n) {
      return ESP_FAIL(ESP_UNSUPPORTED,
                      "input %d does not have the %lld numbers "
                      "of the normalised axes",
                      i, (long long)n);
    }
  }
  esp_shape kept = args->in[0]->shape;
  for (int i = axis; i < kept.ndim; i++) kept.dim[i] = 1;
  esp_set_output(args, 1, ESP_FLOAT, &kept);
  esp_set_output(args, 2, ESP_FLOAT, &kept);
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  const esp_node *node = args->node;
  const bool norm = node->op == ESP_OP_BATCH_NORMALIZATION;
  ESP_TRY(esp_check_arity(args, 1, 5, norm ? 5 : 3));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_FLOAT)));
  switch (node->op) {
  case ESP_OP_BATCH_NORMALIZATION:
    ESP_TRY(esp_check_arity(args, 5, 5, 5));
    ESP_TRY(infer_channels(args, 4));
    if (esp_node_int(node, "training_mode", 0) != 0) {
      return ESP_FAIL(ESP_UNSUPPORTED, "batch normalisation in training");
    }
    break;
  case ESP_OP_INSTANCE_NORMALIZATION:
  case ESP_OP_GROUP_NORMALIZATION:
    ESP_TRY(esp_check_arity(args, 3, 3, 1));
    ESP_TRY(infer_channels(args, 2));
    break;
  case ESP_OP_LAYER_NORMALIZATION:
    ESP_TRY(esp_check_arity(args, 2, 3, 3));
    ESP_TRY(infer_layer(args));
    break;
  case ESP_OP_LRN:
    ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
    break;
  default:
    break;
  }
  esp_set_output(args, 0, ESP_FLOAT, &args->in[0]->shape);
  return ESP_OK;
}

typedef struct job {
  const esp_args *args;
  int64_t rows, n; // of what is normalised together
  int64_t channels, spatial;
  double epsilon;
  float parameter[4]; // LRN: alpha, beta, bias; LpNormalization: p
  int64_t size;
} job;

static const float *floats(const job *j, int i) {
  return esp_has_input(j->args, i) ? j->args->in[i]->data : NULL;
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + shift, channel by
// channel.
static void batch_norm(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const float *x = j->args->in[0]->data;
  float *y = j->args->out[0]->data;
  const bool last = j->args->in[0]->layout == ESP_CHANNELS_LAST;
  const int64_t inner = last ? 1 : j->spatial;
  for (int64_t r = begin; r < end; r++) {
    const int64_t c = r % j->channels;
    const double factor =
        (double)floats(j, 1)[c] / sqrt((double)floats(j, 4)[c] + j->epsilon);
    const float a = (float)factor;
    const float b =
        (float)((double)floats(j, 2)[c] - (double)floats(j, 3)[c] * factor);
    for (int64_t i = r * inner; i < (r + 1) * inner; i++) y[i] = x[i] * a + b;
  }
}

static void moments(const float *x, int64_t n, double *mean, double *variance) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i];
  *mean = sum / (double)n;
  for (int64_t i = 0; i < n; i++) {
    squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
  }
  *variance = squares / (double)n;
}

// Rows of n elements each; scale and shift by channel, group or element.
static void row_norm(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const int op = j->args->node->op;
  const float *scale = floats(j, 1), *shift = floats(j, 2);
  for (int64_t r = begin; r < end; r++) {
    const float *x = (const float *)j->args->in[0]->data + r * j->n;
    float *y = (float *)j->args->out[0]->data + r * j->n;
    double mean, variance;
    moments(x, j->n, &mean, &variance);
    const double factor = 1 / sqrt(variance + j->epsilon);
    for (int64_t i = 0; i < j->n; i++) {
      int64_t at = i;
      if (op == ESP_OP_INSTANCE_NORMALIZATION) at = r % j->channels;
      if (op == ESP_OP_GROUP_NORMALIZATION) {
        const int64_t groups = j->size, each = j->channels / groups;
        const int64_t channel = r % groups * each + i / j->spatial;
        const bool by_group = j->args->in[1]->shape.dim[0] != j->channels;
        at = by_group ? channel / each : channel;
      }
      const double v = ((double)x[i] - mean) * factor;
      y[i] = (float)(v * (double)scale[at] +
                     (shift != NULL ? (double)shift[at] : 0));
    }
    if (op != ESP_OP_LAYER_NORMALIZATION) continue;
    if (j->args->nout > 1 && j->args->out[1] != NULL) {
      ((float *)j->args->out[1]->data)[r] = (float)mean;
    }
    if (j->args->nout > 2 && j->args->out[2] != NULL) {
      ((float *)j->args->out[2]->data)[r] = (float)factor;
    }
  }
}

// y = x / (bias + alpha / size * sum over nearby channels of x^2) ^ beta.
static void lrn(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const double alpha = (double)j->parameter[0], beta = (double)j->parameter[1],
               bias = (double)j->parameter[2];
  for (int64_t r = begin; r < end; r++) { // a sample and a channel
    const int64_t c = r % j->channels;
    const int64_t first = c - (j->size - 1) / 2, last = c + j->size / 2;
    const int64_t low = first < 0 ? 0 : first;
    const int64_t high = last < j->channels ? last : j->channels - 1;
    const float *x = j->args->in[0]->data;
    float *y = j->args->out[0]->data;
    for (int64_t i = 0; i < j->spatial; i++) {
      double sum = 0;
      for (int64_t k = low; k <= high; k++) {
        const double v = (double)x[(r - c + k) * j->spatial + i];
        sum += v * v;
      }
      const int64_t at = r * j->spatial + i;
      y[at] = (float)((double)x[at] /
                      pow(bias + alpha / (double)j->size * sum, beta));
    }
  }
}

static esp_status run_lp(const esp_args *args) {
  const esp_shape *shape = &args->in[0]->shape;
  int axis;
  ESP_TRY(esp_check_axis("axis", esp_node_int(args->node, "axis", -1),
                         shape->ndim, &axis));
  const bool two = esp_node_int(args->node, "p", 2) == 2;
  const int64_t inner = esp_shape_product(shape, axis + 1, shape->ndim);
  const int64_t n = shape->dim[axis];
  const int64_t rows = n > 0 ? esp_shape_count(shape) / n : 0;
  const float *x = args->in[0]->data;
  float *y = args->out[0]->data;
  for (int64_t r = 0; r < rows; r++) {
    const int64_t base = r / inner * n * inner + r % inner;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
      const double v = (double)x[base + i * inner];
      sum += two ? v * v : fabs(v);
    }
    const double norm = two ? sqrt(sum) : sum;
    for (int64_t i = 0; i < n; i++) {
      const int64_t at = base + i * inner;
      y[at] = norm > 0 ? (float)((double)x[at] / norm) : 0;
    }
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 4096 };
  (void)state;
  const esp_node *node = args->node;
  const esp_shape *shape = &args->in[0]->shape;
  const int64_t count = esp_shape_count(shape);
  if (count == 0) return ESP_OK;
  if (node->op == ESP_OP_LP_NORMALIZATION) return run_lp(args);
  job j = {.args = args,
           .epsilon = (double)esp_node_float(node, "epsilon", 1e-5f),
           .channels = shape->ndim > 1 ? shape->dim[1] : 1,
           .spatial = esp_shape_product(shape, 2, shape->ndim)};
  esp_loop_body body = row_norm;
  switch (node->op) {
  case ESP_OP_BATCH_NORMALIZATION:
    body = batch_norm;
    j.n = args->in[0]->layout == ESP_CHANNELS_LAST ? 1 : j.spatial;
    break;
  case ESP_OP_INSTANCE_NORMALIZATION:
    j.n = j.spatial;
    break;
  case ESP_OP_GROUP_NORMALIZATION:
    j.size = esp_node_int(node, "num_groups", 1);
    if (j.size < 1 || j.channels % j.size != 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "num_groups does not divide the channels");
    }
    j.n = j.channels / j.size * j.spatial;
    break;
  case ESP_OP_LRN:
    body = lrn;
    j.parameter[0] = esp_node_float(node, "alpha", 1e-4f);
    j.parameter[1] = esp_node_float(node, "beta", 0.75f);
    j.parameter[2] = esp_node_float(node, "bias", 1);
    j.size = esp_node_int(node, "size", 1);
    j.n = j.spatial;
    break;
  default: {
    int axis;
    ESP_TRY(layer_axis(args, &axis));
    j.n = esp_shape_product(shape, axis, shape->ndim);
  }
  }
  esp_loop_over(team.width, count / j.n, GRAIN / j.n + 1, body, &j);
  return ESP_OK;
}

const esp_op esp_op_normalise = {.infer = infer, .run = run};
