// Softmax, LogSoftmax and Hardmax.  Subtracting the maximum keeps exp() from
// overflowing; the sum is made in double, in an order that its length fixes.
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "kernel/vector_math.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"

// Before opset 13 all axes from `axis` on are one; from 13 on it is one axis.
typedef struct form {
  int64_t outer, n, inner;
} form;

static esp_status form_of(const esp_args *args, form *f) {
  const esp_shape *shape = &args->in[0]->shape;
  const bool flat = args->node->version < 13;
  int axis = 0;
  if (shape->ndim > 0) {
    ESP_TRY(esp_check_axis("axis",
                           esp_node_int(args->node, "axis", flat ? 1 : -1),
                           shape->ndim, &axis));
  }
  const int end = flat ? shape->ndim : axis + (shape->ndim > 0);
  *f = (form){.outer = esp_shape_product(shape, 0, axis),
              .n = esp_shape_product(shape, axis, end),
              .inner = esp_shape_product(shape, end, shape->ndim)};
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  form f;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(form_of(args, &f));
  esp_set_output(args, 0, args->in[0]->type, &args->in[0]->shape);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  const double count = (double)esp_shape_count(&args->in[0]->shape);
  return (esp_work){.flops = 20 * count,
                    .bytes = 2 * (double)esp_tensor_bytes(args->in[0])};
}

typedef struct job {
  const esp_args *args;
  form f;
} job;

// Row with a stride between its elements, in float32 or double.
#define ROW(type, suffix, expf_, logf_)                                        \
  static void row_##suffix(int op, const type *x, type *y, int64_t n,          \
                           int64_t step) {                                     \
    type largest = x[0];                                                       \
    int64_t at = 0;                                                            \
    for (int64_t i = 1; i < n; i++) {                                          \
      if (x[i * step] > largest) {                                             \
        largest = x[i * step];                                                 \
        at = i;                                                                \
      }                                                                        \
    }                                                                          \
    if (op == ESP_OP_HARDMAX) {                                                \
      for (int64_t i = 0; i < n; i++) y[i * step] = i == at ? 1 : 0;           \
      return;                                                                  \
    }                                                                          \
    double sum = 0;                                                            \
    for (int64_t i = 0; i < n; i++) {                                          \
      y[i * step] = expf_(x[i * step] - largest);                              \
      sum += (double)y[i * step];                                              \
    }                                                                          \
    if (op == ESP_OP_SOFTMAX) {                                                \
      const type factor = (type)(1 / sum);                                     \
      for (int64_t i = 0; i < n; i++) y[i * step] *= factor;                   \
    } else {                                                                   \
      const type shift = (type)log(sum);                                       \
      for (int64_t i = 0; i < n; i++)                                          \
        y[i * step] = (x[i * step] - largest) - shift;                         \
    }                                                                          \
  }
ROW(float, f32, expf, logf)
ROW(double, f64, exp, log)

// Elements that lie side by side, with the kernel's functions; the sum is made
// of pieces, so that what is summed need not be kept.
static double sum_of_exp(const float *x, int64_t n) {
  enum { PIECE = 256 };
  double sum = 0;
  for (int64_t i = 0; i < n; i += PIECE) {
    float part[PIECE];
    const int64_t count = n - i < PIECE ? n - i : PIECE;
    esp_vector_exp(x + i, part, count);
    sum += esp_vector_sum(part, count);
  }
  return sum;
}

static void dense_row(int op, const float *x, float *y, int64_t n) {
  if (op == ESP_OP_SOFTMAX) {
    esp_vector_softmax(x, y, n);
    return;
  }
  const float largest = esp_vector_max(x, n);
  for (int64_t i = 0; i < n; i++) y[i] = x[i] - largest;
  const float shift = (float)log(sum_of_exp(y, n));
  for (int64_t i = 0; i < n; i++) y[i] -= shift;
}

static void run_range(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_tensor *x = j->args->in[0], *y = j->args->out[0];
  for (int64_t r = begin; r < end; r++) {
    const int64_t at = r / j->f.inner * j->f.n * j->f.inner + r % j->f.inner;
    if (x->type == ESP_FLOAT && j->f.inner == 1 &&
        j->args->node->op != ESP_OP_HARDMAX) {
      dense_row(j->args->node->op, (const float *)x->data + at,
                (float *)y->data + at, j->f.n);
    } else if (x->type == ESP_FLOAT) {
      row_f32(j->args->node->op, (const float *)x->data + at,
              (float *)y->data + at, j->f.n, j->f.inner);
    } else {
      row_f64(j->args->node->op, (const double *)x->data + at,
              (double *)y->data + at, j->f.n, j->f.inner);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 2048 };
  (void)state;
  job j = {.args = args};
  ESP_TRY(form_of(args, &j.f));
  if (esp_shape_count(&args->in[0]->shape) == 0) return ESP_OK;
  esp_loop_over(team.width, j.f.outer * j.f.inner, GRAIN / j.f.n + 1, run_range,
                &j);
  return ESP_OK;
}

static const esp_op plain = {.run = run};
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  form f;
  (void)batch;
  if (form_of(args, &f) != ESP_OK) return;
  // The axes from the first that it works along are told by their number.
  const esp_shape *shape = &args->in[0]->shape;
  const int64_t before = esp_shape_product(shape, 0, in[0].axis);
  const int64_t from = before * shape->dim[in[0].axis];
  const bool outer = f.outer >= from || f.n * f.inner <= 1;
  const bool inner = f.outer * f.n <= before;
  esp_samples_give(args, outer || inner ? &in[0] : &esp_samples_mixed, 0, out);
}

const esp_op esp_op_softmax = {
    .samples = samples, .infer = infer, .work = work, ESP_HALF(plain)};
