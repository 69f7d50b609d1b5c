// Attention: softmax(scale Q K^T + mask) V for each sample and each head.  Of
// ONNX 23 without past keys, soft cap and the outputs beside Y.  float32; a
// head's rows are made a block at a time, so that its scores stay in the cache.
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/matmul.h"
#include "kernel/parallel.h"
#include "kernel/vector_math.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"

// An operand or the result: [batch, heads, rows, width], whichever way it lies.
typedef struct side {
  int64_t batch, heads, rows, width;
  int64_t batch_step, head_step, row_step; // elements
} side;

typedef struct form {
  side q, k, v, y;
  float scale;
  bool causal; // row i looks at keys 0 .. i
} form;

// [batch, heads, rows, width], or [batch, rows, heads * width].
static esp_status side_of(const esp_args *args, int i, const char *attribute,
                          side *s) {
  const int64_t *dim = args->in[i]->shape.dim;
  ESP_TRY(esp_check_ndim(args, i, 3, 4));
  if (args->in[i]->shape.ndim == 4) {
    *s = (side){.batch = dim[0],
                .heads = dim[1],
                .rows = dim[2],
                .width = dim[3],
                .batch_step = dim[1] * dim[2] * dim[3],
                .head_step = dim[2] * dim[3],
                .row_step = dim[3]};
    return ESP_OK;
  }
  const int64_t heads = esp_node_int(args->node, attribute, 0);
  if (heads < 1 || dim[2] % heads != 0) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%s is %lld, which does not divide the %lld columns of "
                    "input %d",
                    attribute, (long long)heads, (long long)dim[2], i);
  }
  *s = (side){.batch = dim[0],
              .heads = heads,
              .rows = dim[1],
              .width = dim[2] / heads,
              .batch_step = dim[1] * dim[2],
              .head_step = dim[2] / heads,
              .row_step = dim[2]};
  return ESP_OK;
}

static esp_status check_sides(const form *f) {
  const side *q = &f->q, *k = &f->k, *v = &f->v;
  if (q->width == k->width && k->rows == v->rows && k->heads == v->heads &&
      k->heads > 0 && q->heads % k->heads == 0 && q->batch == k->batch &&
      k->batch == v->batch) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT,
                  "Q, K and V of %lld, %lld and %lld samples, %lld, %lld and "
                  "%lld heads, %lld, %lld and %lld rows, and %lld, %lld and "
                  "%lld columns a head do not go together",
                  (long long)q->batch, (long long)k->batch, (long long)v->batch,
                  (long long)q->heads, (long long)k->heads, (long long)v->heads,
                  (long long)q->rows, (long long)k->rows, (long long)v->rows,
                  (long long)q->width, (long long)k->width,
                  (long long)v->width);
}

static esp_status form_of(const esp_args *args, form *f, esp_shape *y) {
  ESP_TRY(side_of(args, 0, "q_num_heads", &f->q));
  ESP_TRY(side_of(args, 1, "kv_num_heads", &f->k));
  ESP_TRY(side_of(args, 2, "kv_num_heads", &f->v));
  ESP_TRY(check_sides(f));
  const float otherwise = 1 / sqrtf((float)(f->q.width > 0 ? f->q.width : 1));
  f->scale = esp_node_float(args->node, "scale", otherwise);
  f->causal = esp_node_int(args->node, "is_causal", 0) != 0;
  const int64_t wide = f->q.heads * f->v.width;
  f->y = f->q;
  f->y.width = f->v.width;
  f->y.batch_step = f->q.rows * wide;
  if (args->in[0]->shape.ndim == 4) {
    *y = (esp_shape){4, {f->q.batch, f->q.heads, f->q.rows, f->v.width}};
    f->y.head_step = f->q.rows * f->v.width;
    f->y.row_step = f->v.width;
  } else {
    *y = (esp_shape){3, {f->q.batch, f->q.rows, wide}};
    f->y.head_step = f->v.width;
    f->y.row_step = wide;
  }
  return ESP_OK;
}

static esp_status check_mask(const esp_args *args, const form *f) {
  if (!esp_has_input(args, 3)) return ESP_OK;
  const esp_shape all = {4, {f->q.batch, f->q.heads, f->q.rows, f->k.rows}};
  esp_shape both;
  ESP_TRY(esp_check_ndim(args, 3, 0, 4));
  if (esp_shape_broadcast(&all, &args->in[3]->shape, &both) == ESP_OK &&
      esp_shape_equal(&all, &both)) {
    return ESP_OK;
  }
  char mask[ESP_SHAPE_TEXT], scores[ESP_SHAPE_TEXT];
  return ESP_FAIL(ESP_BAD_INPUT,
                  "attn_mask has shape %s, which does not broadcast to the "
                  "scores %s",
                  esp_shape_text(&args->in[3]->shape, mask),
                  esp_shape_text(&all, scores));
}

