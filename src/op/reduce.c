// Reductions over some axes.  The elements of one output are added in a fixed
// order, in double, whatever the width and whatever else is computed.
#include <limits.h>
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "kernel/vector_math.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/number.h"
#include "op/reduction.h"
#include "op/samples.h"

// Which axes go, and what the output keeps of them.
typedef struct reduction {
  bool gone[ESP_MAX_NDIM];
  bool keep;
} reduction;

static bool is_arg(int op) {
  return op == ESP_OP_ARG_MAX || op == ESP_OP_ARG_MIN;
}

static esp_status reduction_of(const esp_args *args, reduction *r) {
  const esp_node *node = args->node;
  const int ndim = args->in[0]->shape.ndim;
  int64_t axes[ESP_MAX_NDIM];
  int count = 1;
  *r = (reduction){.keep = esp_node_int(node, "keepdims", 1) != 0};
  if (is_arg(node->op)) {
    axes[0] = esp_node_int(node, "axis", 0);
  } else {
    const int since = node->op == ESP_OP_REDUCE_SUM ? 13 : 18;
    ESP_TRY(esp_list_of(args, 1, "axes", since, axes, ESP_MAX_NDIM, &count));
  }
  const bool none = count <= 0;
  if (none && esp_node_int(node, "noop_with_empty_axes", 0) != 0) return ESP_OK;
  for (int i = 0; i < ndim && none; i++) r->gone[i] = true;
  for (int i = 0; i < count; i++) {
    int axis;
    ESP_TRY(esp_check_axis("axis", axes[i], ndim, &axis));
    r->gone[axis] = true;
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  reduction r;
  ESP_TRY(esp_check_arity(args, 1, 2, 1));
  const bool truth = args->node->op == ESP_OP_REDUCE_MAX ||
                     args->node->op == ESP_OP_REDUCE_MIN;
  ESP_TRY(esp_check_type(args, 0, truth ? ESP_TYPES_ANY : ESP_TYPES_NUMERIC));
  ESP_TRY(reduction_of(args, &r));
  const esp_shape *in = &args->in[0]->shape;
  esp_shape shape = {0};
  for (int i = 0; i < in->ndim; i++) {
    if (!r.gone[i]) {
      shape.dim[shape.ndim++] = in->dim[i];
    } else {
      if (r.keep) shape.dim[shape.ndim++] = 1;
      if (in->dim[i] == 0 && is_arg(args->node->op)) {
        return ESP_FAIL(ESP_BAD_INPUT, "axis %d is empty", i);
      }
    }
  }
  esp_set_output(
      args, 0, is_arg(args->node->op) ? ESP_INT64 : args->in[0]->type, &shape);
  return ESP_OK;
}

typedef struct work {
  int op;
  bool last_index;
  const esp_tensor *x, *y;
  esp_reduction r;
} work;

static double start_of(int op) {
  switch (op) {
  case ESP_OP_REDUCE_MAX:
  case ESP_OP_ARG_MAX:
    return -(double)INFINITY;
  case ESP_OP_REDUCE_MIN:
  case ESP_OP_ARG_MIN:
    return (double)INFINITY;
  case ESP_OP_REDUCE_PROD:
    return 1;
  default:
    return 0;
  }
}

static double add(int op, double sum, double v, double largest) {
  switch (op) {
  case ESP_OP_REDUCE_L1:
    return sum + fabs(v);
  case ESP_OP_REDUCE_L2:
  case ESP_OP_REDUCE_SUM_SQUARE:
    return sum + v * v;
  case ESP_OP_REDUCE_LOG_SUM_EXP:
    return sum + exp(v - largest);
  case ESP_OP_REDUCE_MAX:
    return isnan(v) || v > sum ? v : sum;
  case ESP_OP_REDUCE_MIN:
    return isnan(v) || v < sum ? v : sum;
  case ESP_OP_REDUCE_PROD:
    return sum * v;
  default:
    return sum + v;
  }
}

static double finish(const work *w, double sum, double largest) {
  switch (w->op) {
  case ESP_OP_REDUCE_L2:
    return sqrt(sum);
  case ESP_OP_REDUCE_MEAN:
    return sum / (double)w->r.count;
  case ESP_OP_REDUCE_LOG_SUM:
    return log(sum);
  case ESP_OP_REDUCE_LOG_SUM_EXP:
    return log(sum) + largest;
  default:
    return sum;
  }
}

// What is most common is read at once.
static inline double real_at(const esp_tensor *t, int64_t i) {
  return t->type == ESP_FLOAT ? (double)((const float *)t->data)[i]
                              : esp_number_at(t, i);
}
static inline int64_t element_at(const work *w, int64_t k) {
  return w->r.ngone == 1 ? k * w->r.gone_stride[0]
                         : esp_reduction_element(&w->r, k);
}

static double largest_of(const work *w, int64_t base) {
  double largest = -(double)INFINITY;
  for (int64_t k = 0; k < w->r.count; k++) {
    const int64_t at = base + element_at(w, k);
    largest = fmax(largest, real_at(w->x, at));
  }
  return isinf(largest) ? 0 : largest;
}

// Sums of floats that lie side by side.
static bool sums_dense(const work *w) {
  return w->x->type == ESP_FLOAT && w->r.ngone == 1 &&
         w->r.gone_stride[0] == 1 &&
         (w->op == ESP_OP_REDUCE_SUM || w->op == ESP_OP_REDUCE_MEAN ||
          w->op == ESP_OP_REDUCE_LOG_SUM || w->op == ESP_OP_REDUCE_L2 ||
          w->op == ESP_OP_REDUCE_SUM_SQUARE);
}

static double dense_sum(const work *w, int64_t base) {
  const float *x = (const float *)w->x->data + base;
  const bool squares =
      w->op == ESP_OP_REDUCE_L2 || w->op == ESP_OP_REDUCE_SUM_SQUARE;
  return squares ? esp_vector_squares(x, 0, w->r.count)
                 : esp_vector_sum(x, w->r.count);
}

static double reduce_one(const work *w, int64_t base) {
  if (sums_dense(w)) return finish(w, dense_sum(w, base), 0);
  const double largest =
      w->op == ESP_OP_REDUCE_LOG_SUM_EXP ? largest_of(w, base) : 0;
  double sum = start_of(w->op);
  for (int64_t k = 0; k < w->r.count; k++) {
    const int64_t at = base + element_at(w, k);
    sum = add(w->op, sum, real_at(w->x, at), largest);
  }
  return finish(w, sum, largest);
}

// Integers as signed numbers in the order of their type.
static int64_t in_order(const work *w, int64_t whole) {
  const uint64_t bits = (uint64_t)whole;
  return (int64_t)(w->x->type == ESP_UINT64 ? bits ^ (uint64_t)1 << 63 : bits);
}

// Is v, at a later place, to be taken instead of the best so far?
static inline bool better(const work *w, bool greater, bool less) {
  if (!greater && !less) return w->last_index;
  return w->op == ESP_OP_ARG_MAX ? greater : less;
}

static int64_t index_of(const work *w, int64_t base) {
  const int64_t step = w->r.gone_stride[0];
  int64_t best = 0;
  if (esp_dtype_is_integer(w->x->type)) {
    int64_t most = in_order(w, esp_whole_at(w->x, base));
    for (int64_t k = 1; k < w->r.count; k++) {
      const int64_t v = in_order(w, esp_whole_at(w->x, base + k * step));
      if (!better(w, v > most, v < most)) continue;
      best = k;
      most = v;
    }
    return best;
  }
  double most = real_at(w->x, base);
  for (int64_t k = 1; k < w->r.count; k++) {
    const double v = real_at(w->x, base + k * step);
    if (!better(w, v > most, v < most)) continue;
    best = k;
    most = v;
  }
  return best;
}

// Operators that stay among whole numbers do so for integers: 64 bits do not
// fit a double.
static bool is_whole(const work *w) {
  if (w->x->type == ESP_BOOL) return true;
  if (!esp_dtype_is_integer(w->x->type)) return false;
  return w->op != ESP_OP_REDUCE_L2 && w->op != ESP_OP_REDUCE_LOG_SUM &&
         w->op != ESP_OP_REDUCE_LOG_SUM_EXP;
}

// Where Max begins, or Min: at the other end of the type.
#define ENDS(s, t, d)                                                          \
  case d:                                                                      \
    if ((t)-1 > (t)1) return greatest ? (int64_t)(t)-1 : 0;                    \
    return greatest ? (int64_t)(UINT64_MAX >> (65 - 8 * sizeof(t)))            \
                    : -(int64_t)(UINT64_MAX >> (65 - 8 * sizeof(t))) - 1;
static int64_t end_of(esp_dtype type, bool greatest) {
  switch (type) {
    ESP_INTEGER_TYPES(ENDS)
  default: // bool
    return greatest;
  }
}

static int64_t add_whole(const work *w, int64_t sum, int64_t v) {
  const uint64_t s = (uint64_t)sum, u = (uint64_t)v;
  switch (w->op) {
  case ESP_OP_REDUCE_MAX:
    return in_order(w, v) > in_order(w, sum) ? v : sum;
  case ESP_OP_REDUCE_MIN:
    return in_order(w, v) < in_order(w, sum) ? v : sum;
  case ESP_OP_REDUCE_PROD:
    return (int64_t)(s * u);
  case ESP_OP_REDUCE_SUM_SQUARE:
    return (int64_t)(s + u * u);
  case ESP_OP_REDUCE_L1:
    return (int64_t)(v < 0 && w->x->type != ESP_UINT64 ? s - u : s + u);
  default:
    return (int64_t)(s + u);
  }
}

static int64_t reduce_whole(const work *w, int64_t base) {
  int64_t sum = w->op == ESP_OP_REDUCE_PROD;
  if (w->op == ESP_OP_REDUCE_MAX) sum = end_of(w->x->type, false);
  if (w->op == ESP_OP_REDUCE_MIN) sum = end_of(w->x->type, true);
  for (int64_t k = 0; k < w->r.count; k++) {
    const int64_t at = base + element_at(w, k);
    sum = add_whole(w, sum, esp_whole_at(w->x, at));
  }
  if (w->op != ESP_OP_REDUCE_MEAN || w->r.count == 0) return sum;
  if (w->x->type == ESP_UINT64) {
    return (int64_t)((uint64_t)sum / (uint64_t)w->r.count);
  }
  return sum / w->r.count; // towards zero
}

static void reduce_range(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const bool whole = is_whole(w);
  for (int64_t i = begin; i < end; i++) {
    const int64_t base = esp_reduction_row(&w->r, i);
    if (is_arg(w->op)) {
      ((int64_t *)w->y->data)[i] = index_of(w, base);
    } else if (whole) {
      esp_whole_put(w->y, i, reduce_whole(w, base));
    } else {
      esp_number_put(w->y, i, reduce_one(w, base));
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 2048 };
  (void)state;
  reduction asked;
  ESP_TRY(reduction_of(args, &asked));
  work w = {.op = args->node->op,
            .last_index = esp_node_int(args->node, "select_last_index", 0) != 0,
            .x = args->in[0],
            .y = args->out[0]};
  esp_reduction_of(&w.x->shape, asked.gone, &w.r);
  esp_loop_over(team.width, esp_shape_count(&w.y->shape),
                GRAIN / (w.r.count + 1) + 1, reduce_range, &w);
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  reduction r;
  (void)batch;
  if (esp_has_input(args, 1) && esp_samples_along(&in[1])) return;
  if (reduction_of(args, &r) != ESP_OK) return;
  int shift = 0;
  for (int i = 0; i < in[0].axis; i++) shift -= r.gone[i] && !r.keep;
  const bool mixed = r.gone[in[0].axis];
  esp_samples_give(args, mixed ? &esp_samples_mixed : &in[0], mixed ? 0 : shift,
                   out);
}

const esp_op esp_op_reduce = {.samples = samples, .infer = infer, .run = run};
