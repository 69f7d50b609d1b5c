// DFT and STFT: discrete Fourier transforms along an axis, and of the frames of
// a signal.  Computed in double and rounded once.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/fourier.h"
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"

// Where lines begin in a tensor, and where their points are, in points: line l
// begins at l / per * outer + l % per * step.
typedef struct course {
  int64_t outer, step, stride;
  int parts; // numbers in a point: 1 real, 2 complex
} course;

typedef struct form {
  int64_t n;     // points of each transform
  int64_t given; // points of the input that it takes; zeros follow
  int64_t kept;  // points of its result
  int64_t lines, per;
  course x, y;
  bool inverse;
  bool mirrored; // the input is half of a spectrum, the other its conjugate
} form;

static esp_status check_length(int64_t n) {
  if (n < 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "a transform of %lld points", (long long)n);
  }
  if (n > ESP_FOURIER_MOST) {
    return ESP_FAIL(ESP_UNSUPPORTED, "a transform of %lld points, at most %lld",
                    (long long)n, (long long)ESP_FOURIER_MOST);
  }
  return ESP_OK;
}

// Reads the last dimension of input 0: what a point is.
static esp_status parts_of(const esp_args *args, int *parts) {
  const esp_shape *x = &args->in[0]->shape;
  const int64_t last = x->dim[x->ndim - 1];
  if (last != 1 && last != 2) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "input 0 has a last dimension of %lld, expected 1 (real) "
                    "or 2 (complex)",
                    (long long)last);
  }
  *parts = (int)last;
  return ESP_OK;
}

// The axis is an attribute before opset 20, and an input after; the last one,
// that of the parts, cannot be transformed.
static esp_status dft_axis_of(const esp_args *args, int *axis) {
  const int ndim = args->in[0]->shape.ndim;
  int64_t given = -2;
  int count;
  if (args->node->version < 20) {
    given = esp_node_int(args->node, "axis", 1);
  } else {
    ESP_TRY(esp_list_of(args, 2, "axis", 20, &given, 1, &count));
    if (count == 0) return ESP_FAIL(ESP_BAD_INPUT, "axis has no number");
  }
  ESP_TRY(esp_check_axis("axis", given, ndim, axis));
  if (*axis != ndim - 1) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT,
                  "axis %lld is that of real and imaginary parts",
                  (long long)given);
}

// What one-sided means: half of the spectrum of a real signal or, for the
// inverse since opset 20, a real signal from half of its spectrum.
static esp_status dft_sides_of(const esp_args *args, form *f, bool *halved) {
  const bool onesided = esp_node_int(args->node, "onesided", 0) != 0;
  const bool backwards = f->inverse && args->node->version >= 20;
  f->mirrored = onesided && backwards;
  *halved = onesided && !backwards;
  if (onesided && f->x.parts != (backwards ? 2 : 1)) {
    return ESP_FAIL(
        ESP_BAD_INPUT, "onesided with %s input, expected a %s one%s",
        backwards ? "real" : "complex", backwards ? "complex" : "real",
        backwards ? " where inverse is set" : "");
  }
  return ESP_OK;
}

static esp_status dft_form_of(const esp_args *args, form *f, esp_shape *y) {
  const esp_shape *x = &args->in[0]->shape;
  int axis;
  bool halved;
  *f = (form){.inverse = esp_node_int(args->node, "inverse", 0) != 0};
  ESP_TRY(parts_of(args, &f->x.parts));
  ESP_TRY(dft_axis_of(args, &axis));
  ESP_TRY(dft_sides_of(args, f, &halved));
  const int64_t have = x->dim[axis];
  f->n = f->mirrored ? 2 * (have - 1) : have;
  if (esp_has_input(args, 1)) {
    ESP_TRY(esp_size_of(args, 1, "dft_length", 1, &f->n));
  }
  ESP_TRY(check_length(f->n));
  const int64_t half = f->n / 2 + 1, used = f->mirrored ? half : f->n;
  f->given = have < used ? have : used;
  f->kept = halved ? half : f->n;
  f->per = esp_shape_product(x, axis + 1, x->ndim - 1);
  f->lines = esp_shape_product(x, 0, axis) * f->per;
  f->y.parts = f->mirrored ? 1 : 2;
  f->x.step = f->y.step = 1;
  f->x.stride = f->y.stride = f->per;
  f->x.outer = have * f->per;
  f->y.outer = f->kept * f->per;
  *y = *x;
  y->dim[axis] = f->kept;
  y->dim[x->ndim - 1] = f->y.parts;
  return ESP_OK;
}

