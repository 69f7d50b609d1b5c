// Operators of one input, element by element.
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/parallel.h"
#include "kernel/vector_math.h"
#include "kernel/vectors.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/samples.h"

// What the attributes say, read once.
typedef struct parameters {
  double alpha, beta;
  bool exact;              // Gelu by erf, not by tanh
  bool negative, positive; // IsInf
  bool has_low, has_high;  // Clip: of integers, whole
  int64_t low, high;
} parameters;

typedef void (*loop)(const parameters *p, const void *x, void *y, int64_t n);

// f(v) computed in double and rounded once: for functions that are rare.
#define IN_DOUBLE(name, expression)                                            \
  static void name##_f32(const parameters *p, const void *vx, void *vy,        \
                         int64_t n) {                                          \
    const float *x = vx;                                                       \
    float *y = vy;                                                             \
    (void)p;                                                                   \
    for (int64_t i = 0; i < n; i++) {                                          \
      const double v = (double)x[i];                                           \
      y[i] = (float)(expression);                                              \
    }                                                                          \
  }                                                                            \
  AS_DOUBLE(name, expression)
#define AS_DOUBLE(name, expression)                                            \
  static void name##_f64(const parameters *p, const void *vx, void *vy,        \
                         int64_t n) {                                          \
    const double *x = vx;                                                      \
    double *y = vy;                                                            \
    (void)p;                                                                   \
    for (int64_t i = 0; i < n; i++) {                                          \
      const double v = x[i];                                                   \
      y[i] = (expression);                                                     \
    }                                                                          \
  }
// f(v) in float32 as it stands, for loops that become vectors.
#define IN_FLOAT(name, expression)                                             \
  ESP_VECTORS static void name##_f32(const parameters *p, const void *vx,      \
                                     void *vy, int64_t n) {                    \
    const float *x = vx;                                                       \
    float *y = vy;                                                             \
    const float alpha = (float)p->alpha, beta = (float)p->beta;                \
    (void)alpha;                                                               \
    (void)beta;                                                                \
    for (int64_t i = 0; i < n; i++) {                                          \
      const float v = x[i];                                                    \
      y[i] = (expression);                                                     \
    }                                                                          \
  }

#define A p->alpha
#define B p->beta

IN_FLOAT(relu, v > 0.0f ? v : (v != v ? v : 0.0f))
AS_DOUBLE(relu, v > 0 ? v : (v != v ? v : 0))
IN_FLOAT(leaky, v < 0.0f ? alpha * v : v)
AS_DOUBLE(leaky, v < 0 ? A * v : v)
// When the bounds cross, the upper one wins.
IN_FLOAT(clip, (v < alpha ? alpha : v) > beta ? beta : (v < alpha ? alpha : v))
AS_DOUBLE(clip, (v < A ? A : v) > B ? B : (v < A ? A : v))
IN_FLOAT(absolute, fabsf(v))
AS_DOUBLE(absolute, fabs(v))
IN_FLOAT(negative, -v)
AS_DOUBLE(negative, -v)
IN_FLOAT(root, sqrtf(v))
AS_DOUBLE(root, sqrt(v))
IN_FLOAT(down, floorf(v))
AS_DOUBLE(down, floor(v))
IN_FLOAT(up, ceilf(v))
AS_DOUBLE(up, ceil(v))
IN_FLOAT(nearest, rintf(v)) // to even, as the standard asks
AS_DOUBLE(nearest, rint(v))
IN_FLOAT(reciprocal, 1.0f / v)
AS_DOUBLE(reciprocal, 1 / v)
IN_FLOAT(hard_sigmoid, fmaxf(0.0f, fminf(1.0f, alpha *v + beta)))
AS_DOUBLE(hard_sigmoid, fmax(0, fmin(1, A *v + B)))
IN_FLOAT(hard_swish, v *fmaxf(0.0f, fminf(1.0f, v / 6.0f + 0.5f)))
AS_DOUBLE(hard_swish, v *fmax(0, fmin(1, v / 6 + 0.5)))
IN_FLOAT(thresholded, v > alpha ? v : 0.0f)
AS_DOUBLE(thresholded, v > A ? v : 0)
IN_FLOAT(softsign, v / (1.0f + fabsf(v)))
AS_DOUBLE(softsign, v / (1 + fabs(v)))
IN_FLOAT(shrink, v < -beta ? v + alpha : (v > beta ? v - alpha : 0.0f))
AS_DOUBLE(shrink, v < -B ? v + A : (v > B ? v - A : 0))

