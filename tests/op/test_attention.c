// Attention against the definition in double.
#include <math.h>
#include <stdlib.h>

#include "support/check.h"
#include "support/one_node.h"

// What is asked of one case.
typedef struct problem {
  int batch, q_heads, kv_heads, rows, keys, width, out_width;
  bool flat; // [batch, rows, heads * width]
  bool causal;
  float scale;               // 0: the default
  esp_dtype type, mask_type; // ESP_UNDEFINED: no mask
  esp_shape mask;
} problem;

// Element (row, column) of a head of an input, whichever way it lies.
static double element(const one_node *n, const problem *p, int input,
                      int sample, int head, int heads, int row, int rows,
                      int column, int width) {
  const int64_t at =
      p->flat
          ? (((int64_t)sample * rows + row) * heads + head) * width + column
          : (((int64_t)sample * heads + head) * rows + row) * width + column;
  return one_node_in(n, input, at);
}

static double mask_at(const one_node *n, const problem *p, const int at[4]) {
  int64_t place = 0, step = 1;
  if (p->mask_type == ESP_UNDEFINED) return 0;
  for (int d = p->mask.ndim - 1; d >= 0; d--) {
    if (p->mask.dim[d] != 1) place += at[d + 4 - p->mask.ndim] * step;
    step *= p->mask.dim[d];
  }
  const double v = one_node_in(n, 3, place);
  if (p->mask_type != ESP_BOOL) return v;
  return v != 0 ? 0 : -(double)INFINITY;
}

static void row_of(const one_node *n, const problem *p, int b, int h, int r,
                   double *y) {
  const int shared = h / (p->q_heads / p->kv_heads);
  const double scale = p->scale != 0.0F ? (double)p->scale : 1 / sqrt(p->width);
  double *s = malloc((size_t)p->keys * sizeof *s), most = -(double)INFINITY;
  double sum = 0;
  for (int k = 0; k < p->keys; k++) {
    double dot = 0;
    for (int i = 0; i < p->width; i++) {
      dot += element(n, p, 0, b, h, p->q_heads, r, p->rows, i, p->width) *
             element(n, p, 1, b, shared, p->kv_heads, k, p->keys, i, p->width);
    }
    s[k] = dot * scale + mask_at(n, p, (const int[]){b, h, r, k});
    if (p->causal && k > r) s[k] = -(double)INFINITY;
    most = fmax(most, s[k]);
  }
  for (int k = 0; k < p->keys; k++) sum += exp(s[k] - most);
  for (int c = 0; c < p->out_width; c++) {
    y[c] = 0;
    for (int k = 0; k < p->keys; k++) {
      y[c] +=
          exp(s[k] - most) / sum *
          element(n, p, 2, b, shared, p->kv_heads, k, p->keys, c, p->out_width);
    }
  }
  free(s);
}

static esp_shape shape_of(const problem *p, int heads, int rows, int width) {
  return p->flat ? SHAPE(p->batch, rows, heads * width)
                 : SHAPE(p->batch, heads, rows, width);
}

static one_node node_of(const problem *p) {
  one_node n = one_node_of("Attention", 23);
  if (p->flat) {
    one_node_int(&n, "q_num_heads", p->q_heads);
    one_node_int(&n, "kv_num_heads", p->kv_heads);
  }
  if (p->causal) one_node_int(&n, "is_causal", 1);
  if (p->scale != 0.0F) one_node_float(&n, "scale", p->scale);
  one_node_input(&n, p->type, shape_of(p, p->q_heads, p->rows, p->width), NULL);
  one_node_input(&n, p->type, shape_of(p, p->kv_heads, p->keys, p->width),
                 NULL);
  one_node_input(&n, p->type, shape_of(p, p->kv_heads, p->keys, p->out_width),
                 NULL);
  return n;
}