static esp_status infer(const esp_args *args) {
  form f;
  esp_shape y;
  ESP_TRY(esp_check_arity(args, 3, 6, 4));
  ESP_TRY(esp_check_type(args, 0,
                         ESP_TYPE(ESP_FLOAT) | ESP_TYPE(ESP_FLOAT16) |
                             ESP_TYPE(ESP_BFLOAT16)));
  ESP_TRY(esp_check_same_type(args, 0, 1));
  ESP_TRY(esp_check_same_type(args, 0, 2));
  if (esp_has_input(args, 3) && args->in[3]->type != ESP_BOOL) {
    ESP_TRY(esp_check_same_type(args, 0, 3));
  }
  bool more = esp_has_input(args, 4) || esp_has_input(args, 5) ||
              esp_node_float(args->node, "softcap", 0) != 0.0f;
  for (int i = 1; i < args->nout; i++) more = more || args->out[i] != NULL;
  if (more) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "past keys, softcap, and outputs beside the first");
  }
  ESP_TRY(form_of(args, &f, &y));
  ESP_TRY(check_mask(args, &f));
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

static double scores_of(const form *f) {
  return (double)f->q.batch * (double)f->q.heads * (double)f->q.rows *
         (double)f->k.rows;
}

static esp_work work(const esp_args *args) {
  form f;
  esp_shape y;
  if (form_of(args, &f, &y) != ESP_OK) return (esp_work){0};
  double bytes = (double)esp_tensor_bytes(args->out[0]);
  for (int i = 0; i < 3; i++) bytes += (double)esp_tensor_bytes(args->in[i]);
  const double each = 2 * (double)f.q.width + 2 * (double)f.v.width + 20;
  return (esp_work){.flops = scores_of(&f) * each, .bytes = bytes};
}

// What a thread needs: dense copies of a block of a head's queries, of its keys
// (turned) and values, and what is made of them.
typedef struct prepared {
  form f;
  int64_t block; // rows
  esp_matmul *scores, *mixed;
  size_t q, k, v, s, y; // bytes
  size_t products;      // scratch of either
  size_t each;          // all of it
} prepared;

static void release(void *state) {
  prepared *p = state;
  if (p == NULL) return;
  esp_matmul_free(p->scores);
  esp_matmul_free(p->mixed);
  free(p);
}

static size_t room(int64_t rows, int64_t columns) {
  return esp_align_up((size_t)(rows * columns) * sizeof(float));
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  enum { BLOCK = 128 };
  prepared *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  esp_shape y;
  ESP_TRY(form_of(args, &p->f, &y));
  const form *f = &p->f;
  p->block = f->q.rows < BLOCK ? f->q.rows : BLOCK;
  const esp_matmul_problem scores = {
      .m = p->block, .n = f->k.rows, .k = f->q.width, .width = 1};
  const esp_matmul_problem mixed = {
      .m = p->block, .n = f->v.width, .k = f->k.rows, .width = 1};
  ESP_TRY(esp_matmul_create(&scores, NULL, &p->scores));
  ESP_TRY(esp_matmul_create(&mixed, NULL, &p->mixed));
  p->q = room(p->block, f->q.width);
  p->k = room(f->k.rows, f->k.width);
  p->v = room(f->v.rows, f->v.width);
  p->s = room(p->block, f->k.rows);
  p->y = room(p->block, f->v.width);
  const size_t a = esp_matmul_scratch(p->scores);
  const size_t b = esp_matmul_scratch(p->mixed);
  p->products = esp_align_up(a > b ? a : b);
  p->each = p->q + p->k + p->v + p->s + p->y + p->products;
  made->scratch_bytes = p->each * (size_t)width;
  return ESP_OK;
}

typedef struct job {
  const esp_args *args;
  const prepared *p;
  unsigned char *scratch;
  int64_t mask_step[4]; // elements, by batch, head, row and key; 0: repeated
  atomic_int failed;
} job;

static const float *head_at(const esp_tensor *t, const side *s, int64_t sample,
                            int64_t head) {
  return (const float *)t->data + sample * s->batch_step + head * s->head_step;
}

static void copy_rows(const float *from, int64_t from_step, float *to,
                      int64_t to_step, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++) {
    memcpy(to + r * to_step, from + r * from_step, (size_t)width * sizeof *to);
  }
}

static void copy_turned(const float *from, int64_t step, float *to,
                        int64_t rows, int64_t width) {
  for (int64_t c = 0; c < width; c++) {
    for (int64_t r = 0; r < rows; r++) to[c * rows + r] = from[r * step + c];
  }
}

