// DFT and STFT of every version, against the sums that define them.
#include <math.h>
#include <stdlib.h>

#include "support/check.h"
#include "support/one_node.h"

static const double turn = 6.283185307179586;
static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_BFLOAT16};
enum { MOST = 4096 };

// One value of the transform of n points along axis 1 of x [a,have,b,parts].
typedef struct line {
  const one_node *node;
  int64_t a, b, have, inner, parts, n;
  bool inverse;
} line;

static double sum_of(const line *l, int64_t k, int part) {
  double re = 0, im = 0;
  for (int64_t j = 0; j < l->n && j < l->have; j++) {
    const int64_t at = ((l->a * l->have + j) * l->inner + l->b) * l->parts;
    const double u = one_node_in(l->node, 0, at);
    const double v = l->parts == 2 ? one_node_in(l->node, 0, at + 1) : 0;
    const double angle = turn * (double)(j * k % l->n) / (double)l->n;
    const double c = cos(angle), s = l->inverse ? sin(angle) : -sin(angle);
    re += u * c - v * s;
    im += u * s + v * c;
  }
  return (part == 0 ? re : im) / (l->inverse ? (double)l->n : 1);
}

typedef struct dft_case {
  int version;
  int64_t have, length; // 0: no dft_length
  int parts;
  bool inverse, onesided;
} dft_case;

static one_node dft_node(const dft_case *c, esp_dtype type) {
  one_node n = one_node_of("DFT", c->version);
  if (c->inverse) one_node_int(&n, "inverse", 1);
  if (c->onesided) one_node_int(&n, "onesided", 1);
  one_node_input(&n, type, SHAPE(2, c->have, 3, c->parts), NULL);
  if (c->length > 0) {
    one_node_input(&n, c->length % 2 ? ESP_INT64 : ESP_INT32, SCALAR,
                   NUMBERS((double)c->length));
  } else {
    one_node_omit(&n);
  }
  if (c->version >= 20) one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(-3));
  return n;
}

static void check_dft(const dft_case *c, esp_dtype type) {
  static double want[MOST];
  one_node n = dft_node(c, type);
  CHECK_OK(one_node_run(&n, 1));
  const int64_t points = c->length > 0 ? c->length : c->have;
  const int64_t kept = c->onesided ? points / 2 + 1 : points;
  line l = {.node = &n,
            .have = c->have,
            .inner = 3,
            .parts = c->parts,
            .n = points,
            .inverse = c->inverse};
  for (int64_t i = 0; i < 2 * kept * 3 * 2; i++) {
    l.a = i / (kept * 6);
    l.b = i / 2 % 3;
    want[i] = sum_of(&l, i / 6 % kept, (int)(i % 2));
  }
  one_node_check(&n, 0, type, SHAPE(2, kept, 3, 2), want,
                 one_node_tolerance(type));
  one_node_free(&n);
}

static void transforms_match_the_sum(void) {
  static const int64_t lengths[][2] = {{1, 0},  {8, 0},   {15, 0}, {17, 0},
                                       {10, 7}, {10, 16}, {9, 34}, {20, 1}};
  static const int versions[] = {17, 19, 20, 22};
  for (int v = 0; v < 4; v++) {
    for (int s = 0; s < 8; s++) {
      for (int kind = 0; kind < 5; kind++) {
        dft_case c = {versions[v],    lengths[s][0], lengths[s][1],
                      1 + (kind & 1), kind >= 2,     false};
        if (kind == 4) c.inverse = false, c.onesided = true;
        for (int t = 0; t < 4; t++) check_dft(&c, types[t]);
      }
    }
  }
}

static void half_an_inverse_is_given_before_opset_20(void) {
  const dft_case c = {17, 9, 0, 1, true, true};
  check_dft(&c, ESP_DOUBLE);
}

static void the_axis_is_the_last_of_the_signal_since_opset_20(void) {
  one_node n = one_node_of("DFT", 20);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 2, 1), NUMBERS(1, 2, 3, 5));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, 2, 2),
                 NUMBERS(3, 0, -1, 0, 8, 0, -2, 0), 0);
  one_node_free(&n);
}

