#include "op/equation.h"

#include <ctype.h>
#include <string.h>

#include "op/check.h"

enum {
  LABELS = 128,  // letters, by their code
  ELLIPSIS = '.' // stands for "..." among the labels of a term
};

// The labels of one term, "..." as one character; -1: no ellipsis.
typedef struct term {
  char label[64];
  int count, ellipsis;
} term;

typedef struct equation {
  term in[ESP_EQUATION_INPUTS], out;
  int nin;
} equation;

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
    if (e->nin == ESP_EQUATION_INPUTS)
      return bad_equation(text, "too many terms");
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
static void add_axes(esp_axes *a, const extents *x, char label,
                     int first[LABELS]) {
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

esp_status esp_axes_of(const esp_args *args, esp_axes *a) {
  const char *text = esp_node_string(args->node, "equation", "");
  equation e;
  extents x;
  int first[LABELS];
  ESP_TRY(read_equation(args, &e));
  ESP_TRY(measure(args, &e, &x));
  *a = (esp_axes){.nin = e.nin};
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
