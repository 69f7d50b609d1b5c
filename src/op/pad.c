// Pad: constant, edge, reflect, wrap; negative pads cut, before others repeat.
// CenterCropPad is such a pad with zeros.
#include <stdlib.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

typedef enum mode { CONSTANT, EDGE, REFLECT, WRAP } mode;

static esp_status mode_of(const esp_args *args, mode *m) {
  static const char *const names[] = {"constant", "edge", "reflect", "wrap",
                                      NULL};
  int chosen;
  ESP_TRY(esp_choice_of(args->node, "mode", "constant", names, &chosen));
  *m = (mode)chosen;
  return ESP_OK;
}

// Pads at the beginning and the end of every axis.
static esp_status pads_of(const esp_args *args, int64_t before[ESP_MAX_NDIM],
                          int64_t after[ESP_MAX_NDIM]) {
  const int ndim = args->in[0]->shape.ndim;
  int64_t pads[2 * ESP_MAX_NDIM], axes[ESP_MAX_NDIM];
  int count, naxis;
  const char *name = args->node->version < 2 ? "paddings" : "pads";
  ESP_TRY(esp_list_of(args, 1, name, 11, pads, 2 * ESP_MAX_NDIM, &count));
  ESP_TRY(esp_list_of(args, 3, "-", 18, axes, ESP_MAX_NDIM, &naxis));
  const int padded = naxis >= 0 ? naxis : ndim;
  if (count != 2 * padded) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d pads for %d axes", count, padded);
  }
  memset(before, 0, ESP_MAX_NDIM * sizeof *before);
  memset(after, 0, ESP_MAX_NDIM * sizeof *after);
  for (int i = 0; i < padded; i++) {
    int axis = i;
    if (naxis >= 0) ESP_TRY(esp_check_axis("axes", axes[i], ndim, &axis));
    before[axis] = pads[i];
    after[axis] = pads[padded + i];
  }
  return ESP_OK;
}

// What CenterCropPad asks for: half of the difference at either end, the odd
// element at the end.
static esp_status centre_of(const esp_args *args, int64_t before[ESP_MAX_NDIM],
                            int64_t after[ESP_MAX_NDIM]) {
  const esp_shape *x = &args->in[0]->shape;
  int64_t size[ESP_MAX_NDIM];
  int count, naxis;
  const int64_t *axes = esp_node_ints(args->node, "axes", &naxis);
  if (axes == NULL) naxis = x->ndim;
  ESP_TRY(esp_list_of(args, 1, "-", 1, size, ESP_MAX_NDIM, &count));
  if (count != naxis) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d sizes for %d axes", count, naxis);
  }
  memset(before, 0, ESP_MAX_NDIM * sizeof *before);
  memset(after, 0, ESP_MAX_NDIM * sizeof *after);
  for (int i = 0; i < naxis; i++) {
    int axis = i;
    if (axes != NULL) {
      ESP_TRY(esp_check_axis("axes", axes[i], x->ndim, &axis));
    }
    if (size[i] < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "axis %d is to have %lld", axis,
                      (long long)size[i]);
    }
    const int64_t more = size[i] - x->dim[axis];
    before[axis] = more / 2; // towards zero, for both signs
    after[axis] = more - more / 2;
  }
  return ESP_OK;
}

static esp_status asked_of(const esp_args *args, mode *m,
                           int64_t before[ESP_MAX_NDIM],
                           int64_t after[ESP_MAX_NDIM]) {
  *m = CONSTANT;
  if (args->node->op == ESP_OP_CENTER_CROP_PAD) {
    return centre_of(args, before, after);
  }
  ESP_TRY(mode_of(args, m));
  return pads_of(args, before, after);
}

static int64_t cut(int64_t pad) { return pad < 0 ? -pad : 0; }

