// Normalisations of rows and channels.  Means and variances are made in double,
// in a fixed order.
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "kernel/vector_math.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/samples.h"

// Before opset 9, spatial = 0 asks for a mean of every element of a sample.
static bool by_element(const esp_node *node) {
  return node->op == ESP_OP_BATCH_NORMALIZATION && node->version < 9 &&
         esp_node_int(node, "spatial", 1) == 0;
}
static int64_t channels_of(const esp_args *args) {
  const esp_shape *x = &args->in[0]->shape;
  if (by_element(args->node)) return esp_shape_product(x, 1, x->ndim);
  return x->ndim > 1 ? x->dim[1] : 1;
}
static int64_t spatial_of(const esp_args *args) {
  const esp_shape *x = &args->in[0]->shape;
  return by_element(args->node) ? 1 : esp_shape_product(x, 2, x->ndim);
}

// Statistics of the batch itself: asked for from opset 14 on, before that by
// wanting the outputs that carry them.
static bool trains(const esp_args *args) {
  if (args->node->op != ESP_OP_BATCH_NORMALIZATION) return false;
  if (args->node->version >= 14) {
    return esp_node_int(args->node, "training_mode", 0) != 0;
  }
  if (esp_node_int(args->node, "is_test", 0) != 0) return false;
  for (int i = 1; i < args->nout; i++) {
    if (args->out[i] != NULL) return true;
  }
  return false;
}

static esp_status check_counts(const esp_args *args, int last, int64_t count,
                               int64_t other) {
  for (int i = 1; i <= last; i++) {
    const int64_t have = esp_shape_count(&args->in[i]->shape);
    if (have == count || have == other) continue;
    return ESP_FAIL(ESP_BAD_INPUT,
                    "input %d must have one number for each of the %lld "
                    "channels, but has %lld",
                    i, (long long)count, (long long)have);
  }
  return ESP_OK;
}

static esp_status infer_batch(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 5, 5, 5));
  ESP_TRY(esp_check_ndim(args, 0, 1, ESP_MAX_NDIM));
  const int64_t channels = channels_of(args);
  for (int i = 1; i < 5; i++) {
    ESP_TRY(esp_check_type(args, i, ESP_TYPES_FLOATING));
  }
  ESP_TRY(check_counts(args, 4, channels, channels));
  for (int i = 1; i < args->nout; i++) {
    esp_set_output(args, i, args->in[i % 2 == 1 ? 3 : 4]->type,
                   &args->in[3]->shape);
  }
  return ESP_OK;
}

static esp_status infer_channels(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 3, 3, 1));
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  ESP_TRY(esp_check_same_type(args, 0, 1));
  ESP_TRY(esp_check_same_type(args, 0, 2));
  const int64_t channels = channels_of(args);
  if (args->node->op == ESP_OP_INSTANCE_NORMALIZATION) {
    return check_counts(args, 2, channels, channels);
  }
  const int64_t groups = esp_node_int(args->node, "num_groups", 0);
  if (groups < 1 || channels % groups != 0) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "num_groups is %lld, which does not divide the %lld "
                    "channels",
                    (long long)groups, (long long)channels);
  }
  // Opset 18 has a scale for each group, 21 for each channel.
  return check_counts(args, 2, channels, groups);
}

static esp_status layer_axis(const esp_args *args, int *axis) {
  return esp_check_axis("axis", esp_node_int(args->node, "axis", -1),
                        args->in[0]->shape.ndim, axis);
}