// A real signal comes back from half of its spectrum, of either parity.
static void a_one_sided_inverse_gives_the_signal_back(void) {
  for (int64_t points = 1; points <= 13; points++) {
    one_node there = one_node_of("DFT", 20), back = one_node_of("DFT", 20);
    one_node_int(&there, "onesided", 1);
    one_node_input(&there, ESP_DOUBLE, SHAPE(3, points, 1), NULL);
    CHECK_OK(one_node_run(&there, 1));
    one_node_int(&back, "onesided", 1);
    one_node_int(&back, "inverse", 1);
    one_node_input(&back, ESP_DOUBLE, SHAPE(3, points / 2 + 1, 2),
                   there.out[0].data);
    // Half of a spectrum of even length needs no dft_length.
    if (points % 2 == 1) {
      one_node_input(&back, ESP_INT64, SHAPE(1), NUMBERS((double)points));
    }
    CHECK_OK(one_node_run(&back, 1));
    one_node_check(&back, 0, ESP_DOUBLE, SHAPE(3, points, 1), there.in[0].data,
                   one_node_tolerance(ESP_DOUBLE));
    one_node_free(&there);
    one_node_free(&back);
  }
}

static void wrong_transforms_are_refused(void) {
  static const struct {
    int version, parts;
    bool inverse, onesided;
    double length, axis;
    const char *says;
  } wrong[] = {{17, 3, false, false, 4, 1, "last dimension of 3"},
               {17, 2, false, true, 4, 1, "onesided"},
               {20, 1, true, true, 4, 1, "onesided"},
               {20, 1, false, false, 0, 1, "dft_length"},
               {20, 1, false, false, 4, 3, "axis 3"},
               {20, 1, false, false, 4, -1, "axis -1"},
               {20, 1, false, false, 4, 2, "axis 2"}};
  for (int w = 0; w < 7; w++) {
    one_node n = one_node_of("DFT", wrong[w].version);
    if (wrong[w].inverse) one_node_int(&n, "inverse", 1);
    if (wrong[w].onesided) one_node_int(&n, "onesided", 1);
    one_node_input(&n, ESP_FLOAT, SHAPE(2, 4, wrong[w].parts), NULL);
    one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(wrong[w].length));
    if (wrong[w].version >= 20) {
      one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(wrong[w].axis));
    }
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    check_message(wrong[w].says);
    one_node_free(&n);
  }
}

static void a_length_not_yet_known_is_left_to_the_walk(void) {
  const dft_case c = {20, 5, 4, 1, false, false};
  one_node n = dft_node(&c, ESP_FLOAT);
  for (int i = 1; i < 3; i++) {
    void *data = n.in[i].data;
    n.in[i].data = NULL;
    CHECK_STATUS(one_node_infer(&n, 1), ESP_UNSUPPORTED);
    n.in[i].data = data;
  }
  one_node_free(&n);
}

typedef struct stft_case {
  int64_t signal, step, frame;
  int parts;
  bool window, length, onesided;
} stft_case;

static one_node stft_node(const stft_case *c, esp_dtype type) {
  one_node n = one_node_of("STFT", 17);
  if (!c->onesided) one_node_int(&n, "onesided", 0);
  one_node_input(&n, type, SHAPE(2, c->signal, c->parts), NULL);
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS((double)c->step));
  if (c->window) {
    one_node_input(&n, type, SHAPE(c->frame), NULL);
  } else {
    one_node_omit(&n);
  }
  if (c->length) {
    one_node_input(&n, ESP_INT64, SCALAR, NUMBERS((double)c->frame));
  }
  return n;
}

