// LSTM, GRU and RNN against the standard's equations in double.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};
// More hidden numbers than a sum of products has lanes.
enum { T = 4, B = 3, I = 2, H = 17, MOST_GATES = 4 };

typedef struct form {
  const char *op, *direction;
  int version, layout;
  bool lengths, states, peepholes, coupled, before_reset, named;
  float clip;
} form;

// The names of a form with named functions, and what they are.
static const char *const names[] = {"LeakyRelu",   "ScaledTanh", "Affine",
                                    "HardSigmoid", "Softsign",   "Elu"};
static const float alphas[] = {0.125f, 1.5f, 0.5f, 0.25f}; // Elu: its own
static const float betas[] = {0.5f, -0.25f};               // the same

static double named_function(int which, double x) {
  switch (which) {
  case 0:
    return x >= 0 ? x : 0.125 * x;
  case 1:
    return 1.5 * tanh(0.5 * x);
  case 2:
    return 0.5 * x - 0.25;
  case 3:
    return fmin(fmax(0.25 * x + 0.5, 0), 1);
  case 4:
    return x / (1 + fabs(x));
  default:
    return x >= 0 ? x : expm1(x);
  }
}

static int gates_of(const form *f) {
  return strcmp(f->op, "LSTM") == 0 ? 4 : strcmp(f->op, "GRU") == 0 ? 3 : 1;
}
static int functions_of(const form *f) {
  return gates_of(f) == 1 ? 1 : gates_of(f) - 1;
}
static int directions_of(const form *f) {
  return strcmp(f->direction, "bidirectional") == 0 ? 2 : 1;
}

// Function 0, 1 or 2 (f, g, h) of direction d.
static double apply(const form *f, int d, int which, double x) {
  if (f->clip > 0) x = fmin(fmax(x, (double)-f->clip), (double)f->clip);
  if (f->named) return named_function(d * functions_of(f) + which, x);
  const bool sigmoid = which == 0 && gates_of(f) > 1;
  return sigmoid ? 1 / (1 + exp(-x)) : tanh(x);
}

static double input_or(const one_node *n, int i, int at, double fallback) {
  return i < n->node.nin && n->in_list[i] != NULL ? one_node_in(n, i, at)
                                                  : fallback;
}

// x W^T + Wb and h R^T + Rb of gate k.
static double from_x(const one_node *n, const form *f, int d, int k, int t,
                     int b) {
  const int g = gates_of(f) * H;
  double sum = input_or(n, 3, d * 2 * g + k, 0);
  for (int i = 0; i < I; i++) {
    const int at = (f->layout ? b * T + t : t * B + b) * I + i;
    sum += one_node_in(n, 0, at) * one_node_in(n, 1, (d * g + k) * I + i);
  }
  return sum;
}
static double from_h(const one_node *n, const form *f, int d, int k,
                     const double *h) {
  const int g = gates_of(f) * H;
  double sum = input_or(n, 3, d * 2 * g + g + k, 0);
  for (int i = 0; i < H; i++) {
    sum += h[i] * one_node_in(n, 2, (d * g + k) * H + i);
  }
  return sum;
}

static void lstm(const one_node *n, const form *f, int d, int t, int b,
                 double *h, double *c) {
  double next[H];
  for (int k = 0; k < H; k++) {
    double g[4];
    for (int q = 0; q < 4; q++) {
      g[q] = from_x(n, f, d, q * H + k, t, b) + from_h(n, f, d, q * H + k, h);
    }
    const double i =
        apply(f, d, 0, g[0] + input_or(n, 7, d * 3 * H + k, 0) * c[k]);
    const double forget =
        apply(f, d, 0, g[2] + input_or(n, 7, d * 3 * H + 2 * H + k, 0) * c[k]);
    c[k] = (f->coupled ? 1 - i : forget) * c[k] + i * apply(f, d, 1, g[3]);
    const double o =
        apply(f, d, 0, g[1] + input_or(n, 7, d * 3 * H + H + k, 0) * c[k]);
    next[k] = o * apply(f, d, 2, c[k]);
  }
  memcpy(h, next, sizeof next);
}

