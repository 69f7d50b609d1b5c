// Det: determinants of square matrices, by elimination in double.
#include <math.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/samples.h"

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  esp_shape shape = args->in[0]->shape;
  const int64_t rows = shape.dim[shape.ndim - 2];
  const int64_t columns = shape.dim[shape.ndim - 1];
  if (rows != columns) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "the matrices are %lld x %lld, expected square ones",
                    (long long)rows, (long long)columns);
  }
  shape.ndim -= 2;
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static int64_t order_of(const esp_args *args) {
  const esp_shape *shape = &args->in[0]->shape;
  return shape->dim[shape->ndim - 1];
}

static esp_work work_of(const esp_args *args) {
  const double m = (double)order_of(args);
  const double matrices = (double)esp_shape_count(&args->out[0]->shape);
  return (esp_work){.flops = matrices * m * m * m * 2 / 3,
                    .bytes = (double)esp_tensor_bytes(args->in[0]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

// Each thread eliminates in a matrix of its own.
static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  const size_t m = (size_t)order_of(args);
  made->scratch_bytes = (size_t)width * m * m * sizeof(double);
  return ESP_OK;
}

// The row at or below k with the largest element in column k.  NaN counts as
// the largest, so that it reaches the result.
static int64_t pivot_of(const double *a, int64_t m, int64_t k) {
  int64_t best = k;
  for (int64_t r = k + 1; r < m; r++) {
    if (isnan(a[best * m + k])) break;
    if (!(fabs(a[r * m + k]) <= fabs(a[best * m + k]))) best = r;
  }
  return best;
}

static void exchange(double *x, double *y, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    const double kept = x[i];
    x[i] = y[i];
    y[i] = kept;
  }
}

// Gaussian elimination with partial pivoting; a is overwritten.
static double determinant(double *a, int64_t m) {
  double product = 1;
  for (int64_t k = 0; k < m; k++) {
    const int64_t best = pivot_of(a, m, k);
    if (best != k) {
      exchange(a + k * m, a + best * m, m);
      product = -product;
    }
    const double pivot = a[k * m + k];
    product *= pivot;
    if (pivot == 0) continue; // nothing to eliminate
    for (int64_t r = k + 1; r < m; r++) {
      const double factor = a[r * m + k] / pivot;
      for (int64_t c = k + 1; c < m; c++) a[r * m + c] -= factor * a[k * m + c];
    }
  }
  return product;
}

typedef struct work {
  const esp_tensor *x, *y;
  double *scratch;
  int64_t m, matrices, parts;
} work;

static void run_parts(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const int64_t size = w->m * w->m;
  for (int64_t p = begin; p < end; p++) {
    double *a = w->scratch + p * size;
    for (int64_t i = w->matrices * p / w->parts;
         i < w->matrices * (p + 1) / w->parts; i++) {
      for (int64_t e = 0; e < size; e++) {
        a[e] = esp_number_at(w->x, i * size + e);
      }
      esp_number_put(w->y, i, determinant(a, w->m));
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  work w = {.x = args->in[0],
            .y = args->out[0],
            .scratch = team.scratch,
            .m = order_of(args),
            .matrices = esp_shape_count(&args->out[0]->shape),
            .parts = team.width};
  esp_loop_over(team.width, w.parts, 1, run_parts, &w);
  return ESP_OK;
}

static const esp_op plain = {.prepare = prepare, .run = run};
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  const int leading = args->in[0]->shape.ndim - 2; // before the matrices
  (void)batch;
  esp_samples_give(args, in[0].axis < leading ? &in[0] : &esp_samples_mixed, 0,
                   out);
}

const esp_op esp_op_determinant = {
    .samples = samples, .infer = infer, .work = work_of, ESP_HALF(plain)};
