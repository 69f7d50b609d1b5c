// Einsum: sums of products over named axes.  Each element of the output is
// summed in one order, in double or in wrapping 64-bit integers.
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/half.h"

enum {
  LABELS = 128,                  // letters, by their code
  MOST_AXES = 52 + ESP_MAX_NDIM, // letters and the axes of an ellipsis
  MOST_INPUTS = 16,
  ELLIPSIS = '.' // stands for "..." among the labels of a term
};

// The labels of one term, "..." as one character; -1: no ellipsis.
typedef struct term {
  char label[64];
  int count, ellipsis;
} term;

typedef struct equation {
  term in[MOST_INPUTS], out;
  int nin;
} equation;

// Every named axis with its extent, the output's first; strides by input.
typedef struct axes {
  int nout, count;
  int64_t dim[MOST_AXES];
  int64_t stride[MOST_INPUTS][MOST_AXES];
  int nin;
} axes;

static esp_status bad_equation(const char *text, const char *why) {
  return ESP_FAIL(ESP_BAD_INPUT, "equation \"%.80s\": %s", text, why);
}

// Reads one term up to ',', '-' or the end; blanks count nothing.
static esp_status read_term(const char *text, const char **at, term *t) {
  *t = (term){.ellipsis = -1};
  for (; **at != '\0' && **at != ',' && **at != '-'; (*at)++) {
    if (**at == ' ') continue;
    if (t->count == (int)sizeof t->label) {
      return bad_equation(text, "a term is too long");
    }
    if (isalpha((unsigned char)**at)) {
      t->label[t->count++] = **at;
    } else if (strncmp(*at, "...", 3) == 0 && t->ellipsis < 0) {
      t->ellipsis = t->count;
      t->label[t->count++] = ELLIPSIS;
      *at += 2;
    } else {
      return bad_equation(text, "expected letters, one \"...\" for each term, "
                                "',' and one \"->\"");
    }
  }
  return ESP_OK;
}

// Without "->": the ellipsis, then what stands once, in the order of letters.
static void imply_output(equation *e) {
  int times[LABELS] = {0};
  bool dots = false;
  for (int i = 0; i < e->nin; i++) {
    dots = dots || e->in[i].ellipsis >= 0;
    for (int k = 0; k < e->in[i].count; k++) {
      times[(int)e->in[i].label[k]]++;
    }
  }
  e->out = (term){.ellipsis = dots ? 0 : -1};
  if (dots) e->out.label[e->out.count++] = ELLIPSIS;
  for (int c = 0; c < LABELS; c++) {
    if (isalpha(c) && times[c] == 1) e->out.label[e->out.count++] = (char)c;
  }
}

static esp_status read_equation(const esp_args *args, equation *e) {
  const char *text = esp_node_string(args->node, "equation", "");
  const char *at = text;
  *e = (equation){0};
  for (bool more = true; more; at += more) {
    if (e->nin == MOST_INPUTS) return bad_equation(text, "too many terms");
    ESP_TRY(read_term(text, &at, &e->in[e->nin++]));
    more = *at == ',';
  }
  if (e->nin != args->nin) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "equation \"%.80s\" has %d terms for %d inputs", text,
                    e->nin, args->nin);
  }
  if (*at == '\0') {
    imply_output(e);
    return ESP_OK;
  }
  if (strncmp(at, "->", 2) != 0) return bad_equation(text, "a single '-'");
  at += 2;
  ESP_TRY(read_term(text, &at, &e->out));
  return *at == '\0' ? ESP_OK : bad_equation(text, "text after the output");
}

// Extents by label and of the ellipsis, right-aligned.
typedef struct extents {
  int64_t of[LABELS]; // -1: not seen
  int64_t dots[ESP_MAX_NDIM];
  int ndots;
} extents;

static esp_status meet(int64_t *have, int64_t dim, int input) {
  if (*have == dim || dim == 1) return ESP_OK;
  if (*have == -1 || *have == 1) {
    *have = dim;
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT, "input %d has %lld where another has %lld",
                  input, (long long)dim, (long long)*have);
}

