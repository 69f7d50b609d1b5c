// LSTM, GRU and RNN: for all steps at once x W^T, then step by step h R^T and
// the gates.  Rows of the batch are independent, and so are the directions: a
// direction of some rows is a lane, and each thread has lanes of its own.
// Source: ONNX LSTM-14, GRU-14, RNN-14.
#include "op/recurrent.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/parallel.h"
#include "kernel/vector_math.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"

typedef esp_layer layer;

static bool has_direction(const esp_node *node, const char *name) {
  return strcmp(esp_node_string(node, "direction", "forward"), name) == 0;
}

static int directions_of(const esp_node *node) {
  return has_direction(node, "bidirectional") ? 2 : 1;
}

// The second direction of two, alone?
static bool is_second(const esp_node *node) {
  return esp_node_int(node, ESP_PART, 0) > 0;
}

static esp_status read_activations(const esp_node *node, layer *l) {
  static const char *const fallback[][ESP_MOST_ACTIVATIONS] = {
      {"Tanh"}, {"Sigmoid", "Tanh"}, {"Sigmoid", "Tanh", "Tanh"}};
  const int each = l->activations;
  esp_activation list[ESP_MOST_DIRECTIONS * ESP_MOST_ACTIVATIONS];
  const int first = is_second(node) ? each : 0;
  ESP_TRY(esp_activations_read(node, each * directions_of(node), each,
                               fallback[each - 1], list));
  for (int i = 0; i < each * l->directions; i++) {
    l->f[i / each][i % each] = list[first + i];
  }
  return ESP_OK;
}

static bool is_usual(const esp_args *args, const layer *l) {
  static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};
  bool is = l->op == ESP_OP_LSTM && !l->input_forget && l->clip <= 0 &&
            !esp_has_input(args, 7);
  for (int i = 0; is && i < l->activations * l->directions; i++) {
    const int which = i % l->activations;
    is = esp_activation_is(&l->f[i / l->activations][which], usual[which]);
  }
  return is;
}

static esp_status layer_of(const esp_args *args, layer *l) {
  const esp_node *node = args->node;
  const bool lstm = node->op == ESP_OP_LSTM, gru = node->op == ESP_OP_GRU;
  if (!has_direction(node, "forward") && !has_direction(node, "reverse") &&
      !has_direction(node, "bidirectional")) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "direction is \"%s\", expected forward, reverse or "
                    "bidirectional",
                    esp_node_string(node, "direction", "forward"));
  }
  const int64_t part = esp_node_int(node, ESP_PART, -1);
  ESP_TRY(esp_check_ndim(args, 0, 3, 3));
  ESP_TRY(esp_check_ndim(args, 1, 3, 3));
  ESP_TRY(esp_check_ndim(args, 2, 3, 3));
  const esp_shape *x = &args->in[0]->shape;
  *l = (layer){
      .op = node->op,
      .gates = lstm ? 4 : (gru ? 3 : 1),
      .activations = lstm ? 3 : (gru ? 2 : 1),
      .directions = part < 0 ? directions_of(node) : 1,
      .reverse_first = is_second(node) || has_direction(node, "reverse"),
      .batch_first = esp_node_int(node, "layout", 0) != 0,
      .input_forget = esp_node_int(node, "input_forget", 0) != 0,
      .before_reset = esp_node_int(node, "linear_before_reset", 0) != 0,
      .clip = esp_node_float(node, "clip", 0),
      .hidden = args->in[2]->shape.dim[2],
      .input = x->dim[2]};
  l->steps = x->dim[l->batch_first];
  l->batch = x->dim[!l->batch_first];
  ESP_TRY(read_activations(node, l));
  l->usual = is_usual(args, l);
  return ESP_OK;
}

static esp_status want(const esp_args *args, int i, int ndim,
                       const int64_t *dim) {
  if (!esp_has_input(args, i)) return ESP_OK;
  esp_shape asked = {.ndim = ndim};
  memcpy(asked.dim, dim, (size_t)ndim * sizeof *dim);
  char have[ESP_SHAPE_TEXT], text[ESP_SHAPE_TEXT];
  if (esp_shape_equal(&args->in[i]->shape, &asked)) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "input %d has shape %s, expected %s", i,
                  esp_shape_text(&args->in[i]->shape, have),
                  esp_shape_text(&asked, text));
}

