#include "op/activation.h"

#include <math.h>
#include <strings.h>

#include "kernel/vector_math.h"

struct esp_function {
  const char *name;
  double (*of)(double x, double alpha, double beta);
  int numbers; // alpha, or alpha and beta
  double alpha, beta;
  void (*fast)(const float *x, float *y, int64_t n); // of float32, or NULL
};

// Not every function has numbers.
#define FUNCTION(name, value)                                                  \
  static double name(double x, double alpha, double beta) {                    \
    (void)alpha;                                                               \
    (void)beta;                                                                \
    return (value);                                                            \
  }
FUNCTION(affine, alpha *x + beta)
FUNCTION(elu, x >= 0 ? x : alpha * expm1(x))
FUNCTION(hard_sigmoid, fmin(fmax(alpha *x + beta, 0), 1))
FUNCTION(leaky_relu, x >= 0 ? x : alpha * x)
FUNCTION(relu, x > 0 ? x : 0)
FUNCTION(scaled_tanh, alpha *tanh(beta *x))
FUNCTION(sigmoid, 1 / (1 + exp(-x)))
FUNCTION(softplus, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)))
FUNCTION(softsign, x / (1 + fabs(x)))
FUNCTION(tangent, tanh(x))
FUNCTION(thresholded_relu, x >= alpha ? x : 0)

static void relu_float(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
}

static const struct esp_function functions[] = {
    {"Affine", affine, 2, 1, 0, NULL},
    {"Elu", elu, 1, 1, 0, NULL},
    {"HardSigmoid", hard_sigmoid, 2, 0.2f, 0.5, NULL},
    {"LeakyRelu", leaky_relu, 1, 0.01f, 0, NULL},
    {"Relu", relu, 0, 0, 0, relu_float},
    {"ScaledTanh", scaled_tanh, 2, 1, 1, NULL},
    {"Sigmoid", sigmoid, 0, 0, 0, esp_vector_sigmoid},
    {"Softplus", softplus, 0, 0, 0, NULL},
    {"Softsign", softsign, 0, 0, 0, NULL},
    {"Tanh", tangent, 0, 0, 0, esp_vector_tanh},
    {"ThresholdedRelu", thresholded_relu, 1, 1, 0, NULL}};

static const struct esp_function *find(const char *name) {
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    if (strcasecmp(functions[i].name, name) == 0) return &functions[i];
  }
  return NULL;
}

// The next number of a list, if it has any left.
static double next_number(const esp_attribute *list, int64_t *used,
                          double fallback) {
  if (list == NULL || *used >= list->count) return fallback;
  return (double)list->floats[(*used)++];
}

esp_status esp_activations_read(const esp_node *node, int count, int each,
                                const char *const *fallback,
                                esp_activation *list) {
  const esp_attribute *names =
      esp_node_attribute(node, "activations", ESP_ATTRIBUTE_STRINGS);
  const esp_attribute *alphas =
      esp_node_attribute(node, "activation_alpha", ESP_ATTRIBUTE_FLOATS);
  const esp_attribute *betas =
      esp_node_attribute(node, "activation_beta", ESP_ATTRIBUTE_FLOATS);
  if (names != NULL && names->count != count) {
    return ESP_FAIL(ESP_BAD_INPUT, "%lld activations, expected %d",
                    (long long)names->count, count);
  }
  int64_t alpha = 0, beta = 0;
  for (int i = 0; i < count; i++) {
    const char *name = names != NULL ? names->strings[i] : fallback[i % each];
    const struct esp_function *f = find(name);
    if (f == NULL) return ESP_FAIL(ESP_UNSUPPORTED, "activation \"%s\"", name);
    list[i] = (esp_activation){.function = f};
    if (f->numbers > 0) {
      list[i].alpha = next_number(alphas, &alpha, f->alpha);
    }
    if (f->numbers > 1) list[i].beta = next_number(betas, &beta, f->beta);
  }
  if ((alphas == NULL || alpha == alphas->count) &&
      (betas == NULL || beta == betas->count)) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_UNSUPPORTED,
                  "activation_alpha or activation_beta has more numbers than "
                  "the functions take, %lld and %lld",
                  (long long)alpha, (long long)beta);
}

void esp_activation_float(const esp_activation *f, const float *x, float *y,
                          int64_t n) {
  if (f->function->fast != NULL) {
    f->function->fast(x, y, n);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    y[i] = (float)f->function->of((double)x[i], f->alpha, f->beta);
  }
}

void esp_activation_double(const esp_activation *f, const double *x, double *y,
                           int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    y[i] = f->function->of(x[i], f->alpha, f->beta);
  }
}

bool esp_activation_is(const esp_activation *f, const char *name) {
  return f->function == find(name);
}