// How many axes an ellipsis stands for in an input.
static int dots_of(const term *t, const esp_shape *shape) {
  return t->ellipsis >= 0 ? shape->ndim - (t->count - 1) : 0;
}

static esp_status measure(const esp_args *args, const equation *e, extents *x) {
  *x = (extents){0};
  for (int c = 0; c < LABELS; c++) x->of[c] = -1;
  for (int k = 0; k < ESP_MAX_NDIM; k++) x->dots[k] = 1;
  for (int i = 0; i < e->nin; i++) {
    const term *t = &e->in[i];
    const esp_shape *shape = &args->in[i]->shape;
    const int dots = dots_of(t, shape);
    if (dots < 0 || (t->ellipsis < 0 && t->count != shape->ndim)) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "input %d has %d dimensions, its term has %d", i,
                      shape->ndim, t->count);
    }
    if (dots > x->ndots) x->ndots = dots;
    for (int k = 0, axis = 0; k < t->count; k++) {
      if (t->label[k] != ELLIPSIS) {
        int64_t *have = &x->of[(int)t->label[k]];
        if (*have == -1) *have = shape->dim[axis];
        ESP_TRY(meet(have, shape->dim[axis++], i));
        continue;
      }
      for (int d = 0; d < dots; d++) { // counted from the last
        ESP_TRY(meet(&x->dots[dots - 1 - d], shape->dim[axis++], i));
      }
    }
  }
  return ESP_OK;
}

// Adds an axis for the label, or the axes of the ellipsis.
static void add_axes(axes *a, const extents *x, char label, int first[LABELS]) {
  first[(int)label] = a->count;
  if (label != ELLIPSIS) {
    a->dim[a->count++] = x->of[(int)label];
    return;
  }
  for (int d = x->ndots - 1; d >= 0; d--) a->dim[a->count++] = x->dots[d];
}

// Strides of an input; an axis named twice is walked along its diagonal.
static void set_strides(const term *t, const esp_shape *shape, const extents *x,
                        const int first[LABELS], int64_t *stride) {
  const int dots = dots_of(t, shape);
  int axis = shape->ndim - 1;
  int64_t step = 1;
  for (int k = t->count - 1; k >= 0; k--) {
    const bool is_dots = t->label[k] == ELLIPSIS;
    for (int d = 0; d < (is_dots ? dots : 1); d++) {
      const int to = first[(int)t->label[k]] + (is_dots ? x->ndots - 1 - d : 0);
      if (shape->dim[axis] != 1) stride[to] += step;
      step *= shape->dim[axis--];
    }
  }
}

static esp_status axes_of(const esp_args *args, axes *a) {
  const char *text = esp_node_string(args->node, "equation", "");
  equation e;
  extents x;
  int first[LABELS];
  ESP_TRY(read_equation(args, &e));
  ESP_TRY(measure(args, &e, &x));
  *a = (axes){.nin = e.nin};
  for (int c = 0; c < LABELS; c++) first[c] = -1;
  for (int k = 0; k < e.out.count; k++) {
    const char label = e.out.label[k];
    if (label != ELLIPSIS && x.of[(int)label] < 0) {
      return bad_equation(text, "the output names an axis that no input has");
    }
    if (first[(int)label] >= 0) {
      return bad_equation(text, "the output names an axis twice");
    }
    add_axes(a, &x, label, first);
  }
  a->nout = a->count;
  if (a->nout > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED, "more than %d dimensions", ESP_MAX_NDIM);
  }
  for (int i = 0; i < e.nin; i++) { // what the output leaves out is summed
    for (int k = 0; k < e.in[i].count; k++) {
      const char label = e.in[i].label[k];
      if (first[(int)label] < 0) add_axes(a, &x, label, first);
    }
  }
  for (int i = 0; i < e.nin; i++) {
    set_strides(&e.in[i], &args->in[i]->shape, &x, first, a->stride[i]);
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  axes a;
  ESP_TRY(esp_check_arity(args, 1, MOST_INPUTS, 1));
  for (int i = 0; i < args->nin; i++) {
    if (args->in[i] == NULL) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is omitted", i);
    }
    ESP_TRY(esp_check_type(args, i, ESP_TYPES_NUMERIC));
    ESP_TRY(esp_check_same_type(args, 0, i));
  }
  ESP_TRY(axes_of(args, &a));
  esp_shape shape = {.ndim = a.nout};
  memcpy(shape.dim, a.dim, (size_t)a.nout * sizeof a.dim[0]);
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  axes a;
  if (axes_of(args, &a) != ESP_OK) return (esp_work){0};
  esp_work made = {.flops = a.nin,
                   .bytes = (double)esp_tensor_bytes(args->out[0])};
  for (int i = 0; i < a.count; i++) made.flops *= (double)a.dim[i];
  for (int i = 0; i < a.nin; i++) {
    made.bytes += (double)esp_tensor_bytes(args->in[i]);
  }
  return made;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  axes *a = malloc(sizeof *a);
  if (a == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = a;
  return axes_of(args, a);
}

