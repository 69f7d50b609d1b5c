// Losses of a classification: NegativeLogLikelihoodLoss and
// SoftmaxCrossEntropyLoss.  Sums are made in double, in a fixed order.
// Source: ONNX, both of version 13.
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/samples.h"

typedef enum reduction { NONE, SUM, MEAN } reduction;

static esp_status reduction_of(const esp_node *node, reduction *found) {
  const char *text = esp_node_string(node, "reduction", "mean");
  static const char *const known[] = {"none", "sum", "mean"};
  for (int i = NONE; i <= MEAN; i++) {
    *found = (reduction)i;
    if (strcmp(text, known[i]) == 0) return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT,
                  "reduction is \"%s\", expected none, sum or mean", text);
}

static bool is_softmax(const esp_args *args) {
  return args->node->op == ESP_OP_SOFTMAX_CROSS_ENTROPY_LOSS;
}

// The classes' shape is the scores' without the classes.
static esp_status check_target(const esp_args *args) {
  const esp_shape *x = &args->in[0]->shape;
  esp_shape want = *x;
  want.ndim--;
  for (int i = 1; i < want.ndim; i++) want.dim[i] = x->dim[i + 1];
  if (esp_shape_equal(&want, &args->in[1]->shape)) return ESP_OK;
  char have[ESP_SHAPE_TEXT], text[ESP_SHAPE_TEXT];
  return ESP_FAIL(ESP_BAD_INPUT, "input 1 has shape %s, expected %s",
                  esp_shape_text(&args->in[1]->shape, have),
                  esp_shape_text(&want, text));
}

static esp_status check_weights(const esp_args *args) {
  if (!esp_has_input(args, 2)) return ESP_OK;
  ESP_TRY(esp_check_same_type(args, 0, 2));
  ESP_TRY(esp_check_ndim(args, 2, 1, 1));
  const int64_t classes = args->in[0]->shape.dim[1];
  if (args->in[2]->shape.dim[0] == classes) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT,
                  "input 2 has %lld weights, expected one for each of the %lld "
                  "classes",
                  (long long)args->in[2]->shape.dim[0], (long long)classes);
}

static esp_status infer(const esp_args *args) {
  reduction way;
  ESP_TRY(esp_check_arity(args, 2, 3, is_softmax(args) ? 2 : 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_INT32) | ESP_TYPE(ESP_INT64)));
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  ESP_TRY(check_target(args));
  ESP_TRY(check_weights(args));
  ESP_TRY(reduction_of(args->node, &way));
  const esp_shape scalar = {0};
  const esp_dtype type = args->in[0]->type;
  esp_set_output(args, 0, type, way == NONE ? &args->in[1]->shape : &scalar);
  esp_set_output(args, 1, type, &args->in[0]->shape);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  enum { EXPONENTIAL = 20 };
  const esp_tensor *x = args->in[0];
  const double touched = is_softmax(args)
                             ? (double)esp_shape_count(&x->shape)
                             : (double)esp_shape_count(&args->in[1]->shape);
  return (esp_work){.flops = touched * (is_softmax(args) ? EXPONENTIAL : 2),
                    .bytes = touched * (double)esp_dtype_bytes(x->type)};
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  // A loss and a weight for each target, to be summed.
  made->scratch_bytes =
      2 * (size_t)esp_shape_count(&args->in[1]->shape) * sizeof(double);
  return ESP_OK;
}

typedef struct job {
  const esp_args *args;
  bool softmax, ignores;
  int64_t ignored, classes, inside; // `inside` targets lie between classes
  double *loss, *weight;
} job;

// x, or what becomes of it, is float32 or double.
static inline double get(const esp_tensor *t, int64_t i) {
  return t->type == ESP_DOUBLE ? ((const double *)t->data)[i]
                               : (double)((const float *)t->data)[i];
}
static inline void put(const esp_tensor *t, int64_t i, double v) {
  if (t->type == ESP_DOUBLE) {
    ((double *)t->data)[i] = v;
  } else {
    ((float *)t->data)[i] = (float)v;
  }
}