AS_DOUBLE(exponential, exp(v))
AS_DOUBLE(sigmoid, 1 / (1 + exp(-v)))
AS_DOUBLE(hyperbolic, tanh(v))
#define VECTOR(name, function)                                                 \
  static void name##_f32(const parameters *p, const void *x, void *y,          \
                         int64_t n) {                                          \
    (void)p;                                                                   \
    function(x, y, n);                                                         \
  }
VECTOR(exponential, esp_vector_exp)
VECTOR(sigmoid, esp_vector_sigmoid)
VECTOR(hyperbolic, esp_vector_tanh)
VECTOR(error_function, esp_vector_erf)

static double softplus_of(double v) {
  return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
}
static double exact_gelu_of(double v, bool exact) {
  const double inside = 0.79788456080286535588 * (v + 0.044715 * v * v * v);
  return exact ? 0.5 * v * (1 + erf(v * 0.70710678118654752440))
               : 0.5 * v * (1 + tanh(inside));
}

IN_DOUBLE(arc_cosine, acos(v))
IN_DOUBLE(area_cosine, acosh(v))
IN_DOUBLE(arc_sine, asin(v))
IN_DOUBLE(area_sine, asinh(v))
IN_DOUBLE(arc_tangent, atan(v))
IN_DOUBLE(area_tangent, atanh(v))
IN_DOUBLE(cosine, cos(v))
IN_DOUBLE(hyperbolic_cosine, cosh(v))
IN_DOUBLE(sine, sin(v))
IN_DOUBLE(hyperbolic_sine, sinh(v))
IN_DOUBLE(tangent, tan(v))
IN_DOUBLE(logarithm, log(v))
AS_DOUBLE(error_function, erf(v))
IN_DOUBLE(celu, fmax(0, v) + fmin(0, A *expm1(v / A)))
IN_DOUBLE(elu, v < 0 ? A * expm1(v) : v)
IN_DOUBLE(selu, v > 0 ? B * v : B * A * expm1(v))
IN_DOUBLE(softplus, softplus_of(v))
AS_DOUBLE(gelu, exact_gelu_of(v, p->exact))
static void gelu_f32(const parameters *p, const void *x, void *y, int64_t n) {
  if (p->exact) {
    esp_vector_gelu(x, y, n);
  } else {
    esp_vector_gelu_tanh(x, y, n);
  }
}
IN_DOUBLE(mish, v *tanh(softplus_of(v)))
IN_DOUBLE(sign, v > 0 ? 1 : (v < 0 ? -1 : 0 * v))