static void gru(const one_node *n, const form *f, int d, int t, int b,
                double *h) {
  double z[H], r[H], reset[H];
  for (int k = 0; k < H; k++) {
    z[k] = apply(f, d, 0, from_x(n, f, d, k, t, b) + from_h(n, f, d, k, h));
    r[k] = apply(f, d, 0,
                 from_x(n, f, d, H + k, t, b) + from_h(n, f, d, H + k, h));
    reset[k] = r[k] * h[k];
  }
  double next[H];
  for (int k = 0; k < H; k++) {
    const double second = f->before_reset ? r[k] * from_h(n, f, d, 2 * H + k, h)
                                          : from_h(n, f, d, 2 * H + k, reset);
    const double candidate =
        apply(f, d, 1, from_x(n, f, d, 2 * H + k, t, b) + second);
    next[k] = (1 - z[k]) * candidate + z[k] * h[k];
  }
  memcpy(h, next, sizeof next);
}

static void rnn(const one_node *n, const form *f, int d, int t, int b,
                double *h) {
  double next[H];
  for (int k = 0; k < H; k++) {
    next[k] = apply(f, d, 0, from_x(n, f, d, k, t, b) + from_h(n, f, d, k, h));
  }
  memcpy(h, next, sizeof next);
}

// One row in one direction, into Y, Y_h and Y_c.
static void run_row(const one_node *n, const form *f, int d, int b, double *y,
                    double *last_h, double *last_c) {
  const int directions = directions_of(f);
  const int state = (f->layout ? b * directions + d : d * B + b) * H;
  const bool backwards = d == 1 || strcmp(f->direction, "reverse") == 0;
  const int length = (int)input_or(n, 4, b, T);
  double h[H], c[H];
  for (int k = 0; k < H; k++) {
    h[k] = input_or(n, 5, state + k, 0);
    c[k] = input_or(n, 6, state + k, 0);
  }
  for (int s = 0; s < length; s++) {
    const int t = backwards ? length - 1 - s : s;
    if (gates_of(f) == 4) {
      lstm(n, f, d, t, b, h, c);
    } else if (gates_of(f) == 3) {
      gru(n, f, d, t, b, h);
    } else {
      rnn(n, f, d, t, b, h);
    }
    const int at =
        f->layout ? (b * T + t) * directions + d : (t * directions + d) * B + b;
    memcpy(y + at * H, h, sizeof h);
  }
  memcpy(last_h + state, h, sizeof h);
  memcpy(last_c + state, c, sizeof c);
}

static void add_attributes(one_node *n, const form *f) {
  one_node_int(n, "hidden_size", H);
  one_node_string(n, "direction", f->direction);
  if (f->layout) one_node_int(n, "layout", 1);
  if (f->clip > 0) one_node_float(n, "clip", f->clip);
  if (f->coupled) one_node_int(n, "input_forget", 1);
  if (f->before_reset) one_node_int(n, "linear_before_reset", 1);
  if (!f->named) return;
  const int count = functions_of(f) * directions_of(f);
  static const int with_alpha[] = {0, 1, 2, 3, 4, 4, 4};
  static const int with_beta[] = {0, 0, 1, 2, 2, 2, 2};
  one_node_strings(n, "activations", names, count);
  one_node_floats(n, "activation_alpha", alphas, with_alpha[count]);
  one_node_floats(n, "activation_beta", betas, with_beta[count]);
}

