// Trilu: the upper or the lower triangle of matrices, zero elsewhere.
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 1, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  if (esp_has_input(args, 1)) {
    ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_INT64)));
    if (esp_shape_count(&args->in[1]->shape) != 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "input 1 must be one number");
    }
  }
  esp_set_output(args, 0, args->in[0]->type, &args->in[0]->shape);
  return ESP_OK;
}

typedef struct work {
  const esp_tensor *x, *y;
  int64_t rows, columns, k;
  bool upper;
} work;

static void run_rows(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const size_t bytes = esp_dtype_bytes(w->x->type);
  const size_t line = (size_t)w->columns * bytes;
  for (int64_t r = begin; r < end; r++) {
    // The diagonal crosses the row at column `cut`; k may be far outside.
    const int64_t row = r % w->rows;
    int64_t cut;
    if (__builtin_add_overflow(row + !w->upper, w->k, &cut)) cut = INT64_MAX;
    if (cut < 0) cut = 0;
    if (cut > w->columns) cut = w->columns;
    const unsigned char *x =
        (const unsigned char *)w->x->data + (size_t)r * line;
    unsigned char *y = (unsigned char *)w->y->data + (size_t)r * line;
    const size_t at = (size_t)cut * bytes;
    esp_fill_zero(w->x->type, y, w->columns);
    if (w->upper) {
      memcpy(y + at, x + at, line - at);
    } else {
      memcpy(y, x, at);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  (void)state;
  const esp_shape *shape = &args->in[0]->shape;
  work w = {.x = args->in[0],
            .y = args->out[0],
            .rows = shape->dim[shape->ndim - 2],
            .columns = shape->dim[shape->ndim - 1],
            .k = esp_has_input(args, 1) ? esp_whole_at(args->in[1], 0) : 0,
            .upper = esp_node_int(args->node, "upper", 1) != 0};
  const int64_t count = esp_shape_count(shape);
  if (count == 0) return ESP_OK;
  esp_loop_over(team.width, count / w.columns, GRAIN / w.columns + 1, run_rows,
                &w);
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  (void)batch;
  const bool within = in[0].axis >= args->in[0]->shape.ndim - 2;
  if (!esp_samples_along(&in[0])) return;
  esp_samples_give(args, within ? &esp_samples_mixed : &in[0], 0, out);
}

const esp_op esp_op_triangle = {.samples = samples, .infer = infer, .run = run};
