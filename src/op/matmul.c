// MatMul and Gemm.  float32 through the kernel; the other numbers by a plain
// loop in double or in 64-bit integers.
#include "kernel/matmul.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/post.h"

// Both operators as products of matrices: batch, rows, columns.
typedef struct form {
  int64_t m, n, k;
  bool a_turned, b_turned;
  int64_t batch;              // products
  esp_shape a_batch, b_batch; // leading dimensions
  esp_shape batch_shape;
  float alpha, beta;
} form;

static esp_status form_gemm(const esp_args *args, form *f) {
  const esp_node *node = args->node;
  ESP_TRY(esp_check_ndim(args, 0, 2, 2));
  ESP_TRY(esp_check_ndim(args, 1, 2, 2));
  const esp_shape *a = &args->in[0]->shape, *b = &args->in[1]->shape;
  *f = (form){.a_turned = esp_node_int(node, "transA", 0) != 0,
              .b_turned = esp_node_int(node, "transB", 0) != 0,
              .batch = 1,
              .alpha = esp_node_float(node, "alpha", 1),
              .beta = esp_node_float(node, "beta", 1)};
  f->m = a->dim[f->a_turned];
  f->k = a->dim[!f->a_turned];
  f->n = b->dim[!f->b_turned];
  if (b->dim[f->b_turned] == f->k) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "the inner dimensions are %lld and %lld",
                  (long long)f->k, (long long)b->dim[f->b_turned]);
}

static esp_status form_matmul(const esp_args *args, form *f) {
  ESP_TRY(esp_check_ndim(args, 0, 1, ESP_MAX_NDIM));
  ESP_TRY(esp_check_ndim(args, 1, 1, ESP_MAX_NDIM));
  const esp_shape *a = &args->in[0]->shape, *b = &args->in[1]->shape;
  *f = (form){.alpha = 1, .beta = 1};
  f->m = a->ndim > 1 ? a->dim[a->ndim - 2] : 1;
  f->k = a->dim[a->ndim - 1];
  f->n = b->ndim > 1 ? b->dim[b->ndim - 1] : 1;
  const int64_t other = b->dim[b->ndim > 1 ? b->ndim - 2 : 0];
  if (other != f->k) {
    return ESP_FAIL(ESP_BAD_INPUT, "the inner dimensions are %lld and %lld",
                    (long long)f->k, (long long)other);
  }
  f->a_batch.ndim = a->ndim > 2 ? a->ndim - 2 : 0;
  f->b_batch.ndim = b->ndim > 2 ? b->ndim - 2 : 0;
  memcpy(f->a_batch.dim, a->dim, sizeof a->dim);
  memcpy(f->b_batch.dim, b->dim, sizeof b->dim);
  ESP_TRY(esp_shape_broadcast(&f->a_batch, &f->b_batch, &f->batch_shape));
  f->batch = esp_shape_count(&f->batch_shape);
  if (esp_shape_count(&f->b_batch) == 1) { // one b for all: one tall a
    f->m *= f->batch;
    f->batch = 1;
    if (esp_shape_count(&f->a_batch) *
            (a->ndim > 1 ? a->dim[a->ndim - 2] : 1) !=
        f->m) {
      return ESP_FAIL(ESP_UNSUPPORTED, "this broadcast of a product");
    }
  }
  return ESP_OK;
}

static esp_status form_of(const esp_args *args, form *f) {
  return args->node->op == ESP_OP_GEMM ? form_gemm(args, f)
                                       : form_matmul(args, f);
}

