// Unique: the different elements, or slabs along an axis, of a tensor.
#include <stdlib.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

// The things that are compared: n slabs, each in `outer` runs of `inner`.
typedef struct things {
  const esp_tensor *x;
  bool flat;
  int axis;
  int64_t outer, n, inner;
} things;

static esp_status things_of(const esp_args *args, things *t) {
  const esp_tensor *x = args->in[0];
  *t = (things){.x = x, .outer = 1, .inner = 1};
  t->flat = esp_node_attribute(args->node, "axis", ESP_ATTRIBUTE_INT) == NULL;
  t->n = esp_shape_count(&x->shape);
  if (t->flat) return ESP_OK;
  ESP_TRY(esp_check_axis("axis", esp_node_int(args->node, "axis", 0),
                         x->shape.ndim, &t->axis));
  t->outer = esp_shape_product(&x->shape, 0, t->axis);
  t->n = x->shape.dim[t->axis];
  t->inner = esp_shape_product(&x->shape, t->axis + 1, x->shape.ndim);
  return ESP_OK;
}

// A NaN is larger than all numbers, and one NaN is as good as another.
static int compare_numbers(esp_dtype type, const void *data, int64_t i,
                           int64_t k) {
  const esp_number a = esp_number_load(type, data, i);
  const esp_number b = esp_number_load(type, data, k);
  if (a.floating) {
    const bool first = a.real != a.real, second = b.real != b.real;
    if (first || second) return (int)first - (int)second;
    return (a.real > b.real) - (a.real < b.real);
  }
  if (a.is_unsigned) {
    const uint64_t u = (uint64_t)a.whole, v = (uint64_t)b.whole;
    return (u > v) - (u < v);
  }
  return (a.whole > b.whole) - (a.whole < b.whole);
}

// Complex numbers are in the order of their real parts first, as in NumPy.
static int compare_elements(const esp_tensor *x, int64_t i, int64_t k) {
  if (x->type == ESP_STRING) {
    char *const *text = x->data;
    return strcmp(text[i], text[k]);
  }
  if (x->type != ESP_COMPLEX64 && x->type != ESP_COMPLEX128) {
    return compare_numbers(x->type, x->data, i, k);
  }
  const esp_dtype part = x->type == ESP_COMPLEX64 ? ESP_FLOAT : ESP_DOUBLE;
  const int order = compare_numbers(part, x->data, 2 * i, 2 * k);
  return order != 0 ? order
                    : compare_numbers(part, x->data, 2 * i + 1, 2 * k + 1);
}

static int compare(const things *t, int64_t a, int64_t b) {
  for (int64_t o = 0; o < t->outer; o++) {
    for (int64_t i = 0; i < t->inner; i++) {
      const int order = compare_elements(t->x, (o * t->n + a) * t->inner + i,
                                         (o * t->n + b) * t->inner + i);
      if (order != 0) return order;
    }
  }
  return 0;
}

// Merges the sorted runs [a, b) and [b, c) of `from` into `to`.
static void merge(const things *t, const int64_t *from, int64_t *to, int64_t a,
                  int64_t b, int64_t c) {
  int64_t left = a, right = b;
  for (int64_t k = a; k < c; k++) {
    const bool take_left =
        left < b && (right >= c || compare(t, from[left], from[right]) <= 0);
    to[k] = from[take_left ? left++ : right++];
  }
}

// Sorts the numbers of all things; equals keep their order.  The result is in
// one of the two arrays, which is returned.
static int64_t *sort(const things *t, int64_t *order, int64_t *other) {
  for (int64_t i = 0; i < t->n; i++) order[i] = i;
  for (int64_t run = 1; run < t->n; run *= 2) {
    for (int64_t a = 0; a < t->n; a += 2 * run) {
      const int64_t b = a + run < t->n ? a + run : t->n;
      const int64_t c = b + run < t->n ? b + run : t->n;
      merge(t, order, other, a, b, c);
    }
    int64_t *swap = order;
    order = other;
    other = swap;
  }
  return order;
}

