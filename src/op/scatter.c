// Scatter, ScatterElements and ScatterND: a copy of the data, in which elements
// or slabs are replaced by updates or combined with them.
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

enum { REDUCE_NONE, REDUCE_ADD, REDUCE_MUL, REDUCE_MAX, REDUCE_MIN };

static esp_status check_combined(const esp_args *args, int reduction) {
  if (reduction == REDUCE_NONE) return ESP_OK;
  const bool ordered = reduction == REDUCE_MAX || reduction == REDUCE_MIN;
  return esp_check_type(
      args, 0, ordered ? ESP_TYPES_ANY : ESP_TYPES_ANY | ESP_TYPES_COMPLEX);
}

// Opset 16 brought sums and products, 18 the largest and smallest.
static esp_status reduction_of(const esp_args *args, int *reduction) {
  static const char *const names[] = {"none", "add", "mul", "max", "min", NULL};
  const int version = args->node->version;
  ESP_TRY(esp_choice_of(args->node, "reduction", "none", names, reduction));
  if (*reduction > (version < 16   ? REDUCE_NONE
                    : version < 18 ? REDUCE_MUL
                                   : REDUCE_MIN)) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "reduction is \"%s\", which opset %d has not",
                    names[*reduction], version);
  }
  return check_combined(args, *reduction);
}

static esp_status infer_elements(const esp_args *args) {
  const esp_shape *x = &args->in[0]->shape, *i = &args->in[1]->shape;
  int axis;
  ESP_TRY(esp_check_ndim(args, 1, x->ndim, x->ndim));
  ESP_TRY(esp_check_axis("axis", esp_node_int(args->node, "axis", 0), x->ndim,
                         &axis));
  char have[ESP_SHAPE_TEXT], want[ESP_SHAPE_TEXT];
  if (!esp_shape_equal(i, &args->in[2]->shape)) {
    return ESP_FAIL(ESP_BAD_INPUT, "updates are %s, indices %s",
                    esp_shape_text(&args->in[2]->shape, have),
                    esp_shape_text(i, want));
  }
  for (int d = 0; d < x->ndim; d++) {
    if (d == axis || i->dim[d] <= x->dim[d]) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "indices %s reach beyond data %s in axis %d",
                    esp_shape_text(i, have), esp_shape_text(x, want), d);
  }
  return ESP_OK;
}

static esp_status infer_nd(const esp_args *args) {
  const esp_shape *x = &args->in[0]->shape, *i = &args->in[1]->shape;
  ESP_TRY(esp_check_ndim(args, 1, 1, ESP_MAX_NDIM));
  const int64_t depth = i->dim[i->ndim - 1];
  if (depth < 0 || depth > x->ndim) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "index tuples of %lld numbers into data of "
                    "%d dimensions",
                    (long long)depth, x->ndim);
  }
  esp_shape want = {0};
  for (int d = 0; d + 1 < i->ndim; d++) want.dim[want.ndim++] = i->dim[d];
  for (int d = (int)depth; d < x->ndim && want.ndim < ESP_MAX_NDIM; d++) {
    want.dim[want.ndim++] = x->dim[d];
  }
  char have[ESP_SHAPE_TEXT], text[ESP_SHAPE_TEXT];
  if (esp_shape_equal(&want, &args->in[2]->shape)) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "updates are %s, expected %s",
                  esp_shape_text(&args->in[2]->shape, have),
                  esp_shape_text(&want, text));
}

static esp_status infer(const esp_args *args) {
  int reduction;
  ESP_TRY(esp_check_arity(args, 3, 3, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_INT64) | ESP_TYPE(ESP_INT32)));
  ESP_TRY(esp_check_same_type(args, 0, 2));
  ESP_TRY(esp_check_ndim(args, 0, 1, ESP_MAX_NDIM));
  ESP_TRY(reduction_of(args, &reduction));
  ESP_TRY(args->node->op == ESP_OP_SCATTER_ND ? infer_nd(args)
                                              : infer_elements(args));
  esp_set_output(args, 0, args->in[0]->type, &args->in[0]->shape);
  return ESP_OK;
}

// NaN wins, as in NumPy's maximum and minimum.
static double combine_real(double a, double b, int reduction) {
  switch (reduction) {
  case REDUCE_ADD:
    return a + b;
  case REDUCE_MUL:
    return a * b;
  case REDUCE_MAX:
    return a > b || a != a ? a : b;
  default:
    return a < b || a != a ? a : b;
  }
}

// Sums and products wrap around; a shorter type keeps its low bits.
static int64_t combine_whole(const esp_number *a, const esp_number *b,
                             int reduction) {
  const uint64_t x = (uint64_t)a->whole, y = (uint64_t)b->whole;
  const bool less = a->is_unsigned ? x < y : a->whole < b->whole;
  switch (reduction) {
  case REDUCE_ADD:
    return (int64_t)(x + y);
  case REDUCE_MUL:
    return (int64_t)(x * y);
  case REDUCE_MAX:
    return less ? b->whole : a->whole;
  default:
    return less ? a->whole : b->whole;
  }
}