static esp_status check_inputs(const esp_args *args, const layer *l) {
  const int64_t d = l->directions, h = l->hidden, g = l->gates * h;
  const int64_t biases = 2 * g;
  const int64_t first = l->batch_first ? l->batch : d;
  const int64_t second = l->batch_first ? d : l->batch;
  ESP_TRY(want(args, 1, 3, (const int64_t[]){d, g, l->input}));
  ESP_TRY(want(args, 2, 3, (const int64_t[]){d, g, h}));
  ESP_TRY(want(args, 3, 2, (const int64_t[]){d, biases}));
  ESP_TRY(want(args, 4, 1, &l->batch));
  ESP_TRY(want(args, 5, 3, (const int64_t[]){first, second, h}));
  ESP_TRY(want(args, 6, 3, (const int64_t[]){first, second, h}));
  return want(args, 7, 2, (const int64_t[]){d, 3 * h});
}

static esp_status infer(const esp_args *args) {
  layer l;
  const bool lstm = args->node->op == ESP_OP_LSTM;
  ESP_TRY(esp_check_arity(args, 3, lstm ? 8 : 6, lstm ? 3 : 2));
  for (int i = 0; i < args->nin; i++) {
    if (args->in[i] == NULL) continue;
    if (i == 4) {
      ESP_TRY(esp_check_type(args, i, ESP_TYPE(ESP_INT32)));
    } else {
      ESP_TRY(esp_check_type(args, i, ESP_TYPES_FLOATING));
      ESP_TRY(esp_check_same_type(args, 0, i));
    }
  }
  ESP_TRY(layer_of(args, &l));
  ESP_TRY(check_inputs(args, &l));
  const esp_shape y =
      l.batch_first
          ? (esp_shape){4, {l.batch, l.steps, l.directions, l.hidden}}
          : (esp_shape){4, {l.steps, l.directions, l.batch, l.hidden}};
  const esp_shape h = l.batch_first
                          ? (esp_shape){3, {l.batch, l.directions, l.hidden}}
                          : (esp_shape){3, {l.directions, l.batch, l.hidden}};
  const esp_dtype type = args->in[0]->type;
  esp_set_output(args, 0, type, &y);
  esp_set_output(args, 1, type, &h);
  esp_set_output(args, 2, type, &h);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  layer l;
  if (layer_of(args, &l) != ESP_OK) return (esp_work){0};
  const double rows = (double)(l.steps * l.batch * l.directions);
  const double gates = (double)(l.gates * l.hidden);
  return (esp_work){
      .flops = rows * gates * (2 * (double)(l.input + l.hidden) + 30),
      .bytes = (double)esp_tensor_bytes(args->in[0]) +
               (double)l.steps * (double)esp_tensor_bytes(args->in[2]) +
               8 * rows * gates};
}