static esp_status infer_layer(const esp_args *args) {
  int axis;
  ESP_TRY(esp_check_arity(args, 2, 3, 3));
  ESP_TRY(layer_axis(args, &axis));
  const esp_shape *x = &args->in[0]->shape;
  for (int i = 1; i < 3; i++) {
    esp_shape both;
    if (!esp_has_input(args, i)) continue;
    ESP_TRY(esp_check_same_type(args, 0, i));
    ESP_TRY(esp_shape_broadcast(x, &args->in[i]->shape, &both));
    if (!esp_shape_equal(x, &both)) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d does not broadcast to input 0",
                      i);
    }
  }
  esp_shape kept = *x;
  for (int i = axis; i < kept.ndim; i++) kept.dim[i] = 1;
  const int64_t stash = esp_node_int(args->node, "stash_type", ESP_FLOAT);
  if (stash != ESP_FLOAT && stash != ESP_BFLOAT16) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "stash_type is %lld, expected 1 (float) or 16 (bfloat16)",
                    (long long)stash);
  }
  esp_set_output(args, 1, (esp_dtype)stash, &kept);
  esp_set_output(args, 2, (esp_dtype)stash, &kept);
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  const esp_node *node = args->node;
  int axis;
  ESP_TRY(esp_check_arity(args, 1, 5, 5));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  switch (node->op) {
  case ESP_OP_BATCH_NORMALIZATION:
    ESP_TRY(infer_batch(args));
    break;
  case ESP_OP_INSTANCE_NORMALIZATION:
  case ESP_OP_GROUP_NORMALIZATION:
    ESP_TRY(infer_channels(args));
    break;
  case ESP_OP_LAYER_NORMALIZATION:
    ESP_TRY(infer_layer(args));
    break;
  case ESP_OP_LRN:
    ESP_TRY(esp_check_arity(args, 1, 1, 1));
    ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
    if (esp_node_int(node, "size", 0) < 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "size is missing, or less than 1");
    }
    break;
  default:
    ESP_TRY(esp_check_arity(args, 1, 1, 1));
    ESP_TRY(layer_axis(args, &axis));
    break;
  }
  esp_set_output(args, 0, args->in[0]->type, &args->in[0]->shape);
  return ESP_OK;
}

typedef struct job {
  const esp_args *args;
  int64_t n; // of what is normalised together
  int64_t channels, spatial, groups;
  double epsilon;
  bool simple; // scale and shift have one number for each element of a row
} job;

// An element of a tensor of float32 or (wide) double.
static inline double get(const esp_tensor *t, bool wide, int64_t i) {
  return wide ? ((const double *)t->data)[i]
              : (double)((const float *)t->data)[i];
}
static inline void put(const esp_tensor *t, bool wide, int64_t i, double v) {
  if (wide) {
    ((double *)t->data)[i] = v;
  } else {
    ((float *)t->data)[i] = (float)v;
  }
}
static const esp_tensor *input(const job *j, int i) {
  return esp_has_input(j->args, i) ? j->args->in[i] : NULL;
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + shift, where a row is a
// channel of a sample.
static void batch_norm(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_tensor *x = j->args->in[0], *y = j->args->out[0];
  for (int64_t r = begin; r < end; r++) {
    const int64_t c = r % j->channels;
    const double factor = esp_number_at(j->args->in[1], c) /
                          sqrt(esp_number_at(j->args->in[4], c) + j->epsilon);
    const double shift = esp_number_at(j->args->in[2], c) -
                         esp_number_at(j->args->in[3], c) * factor;
    if (x->type == ESP_DOUBLE) {
      const double *from = (const double *)x->data + r * j->n;
      double *to = (double *)y->data + r * j->n;
      for (int64_t i = 0; i < j->n; i++) to[i] = from[i] * factor + shift;
    } else {
      const float a = (float)factor, b = (float)shift;
      const float *from = (const float *)x->data + r * j->n;
      float *to = (float *)y->data + r * j->n;
      for (int64_t i = 0; i < j->n; i++) to[i] = from[i] * a + b;
    }
  }
}

static void put_statistic(const job *j, int output, int64_t c, double v) {
  if (output < j->args->nout && j->args->out[output] != NULL) {
    esp_number_put(j->args->out[output], c, v);
  }
}

// Outputs of a channel: what runs along, and (before opset 14) what was found.
static void put_statistics(const job *j, int64_t c, double mean,
                           double variance) {
  const double keep = (double)esp_node_float(j->args->node, "momentum", 0.9f);
  put_statistic(j, 1, c,
                esp_number_at(j->args->in[3], c) * keep + mean * (1 - keep));
  put_statistic(
      j, 2, c, esp_number_at(j->args->in[4], c) * keep + variance * (1 - keep));
  put_statistic(j, 3, c, mean);
  put_statistic(j, 4, c, variance);
}

// The same with mean and variance of the batch; [begin, end) are channels.
static void train_channels(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_tensor *x = j->args->in[0], *y = j->args->out[0];
  const bool wide = x->type == ESP_DOUBLE;
  const int64_t samples =
      esp_shape_count(&x->shape) / (j->channels * j->spatial);
  for (int64_t c = begin; c < end; c++) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < samples * j->spatial; i++) {
      const int64_t s = i / j->spatial;
      sum += get(x, wide, (s * j->channels + c) * j->spatial + i % j->spatial);
    }
    const double mean = sum / (double)(samples * j->spatial);
    for (int64_t i = 0; i < samples * j->spatial; i++) {
      const int64_t s = i / j->spatial;
      const double d =
          get(x, wide, (s * j->channels + c) * j->spatial + i % j->spatial) -
          mean;
      squares += d * d;
    }
    const double variance = squares / (double)(samples * j->spatial);
    const double factor =
        esp_number_at(j->args->in[1], c) / sqrt(variance + j->epsilon);
    const double shift = esp_number_at(j->args->in[2], c);
    for (int64_t i = 0; i < samples * j->spatial && y != NULL; i++) {
      const int64_t at =
          (i / j->spatial * j->channels + c) * j->spatial + i % j->spatial;
      put(y, wide, at, (get(x, wide, at) - mean) * factor + shift);
    }
    put_statistics(j, c, mean, variance);
  }
}