// The logarithm of the sum of the exponentials of a target's scores.
static double log_sum(const job *j, const esp_tensor *x, int64_t base) {
  double most = -INFINITY, sum = 0;
  for (int64_t c = 0; c < j->classes; c++) {
    most = fmax(most, get(x, base + c * j->inside));
  }
  if (isinf(most)) most = 0;
  for (int64_t c = 0; c < j->classes; c++) {
    sum += exp(get(x, base + c * j->inside) - most);
  }
  return most + log(sum);
}

static void targets(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_args *args = j->args;
  const esp_tensor *x = args->in[0];
  const esp_tensor *logs = args->nout > 1 ? args->out[1] : NULL;
  for (int64_t i = begin; i < end; i++) {
    const int64_t base = i / j->inside * j->classes * j->inside + i % j->inside;
    const int64_t target = esp_whole_at(args->in[1], i);
    const bool counts = !j->ignores || target != j->ignored;
    const double whole =
        j->softmax && (counts || logs != NULL) ? log_sum(j, x, base) : 0;
    for (int64_t c = 0; c < j->classes && logs != NULL; c++) {
      const int64_t at = base + c * j->inside;
      put(logs, at, get(x, at) - whole);
    }
    j->weight[i] = !counts                  ? 0
                   : esp_has_input(args, 2) ? get(args->in[2], target)
                                            : 1;
    j->loss[i] =
        counts ? (whole - get(x, base + target * j->inside)) * j->weight[i] : 0;
  }
}

static esp_status check_classes(const job *j, const esp_tensor *classes) {
  const int64_t count = esp_shape_count(&classes->shape);
  for (int64_t i = 0; i < count; i++) {
    const int64_t c = esp_whole_at(classes, i);
    if ((c >= 0 && c < j->classes) || (j->ignores && c == j->ignored)) continue;
    return ESP_FAIL(ESP_BAD_INPUT,
                    "class %lld of target %lld is outside [0,%lld)",
                    (long long)c, (long long)i, (long long)j->classes);
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  enum { GRAIN = 4096 };
  const esp_node *node = args->node;
  const esp_shape *x = &args->in[0]->shape;
  const int64_t count = esp_shape_count(&args->in[1]->shape);
  reduction way;
  ESP_TRY(reduction_of(node, &way));
  job j = {.args = args,
           .softmax = is_softmax(args),
           .ignores = esp_node_attribute(node, "ignore_index",
                                         ESP_ATTRIBUTE_INT) != NULL,
           .ignored = esp_node_int(node, "ignore_index", 0),
           .classes = x->dim[1],
           .inside = esp_shape_product(x, 2, x->ndim),
           .loss = team.scratch,
           .weight = (double *)team.scratch + count};
  ESP_TRY(check_classes(&j, args->in[1]));
  esp_loop_over(team.width, count, GRAIN / (j.classes + 1) + 1, targets, &j);
  if (args->out[0] == NULL) return ESP_OK;
  double sum = 0, weights = 0;
  for (int64_t i = 0; i < count; i++) {
    if (way == NONE) put(args->out[0], i, j.loss[i]);
    sum += j.loss[i];
    weights += j.weight[i];
  }
  if (way != NONE) put(args->out[0], 0, way == SUM ? sum : sum / weights);
  return ESP_OK;
}

static const esp_op plain = {.prepare = prepare, .run = run};
// Sums and means are over the batch.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  reduction way;
  if (reduction_of(args->node, &way) == ESP_OK && way == NONE) {
    esp_samples_all_leading(args, batch, in, out);
    return;
  }
  esp_samples_all_mixed(args, batch, in, out);
  if (args->nout > 1) esp_samples_all_leading(args, batch, in, out);
  out[0] = esp_samples_mixed;
}

const esp_op esp_op_loss = {
    .samples = samples, .infer = infer, .work = work, ESP_HALF(plain)};