static void add_inputs(one_node *n, const form *f, esp_dtype type) {
  const int g = gates_of(f) * H, d = directions_of(f);
  const bool lstm = gates_of(f) == 4;
  one_node_input(n, type, f->layout ? SHAPE(B, T, I) : SHAPE(T, B, I), NULL);
  one_node_input(n, type, SHAPE(d, g, I), NULL);
  double small[2 * MOST_GATES * H * H];
  for (int i = 0; i < d * g * H; i++) small[i] = (double)check_random_float();
  one_node_input(n, type, SHAPE(d, g, H), small);
  one_node_input(n, type, SHAPE(d, 2 * g), NULL);
  if (f->lengths) {
    one_node_input(n, ESP_INT32, SHAPE(B), NUMBERS(2, T, 0));
  } else {
    one_node_omit(n);
  }
  const esp_shape state = f->layout ? SHAPE(B, d, H) : SHAPE(d, B, H);
  for (int i = 0; i < (lstm ? 2 : 1); i++) {
    if (f->states) {
      one_node_input(n, type, state, NULL);
    } else {
      one_node_omit(n);
    }
  }
  if (f->peepholes) one_node_input(n, type, SHAPE(d, 3 * H), NULL);
}

// 16-bit types: errors of their one rounding grow little in three steps.
static double tolerance_of(esp_dtype type) {
  return type == ESP_DOUBLE ? 1e-12 : 4 * one_node_tolerance(type);
}

static void check_form(const form *f, esp_dtype type) {
  one_node n = one_node_of(f->op, f->version);
  const int d = directions_of(f);
  add_attributes(&n, f);
  add_inputs(&n, f, type);
  const int outputs = gates_of(f) == 4 ? 3 : 2;
  CHECK_OK(one_node_run(&n, outputs));
  double y[T * 2 * B * H] = {0}, h[2 * B * H], c[2 * B * H];
  for (int i = 0; i < d * B; i++) run_row(&n, f, i / B, i % B, y, h, c);
  const esp_shape whole = f->layout ? SHAPE(B, T, d, H) : SHAPE(T, d, B, H);
  const esp_shape state = f->layout ? SHAPE(B, d, H) : SHAPE(d, B, H);
  one_node_check(&n, 0, type, whole, y, tolerance_of(type));
  one_node_check(&n, 1, type, state, h, tolerance_of(type));
  if (outputs == 3) {
    one_node_check(&n, 2, type, state, c, tolerance_of(type));
  }
  one_node_free(&n);
}

static void every_form_follows_its_equations(void) {
  static const char *const ops[] = {"LSTM", "GRU", "RNN"};
  static const char *const directions[] = {"forward", "reverse",
                                           "bidirectional"};
  static const int versions[] = {1, 7, 14, 22};
  for (int i = 0; i < 3 * 3 * 4 * 8; i++) {
    const int bits = i / 36;
    const form f = {.op = ops[i % 3],
                    .direction = directions[i / 3 % 3],
                    .version = versions[i / 9 % 4],
                    .layout = i / 9 % 4 >= 2 && bits % 2 == 1,
                    .lengths = bits / 2 % 2 == 1,
                    .states = bits / 4 == 1,
                    .peepholes = i % 3 == 0 && bits % 2 == 1,
                    .coupled = i % 3 == 0 && bits == 3,
                    .before_reset = i % 3 == 1 && bits / 2 % 2 == 1,
                    .clip = bits == 6 ? 0.75f : 0};
    check_form(&f, types[(i + bits) % 4]);
  }
}

// A batch whose steps are done in chunks, and each of its rows alone, all steps
// at once.
enum { STEPS = 40, ROWS = 8, INPUT = 3, HIDDEN = 16, GATES = 4 };
typedef struct weights {
  double w[2 * GATES * HIDDEN * INPUT], r[2 * GATES * HIDDEN * HIDDEN],
      b[2 * 2 * GATES * HIDDEN];
} weights;

static one_node run_rows(const char *op, int gates, const weights *k,
                         const double *x, int rows) {
  one_node n = one_node_of(op, 14);
  one_node_int(&n, "hidden_size", HIDDEN);
  one_node_string(&n, "direction", "bidirectional");
  one_node_input(&n, ESP_FLOAT, SHAPE(STEPS, rows, INPUT), x);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, gates * HIDDEN, INPUT), k->w);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, gates * HIDDEN, HIDDEN), k->r);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2 * gates * HIDDEN), k->b);
  CHECK_OK(one_node_run(&n, 2));
  return n;
}