static void check_problem(const problem *p) {
  one_node n = node_of(p);
  if (p->mask_type == ESP_BOOL) { // each row sees something
    const int64_t count = esp_shape_count(&p->mask);
    double *seen = malloc((size_t)count * sizeof *seen);
    for (int64_t i = 0; i < count; i++) seen[i] = i % 3 != 1;
    one_node_input(&n, ESP_BOOL, p->mask, seen);
    free(seen);
  } else if (p->mask_type != ESP_UNDEFINED) {
    one_node_input(&n, p->mask_type, p->mask, NULL);
  }
  CHECK_OK(one_node_run(&n, 1));
  const esp_shape y = shape_of(p, p->q_heads, p->rows, p->out_width);
  double *want = malloc((size_t)esp_shape_count(&y) * sizeof *want);
  double *row = malloc((size_t)p->out_width * sizeof *row);
  for (int b = 0; b < p->batch; b++) {
    for (int h = 0; h < p->q_heads; h++) {
      for (int r = 0; r < p->rows; r++) {
        row_of(&n, p, b, h, r, row);
        for (int c = 0; c < p->out_width; c++) {
          const int64_t at =
              p->flat ? (((int64_t)b * p->rows + r) * p->q_heads + h) *
                                p->out_width +
                            c
                      : (((int64_t)b * p->q_heads + h) * p->rows + r) *
                                p->out_width +
                            c;
          want[at] = row[c];
        }
      }
    }
  }
  const double tolerance =
      p->type == ESP_FLOAT ? 1e-5 : one_node_tolerance(p->type);
  one_node_check(&n, 0, p->type, y, want, tolerance);
  free(row);
  free(want);
  one_node_free(&n);
}

static const problem plain = {.batch = 2,
                              .q_heads = 3,
                              .kv_heads = 3,
                              .rows = 5,
                              .keys = 7,
                              .width = 8,
                              .out_width = 6,
                              .flat = true,
                              .type = ESP_FLOAT};

static void heads_lie_in_columns_or_first(void) {
  problem p = plain;
  check_problem(&p);
  p.flat = false;
  check_problem(&p);
  p.type = ESP_FLOAT16;
  check_problem(&p);
  p.type = ESP_BFLOAT16;
  p.scale = 0.1F;
  check_problem(&p);
}

static void masks_broadcast(void) {
  const esp_shape masks[] = {SHAPE(2, 3, 5, 7), SHAPE(2, 1, 1, 7), SHAPE(5, 7),
                             SHAPE(1, 5, 1),    SHAPE(7),          SCALAR};
  for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
    problem p = plain;
    p.mask = masks[i];
    p.mask_type = ESP_FLOAT;
    check_problem(&p);
    if (masks[i].ndim > 0 && masks[i].dim[masks[i].ndim - 1] == 1) continue;
    p.mask_type = ESP_BOOL;
    if (masks[i].ndim > 0) check_problem(&p);
  }
}

static void later_keys_are_hidden(void) {
  problem p = plain;
  p.causal = true;
  p.keys = p.rows = 9;
  check_problem(&p);
}

static void heads_may_share_keys(void) {
  problem p = plain;
  p.q_heads = 6;
  p.kv_heads = 2;
  check_problem(&p);
  p.flat = false;
  check_problem(&p);
}

static void many_rows_are_made_in_blocks(void) {
  problem p = plain;
  p.rows = 300;
  p.keys = 40;
  p.batch = 1;
  check_problem(&p);
}

static void nothing_to_look_at_is_zero(void) {
  problem p = plain;
  one_node n;
  p.keys = 0;
  n = node_of(&p);
  CHECK_OK(one_node_run(&n, 1));
  CU_ASSERT_EQUAL(one_node_at(&n, 0, 17), 0);
  one_node_free(&n);
}

static void what_does_not_fit_is_refused(void) {
  problem p = plain;
  p.kv_heads = 2; // does not divide three
  one_node n = node_of(&p);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("heads");
  one_node_free(&n);
  p = plain;
  n = node_of(&p);
  one_node_input(&n, ESP_FLOAT, SHAPE(4, 7), NULL);
  CHECK_STATUS(one_node_infer(&n, 1), ESP_BAD_INPUT);
  check_message("attn_mask");
  one_node_free(&n);
  n = node_of(&p);
  CHECK_STATUS(one_node_infer(&n, 2), ESP_UNSUPPORTED);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(heads_lie_in_columns_or_first), CASE(masks_broadcast),
      CASE(later_keys_are_hidden),         CASE(heads_may_share_keys),
      CASE(many_rows_are_made_in_blocks),  CASE(nothing_to_look_at_is_zero),
      CASE(what_does_not_fit_is_refused),  {NULL, NULL},
  };
  return check_run("op/attention", cases);
}
