// Products and convolutions of 8-bit integers: MatMulInteger, ConvInteger and
// their forms with scales, QLinearMatMul and QLinearConv.  Sums are 32 bits
// wide and exact, so that they do not depend on any order.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/matmul_bytes.h"
#include "kernel/parallel.h"
#include "kernel/quantise.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/product.h"
#include "op/product_float8.h"
#include "op/samples.h"
#include "op/window.h"

enum { BYTES = ESP_TYPE(ESP_UINT8) | ESP_TYPE(ESP_INT8) };
enum { SCALES = ESP_TYPES_FLOATING & ~ESP_TYPE(ESP_DOUBLE) };

// Which input is what; -1: there is none.
typedef struct inputs {
  int a, b, a_zero, b_zero, a_scale, b_scale, y_scale, y_zero, bias;
} inputs;

static bool has_scales(const esp_args *args) {
  return args->node->op == ESP_OP_QLINEAR_MATMUL ||
         args->node->op == ESP_OP_QLINEAR_CONV;
}
static bool is_conv(const esp_args *args) {
  return args->node->op == ESP_OP_CONV_INTEGER ||
         args->node->op == ESP_OP_QLINEAR_CONV;
}
static inputs inputs_of(const esp_args *args) {
  if (!has_scales(args)) return (inputs){0, 1, 2, 3, -1, -1, -1, -1, -1};
  return (inputs){0, 3, 2, 5, 1, 4, 6, 7, is_conv(args) ? 8 : -1};
}

static const esp_tensor *input(const esp_args *args, int i) {
  return i >= 0 && esp_has_input(args, i) ? args->in[i] : NULL;
}

// Refuses an input that has neither one number nor one of the two counts.
static esp_status check_count(const esp_args *args, int i, int64_t each,
                              int64_t all) {
  const esp_tensor *t = input(args, i);
  if (t == NULL) return ESP_OK;
  const int64_t count = esp_shape_count(&t->shape);
  if (count == 1 || count == each || count == all) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT,
                  "input %d has %lld numbers, expected 1 or %lld", i,
                  (long long)count, (long long)each);
}

static esp_status check_inputs(const esp_args *args, const inputs *in) {
  const bool scaled = has_scales(args);
  ESP_TRY(esp_check_arity(args, scaled ? 8 : 2,
                          scaled ? (in->bias > 0 ? 9 : 8) : 4, 1));
  const bool floating = args->node->op == ESP_OP_QLINEAR_MATMUL &&
                        esp_dtype_is_float8(args->in[in->a]->type);
  const unsigned types = floating ? ESP_TYPES_FLOAT8 : BYTES;
  ESP_TRY(esp_check_type(args, in->a, types));
  ESP_TRY(esp_check_type(args, in->b, types));
  if (input(args, in->a_zero) != NULL) {
    ESP_TRY(esp_check_same_type(args, in->a, in->a_zero));
  }
  if (input(args, in->b_zero) != NULL) {
    ESP_TRY(esp_check_same_type(args, in->b, in->b_zero));
  }
  if (!scaled) return ESP_OK;
  ESP_TRY(esp_check_type(args, in->a_scale, SCALES));
  ESP_TRY(esp_check_type(args, in->b_scale, SCALES));
  ESP_TRY(esp_check_type(args, in->y_scale, SCALES));
  ESP_TRY(esp_check_type(args, in->y_zero, types));
  if (input(args, in->bias) != NULL) {
    ESP_TRY(esp_check_type(args, in->bias, ESP_TYPE(ESP_INT32)));
  }
  return ESP_OK;
}