// Where the parameter of element i of row r lies.
static int64_t parameter_at(const job *j, const esp_tensor *parameter,
                            int64_t r, int64_t i) {
  switch (j->args->node->op) {
  case ESP_OP_INSTANCE_NORMALIZATION:
    return r % j->channels;
  case ESP_OP_GROUP_NORMALIZATION: {
    const int64_t each = j->channels / j->groups;
    const int64_t channel = r % j->groups * each + i / j->spatial;
    const bool by_group = esp_shape_count(&parameter->shape) != j->channels;
    return by_group ? channel / each : channel;
  }
  default: {
    const esp_shape *x = &j->args->in[0]->shape, *own = &parameter->shape;
    int64_t rest = r * j->n + i, at = 0, step = 1;
    for (int axis = x->ndim - 1, d = own->ndim - 1; d >= 0; axis--, d--) {
      if (own->dim[d] != 1) at += rest % x->dim[axis] * step;
      rest /= x->dim[axis];
      step *= own->dim[d];
    }
    return at;
  }
  }
}

// A row with a scale and a shift for each element.
static inline void scale_elements(const job *j, bool wide, int64_t base,
                                  double mean, double factor) {
  const esp_tensor *x = j->args->in[0], *y = j->args->out[0];
  const esp_tensor *scale = input(j, 1), *shift = input(j, 2);
  if (!wide) {
    esp_vector_normalise((const float *)x->data + base, mean, factor,
                         scale->data, shift != NULL ? shift->data : NULL,
                         (float *)y->data + base, j->n);
    return;
  }
  for (int64_t i = 0; i < j->n; i++) {
    const double v =
        (get(x, true, base + i) - mean) * factor * get(scale, true, i);
    put(y, true, base + i, v + (shift != NULL ? get(shift, true, i) : 0));
  }
}