// Combines element `to` of y with element `from` of x, where both are complex
// numbers whose parts have this type.
static void combine_complex(esp_dtype part, void *y, int64_t to, const void *x,
                            int64_t from, int reduction) {
  const double a = esp_number_load(part, y, 2 * to).real;
  const double b = esp_number_load(part, y, 2 * to + 1).real;
  const double c = esp_number_load(part, x, 2 * from).real;
  const double d = esp_number_load(part, x, 2 * from + 1).real;
  const bool add = reduction == REDUCE_ADD;
  const double made[] = {add ? a + c : a * c - b * d,
                         add ? b + d : a * d + b * c};
  for (int i = 0; i < 2; i++) {
    esp_number_store(part, y, 2 * to + i,
                     (esp_number){.floating = true, .real = made[i]});
  }
}

static void combine_one(const esp_tensor *y, int64_t to,
                        const esp_tensor *updates, int64_t from,
                        int reduction) {
  if (y->type == ESP_COMPLEX64 || y->type == ESP_COMPLEX128) {
    combine_complex(y->type == ESP_COMPLEX64 ? ESP_FLOAT : ESP_DOUBLE, y->data,
                    to, updates->data, from, reduction);
    return;
  }
  esp_number a = esp_number_load(y->type, y->data, to);
  const esp_number b = esp_number_load(y->type, updates->data, from);
  if (a.floating) {
    a.real = combine_real(a.real, b.real, reduction);
  } else {
    a.whole = combine_whole(&a, &b, reduction);
  }
  esp_number_store(y->type, y->data, to, a);
}

// Puts updates [from, from + count) at elements [to, to + count) of y.
static void put(const esp_args *args, int64_t to, int64_t from, int64_t count,
                int reduction) {
  const esp_tensor *updates = args->in[2];
  esp_tensor *y = args->out[0];
  const size_t bytes = esp_dtype_bytes(y->type);
  if (reduction == REDUCE_NONE) {
    memcpy((unsigned char *)y->data + (size_t)to * bytes,
           (const unsigned char *)updates->data + (size_t)from * bytes,
           (size_t)count * bytes);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    combine_one(y, to + i, updates, from + i, reduction);
  }
}

static esp_status run_elements(const esp_args *args, int reduction) {
  const esp_shape *x = &args->in[0]->shape;
  const esp_tensor *indices = args->in[1];
  const int64_t count = esp_shape_count(&indices->shape);
  int axis;
  ESP_TRY(esp_check_axis("axis", esp_node_int(args->node, "axis", 0), x->ndim,
                         &axis));
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, to = 0, step = 1, at = 0;
    ESP_TRY(esp_index_at(indices, i, x->dim[axis], &at));
    for (int d = x->ndim - 1; d >= 0; d--) {
      const int64_t here = rest % indices->shape.dim[d];
      rest /= indices->shape.dim[d];
      to += (d == axis ? at : here) * step;
      step *= x->dim[d];
    }
    put(args, to, i, 1, reduction);
  }
  return ESP_OK;
}

static esp_status run_nd(const esp_args *args, int reduction) {
  const esp_shape *x = &args->in[0]->shape;
  const esp_tensor *indices = args->in[1];
  const int last = indices->shape.ndim - 1;
  const int depth = (int)indices->shape.dim[last];
  const int64_t tuples = esp_shape_product(&indices->shape, 0, last);
  const int64_t slab = esp_shape_product(x, depth, x->ndim);
  for (int64_t t = 0; t < tuples; t++) {
    int64_t to = 0;
    for (int k = 0; k < depth; k++) {
      int64_t at = 0;
      ESP_TRY(esp_index_at(indices, t * depth + k, x->dim[k], &at));
      to = to * x->dim[k] + at;
    }
    put(args, to * slab, t * slab, slab, reduction);
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  int reduction;
  (void)state;
  (void)team;
  ESP_TRY(reduction_of(args, &reduction));
  const size_t bytes = esp_tensor_bytes(args->out[0]);
  if (bytes > 0) memcpy(args->out[0]->data, args->in[0]->data, bytes);
  return args->node->op == ESP_OP_SCATTER_ND ? run_nd(args, reduction)
                                             : run_elements(args, reduction);
}

// Elements stay in their sample when all three have it along one axis, which is
// not the one that the indices are of; slabs are told of by no axis.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  esp_samples all = {.kind = ESP_SAMPLES_UNTOLD};
  const int ndim = args->in[0]->shape.ndim;
  int axis;
  (void)batch;
  bool apart = args->node->op != ESP_OP_SCATTER_ND &&
               esp_check_axis("axis", esp_node_int(args->node, "axis", 0), ndim,
                              &axis) == ESP_OK;
  for (int i = 0; i < 3 && apart; i++) {
    if (esp_samples_along(&in[i])) {
      apart = in[i].axis != axis && esp_samples_join(&all, &in[i]);
    }
  }
  for (int i = 0; i < 3 && apart; i++) {
    apart =
        esp_samples_along(&in[i]) ||
        (args->in[i]->shape.dim[all.axis] == args->in[0]->shape.dim[all.axis] &&
         esp_samples_uniform(args->in[i], all.axis));
  }
  esp_samples_give(args, apart ? &all : &esp_samples_mixed, 0, out);
}

const esp_op esp_op_scatter = {.samples = samples, .infer = infer, .run = run};
