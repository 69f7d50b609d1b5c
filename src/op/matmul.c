// MatMul and Gemm.  float32 through the kernel; double and integers by plain
// loops.
#include "kernel/matmul.h"

#include <stdlib.h>

#include "kernel/matmul_plain.h"
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/post.h"
#include "op/product.h"
#include "op/samples.h"

// The operands as a product of matrices.
typedef struct form {
  esp_product p;
  bool a_turned, b_turned;
  float alpha, beta;
} form;

static esp_status form_gemm(const esp_args *args, form *f, esp_shape *y) {
  const esp_node *node = args->node;
  ESP_TRY(esp_check_ndim(args, 0, 2, 2));
  ESP_TRY(esp_check_ndim(args, 1, 2, 2));
  const esp_shape *a = &args->in[0]->shape, *b = &args->in[1]->shape;
  *f = (form){.a_turned = esp_node_int(node, "transA", 0) != 0,
              .b_turned = esp_node_int(node, "transB", 0) != 0,
              .alpha = esp_node_float(node, "alpha", 1),
              .beta = esp_node_float(node, "beta", 1)};
  const esp_shape left = {2, {a->dim[f->a_turned], a->dim[!f->a_turned]}};
  const esp_shape right = {2, {b->dim[f->b_turned], b->dim[!f->b_turned]}};
  return esp_product_of(&left, &right, &f->p, y);
}

static esp_status form_of(const esp_args *args, form *f, esp_shape *y) {
  if (args->node->op == ESP_OP_GEMM) return form_gemm(args, f, y);
  *f = (form){.alpha = 1, .beta = 1};
  return esp_product_of(&args->in[0]->shape, &args->in[1]->shape, &f->p, y);
}

