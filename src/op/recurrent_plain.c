// LSTM, GRU and RNN of double, row by row of the batch.
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/recurrent.h"

// One row in one direction.
typedef struct row {
  const esp_layer *l;
  const esp_args *args;
  int d;
  double *x, *r;         // the gates' sums from the input and the hidden state
  double *h, *c, *spare; // [hidden]
} row;

static int64_t row_numbers(const esp_layer *l) {
  return (2 * l->gates + 3) * l->hidden;
}
size_t esp_recurrent_plain_scratch(const esp_layer *l) {
  return (size_t)(l->directions * l->batch * row_numbers(l)) * sizeof(double);
}

static const double *part(const row *w, int i, int64_t offset) {
  return esp_has_input(w->args, i)
             ? (const double *)w->args->in[i]->data + offset
             : NULL;
}

// y = m v + bias, m [rows, n].
static void multiply(const double *m, const double *v, const double *bias,
                     double *y, int64_t rows, int64_t n) {
  for (int64_t k = 0; k < rows; k++) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += m[k * n + i] * v[i];
    y[k] = sum + (bias != NULL ? bias[k] : 0);
  }
}

static void act(const row *w, int which, const double *x, double *y) {
  const double most = (double)w->l->clip;
  const int64_t n = w->l->hidden;
  for (int64_t i = 0; i < n; i++) {
    y[i] = most > 0 && x[i] > most    ? most
           : most > 0 && x[i] < -most ? -most
                                      : x[i];
  }
  esp_activation_double(&w->l->f[w->d][which], y, y, n);
}

// gates i, o, f, c; peepholes i, o, f.
static void lstm(const row *w) {
  const int64_t n = w->l->hidden;
  const double *p = part(w, 7, w->d * 3 * n);
  double *i = w->x, *o = i + n, *f = o + n, *candidate = f + n;
  for (int64_t k = 0; k < 4 * n; k++) w->x[k] += w->r[k];
  for (int64_t k = 0; p != NULL && k < n; k++) {
    i[k] += p[k] * w->c[k];
    f[k] += p[2 * n + k] * w->c[k];
  }
  act(w, 0, i, i);
  act(w, 0, f, f);
  act(w, 1, candidate, candidate);
  for (int64_t k = 0; k < n; k++) {
    if (w->l->input_forget) f[k] = 1 - i[k];
    w->c[k] = f[k] * w->c[k] + i[k] * candidate[k];
    if (p != NULL) o[k] += p[n + k] * w->c[k];
  }
  act(w, 0, o, o);
  act(w, 2, w->c, w->spare);
  for (int64_t k = 0; k < n; k++) w->h[k] = o[k] * w->spare[k];
}

// gates z, r, h.
static void gru(const row *w) {
  const int64_t n = w->l->hidden;
  double *z = w->x, *r = z + n, *candidate = r + n;
  for (int64_t k = 0; k < 2 * n; k++) w->x[k] += w->r[k];
  act(w, 0, z, z);
  act(w, 0, r, r);
  if (w->l->before_reset) {
    for (int64_t k = 0; k < n; k++) candidate[k] += r[k] * w->r[2 * n + k];
  } else {
    for (int64_t k = 0; k < n; k++) w->spare[k] = r[k] * w->h[k];
    multiply(part(w, 2, (w->d * 3 + 2) * n * n), w->spare,
             part(w, 3, w->d * 6 * n + 5 * n), w->r, n, n);
    for (int64_t k = 0; k < n; k++) candidate[k] += w->r[k];
  }
  act(w, 1, candidate, candidate);
  for (int64_t k = 0; k < n; k++) {
    w->h[k] = (1 - z[k]) * candidate[k] + z[k] * w->h[k];
  }
}

static void step(const row *w, int64_t t, int64_t b) {
  const esp_layer *l = w->l;
  const int64_t n = l->hidden, g = l->gates * n;
  const int64_t at = l->batch_first ? b * l->steps + t : t * l->batch + b;
  multiply(part(w, 1, w->d * g * l->input), part(w, 0, at * l->input),
           part(w, 3, w->d * 2 * g), w->x, g, l->input);
  multiply(part(w, 2, w->d * g * n), w->h, part(w, 3, w->d * 2 * g + g), w->r,
           g, n);
  switch (l->op) {
  case ESP_OP_LSTM:
    lstm(w);
    break;
  case ESP_OP_GRU:
    gru(w);
    break;
  default:
    for (int64_t k = 0; k < n; k++) w->x[k] += w->r[k];
    act(w, 0, w->x, w->h);
    break;
  }
}

static void put(const row *w, int output, int64_t at, const double *from) {
  if (output >= w->args->nout || w->args->out[output] == NULL) return;
  memcpy((double *)w->args->out[output]->data + at, from,
         (size_t)w->l->hidden * sizeof *from);
}

typedef struct job {
  const esp_layer *l;
  const esp_args *args;
  double *scratch;
} job;

static void rows(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_layer *l = j->l;
  const int64_t n = l->hidden;
  for (int64_t i = begin; i < end; i++) {
    const int64_t b = i % l->batch;
    double *at = j->scratch + i * row_numbers(l);
    row w = {.l = l, .args = j->args, .d = (int)(i / l->batch), .x = at};
    w.r = at + l->gates * n;
    w.h = w.r + l->gates * n;
    w.c = w.h + n;
    w.spare = w.c + n;
    const int64_t state = esp_layer_state(l, w.d, b);
    const double *h = part(&w, 5, state), *c = part(&w, 6, state);
    for (int64_t k = 0; k < n; k++) {
      w.h[k] = h != NULL ? h[k] : 0;
      w.c[k] = c != NULL ? c[k] : 0;
    }
    for (int64_t s = 0; s < l->steps; s++) {
      const int64_t t = esp_layer_time(l, j->args, w.d, s, b);
      if (t < 0) break;
      step(&w, t, b);
      put(&w, 0, esp_layer_output(l, w.d, t, b), w.h);
    }
    put(&w, 1, state, w.h);
    put(&w, 2, state, w.c);
  }
}

void esp_recurrent_plain_run(const esp_layer *l, const esp_args *args,
                             double *scratch, int width) {
  job j = {l, args, scratch};
  esp_loop_over(width, l->directions * l->batch, 1, rows, &j);
}