static esp_status infer(const esp_args *args) {
  const bool gemm = args->node->op == ESP_OP_GEMM;
  form f;
  ESP_TRY(esp_check_arity(args, 2, gemm ? 3 : 2, 1));
  ESP_TRY(esp_check_type(args, 0,
                         ESP_TYPE(ESP_FLOAT) | ESP_TYPE(ESP_DOUBLE) |
                             ESP_TYPE(ESP_INT32) | ESP_TYPE(ESP_INT64) |
                             ESP_TYPE(ESP_UINT32) | ESP_TYPE(ESP_UINT64)));
  ESP_TRY(esp_check_same_type(args, 0, 1));
  ESP_TRY(form_of(args, &f));
  const esp_shape *a = &args->in[0]->shape, *b = &args->in[1]->shape;
  esp_shape y = gemm ? (esp_shape){2, {f.m, f.n}} : f.batch_shape;
  if (!gemm && y.ndim + 2 > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED, "more than %d dimensions", ESP_MAX_NDIM);
  }
  if (!gemm && a->ndim > 1) y.dim[y.ndim++] = a->dim[a->ndim - 2];
  if (!gemm && b->ndim > 1) y.dim[y.ndim++] = f.n;
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
  if (form_of(args, &f) != ESP_OK) return (esp_work){0};
  return (esp_work){.flops = 2 * (double)f.batch * (double)f.m * (double)f.n *
                             (double)f.k,
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
  ESP_TRY(form_of(args, &p->form));
  p->posts = args->node->npost;
  esp_posts_of(args->node, p->post);
  if (args->in[0]->type != ESP_FLOAT) return ESP_OK;
  const esp_matmul_problem problem = {.m = p->form.m,
                                      .n = p->form.n,
                                      .k = p->form.k,
                                      .b_transposed = p->form.b_turned,
                                      .width = width};
  const float *b = p->form.batch == 1 ? args->in[1]->data : NULL;
  ESP_TRY(esp_matmul_create(&problem, b, &p->mm));
  if (p->form.a_turned) {
    p->turned_bytes =
        esp_align_up((size_t)(p->form.m * p->form.k) * sizeof(float));
  }
  made->scratch_bytes = p->turned_bytes + esp_matmul_scratch(p->mm);
  return ESP_OK;
}

// Offset, in matrices, of a batch's operand.
static int64_t matrix_of(const form *f, const esp_shape *own, int64_t batch) {
  int64_t at = 0, step = 1;
  for (int i = f->batch_shape.ndim - 1; i >= 0; i--) {
    const int64_t index = batch % f->batch_shape.dim[i];
    batch /= f->batch_shape.dim[i];
    const int d = i - (f->batch_shape.ndim - own->ndim);
    if (d < 0) continue;
    if (own->dim[d] != 1) at += index * step;
    step *= own->dim[d];
  }
  return at;
}

// What follows the product, row by row: alpha, beta C, posts.
typedef struct finish {
  const prepared *p;
  const float *c;                // NULL: none
  int64_t row_step, column_step; // of c; 0: repeated
  const float **added;
  float *y;
} finish;

static void finish_rows(int64_t begin, int64_t end, void *argument) {
  const finish *f = argument;
  const form *g = &f->p->form;
  for (int64_t r = begin; r < end; r++) {
    float *y = f->y + r * g->n;
    if (g->alpha != 1.0f) {
      for (int64_t i = 0; i < g->n; i++) y[i] *= g->alpha;
    }
    const float *c = f->c != NULL ? f->c + r * f->row_step : NULL;
    if (c != NULL && f->column_step == 1 && g->beta == 1.0f) {
      for (int64_t i = 0; i < g->n; i++) y[i] += c[i];
    } else if (c != NULL) {
      for (int64_t i = 0; i < g->n; i++)
        y[i] += g->beta * c[i * f->column_step];
    }
    const float *added[ESP_KERNEL_POSTS];
    for (int i = 0; i < f->p->posts; i++) {
      added[i] = f->added[i] != NULL ? f->added[i] + r * g->n : NULL;
    }
    esp_post_apply(f->p->post, f->p->posts, added, y, g->n);
  }
}

static void set_c(const esp_args *args, finish *f) {
  if (args->node->op != ESP_OP_GEMM || !esp_has_input(args, 2)) return;
  const esp_shape *c = &args->in[2]->shape;
  f->c = args->in[2]->data;
  if (c->ndim >= 1 && c->dim[c->ndim - 1] != 1) f->column_step = 1;
  if (c->ndim == 2 && c->dim[0] != 1) f->row_step = c->dim[1];
}

static void turn(const float *a, float *to, const form *f) {
  for (int64_t m = 0; m < f->m; m++) {
    for (int64_t k = 0; k < f->k; k++) to[m * f->k + k] = a[k * f->m + m];
  }
}