static esp_status infer(const esp_args *args) {
  const bool gemm = args->node->op == ESP_OP_GEMM;
  // C may be left out from opset 11 on.
  const int least = gemm && args->node->version < 11 ? 3 : 2;
  form f;
  esp_shape y;
  ESP_TRY(esp_check_arity(args, least, gemm ? 3 : 2, 1));
  ESP_TRY(esp_check_type(args, 0,
                         ESP_TYPES_FLOATING | ESP_TYPE(ESP_INT32) |
                             ESP_TYPE(ESP_INT64) | ESP_TYPE(ESP_UINT32) |
                             ESP_TYPE(ESP_UINT64)));
  ESP_TRY(esp_check_same_type(args, 0, 1));
  ESP_TRY(form_of(args, &f, &y));
  if (gemm && esp_has_input(args, 2)) {
    esp_shape both;
    ESP_TRY(esp_check_same_type(args, 0, 2));
    ESP_TRY(esp_shape_broadcast(&args->in[2]->shape, &y, &both));
    if (!esp_shape_equal(&both, &y)) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "input 2 does not broadcast to the product");
    }
  }
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  form f;
  esp_shape y;
  if (form_of(args, &f, &y) != ESP_OK) return (esp_work){0};
  return (esp_work){.flops = 2 * (double)f.p.batch * (double)f.p.m *
                             (double)f.p.n * (double)f.p.k,
                    .bytes = (double)esp_tensor_bytes(args->in[0]) +
                             (double)esp_tensor_bytes(args->in[1]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

typedef struct prepared {
  form form;
  esp_matmul *mm; // float32
  int posts;
  esp_kernel_post post[ESP_KERNEL_POSTS];
  size_t turned_bytes; // scratch for a transposed a
} prepared;

static void release(void *state) {
  prepared *p = state;
  if (p == NULL) return;
  esp_matmul_free(p->mm);
  free(p);
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  prepared *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  esp_shape y;
  ESP_TRY(form_of(args, &p->form, &y));
  p->posts = args->node->npost;
  esp_posts_of(args->node, p->post);
  if (args->in[0]->type != ESP_FLOAT) return ESP_OK;
  const esp_matmul_problem problem = {.m = p->form.p.m,
                                      .n = p->form.p.n,
                                      .k = p->form.p.k,
                                      .b_transposed = p->form.b_turned,
                                      .width = width,
                                      .products = p->form.p.batch,
                                      .precision = args->node->precision};
  const float *b = p->form.p.batch == 1 ? args->in[1]->data : NULL;
  ESP_TRY(esp_matmul_create(&problem, b, &p->mm));
  if (p->form.a_turned) {
    p->turned_bytes =
        esp_align_up((size_t)(p->form.p.m * p->form.p.k) * sizeof(float));
  }
  made->scratch_bytes = p->turned_bytes + esp_matmul_scratch(p->mm);
  return ESP_OK;
}

// The products, and what follows row by row: alpha, beta C, posts.
typedef struct finish {
  const esp_args *args;
  const prepared *p;
  const float *a;                // as it is multiplied
  const float *c;                // NULL: none
  int64_t row_step, column_step; // of c; 0: repeated
  bool any;                      // is there anything to do?
  const float *added[ESP_KERNEL_POSTS];
} finish;

static void give_operands(const void *context, int64_t product, const void **a,
                          const void **b) {
  const finish *f = context;
  const esp_product *p = &f->p->form.p;
  *a = f->a + esp_product_matrix(p, &p->a_batch, product) * p->m * p->k;
  *b = (const float *)f->args->in[1]->data +
       esp_product_matrix(p, &p->b_batch, product) * p->k * p->n;
}

static void finish_row(const finish *f, int64_t r, float *y) {
  const form *g = &f->p->form;
  const int64_t n = g->p.n;
  if (g->alpha != 1.0f) {
    for (int64_t i = 0; i < n; i++) y[i] *= g->alpha;
  }
  const float *c = f->c != NULL ? f->c + r * f->row_step : NULL;
  if (c != NULL && f->column_step == 1 && g->beta == 1.0f) {
    for (int64_t i = 0; i < n; i++) y[i] += c[i];
  } else if (c != NULL) {
    for (int64_t i = 0; i < n; i++) y[i] += g->beta * c[i * f->column_step];
  }
  const float *added[ESP_KERNEL_POSTS];
  for (int i = 0; i < f->p->posts; i++) {
    const bool whole = f->args->node->post[i].kind == ESP_POST_ADD;
    added[i] = whole ? f->added[i] + r * n : f->added[i];
  }
  esp_post_apply(f->p->post, f->p->posts, added, y, n);
}

static void finish_rows(const void *context, int64_t first, int64_t end) {
  const finish *f = context;
  const int64_t n = f->p->form.p.n;
  float *y = f->args->out[0]->data;
  for (int64_t r = first; f->any && r < end; r++) finish_row(f, r, y + r * n);
}

static void set_c(const esp_args *args, finish *f) {
  if (args->node->op != ESP_OP_GEMM || !esp_has_input(args, 2)) return;
  const esp_shape *c = &args->in[2]->shape;
  f->c = args->in[2]->data;
  if (c->ndim >= 1 && c->dim[c->ndim - 1] != 1) f->column_step = 1;
  if (c->ndim == 2 && c->dim[0] != 1) f->row_step = c->dim[1];
}

static void turn(const float *a, float *to, const esp_product *f) {
  for (int64_t m = 0; m < f->m; m++) {
    for (int64_t k = 0; k < f->k; k++) to[m * f->k + k] = a[k * f->m + m];
  }
}

static esp_status run_floats(const esp_args *args, const prepared *p,
                             esp_team team) {
  const esp_product *f = &p->form.p;
  unsigned char *scratch = team.scratch;
  finish last = {.args = args, .p = p, .a = args->in[0]->data};
  if (p->form.a_turned) {
    turn(last.a, team.scratch, f);
    last.a = team.scratch;
  }
  esp_added_of(args, last.added);
  set_c(args, &last);
  last.any = last.c != NULL || p->form.alpha != 1.0f || p->posts > 0;
  const esp_matmul_work work = {.context = &last,
                                .operands = give_operands,
                                .after = finish_rows,
                                .c = args->out[0]->data};
  return esp_matmul_run_all(p->mm, &work, scratch + p->turned_bytes);
}

// alpha y + beta C in double, or wrapping around when both are 1.
static void finish_plain(const esp_args *args, const form *f) {
  const esp_tensor *y = args->out[0];
  finish steps = {0};
  set_c(args, &steps);
  const bool has_c = args->node->op == ESP_OP_GEMM && esp_has_input(args, 2);
  if (f->alpha == 1.0f && !has_c) return;
  const bool whole =
      y->type != ESP_DOUBLE && f->alpha == 1.0f && f->beta == 1.0f;
  for (int64_t i = 0; i < f->p.m * f->p.n; i++) {
    const int64_t c =
        i / f->p.n * steps.row_step + i % f->p.n * steps.column_step;
    if (whole) {
      esp_whole_put(y, i,
                    (int64_t)((uint64_t)esp_whole_at(y, i) +
                              (uint64_t)esp_whole_at(args->in[2], c)));
    } else {
      const double more = has_c ? esp_number_at(args->in[2], c) : 0;
      esp_number_put(y, i,
                     (double)f->alpha * esp_number_at(y, i) +
                         (double)f->beta * more);
    }
  }
}

static void run_plain(const esp_args *args, const form *f, int width) {
  const esp_product *p = &f->p;
  const esp_dtype type = args->in[0]->type;
  const size_t bytes = esp_dtype_bytes(type);
  const unsigned char *a = args->in[0]->data, *b = args->in[1]->data;
  unsigned char *y = args->out[0]->data;
  for (int64_t i = 0; i < p->batch; i++) {
    const int64_t at = esp_product_matrix(p, &p->a_batch, i) * p->m * p->k;
    const int64_t bt = esp_product_matrix(p, &p->b_batch, i) * p->k * p->n;
    const esp_matmul_plain product = {.type = type,
                                      .m = p->m,
                                      .n = p->n,
                                      .k = p->k,
                                      .a = a + (size_t)at * bytes,
                                      .b = b + (size_t)bt * bytes,
                                      .a_row = f->a_turned ? 1 : p->k,
                                      .a_column = f->a_turned ? p->m : 1,
                                      .b_row = f->b_turned ? 1 : p->n,
                                      .b_column = f->b_turned ? p->k : 1,
                                      .c =
                                          y + (size_t)(i * p->m * p->n) * bytes,
                                      .width = width};
    esp_matmul_plain_run(&product);
  }
  finish_plain(args, f);
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const prepared *p = state;
  if (args->in[0]->type == ESP_FLOAT) return run_floats(args, p, team);
  run_plain(args, &p->form, team.width);
  return ESP_OK;
}

static const esp_op plain = {
    .prepare = prepare, .release = release, .run = run};
// Where the samples of an operand are in the product; of the operand's last two
// axes `inner` is summed over.
static esp_samples in_product(const esp_samples *in, int ndim, int inner,
                              int other, int out_ndim, int out_axis) {
  esp_samples moved = *in;
  if (in->axis == inner) return esp_samples_mixed;
  moved.axis = in->axis == other ? out_axis : in->axis + out_ndim - ndim;
  return moved;
}

static void gemm_samples(const esp_args *args, const esp_samples *in,
                         esp_samples *out) {
  const bool ta = esp_node_int(args->node, "transA", 0) != 0;
  const bool tb = esp_node_int(args->node, "transB", 0) != 0;
  esp_samples all = {.kind = ESP_SAMPLES_UNTOLD};
  esp_samples part[3];
  part[0] = in_product(&in[0], 2, !ta, ta, 2, 0);
  part[1] = in_product(&in[1], 2, tb, !tb, 2, 1);
  const bool has_c = esp_has_input(args, 2);
  if (has_c) {
    part[2] = in[2];
    part[2].axis += 2 - args->in[2]->shape.ndim;
  }
  for (int i = 0; i < 2 + has_c; i++) {
    if (!esp_samples_along(&in[i])) continue;
    if (!esp_samples_along(&part[i]) || !esp_samples_join(&all, &part[i])) {
      all = esp_samples_mixed;
      break;
    }
  }
  if (has_c && esp_samples_along(&all) && !esp_samples_along(&in[2]) &&
      !esp_samples_uniform(args->in[2],
                           all.axis - (2 - args->in[2]->shape.ndim))) {
    all = esp_samples_mixed;
  }
  esp_samples_give(args, &all, 0, out);
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  (void)batch;
  if (args->node->op == ESP_OP_GEMM) {
    gemm_samples(args, in, out);
    return;
  }
  const int na = args->in[0]->shape.ndim, nb = args->in[1]->shape.ndim;
  const int n = args->out[0]->shape.ndim;
  if (na < 2 || nb < 2) return;
  esp_samples all = {.kind = ESP_SAMPLES_UNTOLD};
  const esp_samples part[2] = {
      in_product(&in[0], na, na - 1, na - 2, n, n - 2),
      in_product(&in[1], nb, nb - 2, nb - 1, n, n - 1)};
  for (int i = 0; i < 2; i++) {
    if (!esp_samples_along(&in[i])) continue;
    if (!esp_samples_along(&part[i]) || !esp_samples_join(&all, &part[i])) {
      all = esp_samples_mixed;
      break;
    }
  }
  // A matrix for each sample that is the same for none of them.
  for (int i = 0; i < 2 && esp_samples_along(&all); i++) {
    const int own = args->in[i]->shape.ndim;
    const int axis = all.axis - (n - own);
    if (!esp_samples_along(&in[i]) && axis < own - 2 &&
        !esp_samples_uniform(args->in[i], axis)) {
      all = esp_samples_mixed;
    }
  }
  esp_samples_give(args, &all, 0, out);
}

// Columns go with those of the constant matrix, and of what Gemm adds; the bits
// of a product do not depend on their number (kernel/matmul.h).
static bool divides(const esp_args *args, int parts, esp_op_division *how) {
  enum { COLUMNS = 64 };
  const esp_tensor *b = args->in[1];
  const bool gemm = args->node->op == ESP_OP_GEMM;
  const bool turned = gemm && esp_node_int(args->node, "transB", 0) != 0;
  const int axis = args->out[0]->shape.ndim - 1;
  *how = (esp_op_division){.axis = {axis},
                           .grain = COLUMNS,
                           .cuts = 3,
                           .cut = {-1, turned ? 0 : 1, -1}};
  if (args->in[0]->type != ESP_FLOAT || b->data == NULL || b->shape.ndim != 2 ||
      args->in[0]->shape.ndim < 2 ||
      args->node->precision != ESP_PRECISION_FLOAT32) {
    return false;
  }
  const int64_t columns = args->out[0]->shape.dim[axis];
  if (gemm && esp_has_input(args, 2)) {
    const esp_shape *c = &args->in[2]->shape;
    if (args->in[2]->data == NULL) return false;
    if (c->ndim > 0 && c->dim[c->ndim - 1] == columns) {
      how->cut[2] = c->ndim - 1;
    }
  }
  return columns / COLUMNS >= parts;
}

const esp_op esp_op_matmul = {.samples = samples,
                              .infer = infer,
                              .work = work,
                              ESP_HALF(plain),
                              .divides = divides,
                              .posts = true};