// A row whose parameters are looked up: the same for a channel's elements, or
// of a shape that broadcasts.
static inline void scale_runs(const job *j, bool wide, int64_t r, double mean,
                              double factor) {
  const esp_tensor *x = j->args->in[0], *y = j->args->out[0];
  const esp_tensor *scale = input(j, 1), *shift = input(j, 2);
  const bool layer = j->args->node->op == ESP_OP_LAYER_NORMALIZATION;
  const int64_t run = layer ? 1 : j->spatial;
  for (int64_t at = 0; at < j->n; at += run) {
    const double a = get(scale, wide, parameter_at(j, scale, r, at));
    const double b =
        shift != NULL ? get(shift, wide, parameter_at(j, shift, r, at)) : 0;
    for (int64_t i = r * j->n + at; i < r * j->n + at + run; i++) {
      put(y, wide, i, (get(x, wide, i) - mean) * factor * a + b);
    }
  }
}

// Mean, and sum of the squares of what differs from it.
static inline void moments(const esp_tensor *x, bool wide, int64_t base,
                           int64_t n, double *mean, double *squares) {
  if (!wide) {
    const float *from = (const float *)x->data + base;
    *mean = esp_vector_sum(from, n) / (double)n;
    *squares = esp_vector_squares(from, *mean, n);
    return;
  }
  double sum = 0, square = 0;
  for (int64_t i = 0; i < n; i++) sum += get(x, true, base + i);
  *mean = sum / (double)n;
  for (int64_t i = 0; i < n; i++) {
    const double d = get(x, true, base + i) - *mean;
    square += d * d;
  }
  *squares = square;
}

static inline void norm_row(const job *j, int64_t r, bool wide) {
  const esp_tensor *x = j->args->in[0];
  const int64_t base = r * j->n;
  double mean, squares;
  moments(x, wide, base, j->n, &mean, &squares);
  const double factor = 1 / sqrt(squares / (double)j->n + j->epsilon);
  if (j->simple) {
    scale_elements(j, wide, base, mean, factor);
  } else {
    scale_runs(j, wide, r, mean, factor);
  }
  if (j->args->node->op == ESP_OP_LAYER_NORMALIZATION) {
    put_statistic(j, 1, r, mean);
    put_statistic(j, 2, r, factor);
  }
}

// Rows of n elements each; scale and shift by channel, group or element.
static void norm_rows(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const bool wide = j->args->in[0]->type == ESP_DOUBLE;
  for (int64_t r = begin; r < end; r++) {
    if (wide) {
      norm_row(j, r, true);
    } else {
      norm_row(j, r, false);
    }
  }
}

// y = x / (bias + alpha / size * sum over nearby channels of x^2) ^ beta.
static void lrn(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_node *node = j->args->node;
  const esp_tensor *x = j->args->in[0], *y = j->args->out[0];
  const bool wide = x->type == ESP_DOUBLE;
  const double alpha = (double)esp_node_float(node, "alpha", 1e-4f),
               beta = (double)esp_node_float(node, "beta", 0.75f),
               bias = (double)esp_node_float(node, "bias", 1);
  const int64_t size = esp_node_int(node, "size", 1);
  for (int64_t r = begin; r < end; r++) { // a sample and a channel
    const int64_t c = r % j->channels;
    const int64_t first = c - (size - 1) / 2, last = c + size / 2;
    const int64_t low = first < 0 ? 0 : first;
    const int64_t high = last < j->channels ? last : j->channels - 1;
    for (int64_t i = 0; i < j->spatial; i++) {
      double sum = 0;
      for (int64_t k = low; k <= high; k++) {
        const double v = get(x, wide, (r - c + k) * j->spatial + i);
        sum += v * v;
      }
      const int64_t at = r * j->spatial + i;
      put(y, wide, at,
          get(x, wide, at) / pow(bias + alpha / (double)size * sum, beta));
    }
  }
}