static void release(void *state) {
  layer *l = state;
  if (l == NULL) return;
  for (int d = 0; d < ESP_MOST_DIRECTIONS; d++) {
    esp_matmul_free(l->from_input[d]);
    esp_matmul_free(l->from_hidden[d]);
  }
  free(l);
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static esp_status prepare_direction(const esp_args *args, int width, layer *l,
                                    int d) {
  const int64_t g = l->gates * l->hidden;
  const float *w = args->in[1]->data, *r = args->in[2]->data;
  const esp_matmul_problem input = {.m = l->chunk * l->rows,
                                    .n = g,
                                    .k = l->input,
                                    .b_transposed = true,
                                    .width = width};
  const esp_matmul_problem hidden = {.m = l->rows,
                                     .n = g,
                                     .k = l->hidden,
                                     .b_transposed = true,
                                     .width = width};
  ESP_TRY(esp_matmul_create(&input, w != NULL ? w + d * g * l->input : NULL,
                            &l->from_input[d]));
  ESP_TRY(esp_matmul_create(&hidden, r != NULL ? r + d * g * l->hidden : NULL,
                            &l->from_hidden[d]));
  l->matmul_bytes =
      larger(l->matmul_bytes, esp_matmul_scratch(l->from_input[d]));
  l->matmul_bytes =
      larger(l->matmul_bytes, esp_matmul_scratch(l->from_hidden[d]));
  return ESP_OK;
}

// Parts of the batch, all of one size, until each thread has a lane.
static void cut_batch(layer *l, int width) {
  l->parts = 1;
  for (int64_t parts = 2; parts <= l->batch; parts++) {
    if (l->parts * l->directions >= width) break;
    if (l->batch % parts == 0) l->parts = parts;
  }
  l->rows = l->batch / l->parts;
}

// As many steps, of equal chunks, as make a product of some rows, which then
// stays near.  Where rows end early they look for other times when they go
// backwards.
static void cut_steps(const esp_args *args, layer *l) {
  enum { ROWS = 128 };
  l->chunk = l->steps;
  if (esp_has_input(args, 4) || l->rows == 0) return;
  for (int64_t chunk = 1; chunk < l->steps; chunk++) {
    if (l->steps % chunk != 0 || chunk * l->rows > ROWS) continue;
    l->chunk = chunk;
  }
  if (l->chunk * l->rows < ROWS / 4) l->chunk = l->steps;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  layer *l = calloc(1, sizeof *l);
  if (l == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = l;
  ESP_TRY(layer_of(args, l));
  if (args->in[0]->type == ESP_DOUBLE) {
    made->scratch_bytes = esp_recurrent_plain_scratch(l);
    return ESP_OK;
  }
  cut_batch(l, width);
  cut_steps(args, l);
  const int64_t lanes = l->parts * l->directions;
  const size_t g = (size_t)(l->gates * l->hidden) * sizeof(float);
  const size_t rows = (size_t)l->rows, chunk = (size_t)l->chunk;
  l->x_bytes = esp_align_up(chunk * rows * (size_t)l->input * sizeof(float));
  l->products_bytes = esp_align_up(chunk * rows * g);
  l->step_bytes = esp_align_up(2 * rows * g);
  l->state_bytes = esp_align_up(rows * (size_t)l->hidden * sizeof(float));
  for (int d = 0; d < l->directions; d++) {
    ESP_TRY(prepare_direction(args, lanes > 1 ? 1 : width, l, d));
  }
  // x in time order, products, a step, h, c and a spare row.
  l->lane_bytes = l->x_bytes + l->products_bytes + l->step_bytes +
                  3 * l->state_bytes + esp_align_up(l->matmul_bytes);
  made->scratch_bytes = l->lane_bytes * (size_t)(lanes > 1 ? width : 1);
  return ESP_OK;
}

// A lane while it runs: rows [first, first + l->rows) of a direction.
typedef struct pass {
  const layer *l;
  const esp_args *args;
  int d;
  int64_t first;
  int64_t from_time; // of the chunk at hand
  float *x, *products, *step, *h, *c, *spare;
  void *scratch;
} pass;

static const float *part(const esp_args *args, int i, int64_t offset) {
  return esp_has_input(args, i) ? (const float *)args->in[i]->data + offset
                                : NULL;
}

static void clip(const layer *l, float *x, int64_t n) {
  if (l->clip <= 0) return;
  for (int64_t i = 0; i < n; i++) {
    x[i] = x[i] < -l->clip ? -l->clip : (x[i] > l->clip ? l->clip : x[i]);
  }
}

static void act(const pass *p, int which, float *x) {
  clip(p->l, x, p->l->hidden);
  esp_activation_float(&p->l->f[p->d][which], x, x, p->l->hidden);
}

static void add_scaled(float *y, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; a != NULL && i < n; i++) y[i] += a[i] * b[i];
}

// gates i, o, f, c; peepholes i, o, f.
static void lstm_row(const pass *p, float *g, float *h, float *c) {
  const int64_t n = p->l->hidden;
  const float *peep = part(p->args, 7, p->d * 3 * n);
  float *i = g, *o = g + n, *f = g + 2 * n, *candidate = g + 3 * n;
  add_scaled(i, peep, c, n);
  add_scaled(f, peep != NULL ? peep + 2 * n : NULL, c, n);
  act(p, 0, i);
  if (p->l->input_forget) {
    for (int64_t k = 0; k < n; k++) f[k] = 1.0f - i[k];
  } else {
    act(p, 0, f);
  }
  act(p, 1, candidate);
  for (int64_t k = 0; k < n; k++) c[k] = f[k] * c[k] + i[k] * candidate[k];
  add_scaled(o, peep != NULL ? peep + n : NULL, c, n);
  act(p, 0, o);
  memcpy(p->spare, c, (size_t)n * sizeof *c);
  act(p, 2, p->spare);
  for (int64_t k = 0; k < n; k++) h[k] = o[k] * p->spare[k];
}

// Sums of every sixteenth product, added up at the end: one order, and a loop
// that becomes vectors.
static float dot(const float *a, const float *b, int64_t n) {
  enum { LANES = 16 };
  float lane[LANES] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int k = 0; k < LANES; k++) lane[k] += a[i + k] * b[i + k];
  }
  for (; i < n; i++) sum += a[i] * b[i];
  for (int k = 0; k < LANES; k++) sum += lane[k];
  return sum;
}