static esp_status infer(const esp_args *args) {
  int64_t before[ESP_MAX_NDIM], after[ESP_MAX_NDIM];
  const bool centre = args->node->op == ESP_OP_CENTER_CROP_PAD;
  mode m;
  const int64_t most = INT64_C(1) << 40; // elements: no sum overflows
  ESP_TRY(esp_check_arity(args, centre ? 2 : 1, centre ? 2 : 4, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  if (!centre && args->node->version >= 11 && esp_has_input(args, 2)) {
    ESP_TRY(esp_check_same_type(args, 0, 2));
  }
  ESP_TRY(asked_of(args, &m, before, after));
  esp_shape shape = args->in[0]->shape;
  for (int i = 0; i < shape.ndim; i++) {
    const int64_t n = shape.dim[i];
    const bool large = before[i] < -most || before[i] > most ||
                       after[i] < -most || after[i] > most;
    shape.dim[i] = large ? -1 : n + before[i] + after[i];
    if (shape.dim[i] < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "pads of axis %d leave a bad size", i);
    }
    const bool repeats = m != CONSTANT && (before[i] > 0 || after[i] > 0);
    if (repeats && n <= cut(before[i]) + cut(after[i])) {
      return ESP_FAIL(ESP_BAD_INPUT, "axis %d has nothing to be padded with",
                      i);
    }
  }
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

// The axes as they lie in memory, and for each the index in the input of every
// place of the output, -1: outside.
typedef struct table {
  int ndim;
  int64_t out[ESP_MAX_NDIM], in[ESP_MAX_NDIM]; // extents
  int64_t *index[ESP_MAX_NDIM];
  // Places [first, first + count) of the last axis are neighbours in the input
  // too; most are.
  int64_t first, count;
} table;

// Of n elements, the one that stands at place `at`.
static int64_t source(mode m, int64_t at, int64_t n) {
  if (at >= 0 && at < n) return at;
  const int64_t period = m == REFLECT ? 2 * (n - 1) : n;
  if (m == CONSTANT) return -1;
  if (m == EDGE) return at < 0 ? 0 : n - 1;
  if (period == 0) return 0; // one element, reflected
  at = (at % period + period) % period;
  return at < n ? at : period - at;
}

// The same where the ends of the axis have been cut.
static int64_t source_within(mode m, int64_t at, int64_t n, int64_t before,
                             int64_t after) {
  const int64_t first = cut(before), left = n - first - cut(after);
  if (left <= 0) return -1;
  const int64_t found = source(m, at - first, left);
  return found < 0 ? -1 : found + first;
}

static void release(void *state) {
  table *t = state;
  if (t == NULL) return;
  for (int i = 0; i < ESP_MAX_NDIM; i++) free(t->index[i]);
  free(t);
}

// The longest run of neighbours among n places.
static void find_run(const int64_t *index, int64_t n, table *t) {
  for (int64_t i = 0, begin = 0; i < n; i++) {
    if (index[i] < 0 || (i > begin && index[i] != index[i - 1] + 1)) begin = i;
    if (index[i] < 0) {
      begin = i + 1;
    } else if (i + 1 - begin > t->count) {
      t->first = begin;
      t->count = i + 1 - begin;
    }
  }
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  int64_t before[ESP_MAX_NDIM], after[ESP_MAX_NDIM];
  const esp_shape *x = &args->in[0]->shape, *y = &args->out[0]->shape;
  const bool last = args->in[0]->layout == ESP_CHANNELS_LAST;
  mode m;
  ESP_TRY(asked_of(args, &m, before, after));
  table *t = calloc(1, sizeof *t);
  if (t == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = t;
  t->ndim = y->ndim;
  for (int i = 0; i < y->ndim; i++) {
    // N, D..., C
    const int axis = !last || i == 0 ? i : i == y->ndim - 1 ? 1 : i + 1;
    const int64_t n = y->dim[axis];
    t->out[i] = n;
    t->in[i] = x->dim[axis];
    t->index[i] = malloc(((size_t)n + 1) * sizeof *t->index[i]);
    if (t->index[i] == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
    for (int64_t k = 0; k < n && esp_shape_count(y) > 0; k++) {
      t->index[i][k] = source_within(m, k - before[axis], x->dim[axis],
                                     before[axis], after[axis]);
    }
  }
  if (y->ndim > 0 && esp_shape_count(y) > 0) {
    find_run(t->index[y->ndim - 1], t->out[y->ndim - 1], t);
  }
  return ESP_OK;
}

typedef struct work {
  const esp_args *args;
  const table *table;
  size_t bytes;           // of an element
  unsigned char fill[16]; // one element of the widest type
} work;

// Places [begin, end) of the last axis; `in` is the row of the input, NULL:
// outside.
static void pad_places(const work *w, const unsigned char *in, int64_t begin,
                       int64_t end, unsigned char *to) {
  const int last = w->table->ndim - 1;
  for (int64_t k = begin; k < end; k++) {
    const int64_t at = last >= 0 ? w->table->index[last][k] : 0;
    const unsigned char *value =
        in == NULL || at < 0 ? w->fill : in + (size_t)at * w->bytes;
    memcpy(to + (size_t)k * w->bytes, value, w->bytes);
  }
}

// The row of the input that a row of the output comes from; false: none.
static bool row_of(const table *t, int64_t row, int64_t *from) {
  int64_t step = 1;
  *from = 0;
  for (int i = t->ndim - 2; i >= 0; i--) {
    const int64_t at = t->index[i][row % t->out[i]];
    if (at < 0) return false;
    *from += at * step;
    step *= t->in[i];
    row /= t->out[i];
  }
  return true;
}

// Rows of the last axis: begin and end count rows.
static void pad_rows(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const table *t = w->table;
  const int last = t->ndim - 1;
  const int64_t n = last >= 0 ? t->out[last] : 1;
  const int64_t in_n = last >= 0 ? t->in[last] : 1;
  for (int64_t row = begin; row < end; row++) {
    unsigned char *to =
        (unsigned char *)w->args->out[0]->data + (size_t)(row * n) * w->bytes;
    int64_t from;
    if (!row_of(t, row, &from)) {
      pad_places(w, NULL, 0, n, to);
      continue;
    }
    const unsigned char *in = (const unsigned char *)w->args->in[0]->data +
                              (size_t)(from * in_n) * w->bytes;
    pad_places(w, in, 0, t->first, to);
    if (t->count > 0) {
      memcpy(to + (size_t)t->first * w->bytes,
             in + (size_t)t->index[last][t->first] * w->bytes,
             (size_t)t->count * w->bytes);
    }
    pad_places(w, in, t->first + t->count, n, to);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  const esp_tensor *y = args->out[0];
  work w = {.args = args, .table = state, .bytes = esp_dtype_bytes(y->type)};
  esp_fill_zero(y->type, w.fill, 1);
  if (args->node->op == ESP_OP_PAD && args->node->version < 11) {
    esp_number_store(
        y->type, w.fill, 0,
        (esp_number){.floating = true,
                     .real = (double)esp_node_float(args->node, "value", 0)});
  } else if (esp_has_input(args, 2) &&
             esp_shape_count(&args->in[2]->shape) == 1) {
    memcpy(w.fill, args->in[2]->data, esp_dtype_bytes(y->type));
  }
  const int64_t count = esp_shape_count(&y->shape);
  if (count == 0) return ESP_OK;
  const int64_t n = y->shape.ndim > 0 ? w.table->out[y->shape.ndim - 1] : 1;
  esp_loop_over(team.width, count / n, GRAIN / n + 1, pad_rows, &w);
  return ESP_OK;
}

// Samples stay where nothing is put before or behind them.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  (void)batch;
  if (!esp_samples_along(&in[0])) return;
  const int axis = in[0].axis;
  const bool same =
      args->out[0]->shape.dim[axis] == args->in[0]->shape.dim[axis];
  esp_samples_give(args, same ? &in[0] : &esp_samples_mixed, 0, out);
}

const esp_op esp_op_pad = {.samples = samples,
                           .infer = infer,
                           .prepare = prepare,
                           .release = release,
                           .run = run,
                           .layout = ESP_LAYOUT_FOLLOWS};