// x over its norm along an axis; lines lie `spatial` elements apart.
static void lp_lines(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_tensor *x = j->args->in[0], *y = j->args->out[0];
  const bool wide = x->type == ESP_DOUBLE;
  const bool two = esp_node_int(j->args->node, "p", 2) == 2;
  for (int64_t r = begin; r < end; r++) {
    const int64_t base = r / j->spatial * j->n * j->spatial + r % j->spatial;
    double sum = 0;
    for (int64_t i = 0; i < j->n; i++) {
      const double v = get(x, wide, base + i * j->spatial);
      sum += two ? v * v : fabs(v);
    }
    const double norm = two ? sqrt(sum) : sum;
    for (int64_t i = 0; i < j->n; i++) {
      const int64_t at = base + i * j->spatial;
      put(y, wide, at, norm > 0 ? get(x, wide, at) / norm : 0);
    }
  }
}

// Has every parameter one number for each element of a row?
static bool simple_parameters(const esp_args *args, int64_t n) {
  for (int i = 1; i < args->nin; i++) {
    if (esp_has_input(args, i) && esp_shape_count(&args->in[i]->shape) != n) {
      return false;
    }
  }
  return true;
}

// What is one row, or line, of each operator, and what works on it.
static esp_status job_of(const esp_args *args, job *j, esp_loop_body *body) {
  const esp_shape *shape = &args->in[0]->shape;
  int axis;
  *body = norm_rows;
  switch (args->node->op) {
  case ESP_OP_BATCH_NORMALIZATION:
    *body = batch_norm;
    j->n = j->spatial;
    break;
  case ESP_OP_INSTANCE_NORMALIZATION:
    j->n = j->spatial;
    break;
  case ESP_OP_GROUP_NORMALIZATION:
    j->groups = esp_node_int(args->node, "num_groups", 1);
    j->n = j->channels / j->groups * j->spatial;
    break;
  case ESP_OP_LRN:
    *body = lrn;
    j->n = j->spatial;
    break;
  case ESP_OP_LP_NORMALIZATION:
    *body = lp_lines;
    ESP_TRY(layer_axis(args, &axis));
    j->n = shape->dim[axis];
    j->spatial = esp_shape_product(shape, axis + 1, shape->ndim);
    break;
  default:
    ESP_TRY(layer_axis(args, &axis));
    j->n = esp_shape_product(shape, axis, shape->ndim);
    j->simple = simple_parameters(args, j->n);
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 4096 };
  (void)state;
  const int64_t count = esp_shape_count(&args->in[0]->shape);
  if (count == 0) return ESP_OK;
  job j = {.args = args,
           .epsilon = (double)esp_node_float(args->node, "epsilon", 1e-5f),
           .channels = channels_of(args),
           .spatial = spatial_of(args)};
  esp_loop_body body;
  ESP_TRY(job_of(args, &j, &body));
  if (trains(args)) {
    esp_loop_over(team.width, j.channels, GRAIN * j.channels / count + 1,
                  train_channels, &j);
  } else {
    esp_loop_over(team.width, count / j.n, GRAIN / j.n + 1, body, &j);
  }
  return ESP_OK;
}

static const esp_op plain = {.run = run};
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  const int op = args->node->op;
  const int ndim = args->in[0]->shape.ndim;
  int axis = -1;
  for (int i = 1; i < args->nin; i++) {
    if (esp_samples_along(&in[i])) return;
  }
  if (op == ESP_OP_BATCH_NORMALIZATION && trains(args)) {
    esp_samples_give(args, &esp_samples_mixed, 0, out);
  } else if (op == ESP_OP_LAYER_NORMALIZATION) {
    if (layer_axis(args, &axis) != ESP_OK) return;
    const bool mixed = in[0].axis >= axis;
    esp_samples_give(args, mixed ? &esp_samples_mixed : &in[0], 0, out);
  } else if (op == ESP_OP_LP_NORMALIZATION) {
    if (layer_axis(args, &axis) != ESP_OK) return;
    esp_samples_past(args, &in[0], axis, out);
  } else if (ndim > 0) {
    esp_samples_leading(args, batch, in, out);
  }
}

const esp_op esp_op_normalise = {
    .samples = samples, .infer = infer, ESP_HALF(plain)};