#define INTEGER(s, t, d)                                                       \
  static void absolute_##s(const parameters *p, const void *vx, void *vy,      \
                           int64_t n) {                                        \
    const t *x = vx;                                                           \
    t *y = vy;                                                                 \
    (void)p;                                                                   \
    for (int64_t i = 0; i < n; i++) {                                          \
      y[i] = x[i] < (t)1 ? (t)(0 - (uint64_t)x[i]) : x[i];                     \
    }                                                                          \
  }                                                                            \
  static void negative_##s(const parameters *p, const void *vx, void *vy,      \
                           int64_t n) {                                        \
    const t *x = vx;                                                           \
    t *y = vy;                                                                 \
    (void)p;                                                                   \
    for (int64_t i = 0; i < n; i++) y[i] = (t)(0 - (uint64_t)x[i]);            \
  }                                                                            \
  static void sign_##s(const parameters *p, const void *vx, void *vy,          \
                       int64_t n) {                                            \
    const t *x = vx;                                                           \
    t *y = vy;                                                                 \
    (void)p;                                                                   \
    for (int64_t i = 0; i < n; i++) {                                          \
      y[i] = (t)((x[i] > (t)0) - (x[i] < (t)1 && x[i] != (t)0));               \
    }                                                                          \
  }                                                                            \
  static void relu_##s(const parameters *p, const void *vx, void *vy,          \
                       int64_t n) {                                            \
    const t *x = vx;                                                           \
    t *y = vy;                                                                 \
    (void)p;                                                                   \
    for (int64_t i = 0; i < n; i++) y[i] = x[i] > (t)0 ? x[i] : (t)0;          \
  }                                                                            \
  static void clip_##s(const parameters *p, const void *vx, void *vy,          \
                       int64_t n) {                                            \
    const t *x = vx;                                                           \
    t *y = vy;                                                                 \
    const t low = (t)p->low, high = (t)p->high;                                \
    for (int64_t i = 0; i < n; i++) {                                          \
      t v = x[i];                                                              \
      if (p->has_low && v < low) v = low;                                      \
      if (p->has_high && v > high) v = high;                                   \
      y[i] = v;                                                                \
    }                                                                          \
  }                                                                            \
  static void shrink_##s(const parameters *p, const void *vx, void *vy,        \
                         int64_t n) {                                          \
    const t *x = vx;                                                           \
    t *y = vy;                                                                 \
    for (int64_t i = 0; i < n; i++) {                                          \
      const double v = (double)x[i];                                           \
      y[i] = (t)(v < -B ? v + A : (v > B ? v - A : 0));                        \
    }                                                                          \
  }                                                                            \
  static void bitwise_not_##s(const parameters *p, const void *vx, void *vy,   \
                              int64_t n) {                                     \
    const t *x = vx;                                                           \
    t *y = vy;                                                                 \
    (void)p;                                                                   \
    for (int64_t i = 0; i < n; i++) y[i] = (t) ~(uint64_t)x[i];                \
  }
ESP_INTEGER_TYPES(INTEGER)

static void not_bool(const parameters *p, const void *vx, void *vy, int64_t n) {
  const uint8_t *x = vx;
  uint8_t *y = vy;
  (void)p;
  for (int64_t i = 0; i < n; i++) y[i] = x[i] == 0;
}

#define PREDICATE(s, t, d)                                                     \
  static void is_nan_##s(const parameters *p, const void *vx, void *vy,        \
                         int64_t n) {                                          \
    const t *x = vx;                                                           \
    uint8_t *y = vy;                                                           \
    (void)p;                                                                   \
    for (int64_t i = 0; i < n; i++) y[i] = (uint8_t)(x[i] != x[i]);            \
  }                                                                            \
  static void is_inf_##s(const parameters *p, const void *vx, void *vy,        \
                         int64_t n) {                                          \
    const t *x = vx;                                                           \
    uint8_t *y = vy;                                                           \
    for (int64_t i = 0; i < n; i++) {                                          \
      y[i] = isinf(x[i]) && (x[i] > 0 ? p->positive : p->negative);            \
    }                                                                          \
  }
ESP_FLOATING_TYPES(PREDICATE)