// A frame is as long as frame_length says, or the window, or the signal.
static esp_status stft_length_of(const esp_args *args, int64_t *n) {
  *n = args->in[0]->shape.dim[1];
  if (esp_has_input(args, 2)) {
    ESP_TRY(esp_check_same_type(args, 0, 2));
    ESP_TRY(esp_check_ndim(args, 2, 1, 1));
    *n = args->in[2]->shape.dim[0];
  }
  if (esp_has_input(args, 3)) {
    const int64_t window = *n;
    ESP_TRY(esp_size_of(args, 3, "frame_length", 1, n));
    if (esp_has_input(args, 2) && window != *n) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "a window of %lld weights for frames of %lld",
                      (long long)window, (long long)*n);
    }
  }
  return check_length(*n);
}

static esp_status stft_form_of(const esp_args *args, form *f, esp_shape *y) {
  ESP_TRY(esp_check_ndim(args, 0, 3, 3));
  const esp_shape *x = &args->in[0]->shape;
  const bool onesided = esp_node_int(args->node, "onesided", 1) != 0;
  *f = (form){.x = {.outer = x->dim[1], .stride = 1},
              .y = {.stride = 1, .parts = 2}};
  ESP_TRY(parts_of(args, &f->x.parts));
  if (onesided && f->x.parts == 2) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "onesided with a complex signal, expected onesided = 0");
  }
  ESP_TRY(esp_size_of(args, 1, "frame_step", 1, &f->x.step));
  ESP_TRY(stft_length_of(args, &f->n));
  if (f->n > x->dim[1]) {
    return ESP_FAIL(ESP_BAD_INPUT, "frames of %lld points of a signal of %lld",
                    (long long)f->n, (long long)x->dim[1]);
  }
  f->given = f->n;
  f->kept = onesided ? f->n / 2 + 1 : f->n;
  f->per = (x->dim[1] - f->n) / f->x.step + 1;
  f->lines = x->dim[0] * f->per;
  f->y.step = f->kept;
  f->y.outer = f->per * f->kept;
  *y = (esp_shape){4, {x->dim[0], f->per, f->kept, 2}};
  return ESP_OK;
}

static esp_status form_of(const esp_args *args, form *f, esp_shape *y) {
  return args->node->op == ESP_OP_DFT ? dft_form_of(args, f, y)
                                      : stft_form_of(args, f, y);
}