static double frame_sum(const one_node *n, const stft_case *c, int64_t begin,
                        int64_t k, int part) {
  double re = 0, im = 0;
  for (int64_t j = 0; j < c->frame; j++) {
    const int64_t at = (begin + j) * c->parts;
    const double w = c->window ? one_node_in(n, 2, j) : 1;
    const double u = w * one_node_in(n, 0, at);
    const double v = c->parts == 2 ? w * one_node_in(n, 0, at + 1) : 0;
    const double angle = turn * (double)(j * k % c->frame) / (double)c->frame;
    re += u * cos(angle) + v * sin(angle);
    im += v * cos(angle) - u * sin(angle);
  }
  return part == 0 ? re : im;
}

static void frames_match_the_sum(void) {
  static const stft_case cases[] = {
      {40, 8, 16, 1, false, true, true},  {40, 5, 9, 1, true, false, true},
      {41, 3, 7, 1, true, true, false},   {30, 30, 30, 1, false, false, true},
      {33, 11, 12, 2, true, true, false}, {40, 100, 17, 1, false, true, true}};
  static double want[MOST];
  for (int s = 0; s < 6; s++) {
    const stft_case *c = &cases[s];
    const int64_t frames = (c->signal - c->frame) / c->step + 1;
    const int64_t kept = c->onesided ? c->frame / 2 + 1 : c->frame;
    for (int t = 0; t < 4; t++) {
      one_node n = stft_node(c, types[t]);
      CHECK_OK(one_node_run(&n, 1));
      for (int64_t i = 0; i < 2 * frames * kept * 2; i++) {
        const int64_t frame = i / (kept * 2);
        const int64_t begin =
            frame / frames * c->signal + frame % frames * c->step;
        want[i] = frame_sum(&n, c, begin, i / 2 % kept, (int)(i % 2));
      }
      one_node_check(&n, 0, types[t], SHAPE(2, frames, kept, 2), want,
                     one_node_tolerance(types[t]));
      one_node_free(&n);
    }
  }
}

static void wrong_frames_are_refused(void) {
  static const struct {
    stft_case form;
    const char *says;
  } wrong[] = {{{40, 0, 16, 1, false, true, true}, "frame_step"},
               {{40, 8, 41, 1, false, true, true}, "frames of 41"},
               {{40, 8, 0, 1, false, true, true}, "frame_length"},
               {{40, 8, 16, 2, false, true, true}, "onesided"},
               {{40, 8, 16, 4, false, true, true}, "last dimension"}};
  for (int w = 0; w < 5; w++) {
    one_node n = stft_node(&wrong[w].form, ESP_FLOAT);
    CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
    check_message(wrong[w].says);
    one_node_free(&n);
  }
}

static void a_window_of_another_length_is_refused(void) {
  const stft_case c = {40, 8, 16, 1, true, false, true};
  one_node n = stft_node(&c, ESP_FLOAT);
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(12));
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("window of 16");
  one_node_free(&n);
}

static void many_lines_are_the_same_at_any_width(void) {
  one_node n = one_node_of("DFT", 17);
  one_node_int(&n, "axis", 2);
  one_node_input(&n, ESP_FLOAT, SHAPE(31, 5, 97, 1), NULL);
  CHECK_OK(one_node_run(&n, 1)); // compares widths 1 and 3
  one_node_free(&n);
}

static void no_lines_give_nothing(void) {
  one_node n = one_node_of("DFT", 17);
  one_node_input(&n, ESP_FLOAT, SHAPE(0, 4, 1), NULL);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(0, 4, 2), NULL, 0);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(transforms_match_the_sum),
      CASE(half_an_inverse_is_given_before_opset_20),
      CASE(the_axis_is_the_last_of_the_signal_since_opset_20),
      CASE(a_one_sided_inverse_gives_the_signal_back),
      CASE(wrong_transforms_are_refused),
      CASE(a_length_not_yet_known_is_left_to_the_walk),
      CASE(frames_match_the_sum),
      CASE(wrong_frames_are_refused),
      CASE(a_window_of_another_length_is_refused),
      CASE(many_lines_are_the_same_at_any_width),
      CASE(no_lines_give_nothing),
      {NULL, NULL},
  };
  return check_run("op/fourier", cases);
}