#define FLOATS(name)                                                           \
  { [ESP_FLOAT] = name##_f32, [ESP_DOUBLE] = name##_f64 }
#define ABSOLUTE(s, t, d) [d] = absolute_##s,
#define NEGATIVE(s, t, d) [d] = negative_##s,
#define SIGN(s, t, d) [d] = sign_##s,
#define RELU(s, t, d) [d] = relu_##s,
#define CLIP(s, t, d) [d] = clip_##s,
#define SHRINK(s, t, d) [d] = shrink_##s,
#define BITWISE_NOT(s, t, d) [d] = bitwise_not_##s,

static const loop table[ESP_OP_COUNT][ESP_DTYPES] = {
    [ESP_OP_ABS] = {ESP_ALL_TYPES(ABSOLUTE)},
    [ESP_OP_NEG] = {ESP_ALL_TYPES(NEGATIVE)},
    [ESP_OP_SIGN] = {ESP_ALL_TYPES(SIGN)},
    [ESP_OP_RELU] = {ESP_ALL_TYPES(RELU)},
    [ESP_OP_CLIP] = {ESP_ALL_TYPES(CLIP)},
    [ESP_OP_NOT] = {[ESP_BOOL] = not_bool},
    [ESP_OP_ACOS] = FLOATS(arc_cosine),
    [ESP_OP_ACOSH] = FLOATS(area_cosine),
    [ESP_OP_ASIN] = FLOATS(arc_sine),
    [ESP_OP_ASINH] = FLOATS(area_sine),
    [ESP_OP_ATAN] = FLOATS(arc_tangent),
    [ESP_OP_ATANH] = FLOATS(area_tangent),
    [ESP_OP_BITWISE_NOT] = {ESP_INTEGER_TYPES(BITWISE_NOT)},
    [ESP_OP_CEIL] = FLOATS(up),
    [ESP_OP_CELU] = FLOATS(celu),
    [ESP_OP_COS] = FLOATS(cosine),
    [ESP_OP_COSH] = FLOATS(hyperbolic_cosine),
    [ESP_OP_ELU] = FLOATS(elu),
    [ESP_OP_ERF] = FLOATS(error_function),
    [ESP_OP_EXP] = FLOATS(exponential),
    [ESP_OP_FLOOR] = FLOATS(down),
    [ESP_OP_GELU] = FLOATS(gelu),
    [ESP_OP_HARD_SIGMOID] = FLOATS(hard_sigmoid),
    [ESP_OP_HARD_SWISH] = FLOATS(hard_swish),
    [ESP_OP_IS_INF] = FLOATS(is_inf),
    [ESP_OP_IS_NAN] = FLOATS(is_nan),
    [ESP_OP_LEAKY_RELU] = FLOATS(leaky),
    [ESP_OP_LOG] = FLOATS(logarithm),
    [ESP_OP_MISH] = FLOATS(mish),
    [ESP_OP_RECIPROCAL] = FLOATS(reciprocal),
    [ESP_OP_ROUND] = FLOATS(nearest),
    [ESP_OP_SELU] = FLOATS(selu),
    [ESP_OP_SHRINK] = {ESP_ALL_TYPES(SHRINK)},
    [ESP_OP_SIGMOID] = FLOATS(sigmoid),
    [ESP_OP_SIN] = FLOATS(sine),
    [ESP_OP_SINH] = FLOATS(hyperbolic_sine),
    [ESP_OP_SOFTPLUS] = FLOATS(softplus),
    [ESP_OP_SOFTSIGN] = FLOATS(softsign),
    [ESP_OP_SQRT] = FLOATS(root),
    [ESP_OP_TAN] = FLOATS(tangent),
    [ESP_OP_TANH] = FLOATS(hyperbolic),
    [ESP_OP_THRESHOLDED_RELU] = FLOATS(thresholded),
};

static loop loop_of(const esp_args *args) {
  const esp_dtype type = esp_computed_type(args->in[0]->type);
  return (int)type < ESP_DTYPES ? table[args->node->op][type] : NULL;
}

static esp_status infer(const esp_args *args) {
  const int op = args->node->op;
  ESP_TRY(esp_check_arity(args, 1, op == ESP_OP_CLIP ? 3 : 1, 1));
  if (loop_of(args) == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "an input of type %s",
                    esp_dtype_text(args->in[0]->type));
  }
  for (int i = 1; i < args->nin; i++) {
    if (args->in[i] == NULL) continue;
    ESP_TRY(esp_check_same_type(args, 0, i));
    if (esp_shape_count(&args->in[i]->shape) != 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d must be one number", i);
    }
  }
  const bool predicate = op == ESP_OP_IS_INF || op == ESP_OP_IS_NAN;
  esp_set_output(args, 0, predicate ? ESP_BOOL : args->in[0]->type,
                 &args->in[0]->shape);
  return ESP_OK;
}