typedef struct job {
  const esp_args *args;
  const axes *a;
} job;

// The sum for one element of the output, from where each input begins.  The
// summed axes are counted like an odometer, the last one fastest.
#define SUM(s, t, d, sum_type)                                                 \
  static sum_type sum_##s(const job *j, const int64_t *begin) {                \
    const axes *a = j->a;                                                      \
    int64_t index[MOST_AXES] = {0}, at[MOST_INPUTS];                           \
    memcpy(at, begin, sizeof at);                                              \
    sum_type sum = 0;                                                          \
    for (int axis = a->count; axis >= a->nout;) {                              \
      sum_type product = 1;                                                    \
      for (int i = 0; i < a->nin; i++) {                                       \
        product *= (sum_type)((const t *)j->args->in[i]->data)[at[i]];         \
      }                                                                        \
      sum += product;                                                          \
      for (axis = a->count - 1; axis >= a->nout; axis--) {                     \
        if (++index[axis] < a->dim[axis]) break;                               \
        index[axis] = 0;                                                       \
        for (int i = 0; i < a->nin; i++) {                                     \
          at[i] -= (a->dim[axis] - 1) * a->stride[i][axis];                    \
        }                                                                      \
      }                                                                        \
      if (axis < a->nout) break;                                               \
      for (int i = 0; i < a->nin; i++) at[i] += a->stride[i][axis];            \
    }                                                                          \
    return sum;                                                                \
  }
#define REAL_SUM(s, t, d) SUM(s, t, d, double)
#define WHOLE_SUM(s, t, d) SUM(s, t, d, uint64_t)
ESP_FLOATING_TYPES(REAL_SUM)
ESP_INTEGER_TYPES(WHOLE_SUM)

#define STORE(s, t, d)                                                         \
  case d:                                                                      \
    ((t *)y->data)[o] = empty ? (t)0 : (t)sum_##s(j, at);                      \
    break;
static void run_range(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const axes *a = j->a;
  const esp_tensor *y = j->args->out[0];
  bool empty = false;
  for (int i = a->nout; i < a->count; i++) empty = empty || a->dim[i] == 0;
  for (int64_t o = begin; o < end; o++) {
    int64_t at[MOST_INPUTS] = {0}, rest = o;
    for (int axis = a->nout - 1; axis >= 0; axis--) {
      const int64_t index = rest % a->dim[axis];
      rest /= a->dim[axis];
      for (int i = 0; i < a->nin; i++) at[i] += index * a->stride[i][axis];
    }
    switch (y->type) {
      ESP_ALL_TYPES(STORE)
    default:
      break;
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 4096 };
  const axes *a = state;
  job j = {.args = args, .a = a};
  int64_t each = 1;
  for (int i = a->nout; i < a->count; i++) each *= a->dim[i];
  esp_loop_over(team.width, esp_shape_count(&args->out[0]->shape),
                GRAIN / (each + 1) + 1, run_range, &j);
  return ESP_OK;
}

static const esp_op plain = {.prepare = prepare, .release = free, .run = run};
const esp_op esp_op_einsum = {.infer = infer, .work = work, ESP_HALF(plain)};
