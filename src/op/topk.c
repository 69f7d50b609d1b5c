// TopK: the k largest or smallest elements along an axis and where they stand.
// Equal elements keep their order; NaN comes after every number.
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

// How many, which is an attribute before opset 10.
static esp_status count_of(const esp_args *args, int64_t *k) {
  int count;
  *k = esp_node_int(args->node, "k", -1);
  if (args->node->version >= 10) {
    ESP_TRY(esp_list_of(args, 1, "k", 10, k, 1, &count));
    if (count != 1) return ESP_FAIL(ESP_BAD_INPUT, "input 1 is not one number");
  }
  if (*k >= 0) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "k is %lld, or missing", (long long)*k);
}

static esp_status axis_of(const esp_args *args, int *axis) {
  return esp_check_axis("axis", esp_node_int(args->node, "axis", -1),
                        args->in[0]->shape.ndim, axis);
}

static esp_status infer(const esp_args *args) {
  const int inputs = args->node->version < 10 ? 1 : 2;
  int axis;
  int64_t k;
  ESP_TRY(esp_check_arity(args, inputs, inputs, 2));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_NUMERIC));
  ESP_TRY(esp_check_ndim(args, 0, 1, ESP_MAX_NDIM));
  ESP_TRY(axis_of(args, &axis));
  ESP_TRY(count_of(args, &k));
  esp_shape shape = args->in[0]->shape;
  if (k > shape.dim[axis]) {
    return ESP_FAIL(ESP_BAD_INPUT, "k is %lld, but axis %d has %lld elements",
                    (long long)k, axis, (long long)shape.dim[axis]);
  }
  shape.dim[axis] = k;
  esp_set_output(args, 0, args->in[0]->type, &shape);
  esp_set_output(args, 1, ESP_INT64, &shape);
  return ESP_OK;
}

typedef struct work {
  const esp_tensor *x, *values, *indices; // NULL: not wanted
  int64_t n, k, inner;
  bool largest;
  int64_t *kept; // where indices are ordered, k for each line
} work;

// Elements of one line, and the heap of those that are kept so far: the last
// of them in the result's order is at its top.
typedef struct line {
  const work *w;
  int64_t base, *heap;
} line;

// Does element i come before element j in the result?
static bool before(const line *l, int64_t i, int64_t j) {
  const work *w = l->w;
  const int64_t at = l->base + i * w->inner, other = l->base + j * w->inner;
  bool more, less;
  if (esp_dtype_is_integer(w->x->type)) {
    int64_t a = esp_whole_at(w->x, at), b = esp_whole_at(w->x, other);
    if (w->x->type == ESP_UINT64) { // in the order of signed numbers
      a ^= INT64_MIN;
      b ^= INT64_MIN;
    }
    more = a > b;
    less = a < b;
  } else {
    const double a = esp_number_at(w->x, at), b = esp_number_at(w->x, other);
    if (isnan(a) != isnan(b)) return isnan(b);
    more = a > b;
    less = a < b;
  }
  if (more || less) return w->largest ? more : less;
  return i < j;
}

static void sink(const line *l, int64_t place, int64_t count) {
  for (;;) {
    int64_t child = 2 * place + 1;
    if (child >= count) return;
    if (child + 1 < count && before(l, l->heap[child], l->heap[child + 1])) {
      child++;
    }
    if (!before(l, l->heap[place], l->heap[child])) return;
    const int64_t moved = l->heap[place];
    l->heap[place] = l->heap[child];
    l->heap[child] = moved;
    place = child;
  }
}

static void select_line(const line *l) {
  const int64_t k = l->w->k;
  for (int64_t i = 0; i < k; i++) l->heap[i] = i;
  for (int64_t i = k / 2 - 1; i >= 0; i--) sink(l, i, k);
  for (int64_t i = k; i < l->w->n; i++) {
    if (!before(l, i, l->heap[0])) continue;
    l->heap[0] = i;
    sink(l, 0, k);
  }
  for (int64_t count = k - 1; count > 0; count--) { // the last goes last
    const int64_t last = l->heap[0];
    l->heap[0] = l->heap[count];
    l->heap[count] = last;
    sink(l, 0, count);
  }
}

static void run_lines(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const size_t bytes = esp_dtype_bytes(w->x->type);
  for (int64_t r = begin; r < end; r++) {
    const int64_t outer = r / w->inner, inside = r % w->inner;
    const line l = {.w = w,
                    .base = outer * w->n * w->inner + inside,
                    .heap = w->kept + r * w->k};
    select_line(&l);
    for (int64_t i = 0; i < w->k; i++) {
      const int64_t to = (outer * w->k + i) * w->inner + inside;
      const int64_t from = l.base + l.heap[i] * w->inner;
      if (w->indices != NULL) ((int64_t *)w->indices->data)[to] = l.heap[i];
      if (w->values == NULL) continue;
      memcpy((unsigned char *)w->values->data + (size_t)to * bytes,
             (const unsigned char *)w->x->data + (size_t)from * bytes, bytes);
    }
  }
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  int64_t k;
  int axis;
  (void)width;
  ESP_TRY(count_of(args, &k));
  ESP_TRY(axis_of(args, &axis));
  const esp_shape *x = &args->in[0]->shape;
  const int64_t lines =
      esp_shape_product(x, 0, axis) * esp_shape_product(x, axis + 1, x->ndim);
  made->scratch_bytes = (size_t)lines * (size_t)k * sizeof(int64_t);
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 2048 };
  (void)state;
  const esp_shape *x = &args->in[0]->shape;
  work w = {.x = args->in[0],
            .values = args->out[0],
            .indices = args->nout > 1 ? args->out[1] : NULL,
            .largest = esp_node_int(args->node, "largest", 1) != 0,
            .kept = team.scratch};
  int axis;
  ESP_TRY(axis_of(args, &axis));
  ESP_TRY(count_of(args, &w.k));
  w.n = x->dim[axis];
  w.inner = esp_shape_product(x, axis + 1, x->ndim);
  if (w.k == 0 || esp_shape_count(x) == 0) return ESP_OK;
  esp_loop_over(team.width, esp_shape_count(x) / w.n, GRAIN / w.n + 1,
                run_lines, &w);
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  int axis;
  (void)batch;
  if (axis_of(args, &axis) == ESP_OK && esp_samples_along(&in[0])) {
    esp_samples_past(args, &in[0], axis, out);
  }
}

const esp_op esp_op_topk = {
    .samples = samples, .infer = infer, .prepare = prepare, .run = run};