// A product, and how many rows of the first and columns of the second operand
// there are in all of its matrices.
static esp_status form_product(const esp_args *args, const inputs *in,
                               esp_product *p, esp_shape *y) {
  const esp_shape *a = &args->in[in->a]->shape, *b = &args->in[in->b]->shape;
  ESP_TRY(esp_product_of(a, b, p, y));
  const int64_t rows = a->ndim > 1 ? a->dim[a->ndim - 2] : 1;
  const int64_t all_rows = rows * esp_shape_count(&p->a_batch);
  const int64_t all_columns = p->n * esp_shape_count(&p->b_batch);
  ESP_TRY(check_count(args, in->a_zero, rows, all_rows));
  ESP_TRY(check_count(args, in->a_scale, rows, all_rows));
  ESP_TRY(check_count(args, in->b_zero, p->n, all_columns));
  ESP_TRY(check_count(args, in->b_scale, p->n, all_columns));
  ESP_TRY(check_count(args, in->y_scale, rows, p->m * p->batch));
  return check_count(args, in->y_zero, rows, p->m * p->batch);
}

typedef struct convolution {
  esp_columns columns; // of one group
  int64_t batch, groups, out_channels;
  bool in_place; // windows of one element: the input is its own columns
} convolution;

static esp_status form_conv(const esp_args *args, const inputs *in,
                            convolution *c, esp_shape *y) {
  const esp_shape *x = &args->in[in->a]->shape, *w = &args->in[in->b]->shape;
  const int64_t groups = esp_node_int(args->node, "group", 1);
  ESP_TRY(esp_check_ndim(args, in->a, 3, 5));
  ESP_TRY(esp_check_ndim(args, in->b, x->ndim, x->ndim));
  if (groups < 1 || w->dim[0] % groups != 0 ||
      x->dim[1] != w->dim[1] * groups) {
    char have[ESP_SHAPE_TEXT], weights[ESP_SHAPE_TEXT];
    return ESP_FAIL(
        ESP_BAD_INPUT, "input %s and weights %s do not fit in %lld groups",
        esp_shape_text(x, have), esp_shape_text(w, weights), (long long)groups);
  }
  esp_window window;
  ESP_TRY(esp_window_of(args, w->dim + 2, &window));
  ESP_TRY(check_count(args, in->a_zero, 1, 1));
  ESP_TRY(check_count(args, in->a_scale, 1, 1));
  ESP_TRY(check_count(args, in->b_zero, w->dim[0], w->dim[0]));
  ESP_TRY(check_count(args, in->b_scale, w->dim[0], w->dim[0]));
  ESP_TRY(check_count(args, in->y_scale, 1, 1));
  ESP_TRY(check_count(args, in->y_zero, 1, 1));
  ESP_TRY(check_count(args, in->bias, w->dim[0], w->dim[0]));
  *c = (convolution){
      .batch = x->dim[0], .groups = groups, .out_channels = w->dim[0]};
  *y = (esp_shape){.ndim = x->ndim, .dim = {x->dim[0], w->dim[0]}};
  memcpy(y->dim + 2, window.out, (size_t)window.axes * sizeof y->dim[0]);
  esp_window_columns(&window, w->dim[1], 1, &c->columns);
  c->in_place = esp_columns_in_place(&c->columns);
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  const inputs in = inputs_of(args);
  esp_shape y;
  ESP_TRY(check_inputs(args, &in));
  if (is_conv(args)) {
    convolution c;
    ESP_TRY(form_conv(args, &in, &c, &y));
  } else {
    esp_product p;
    ESP_TRY(form_product(args, &in, &p, &y));
  }
  esp_set_output(args, 0,
                 has_scales(args) ? args->in[in.y_zero]->type : ESP_INT32, &y);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  const inputs in = inputs_of(args);
  const esp_shape *b = &args->in[in.b]->shape;
  const int64_t each = is_conv(args) ? esp_shape_product(b, 1, b->ndim)
                                     : b->dim[b->ndim > 1 ? b->ndim - 2 : 0];
  return (esp_work){.flops = 2 * (double)each *
                             (double)esp_shape_count(&args->out[0]->shape),
                    .bytes = (double)esp_tensor_bytes(args->in[in.a]) +
                             (double)esp_tensor_bytes(args->in[in.b]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

// Where prepare() put things in the scratch memory.
typedef struct places {
  inputs in;
  esp_product product;
  convolution conv;
  int64_t a_rows;        // of all of the first operand's matrices
  size_t a_zero, b_zero; // int32
  size_t sums;           // int32, where the result is not int32 itself
  size_t columns;
  size_t lowered; // what a product needs
  size_t b_scale; // double, one or b_scales of them
  int64_t b_scales;
  bool one_scale;
} places;

static size_t reserve(size_t *total, int64_t count, size_t each) {
  const size_t at = *total;
  *total += esp_align_up((size_t)(count > 0 ? count : 1) * each);
  return at;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  places *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  p->in = inputs_of(args);
  esp_shape y;
  const int64_t count = esp_shape_count(&args->out[0]->shape);
  size_t total = 0;
  if (is_conv(args)) {
    ESP_TRY(form_conv(args, &p->in, &p->conv, &y));
    const esp_columns *c = &p->conv.columns;
    ESP_TRY(esp_columns_check(c));
    p->columns = reserve(
        &total,
        p->conv.in_place ? 0 : esp_columns_rows(c) * esp_columns_size(c), 1);
    p->a_zero = reserve(&total, p->conv.out_channels, sizeof(int32_t));
    p->b_zero = reserve(&total, 1, sizeof(int32_t));
    const bool is_signed = args->in[p->in.a]->type == ESP_INT8;
    p->lowered = total;
    total += esp_align_up(esp_matmul_bytes_scratch(
        esp_columns_size(c), esp_columns_rows(c), is_signed));
  } else {
    ESP_TRY(form_product(args, &p->in, &p->product, &y));
    const esp_product *q = &p->product;
    // One second operand for all makes the first a single tall matrix.
    p->a_rows = q->batch == 1 ? q->m : q->m * esp_shape_count(&q->a_batch);
    p->a_zero = reserve(&total, p->a_rows, sizeof(int32_t));
    p->b_zero =
        reserve(&total, q->n * esp_shape_count(&q->b_batch), sizeof(int32_t));
    p->lowered = total;
    total += esp_align_up(esp_matmul_bytes_scratch(
        q->n, q->k, args->in[p->in.b]->type == ESP_INT8));
  }
  p->b_scales = is_conv(args)
                    ? p->conv.out_channels
                    : p->product.n * esp_shape_count(&p->product.b_batch);
  p->b_scale = reserve(&total, p->b_scales, sizeof(double));
  p->one_scale =
      has_scales(args) && esp_shape_count(&args->in[p->in.b_scale]->shape) == 1;
  p->sums = reserve(&total, has_scales(args) ? count : 0, sizeof(int32_t));
  made->scratch_bytes = total;
  return ESP_OK;
}

// The first `count` numbers of a list that repeats; 0 when there is none.
static void spread(const esp_tensor *t, int64_t count, int32_t *to) {
  const int64_t have = t != NULL ? esp_shape_count(&t->shape) : 1;
  for (int64_t i = 0; i < count; i++) {
    to[i] = t != NULL ? (int32_t)esp_whole_at(t, i % have) : 0;
  }
}

static double scale_at(const esp_tensor *t, int64_t i) {
  const int64_t have = esp_shape_count(&t->shape);
  return esp_number_at(t, have == 1 ? 0 : i % have);
}

static esp_status run_products(const esp_args *args, const places *p,
                               esp_team team, int32_t *sums) {
  const esp_product *q = &p->product;
  const esp_tensor *a = args->in[p->in.a], *b = args->in[p->in.b];
  const esp_tensor *b_zeros = input(args, p->in.b_zero);
  unsigned char *scratch = team.scratch;
  int32_t *a_zero = (int32_t *)(void *)(scratch + p->a_zero);
  int32_t *b_zero = (int32_t *)(void *)(scratch + p->b_zero);
  const bool one = b_zeros == NULL || esp_shape_count(&b_zeros->shape) == 1;
  spread(input(args, p->in.a_zero), p->a_rows, a_zero);
  spread(b_zeros, one ? 1 : q->n * esp_shape_count(&q->b_batch), b_zero);
  for (int64_t i = 0; i < q->batch; i++) {
    const int64_t at = esp_product_matrix(q, &q->a_batch, i);
    const int64_t bt = esp_product_matrix(q, &q->b_batch, i);
    const esp_matmul_bytes product = {
        .m = q->m,
        .n = q->n,
        .k = q->k,
        .a_signed = a->type == ESP_INT8,
        .b_signed = b->type == ESP_INT8,
        .a = (const uint8_t *)a->data + at * q->m * q->k,
        .b = (const uint8_t *)b->data + bt * q->k * q->n,
        .a_zero = a_zero + at * q->m,
        .a_zero_step = 1,
        .b_zero = one ? b_zero : b_zero + bt * q->n,
        .b_zero_step = one ? 0 : 1,
        .c = sums + i * q->m * q->n,
        .scratch = scratch + p->lowered,
        .width = team.width};
    ESP_TRY(esp_matmul_bytes_run(&product));
  }
  return ESP_OK;
}

static esp_status run_convolutions(const esp_args *args, const places *p,
                                   esp_team team, int32_t *sums) {
  const convolution *c = &p->conv;
  const esp_tensor *x = args->in[p->in.a], *w = args->in[p->in.b];
  unsigned char *scratch = team.scratch;
  int32_t *x_zero = (int32_t *)(void *)(scratch + p->b_zero);
  int32_t *w_zero = (int32_t *)(void *)(scratch + p->a_zero);
  spread(input(args, p->in.a_zero), 1, x_zero);
  spread(input(args, p->in.b_zero), c->out_channels, w_zero);
  const int64_t rows = esp_columns_rows(&c->columns);
  const int64_t size = esp_columns_size(&c->columns);
  const int64_t each = c->out_channels / c->groups;
  const int64_t in_size = c->columns.channels * c->columns.in[0] *
                          c->columns.in[1] * c->columns.in[2];
  for (int64_t i = 0; i < c->batch * c->groups; i++) {
    const int64_t group = i % c->groups;
    const uint8_t *from = (const uint8_t *)x->data + i * in_size;
    uint8_t *columns = scratch + p->columns;
    if (!c->in_place) {
      const uint8_t fill = (uint8_t)x_zero[0];
      esp_columns_run(&c->columns, from, &fill, columns, team.width);
    }
    const esp_matmul_bytes product = {.m = each,
                                      .n = size,
                                      .k = rows,
                                      .a_signed = w->type == ESP_INT8,
                                      .b_signed = x->type == ESP_INT8,
                                      .a = (const uint8_t *)w->data +
                                           group * each * rows,
                                      .b = c->in_place ? from : columns,
                                      .a_zero = w_zero + group * each,
                                      .a_zero_step = 1,
                                      .b_zero = x_zero,
                                      .b_zero_step = 0,
                                      .c = sums + i * each * size,
                                      .scratch = scratch + p->lowered,
                                      .width = team.width};
    ESP_TRY(esp_matmul_bytes_run(&product));
  }
  return ESP_OK;
}

// y = saturate(round((sum + bias) a_scale b_scale / y_scale) + y_zero).
typedef struct rescaling {
  const esp_args *args;
  const places *p;
  const int32_t *sums;
  const double *b_scale; // spread out
  int64_t columns;       // of a row of the sums
} rescaling;

// Rows of the result: a channel of a sample each.
static void rescale_channels(const rescaling *r, int64_t row,
                             esp_rescaling *scales) {
  const inputs *in = &r->p->in;
  const int64_t channel = row % r->p->conv.out_channels;
  const esp_tensor *bias = input(r->args, in->bias);
  scales->a = scale_at(r->args->in[in->a_scale], 0);
  scales->b = &r->b_scale[r->p->one_scale ? 0 : channel];
  scales->b_step = 0;
  if (bias != NULL) scales->more = ((const int32_t *)bias->data)[channel];
}

// Rows of the result: one of the first operand, in some product.
static void rescale_products(const rescaling *r, int64_t row,
                             esp_rescaling *scales) {
  const esp_product *q = &r->p->product;
  const int64_t at = esp_product_matrix(q, &q->a_batch, row / q->m);
  const int64_t bt = esp_product_matrix(q, &q->b_batch, row / q->m);
  scales->a = scale_at(r->args->in[r->p->in.a_scale], at * q->m + row % q->m);
  scales->b = &r->b_scale[r->p->one_scale ? 0 : bt * q->n];
  scales->b_step = !r->p->one_scale;
}

static void rescale_rows(int64_t begin, int64_t end, void *argument) {
  const rescaling *r = argument;
  const esp_args *args = r->args;
  const inputs *in = &r->p->in;
  const esp_tensor *zeros = args->in[in->y_zero];
  for (int64_t row = begin; row < end; row++) {
    esp_rescaling scales = {.zero = (int32_t)esp_whole_at(
                                zeros, row % esp_shape_count(&zeros->shape)),
                            .is_signed = args->out[0]->type == ESP_INT8};
    if (is_conv(args)) {
      rescale_channels(r, row, &scales);
    } else {
      rescale_products(r, row, &scales);
    }
    scales.a /= scale_at(args->in[in->y_scale], row);
    esp_rescale(&scales, r->sums + row * r->columns,
                (uint8_t *)args->out[0]->data + row * r->columns, r->columns);
  }
}

static void rescale(const esp_args *args, const places *p, esp_team team,
                    const int32_t *sums) {
  enum { GRAIN = 4096 };
  unsigned char *scratch = team.scratch;
  double *b_scale = (double *)(void *)(scratch + p->b_scale);
  for (int64_t i = 0; i < (p->one_scale ? 1 : p->b_scales); i++) {
    b_scale[i] = scale_at(args->in[p->in.b_scale], i);
  }
  rescaling r = {.args = args,
                 .p = p,
                 .sums = sums,
                 .b_scale = b_scale,
                 .columns = is_conv(args) ? esp_columns_size(&p->conv.columns)
                                          : p->product.n};
  esp_loop_over(team.width, esp_shape_count(&args->out[0]->shape) / r.columns,
                GRAIN / r.columns + 1, rescale_rows, &r);
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const places *p = state;
  unsigned char *scratch = team.scratch;
  int32_t *sums = has_scales(args) ? (int32_t *)(void *)(scratch + p->sums)
                                   : args->out[0]->data;
  const int64_t count = esp_shape_count(&args->out[0]->shape);
  if (count == 0) return ESP_OK;
  if (esp_dtype_is_float8(args->out[0]->type)) {
    esp_product_float8(args, &p->product, team.width);
    return ESP_OK;
  }
  if (is_conv(args)) {
    ESP_TRY(run_convolutions(args, p, team, sums));
  } else {
    ESP_TRY(run_products(args, p, team, sums));
  }
  if (has_scales(args)) rescale(args, p, team, sums);
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  if (is_conv(args)) esp_samples_leading(args, batch, in, out);
  const inputs at = inputs_of(args);
  const esp_tensor *a = args->in[at.a], *b = args->in[at.b];
  const int last = a->shape.ndim - 1;
  if (is_conv(args) || b->shape.ndim != 2 || esp_samples_along(&in[at.b])) {
    return; // products of stacks are not told apart here
  }
  esp_samples_past(args, &in[at.a], last, out);
}

const esp_op esp_op_integer = {.samples = samples,
                               .infer = infer,
                               .work = work,
                               .prepare = prepare,
                               .release = free,
                               .run = run};