// What is found: for each thing its group, for each group its first thing.
typedef struct groups {
  int64_t count;
  int64_t *of;    // [n] group of each thing
  int64_t *first; // [count]
} groups;

// Three arrays of n numbers are needed.
static groups find_groups(const things *t, bool sorted, int64_t *memory) {
  int64_t *order = sort(t, memory, memory + t->n);
  int64_t *first = order == memory ? memory + t->n : memory;
  groups g = {.of = memory + 2 * t->n, .first = first};
  for (int64_t i = 0; i < t->n; i++) {
    const bool is_new = i == 0 || compare(t, order[i - 1], order[i]) != 0;
    if (is_new) first[g.count++] = order[i]; // the sort is stable
    g.of[order[i]] = g.count - 1;
  }
  if (sorted) return g;
  // Groups in the order in which they first appear: `order` becomes the new
  // number of each.
  int64_t next = 0;
  for (int64_t i = 0; i < t->n; i++) {
    if (first[g.of[i]] == i) order[g.of[i]] = next++;
  }
  for (int64_t i = 0; i < t->n; i++) g.of[i] = order[g.of[i]];
  for (int64_t i = t->n - 1; i >= 0; i--) first[g.of[i]] = i;
  return g;
}

static esp_status infer(const esp_args *args) {
  things t;
  ESP_TRY(esp_check_arity(args, 1, 1, 4));
  ESP_TRY(esp_check_type(
      args, 0, ESP_TYPES_ANY | ESP_TYPES_COMPLEX | ESP_TYPE(ESP_STRING)));
  ESP_TRY(things_of(args, &t));
  ESP_TRY(esp_check_known(args, 0));
  int64_t *memory = calloc((size_t)t.n + 1, 3 * sizeof *memory);
  if (memory == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot sort");
  const int64_t count = find_groups(&t, true, memory).count;
  free(memory);
  esp_shape shape = t.flat ? (esp_shape){.ndim = 1} : t.x->shape;
  shape.dim[t.axis] = count;
  esp_set_output(args, 0, t.x->type, &shape);
  const esp_shape each_group = {1, {count}}, each_thing = {1, {t.n}};
  esp_set_output(args, 1, ESP_INT64, &each_group);
  esp_set_output(args, 2, ESP_INT64, &each_thing);
  esp_set_output(args, 3, ESP_INT64, &each_group);
  return ESP_OK;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  things t;
  (void)width;
  ESP_TRY(things_of(args, &t));
  made->scratch_bytes = 3 * ((size_t)t.n + 1) * sizeof(int64_t);
  return ESP_OK;
}

static void copy_firsts(const things *t, const groups *g, esp_tensor *y) {
  const size_t slab = (size_t)t->inner * esp_dtype_bytes(t->x->type);
  for (int64_t o = 0; o < t->outer; o++) {
    for (int64_t k = 0; k < g->count; k++) {
      memcpy((unsigned char *)y->data + (size_t)(o * g->count + k) * slab,
             (const unsigned char *)t->x->data +
                 (size_t)(o * t->n + g->first[k]) * slab,
             slab);
    }
  }
}

static int64_t *numbers_of(const esp_args *args, int output) {
  return output < args->nout && args->out[output] != NULL
             ? args->out[output]->data
             : NULL;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  things t;
  (void)state;
  ESP_TRY(things_of(args, &t));
  const bool sorted = esp_node_int(args->node, "sorted", 1) != 0;
  const groups g = find_groups(&t, sorted, team.scratch);
  int64_t *first = numbers_of(args, 1), *inverse = numbers_of(args, 2);
  int64_t *count = numbers_of(args, 3);
  copy_firsts(&t, &g, args->out[0]);
  for (int64_t k = 0; k < g.count; k++) {
    if (first != NULL) first[k] = g.first[k];
    if (count != NULL) count[k] = 0;
  }
  for (int64_t i = 0; i < t.n; i++) {
    if (inverse != NULL) inverse[i] = g.of[i];
    if (count != NULL) count[g.of[i]]++;
  }
  return ESP_OK;
}

const esp_op esp_op_unique = {.infer = infer, .prepare = prepare, .run = run};