static esp_status infer(const esp_args *args) {
  form f;
  esp_shape y;
  const bool dft = args->node->op == ESP_OP_DFT;
  const int most = !dft ? 4 : args->node->version < 20 ? 2 : 3;
  ESP_TRY(esp_check_arity(args, dft ? 1 : 2, most, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  ESP_TRY(form_of(args, &f, &y));
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

static esp_work work_of(const esp_args *args) {
  form f;
  esp_shape y;
  esp_work work = {.bytes = (double)esp_tensor_bytes(args->in[0]) +
                            (double)esp_tensor_bytes(args->out[0])};
  if (form_of(args, &f, &y) != ESP_OK) return work;
  work.flops = (double)f.lines * 5 * (double)f.n * log2((double)f.n + 1);
  return work;
}

typedef struct prepared {
  form form;
  esp_fourier *plan;
} prepared;

// Complex numbers that each thread works in.
static int64_t room_of(const prepared *p) {
  return p->form.n + esp_fourier_scratch(p->plan);
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  esp_shape y;
  prepared *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  ESP_TRY(form_of(args, &p->form, &y));
  ESP_TRY(esp_fourier_create(p->form.n, p->form.inverse, &p->plan));
  made->scratch_bytes =
      (size_t)width * (size_t)room_of(p) * sizeof(esp_complex);
  return ESP_OK;
}

static void release(void *state) {
  prepared *p = state;
  if (p != NULL) esp_fourier_free(p->plan);
  free(p);
}

typedef struct work {
  const prepared *p;
  const esp_tensor *x, *window, *y;
  esp_complex *scratch;
  int64_t parts;
} work;

static double number_at(const esp_tensor *t, int64_t i) {
  return t->type == ESP_FLOAT ? (double)((const float *)t->data)[i]
                              : ((const double *)t->data)[i];
}

static void put(const esp_tensor *t, int64_t i, double value) {
  if (t->type == ESP_FLOAT) {
    ((float *)t->data)[i] = (float)value;
  } else {
    ((double *)t->data)[i] = value;
  }
}

static int64_t begin_of(const form *f, const course *c, int64_t line) {
  return line / f->per * c->outer + line % f->per * c->step;
}

static void load(const work *w, int64_t l, esp_complex *line) {
  const form *f = &w->p->form;
  const int64_t begin = begin_of(f, &f->x, l);
  memset(line + f->given, 0, (size_t)(f->n - f->given) * sizeof *line);
  for (int64_t i = 0; i < f->given; i++) {
    const int64_t at = (begin + i * f->x.stride) * f->x.parts;
    const double weight = w->window != NULL ? number_at(w->window, i) : 1;
    line[i].re = weight * number_at(w->x, at);
    line[i].im = f->x.parts == 2 ? weight * number_at(w->x, at + 1) : 0;
  }
  if (!f->mirrored) return;
  line[0].im = 0; // a real signal has none at its ends
  if (f->n % 2 == 0) line[f->n / 2].im = 0;
  for (int64_t i = f->n / 2 + 1; i < f->n; i++) {
    line[i] = (esp_complex){line[f->n - i].re, -line[f->n - i].im};
  }
}

static void store(const work *w, int64_t l, const esp_complex *line) {
  const form *f = &w->p->form;
  const int64_t begin = begin_of(f, &f->y, l);
  const double divisor = f->inverse ? (double)f->n : 1;
  for (int64_t i = 0; i < f->kept; i++) {
    const int64_t at = (begin + i * f->y.stride) * f->y.parts;
    put(w->y, at, line[i].re / divisor);
    if (f->y.parts == 2) put(w->y, at + 1, line[i].im / divisor);
  }
}

static void run_parts(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const int64_t lines = w->p->form.lines;
  for (int64_t part = begin; part < end; part++) {
    esp_complex *line = w->scratch + part * room_of(w->p);
    for (int64_t l = lines * part / w->parts; l < lines * (part + 1) / w->parts;
         l++) {
      load(w, l, line);
      esp_fourier_run(w->p->plan, line, line + w->p->form.n);
      store(w, l, line);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 4096 }; // points
  const prepared *p = state;
  const int64_t fill = p->form.lines * p->form.n / GRAIN + 1;
  work w = {.p = p,
            .x = args->in[0],
            .y = args->out[0],
            .scratch = team.scratch,
            .parts = fill < team.width ? fill : team.width};
  if (args->node->op == ESP_OP_STFT && esp_has_input(args, 2)) {
    w.window = args->in[2];
  }
  esp_loop_over(team.width, w.parts, 1, run_parts, &w);
  return ESP_OK;
}

static const esp_op plain = {
    .prepare = prepare, .release = release, .run = run};
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  int axis;
  if (args->node->op == ESP_OP_STFT) {
    esp_samples_leading(args, batch, in, out);
  } else if (esp_samples_along(&in[0]) && dft_axis_of(args, &axis) == ESP_OK) {
    const bool parts = in[0].axis == args->in[0]->shape.ndim - 1;
    esp_samples_past(args, &in[0], parts ? in[0].axis : axis, out);
  }
}

const esp_op esp_op_fourier = {
    .samples = samples, .infer = infer, .work = work_of, ESP_HALF(plain)};
