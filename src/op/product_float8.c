#include "op/product_float8.h"

#include "kernel/parallel.h"
#include "op/number.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

typedef struct work {
  const esp_args *args;
  const esp_product *product;
} work;

// Number i of a list that repeats.
static double repeated(const esp_tensor *t, int64_t i) {
  return esp_number_at(t, i % esp_shape_count(&t->shape));
}

static void run_rows(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const esp_product *q = w->product;
  const esp_tensor *const *in = w->args->in;
  for (int64_t row = begin; row < end; row++) {
    const int64_t matrix = row / q->m;
    const int64_t a_row =
        esp_product_matrix(q, &q->a_batch, matrix) * q->m + row % q->m;
    const int64_t b_matrix = esp_product_matrix(q, &q->b_batch, matrix);
    const double a_zero = repeated(in[A_ZERO], a_row);
    const double scale =
        repeated(in[A_SCALE], a_row) / repeated(in[Y_SCALE], row);
    for (int64_t n = 0; n < q->n; n++) {
      const int64_t column = b_matrix * q->n + n;
      const double b_zero = repeated(in[B_ZERO], column);
      double sum = 0;
      for (int64_t k = 0; k < q->k; k++) {
        const int64_t at = (b_matrix * q->k + k) * q->n + n;
        sum += (esp_number_at(in[A], a_row * q->k + k) - a_zero) *
               (esp_number_at(in[B], at) - b_zero);
      }
      esp_number_put(w->args->out[0], row * q->n + n,
                     sum * scale * repeated(in[B_SCALE], column) +
                         repeated(in[Y_ZERO], row));
    }
  }
}

void esp_product_float8(const esp_args *args, const esp_product *product,
                        int width) {
  enum { GRAIN = 1024 };
  work w = {.args = args, .product = product};
  esp_loop_over(width, product->m * product->batch,
                GRAIN / (product->n * product->k + 1) + 1, run_rows, &w);
}