static esp_status run_floats(const esp_args *args, const prepared *p,
                             esp_team team) {
  enum { GRAIN = 8192 };
  const form *f = &p->form;
  unsigned char *scratch = team.scratch;
  const float *a = args->in[0]->data, *b = args->in[1]->data;
  float *y = args->out[0]->data;
  if (f->a_turned) {
    turn(a, team.scratch, f);
    a = team.scratch;
  }
  for (int64_t i = 0; i < f->batch; i++) {
    const int64_t at = f->batch > 1 ? matrix_of(f, &f->a_batch, i) : 0;
    const int64_t bt = f->batch > 1 ? matrix_of(f, &f->b_batch, i) : 0;
    ESP_TRY(esp_matmul_run(p->mm, a + at * f->m * f->k, b + bt * f->k * f->n,
                           y + i * f->m * f->n, scratch + p->turned_bytes));
  }
  const float *added[ESP_KERNEL_POSTS];
  esp_added_of(args, added);
  finish last = {.p = p, .added = added, .y = y};
  set_c(args, &last);
  if (last.c != NULL || f->alpha != 1.0f || p->posts > 0) {
    esp_loop_over(team.width, f->batch * f->m, GRAIN / (f->n + 1) + 1,
                  finish_rows, &last);
  }
  return ESP_OK;
}

#define PLAIN(s, t, d)                                                         \
  case d:                                                                      \
    for (int64_t i = 0; i < f->batch * f->m; i++) {                            \
      const int64_t batch = i / f->m, m = i % f->m;                            \
      const int64_t at = matrix_of(f, &f->a_batch, batch) * f->m * f->k;       \
      const int64_t bt = matrix_of(f, &f->b_batch, batch) * f->k * f->n;       \
      for (int64_t n = 0; n < f->n; n++) {                                     \
        t sum = 0;                                                             \
        for (int64_t k = 0; k < f->k; k++) {                                   \
          const t a =                                                          \
              ((const t *)args->in[0]                                          \
                   ->data)[at + (f->a_turned ? k * f->m + m : m * f->k + k)];  \
          const t b =                                                          \
              ((const t *)args->in[1]                                          \
                   ->data)[bt + (f->b_turned ? n * f->k + k : k * f->n + n)];  \
          sum = (t)(sum + (t)(a * b));                                         \
        }                                                                      \
        if (f->alpha != 1.0f) sum = (t)((double)f->alpha * (double)sum);       \
        if (c >= 0) {                                                          \
          const t more =                                                       \
              ((const t *)args->in[2]->data)[m * row_step + n * column_step];  \
          sum =                                                                \
              (t)(sum + (f->beta != 1.0f ? (t)((double)f->beta * (double)more) \
                                         : more));                             \
        }                                                                      \
        ((t *)args->out[0]->data)[i * f->n + n] = sum;                         \
      }                                                                        \
    }                                                                          \
    break;
#define PLAIN_TYPES(X)                                                         \
  X(f64, double, ESP_DOUBLE)                                                   \
  X(i32, int32_t, ESP_INT32)                                                   \
  X(i64, int64_t, ESP_INT64)                                                   \
  X(u32, uint32_t, ESP_UINT32)                                                 \
  X(u64, uint64_t, ESP_UINT64)

static void run_plain(const esp_args *args, const form *f) {
  finish steps = {0};
  set_c(args, &steps);
  const int c =
      args->node->op == ESP_OP_GEMM && esp_has_input(args, 2) ? 0 : -1;
  const int64_t row_step = steps.row_step, column_step = steps.column_step;
  switch (args->in[0]->type) {
    PLAIN_TYPES(PLAIN)
  default:
    break;
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const prepared *p = state;
  if (args->in[0]->type == ESP_FLOAT) return run_floats(args, p, team);
  run_plain(args, &p->form);
  return ESP_OK;
}

const esp_op esp_op_matmul = {.infer = infer,
                              .work = work,
                              .prepare = prepare,
                              .release = release,
                              .run = run,
                              .posts = true};