// Defaults of alpha and beta, by operator.
static parameters defaults(const esp_node *node) {
  static const struct {
    int op;
    const char *alpha_name, *beta_name;
    float alpha, beta;
  } rows[] = {
      {ESP_OP_LEAKY_RELU, "alpha", "", 0.01f, 0},
      {ESP_OP_ELU, "alpha", "", 1, 0},
      {ESP_OP_CELU, "alpha", "", 1, 0},
      {ESP_OP_SELU, "alpha", "gamma", 1.67326319217681884765625f,
       1.05070102214813232421875f},
      {ESP_OP_HARD_SIGMOID, "alpha", "beta", 0.2f, 0.5f},
      {ESP_OP_THRESHOLDED_RELU, "alpha", "", 1, 0},
      {ESP_OP_SHRINK, "bias", "lambd", 0, 0.5f},
      {ESP_OP_CLIP, "min", "max", -INFINITY, INFINITY},
  };
  parameters p = {0};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].op != node->op) continue;
    p.alpha = (double)esp_node_float(node, rows[i].alpha_name, rows[i].alpha);
    p.beta = (double)esp_node_float(node, rows[i].beta_name, rows[i].beta);
  }
  if (node->op == ESP_OP_SELU && node->version < 6) { // rounded in that text
    p.alpha = (double)esp_node_float(node, "alpha", 1.6732f);
    p.beta = (double)esp_node_float(node, "gamma", 1.0507f);
  }
  if (node->op == ESP_OP_CLIP && node->version >= 6 && node->version < 11) {
    p.alpha = (double)esp_node_float(node, "min", -FLT_MAX);
    p.beta = (double)esp_node_float(node, "max", FLT_MAX);
  }
  p.exact = strcmp(esp_node_string(node, "approximate", "none"), "tanh") != 0;
  p.negative = esp_node_int(node, "detect_negative", 1) != 0;
  p.positive = esp_node_int(node, "detect_positive", 1) != 0;
  return p;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  parameters *p = malloc(sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  *p = defaults(args->node);
  made->state = p;
  return ESP_OK;
}

// Bounds of a Clip that are inputs; an omitted one does not bound.
static void read_bounds(const esp_args *args, parameters *p) {
  if (esp_has_input(args, 1)) {
    p->alpha = esp_number_at(args->in[1], 0);
    p->low = esp_whole_at(args->in[1], 0);
    p->has_low = true;
  }
  if (esp_has_input(args, 2)) {
    p->beta = esp_number_at(args->in[2], 0);
    p->high = esp_whole_at(args->in[2], 0);
    p->has_high = true;
  }
}

typedef struct work {
  loop run;
  parameters p;
  const unsigned char *x;
  unsigned char *y;
  size_t in_bytes, out_bytes;
} work;

static void run_range(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  w->run(&w->p, w->x + (size_t)begin * w->in_bytes,
         w->y + (size_t)begin * w->out_bytes, end - begin);
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  const esp_tensor *x = args->in[0], *y = args->out[0];
  work w = {.run = loop_of(args),
            .p = *(const parameters *)state,
            .x = x->data,
            .y = y->data,
            .in_bytes = esp_dtype_bytes(x->type),
            .out_bytes = esp_dtype_bytes(y->type)};
  if (args->node->op == ESP_OP_CLIP) read_bounds(args, &w.p);
  esp_loop_over(team.width, esp_shape_count(&x->shape), GRAIN, run_range, &w);
  return ESP_OK;
}

static const esp_op plain = {.prepare = prepare, .release = free, .run = run};
const esp_op esp_op_unary = {.samples = esp_samples_elementwise,
                             .infer = infer,
                             ESP_HALF(plain),
                             .overlays = esp_overlays_alike,
                             .layout = ESP_LAYOUT_FOLLOWS};