// gates z, r, h.  x: from the input with its bias; r: from the hidden state,
// with its bias.
static void gru_row(const pass *p, float *x, float *r, float *h) {
  const int64_t n = p->l->hidden;
  for (int64_t k = 0; k < 2 * n; k++) x[k] += r[k];
  act(p, 0, x);
  act(p, 0, x + n);
  float *candidate = x + 2 * n;
  if (p->l->before_reset) {
    for (int64_t k = 0; k < n; k++) candidate[k] += x[n + k] * r[2 * n + k];
  } else { // h (reset) R^T needs a product of its own: (r . h) R_h^T
    const float *weights = part(p->args, 2, (p->d * 3 + 2) * n * n);
    const float *bias = part(p->args, 3, p->d * 6 * n + 5 * n);
    for (int64_t k = 0; k < n; k++) p->spare[k] = x[n + k] * h[k];
    for (int64_t k = 0; k < n; k++) {
      candidate[k] +=
          dot(p->spare, weights + k * n, n) + (bias != NULL ? bias[k] : 0);
    }
  }
  act(p, 1, candidate);
  for (int64_t k = 0; k < n; k++) {
    h[k] = (1.0f - x[k]) * candidate[k] + x[k] * h[k];
  }
}

static void rnn_row(const pass *p, float *x, float *h) {
  act(p, 0, x);
  memcpy(h, x, (size_t)p->l->hidden * sizeof *h);
}

static bool goes_back(const layer *l, int d) {
  return l->reverse_first || d == 1;
}

int64_t esp_layer_time(const layer *l, const esp_args *args, int d, int64_t s,
                       int64_t b) {
  const int32_t *lengths = esp_has_input(args, 4) ? args->in[4]->data : NULL;
  const int64_t length = lengths != NULL ? lengths[b] : l->steps;
  if (s >= length) return -1;
  return goes_back(l, d) ? length - 1 - s : s;
}

int64_t esp_layer_output(const layer *l, int d, int64_t t, int64_t b) {
  return l->hidden * (l->batch_first ? (b * l->steps + t) * l->directions + d
                                     : (t * l->directions + d) * l->batch + b);
}

int64_t esp_layer_state(const layer *l, int d, int64_t b) {
  return (l->batch_first ? b * l->directions + d : d * l->batch + b) *
         l->hidden;
}

// The sum of both biases, in place of what a row of an unusual layer adds up.
static float *bias_of(const pass *p) {
  const layer *l = p->l;
  const int64_t g = l->gates * l->hidden;
  return p->step + l->rows * g;
}

static void add_biases(const pass *p) {
  const int64_t g = p->l->gates * p->l->hidden;
  const float *wb = part(p->args, 3, p->d * 2 * g);
  float *bias = bias_of(p);
  for (int64_t k = 0; k < g; k++) bias[k] = wb != NULL ? wb[k] + wb[g + k] : 0;
}

// h goes to where the next step and the output read it.
static void usual_row(const pass *p, const float *from_x, int64_t i) {
  const layer *l = p->l;
  const int64_t g = l->gates * l->hidden, n = l->hidden;
  esp_vector_lstm(from_x, p->step + i * g, bias_of(p), p->c + i * n,
                  p->h + i * n, n);
}

static void unusual_row(const pass *p, const float *from_x, int64_t i) {
  const layer *l = p->l;
  const int64_t g = l->gates * l->hidden, n = l->hidden;
  float *h = p->h + i * n, *c = p->c + i * n;
  float *from_h = p->step + i * g, *x = p->step + (l->rows + i) * g;
  const float *wb = part(p->args, 3, p->d * 2 * g);
  const float *rb = wb != NULL ? wb + g : NULL;
  for (int64_t k = 0; k < g; k++) x[k] = from_x[k] + (wb != NULL ? wb[k] : 0);
  for (int64_t k = 0; rb != NULL && k < g; k++) from_h[k] += rb[k];
  if (l->op == ESP_OP_GRU) {
    gru_row(p, x, from_h, h);
  } else {
    for (int64_t k = 0; k < g; k++) x[k] += from_h[k];
    if (l->op == ESP_OP_LSTM) {
      lstm_row(p, x, h, c);
    } else {
      rnn_row(p, x, h);
    }
  }
}