static void fill(double *to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = (double)check_random_float();
}

static void chunks_of_steps_do_not_change_the_bits(void) {
  static const char *const ops[] = {"LSTM", "GRU", "RNN"};
  static weights k;
  static double x[STEPS * ROWS * INPUT], one[STEPS * INPUT];
  fill(k.w, sizeof k.w / sizeof *k.w);
  fill(k.r, sizeof k.r / sizeof *k.r);
  fill(k.b, sizeof k.b / sizeof *k.b);
  fill(x, sizeof x / sizeof *x);
  for (int i = 0; i < 3; i++) {
    const int gates = i == 0 ? 4 : i == 1 ? 3 : 1;
    one_node all = run_rows(ops[i], gates, &k, x, ROWS);
    const float *y = all.out[0].data; // [STEPS, 2, ROWS, HIDDEN]
    for (int row = 0; row < ROWS; row++) {
      for (int t = 0; t < STEPS; t++) {
        memcpy(one + t * INPUT, x + (t * ROWS + row) * INPUT,
               INPUT * sizeof *x);
      }
      one_node alone = run_rows(ops[i], gates, &k, one, 1);
      const float *want = alone.out[0].data;
      for (int t = 0; t < 2 * STEPS; t++) { // and direction
        check_same_bytes(y + (t * ROWS + row) * HIDDEN, want + t * HIDDEN,
                         HIDDEN * sizeof *y);
      }
      one_node_free(&alone);
    }
    one_node_free(&all);
  }
}

static void functions_take_their_numbers_in_order(void) {
  static const char *const ops[] = {"LSTM", "GRU", "RNN"};
  for (int i = 0; i < 6; i++) {
    const form f = {.op = ops[i % 3],
                    .direction = i < 3 ? "forward" : "bidirectional",
                    .version = 14,
                    .named = true};
    check_form(&f, ESP_DOUBLE);
  }
}

static one_node small_rnn(const double *length) {
  one_node n = one_node_of("RNN", 14);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 1, 1), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 1), NULL);
  one_node_input(&n, ESP_FLOAT, SHAPE(1, 1, 1), NULL);
  one_node_omit(&n);
  one_node_input(&n, ESP_INT32, SHAPE(1), length);
  return n;
}

static void wrong_lengths_are_refused(void) {
  static const double bad[] = {-1, 3};
  for (int i = 0; i < 2; i++) {
    one_node n = small_rnn(&bad[i]);
    CHECK_STATUS(one_node_run(&n, 2), ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

static void unknown_words_are_refused(void) {
  static const char *const unknown[] = {"Sine"}, *const tanh_only[] = {"Tanh"};
  static const double length[] = {2};
  one_node n = small_rnn(length);
  one_node_strings(&n, "activations", unknown, 1);
  CHECK_STATUS(one_node_infer(&n, 2), ESP_UNSUPPORTED);
  one_node_free(&n);
  n = small_rnn(length);
  one_node_strings(&n, "activations", tanh_only, 1);
  one_node_floats(&n, "activation_alpha", alphas, 1);
  CHECK_STATUS(one_node_infer(&n, 2), ESP_UNSUPPORTED);
  one_node_free(&n);
  n = small_rnn(length);
  one_node_string(&n, "direction", "sideways");
  CHECK_STATUS(one_node_infer(&n, 2), ESP_BAD_INPUT);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_form_follows_its_equations),
      CASE(chunks_of_steps_do_not_change_the_bits),
      CASE(functions_take_their_numbers_in_order),
      CASE(wrong_lengths_are_refused),
      CASE(unknown_words_are_refused),
      {NULL, NULL},
  };
  return check_run("op/recurrent", cases);
}
