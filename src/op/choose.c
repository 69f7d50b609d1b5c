// Compress and NonZero: what is chosen is known only with the data.
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

// Compress along an axis, or of all elements in a row.
typedef struct cut {
  int64_t outer, n;
  size_t slab; // bytes
} cut;

static esp_status cut_of(const esp_args *args, bool *flat, int *axis, cut *c) {
  const esp_tensor *x = args->in[0];
  const size_t bytes = esp_dtype_bytes(x->type);
  *flat = esp_node_attribute(args->node, "axis", ESP_ATTRIBUTE_INT) == NULL;
  *axis = 0;
  *c = (cut){.outer = 1, .n = esp_shape_count(&x->shape), .slab = bytes};
  if (*flat) return ESP_OK;
  ESP_TRY(esp_check_axis("axis", esp_node_int(args->node, "axis", 0),
                         x->shape.ndim, axis));
  c->outer = esp_shape_product(&x->shape, 0, *axis);
  c->n = x->shape.dim[*axis];
  c->slab =
      bytes * (size_t)esp_shape_product(&x->shape, *axis + 1, x->shape.ndim);
  return ESP_OK;
}

// Conditions beyond the things to choose from count for nothing.
static int64_t count_chosen(const esp_tensor *condition, int64_t n) {
  const bool *chosen = condition->data;
  const int64_t most = esp_shape_count(&condition->shape);
  int64_t count = 0;
  for (int64_t i = 0; i < n && i < most; i++) count += chosen[i];
  return count;
}

static esp_status infer_compress(const esp_args *args) {
  bool flat;
  int axis;
  cut c;
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_BOOL)));
  ESP_TRY(esp_check_ndim(args, 1, 1, 1));
  ESP_TRY(cut_of(args, &flat, &axis, &c));
  ESP_TRY(esp_check_known(args, 1));
  esp_shape shape = flat ? (esp_shape){.ndim = 1} : args->in[0]->shape;
  shape.dim[axis] = count_chosen(args->in[1], c.n);
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static esp_status run_compress(const esp_args *args) {
  bool flat;
  int axis;
  cut c;
  ESP_TRY(cut_of(args, &flat, &axis, &c));
  const bool *chosen = args->in[1]->data;
  const int64_t most = esp_shape_count(&args->in[1]->shape);
  const unsigned char *from = args->in[0]->data;
  unsigned char *to = args->out[0]->data;
  for (int64_t o = 0; o < c.outer; o++) {
    for (int64_t i = 0; i < c.n; i++, from += c.slab) {
      if (i >= most || !chosen[i]) continue;
      memcpy(to, from, c.slab);
      to += c.slab;
    }
  }
  return ESP_OK;
}

static bool is_zero_number(esp_dtype type, const void *data, int64_t i) {
  const esp_number number = esp_number_load(type, data, i);
  return number.floating ? number.real == 0 : number.whole == 0;
}

// Of strings, the empty one is zero; of complex numbers, both parts must be.
static bool is_zero(const esp_tensor *x, int64_t i) {
  if (x->type == ESP_STRING) return ((char *const *)x->data)[i][0] == '\0';
  if (x->type != ESP_COMPLEX64 && x->type != ESP_COMPLEX128) {
    return is_zero_number(x->type, x->data, i);
  }
  const esp_dtype part = x->type == ESP_COMPLEX64 ? ESP_FLOAT : ESP_DOUBLE;
  return is_zero_number(part, x->data, 2 * i) &&
         is_zero_number(part, x->data, 2 * i + 1);
}

static esp_status infer_nonzero(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  ESP_TRY(esp_check_known(args, 0));
  const esp_tensor *x = args->in[0];
  esp_shape shape = {.ndim = 2, .dim = {x->shape.ndim, 0}};
  const int64_t count = esp_shape_count(&x->shape);
  for (int64_t i = 0; i < count; i++) shape.dim[1] += !is_zero(x, i);
  esp_set_output(args, 0, ESP_INT64, &shape);
  return ESP_OK;
}

// One row for each axis of x, one column for each element found.
static esp_status run_nonzero(const esp_args *args) {
  const esp_tensor *x = args->in[0];
  int64_t *y = args->out[0]->data;
  const int64_t found = args->out[0]->shape.dim[1];
  const int64_t count = esp_shape_count(&x->shape);
  int64_t column = 0;
  for (int64_t i = 0; i < count && column < found; i++) {
    if (is_zero(x, i)) continue;
    int64_t rest = i;
    for (int d = x->shape.ndim - 1; d >= 0; d--) {
      y[d * found + column] = rest % x->shape.dim[d];
      rest /= x->shape.dim[d];
    }
    column++;
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  return args->node->op == ESP_OP_COMPRESS ? infer_compress(args)
                                           : infer_nonzero(args);
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  return args->node->op == ESP_OP_COMPRESS ? run_compress(args)
                                           : run_nonzero(args);
}

const esp_op esp_op_choose = {.infer = infer, .run = run};