static void run_row(const pass *p, int64_t s, int64_t i) {
  const layer *l = p->l;
  const int64_t b = p->first + i, g = l->gates * l->hidden, n = l->hidden;
  const int64_t t = esp_layer_time(l, p->args, p->d, s, b);
  if (t < 0) return;
  const float *from_x = p->products + ((t - p->from_time) * l->rows + i) * g;
  if (l->usual) {
    usual_row(p, from_x, i);
  } else {
    unusual_row(p, from_x, i);
  }
  if (p->args->out[0] == NULL) return;
  memcpy((float *)p->args->out[0]->data + esp_layer_output(l, p->d, t, b),
         p->h + i * n, (size_t)n * sizeof(float));
}

static void begin_states(const pass *p) {
  const size_t bytes = (size_t)p->l->hidden * sizeof(float);
  for (int64_t i = 0; i < p->l->rows; i++) {
    const int64_t at = esp_layer_state(p->l, p->d, p->first + i);
    const float *h = part(p->args, 5, at), *c = part(p->args, 6, at);
    memset(p->h + i * p->l->hidden, 0, bytes);
    memset(p->c + i * p->l->hidden, 0, bytes);
    if (h != NULL) memcpy(p->h + i * p->l->hidden, h, bytes);
    if (c != NULL) memcpy(p->c + i * p->l->hidden, c, bytes);
  }
}

static void end_states(const pass *p) {
  const size_t bytes = (size_t)p->l->hidden * sizeof(float);
  for (int64_t i = 0; i < p->l->rows; i++) {
    const int64_t at = esp_layer_state(p->l, p->d, p->first + i);
    for (int out = 1; out < p->args->nout; out++) {
      if (p->args->out[out] == NULL) continue;
      const float *from = (out == 1 ? p->h : p->c) + i * p->l->hidden;
      memcpy((float *)p->args->out[out]->data + at, from, bytes);
    }
  }
}

// The lane's rows of x at the times of a chunk, [chunk, rows, input].
static void take_rows(const pass *p) {
  const layer *l = p->l;
  const size_t row = (size_t)l->input * sizeof(float);
  const float *x = p->args->in[0]->data;
  float *to = p->x;
  for (int64_t t = p->from_time; t < p->from_time + l->chunk; t++) {
    for (int64_t i = 0; i < l->rows; i++, to += l->input) {
      const int64_t b = p->first + i;
      const int64_t from = l->batch_first ? b * l->steps + t : t * l->batch + b;
      memcpy(to, x + from * l->input, row);
    }
  }
}

static void give_state(const void *context, int64_t product, const void **h,
                       const void **r) {
  const pass *p = context;
  const layer *l = p->l;
  (void)product;
  *h = p->h;
  *r = part(p->args, 2, p->d * l->gates * l->hidden * l->hidden);
}

// Every other step reads the weights from their end, which is still near where
// a cache does not hold them all.
static esp_status multiply_state(const pass *p, int64_t s) {
  const esp_matmul_work work = {.context = p,
                                .operands = give_state,
                                .c = p->step,
                                .backwards = s % 2 != 0};
  return esp_matmul_run_all(p->l->from_hidden[p->d], &work, p->scratch);
}

// Steps [first, first + chunk).
static esp_status run_chunk(pass *p, int64_t first) {
  const layer *l = p->l;
  const int64_t g = l->gates * l->hidden;
  const float *w = part(p->args, 1, p->d * g * l->input);
  p->from_time = goes_back(l, p->d) ? l->steps - first - l->chunk : first;
  take_rows(p);
  ESP_TRY(
      esp_matmul_run(l->from_input[p->d], p->x, w, p->products, p->scratch));
  for (int64_t s = first; s < first + l->chunk; s++) {
    ESP_TRY(multiply_state(p, s));
    for (int64_t i = 0; i < l->rows; i++) run_row(p, s, i);
  }
  return ESP_OK;
}