// The queries times the scale; zeros below the last row.
static void copy_queries(const prepared *p, const float *from, int64_t rows,
                         float *to) {
  const int64_t width = p->f.q.width;
  for (int64_t r = 0; r < rows; r++) {
    const float *row = from + r * p->f.q.row_step;
    for (int64_t i = 0; i < width; i++) to[r * width + i] = row[i] * p->f.scale;
  }
  memset(to + rows * width, 0,
         (size_t)((p->block - rows) * width) * sizeof *to);
}

static void mask_row(const job *j, const int64_t at[3], float *s) {
  const esp_tensor *mask = esp_has_input(j->args, 3) ? j->args->in[3] : NULL;
  const int64_t keys = j->p->f.k.rows, step = j->mask_step[3];
  const int64_t base = at[0] * j->mask_step[0] + at[1] * j->mask_step[1] +
                       at[2] * j->mask_step[2];
  if (mask != NULL && mask->type == ESP_BOOL) {
    const uint8_t *m = (const uint8_t *)mask->data + base;
    for (int64_t i = 0; i < keys; i++) s[i] = m[i * step] ? s[i] : -INFINITY;
  } else if (mask != NULL && step == 1) {
    const float *m = (const float *)mask->data + base;
    for (int64_t i = 0; i < keys; i++) s[i] += m[i];
  } else if (mask != NULL) {
    const float m = ((const float *)mask->data)[base];
    for (int64_t i = 0; i < keys; i++) s[i] += m;
  }
  if (!j->p->f.causal) return;
  for (int64_t i = at[2] + 1; i < keys; i++) s[i] = -INFINITY;
}

static void run_head(job *j, int64_t sample, int64_t head, unsigned char *at) {
  const prepared *p = j->p;
  const form *f = &p->f;
  const int64_t shared = head / (f->q.heads / f->k.heads); // of keys and values
  float *q = (float *)(void *)at, *k = (float *)(void *)(at += p->q);
  float *v = (float *)(void *)(at += p->k), *s = (float *)(void *)(at += p->v);
  float *y = (float *)(void *)(at += p->s);
  void *scratch = at + p->y;
  copy_turned(head_at(j->args->in[1], &f->k, sample, shared), f->k.row_step, k,
              f->k.rows, f->k.width);
  copy_rows(head_at(j->args->in[2], &f->v, sample, shared), f->v.row_step, v,
            f->v.width, f->v.rows, f->v.width);
  const float *from = head_at(j->args->in[0], &f->q, sample, head);
  float *to = (float *)j->args->out[0]->data + sample * f->y.batch_step +
              head * f->y.head_step;
  for (int64_t row = 0; row < f->q.rows; row += p->block) {
    const int64_t left = f->q.rows - row;
    const int64_t rows = left < p->block ? left : p->block;
    copy_queries(p, from + row * f->q.row_step, rows, q);
    esp_status status = esp_matmul_run(p->scores, q, k, s, scratch);
    for (int64_t r = 0; r < rows; r++) {
      mask_row(j, (const int64_t[]){sample, head, row + r}, s + r * f->k.rows);
      esp_vector_softmax(s + r * f->k.rows, s + r * f->k.rows, f->k.rows);
    }
    if (status == ESP_OK) status = esp_matmul_run(p->mixed, s, v, y, scratch);
    if (status != ESP_OK) atomic_store(&j->failed, (int)status);
    copy_rows(y, f->v.width, to + row * f->y.row_step, f->y.row_step, rows,
              f->v.width);
  }
}

static void run_heads(int64_t begin, int64_t end, void *argument) {
  job *j = argument;
  const int64_t heads = j->p->f.q.heads;
  unsigned char *own = j->scratch + (size_t)esp_loop_thread() * j->p->each;
  for (int64_t i = begin; i < end; i++) run_head(j, i / heads, i % heads, own);
}

static void set_mask_steps(const esp_args *args, job *j) {
  if (!esp_has_input(args, 3)) return;
  const esp_shape *shape = &args->in[3]->shape;
  int64_t step = 1;
  for (int d = shape->ndim - 1; d >= 0; d--) {
    j->mask_step[d + 4 - shape->ndim] = shape->dim[d] == 1 ? 0 : step;
    step *= shape->dim[d];
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const prepared *p = state;
  job j = {.args = args, .p = p, .scratch = team.scratch};
  if (scores_of(&p->f) == 0) {
    memset(args->out[0]->data, 0, esp_tensor_bytes(args->out[0]));
    return ESP_OK;
  }
  set_mask_steps(args, &j);
  esp_loop_over(team.width, p->f.q.batch * p->f.q.heads, 1, run_heads, &j);
  return (esp_status)atomic_load(&j.failed);
}

static const esp_op plain = {
    .prepare = prepare, .release = release, .run = run};
const esp_op esp_op_attention = {.samples = esp_samples_all_leading,
                                 .infer = infer,
                                 .work = work,
                                 ESP_HALF(plain)};