static esp_status run_pass(pass *p) {
  const layer *l = p->l;
  begin_states(p);
  if (l->usual) add_biases(p);
  for (int64_t first = 0; first < l->steps; first += l->chunk) {
    ESP_TRY(run_chunk(p, first));
  }
  end_states(p);
  return ESP_OK;
}

typedef struct job {
  const layer *l;
  const esp_args *args;
  unsigned char *scratch;
  atomic_int failed;
} job;

static void run_lanes(int64_t begin, int64_t end, void *argument) {
  job *j = argument;
  const layer *l = j->l;
  const bool alone = l->parts * l->directions == 1;
  unsigned char *at =
      j->scratch + (alone ? 0 : (size_t)esp_loop_thread() * l->lane_bytes);
  pass p = {.l = l, .args = j->args, .x = (float *)(void *)at};
  p.products = (float *)(void *)(at += l->x_bytes);
  p.step = (float *)(void *)(at += l->products_bytes);
  p.h = (float *)(void *)(at += l->step_bytes);
  p.c = (float *)(void *)(at += l->state_bytes);
  p.spare = (float *)(void *)(at += l->state_bytes);
  p.scratch = at + l->state_bytes;
  for (int64_t lane = begin; lane < end; lane++) {
    p.d = (int)(lane / l->parts);
    p.first = lane % l->parts * l->rows;
    const esp_status status = run_pass(&p);
    if (status != ESP_OK) atomic_store(&j->failed, (int)status);
  }
}

static esp_status check_lengths(const layer *l, const esp_args *args) {
  const int32_t *lengths = esp_has_input(args, 4) ? args->in[4]->data : NULL;
  for (int64_t b = 0; lengths != NULL && b < l->batch; b++) {
    if (lengths[b] >= 0 && lengths[b] <= l->steps) continue;
    return ESP_FAIL(ESP_BAD_INPUT,
                    "sequence_lens has %d for row %lld, expected 0 to %lld",
                    lengths[b], (long long)b, (long long)l->steps);
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const layer *l = state;
  ESP_TRY(check_lengths(l, args));
  if (args->out[0] != NULL) { // rows that end early stay zero
    memset(args->out[0]->data, 0, esp_tensor_bytes(args->out[0]));
  }
  if (args->in[0]->type == ESP_DOUBLE) {
    esp_recurrent_plain_run(l, args, team.scratch, team.width);
    return ESP_OK;
  }
  job j = {.l = l, .args = args, .scratch = team.scratch};
  esp_loop_over(team.width, l->parts * l->directions, 1, run_lanes, &j);
  return (esp_status)atomic_load(&j.failed);
}

static const esp_op plain = {
    .prepare = prepare, .release = release, .run = run};
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  const bool first = esp_node_int(args->node, "layout", 0) != 0;
  const int x = first ? 0 : 1;
  const esp_samples *s = &in[0];
  (void)batch;
  if (!esp_samples_along(s)) return;
  for (int i = 1; i < args->nin; i++) {
    if (!esp_samples_along(&in[i])) continue;
    // Lengths have one axis; states have the batch where x has it.
    const bool fits = i == 4 ? in[i].axis == 0 : i > 4 && in[i].axis == x;
    if (!fits || in[i].inner != s->inner) return;
  }
  if (s->axis != x) {
    esp_samples_give(args, &esp_samples_mixed, 0, out);
    return;
  }
  esp_samples_give(args, s, 0, out);
  out[0].axis = first ? 0 : 2;
}

// Directions: with the weights', and where states and outputs have them.
static bool divides(const esp_args *args, int parts, esp_op_division *how) {
  const int state = esp_node_int(args->node, "layout", 0) != 0 ? 1 : 0;
  *how = (esp_op_division){.axis = {1 + state, state, state},
                           .grain = 1,
                           .cuts = 8,
                           .cut = {-1, 0, 0, 0, -1, state, state, 0}};
  return parts == ESP_MOST_DIRECTIONS && args->in[0]->type == ESP_FLOAT &&
         args->in[1]->data != NULL && args->in[2]->data != NULL &&
         directions_of(args->node) == ESP_MOST_DIRECTIONS;
}

const esp_op esp_op_recurrent = {.samples = samples,
                                 .infer = infer,
                                 .work = work,
                                 ESP_HALF(plain),
                                 .divides = divides};
