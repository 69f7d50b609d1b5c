#include "kernel/matmul.h"

#include <stdlib.h>
#include <string.h>

#include "base/constant.h"
#include "base/memory.h"
#include "base/packed.h"
#include "kernel/block.h"
#include "kernel/dnnl.h"
#include "kernel/narrow_matmul.h"
#include "kernel/parallel.h"
#include "kernel/thin.h"

enum { NAME_BYTES = 64, ROW_BLOCK = 16 };

// A part of c that one thread computes by one primitive.
typedef struct piece {
  int64_t row, rows;
  esp_dnnl_primitive *primitive; // shared by pieces of one size
  void *b;                       // packed; shared where it is packed alike
  bool owns_primitive, owns_b;
} piece;

struct esp_matmul {
  esp_matmul_problem problem;
  esp_narrow_matmul *narrow; // computes, where it is not NULL
  bool packed;
  char name[NAME_BYTES];
  piece *piece;
  int pieces;
  size_t scratch_each;
  float *plain_b; // for the plain loop: [K,N]
  bool plain;     // computes, where no primitive does
  float *thin_b;  // in panels, for a few rows
  float *block_b; // the same, for more of them; both NULL: a primitive computes
};

static esp_status find(const esp_matmul *mm, int64_t rows,
                       dnnl_primitive_desc_t *found) {
  const esp_matmul_problem *p = &mm->problem;
  const dnnl_dims_t a = {rows, p->k}, b = {p->k, p->n}, c = {rows, p->n};
  const dnnl_dims_t sa = {p->k, 1}, sc = {p->n, 1};
  const dnnl_dims_t sb = {p->b_transposed ? 1 : p->n,
                          p->b_transposed ? p->k : 1};
  const dnnl_data_type_t type = esp_dnnl_type(mm->problem.type);
  dnnl_memory_desc_t ma, mb, mc;
  dnnl_status_t bad = dnnl_memory_desc_init_by_strides(&ma, 2, a, type, sa);
  bad |= mm->packed ? dnnl_memory_desc_init_by_tag(&mb, 2, b, type,
                                                   dnnl_format_tag_any)
                    : dnnl_memory_desc_init_by_strides(&mb, 2, b, type, sb);
  bad |= dnnl_memory_desc_init_by_strides(&mc, 2, c, dnnl_f32, sc);
  dnnl_matmul_desc_t desc;
  bad |= dnnl_matmul_desc_init(&desc, &ma, &mb, NULL, &mc);
  ESP_TRY(esp_dnnl_status(bad, "a matrix product"));
  dnnl_engine_t engine;
  ESP_TRY(esp_dnnl_engine(&engine));
  dnnl_primitive_attr_t attributes;
  ESP_TRY(
      esp_dnnl_status(dnnl_primitive_attr_create(&attributes), "attributes"));
  bad = dnnl_primitive_attr_set_scratchpad_mode(attributes,
                                                dnnl_scratchpad_mode_user);
  const int before = esp_dnnl_threads(1);
  bad |= dnnl_primitive_desc_create(found, &desc, attributes, engine, NULL);
  (void)esp_dnnl_threads(before);
  (void)dnnl_primitive_attr_destroy(attributes);
  return esp_dnnl_status(bad, "this matrix product");
}

// brgemm keeps one accumulator for each element and runs through k in order.
static bool keeps_order(const char *name) {
  return strncmp(name, "brg", 3) == 0;
}

static esp_status pack(const esp_matmul *mm, const void *b, piece *made) {
  const esp_matmul_problem *p = &mm->problem;
  const dnnl_dims_t dims = {p->k, p->n};
  const dnnl_dims_t strides = {p->b_transposed ? 1 : p->n,
                               p->b_transposed ? p->k : 1};
  dnnl_memory_desc_t from;
  ESP_TRY(esp_dnnl_status(
      dnnl_memory_desc_init_by_strides(
          &from, 2, dims, esp_dnnl_type(mm->problem.type), strides),
      "weights"));
  made->owns_b = true;
  return esp_dnnl_pack(&from, b, &made->primitive->md[1], &made->b);
}

// Takes over what an earlier piece has: the primitive of one of the same size;
// the packed b of one that is packed alike.
static void share_primitive(const esp_matmul *mm, piece *made) {
  for (int i = 0; i < mm->pieces; i++) {
    const piece *other = &mm->piece[i];
    if (other->rows == made->rows) {
      made->primitive = other->primitive;
    }
  }
}

static void share_packed(const esp_matmul *mm, piece *made) {
  for (int i = 0; i < mm->pieces; i++) {
    const piece *other = &mm->piece[i];
    if (dnnl_memory_desc_equal(&other->primitive->md[1],
                               &made->primitive->md[1])) {
      made->b = other->b;
    }
  }
}

static esp_status create_primitive(const_dnnl_primitive_desc_t desc,
                                   piece *made) {
  static const int argument[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
  const dnnl_memory_desc_t *md[] = {
      esp_dnnl_argument(desc, dnnl_query_src_md),
      esp_dnnl_argument(desc, dnnl_query_weights_md),
      esp_dnnl_argument(desc, dnnl_query_dst_md)};
  ESP_TRY(
      esp_dnnl_primitive_create(desc, 1, argument, md, 3, &made->primitive));
  made->owns_primitive = true;
  return ESP_OK;
}

static esp_status make_primitive(esp_matmul *mm, piece *made) {
  dnnl_primitive_desc_t desc = NULL;
  ESP_TRY(find(mm, made->rows, &desc));
  strncpy(mm->name, esp_dnnl_implementation(desc), NAME_BYTES - 1);
  mm->plain = !keeps_order(mm->name);
  const esp_status status = mm->plain ? ESP_OK : create_primitive(desc, made);
  (void)dnnl_primitive_desc_destroy(desc);
  return status;
}

static esp_status make_piece(esp_matmul *mm, const void *b, piece *made) {
  share_primitive(mm, made);
  if (made->primitive == NULL) ESP_TRY(make_primitive(mm, made));
  if (mm->plain || !mm->packed) return ESP_OK;
  share_packed(mm, made);
  return made->b != NULL ? ESP_OK : pack(mm, b, made);
}

static esp_status add_piece(esp_matmul *mm, const void *b, int64_t row,
                            int64_t rows) {
  piece made = {.row = row, .rows = rows};
  const esp_status status = make_piece(mm, b, &made);
  mm->piece[mm->pieces++] = made; // also half made: it is freed with the others
  if (made.primitive != NULL) {
    const size_t scratch = esp_align_up(made.primitive->scratch_bytes);
    if (scratch > mm->scratch_each) mm->scratch_each = scratch;
  }
  return status;
}

static int64_t products(const esp_matmul_problem *p) {
  return p->products > 1 ? p->products : 1;
}

// A few rows need no primitive, only its bits: where there is one that gives
// them, constant weights are read panel by panel.
static bool is_thin(const esp_matmul *mm) {
  const esp_matmul_problem *p = &mm->problem;
  return mm->packed && p->m <= ESP_THIN_ROWS && products(p) == 1;
}

// As few rows as hide nothing of what it takes to bring weights near, or, but
// not on processors whose caches bring them near by themselves, weights that
// come from beyond the cache: the block product, which has the bits of the
// primitive, is faster there (docs/performance.md).
static bool is_block(const esp_matmul *mm) {
  enum { FEW_ROWS = 32, MOST_ROWS = 256, FAR_WEIGHTS = 1 << 18 };
  const esp_matmul_problem *p = &mm->problem;
  return mm->packed && products(p) == 1 && esp_block_wide() &&
         (p->m <= FEW_ROWS || (p->m <= MOST_ROWS && p->k * p->n > FAR_WEIGHTS &&
                               !esp_block_prefetched()));
}

static esp_status pack_panels(esp_matmul *mm, const float *b) {
  const esp_matmul_problem *p = &mm->problem;
  const bool thin = is_thin(mm);
  const size_t count =
      thin ? esp_thin_count(p->n, p->k) : esp_block_count(p->n, p->k);
  const size_t bytes = count * sizeof *b;
  void *block;
  const esp_packed kept = esp_packed_find(
      b, (size_t)(p->n * p->k) * sizeof *b, bytes, &block,
      "%s %lld x %lld, transposed %d, wide %d", thin ? "thin panels" : "panels",
      (long long)p->k, (long long)p->n, p->b_transposed, esp_block_wide());
  const bool found = block != NULL;
  if (!found) ESP_TRY(esp_constant_allocate(bytes, &block));
  *(thin ? &mm->thin_b : &mm->block_b) = block;
  if (thin && !found) {
    esp_thin_pack(b, p->b_transposed, p->n, p->k, mm->thin_b);
  } else if (!found) {
    esp_block_pack(b, p->b_transposed ? 1 : p->n, p->b_transposed ? p->k : 1,
                   p->n, p->k, mm->block_b);
  }
  if (!found) esp_packed_keep(&kept, block, bytes);
  strncpy(mm->name, thin ? "thin panels" : "panels", NAME_BYTES - 1);
  return ESP_OK;
}

static esp_status make_panels(esp_matmul *mm, const float *b) {
  dnnl_primitive_desc_t desc = NULL;
  ESP_TRY(find(mm, mm->problem.m, &desc));
  mm->plain = !keeps_order(esp_dnnl_implementation(desc));
  (void)dnnl_primitive_desc_destroy(desc);
  return mm->plain ? ESP_OK : pack_panels(mm, b);
}

// Cuts into ranges of rows for the threads, where there are not products enough
// for them.  Columns are not cut: for a c whose rows are not dense oneDNN 2.6.3
// has no brgemm, and the plain loop, which is some thirty times slower and
// rounds otherwise, would compute.
static esp_status cut(esp_matmul *mm, const void *b) {
  const esp_matmul_problem *p = &mm->problem;
  const int64_t blocks = (p->m + ROW_BLOCK - 1) / ROW_BLOCK;
  const int64_t threads = products(p) < p->width ? p->width : 1;
  const int64_t ranges = blocks < threads ? blocks : threads;
  mm->piece = calloc((size_t)ranges, sizeof *mm->piece);
  if (mm->piece == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  for (int64_t r = 0; r < ranges && !mm->plain; r++) {
    const int64_t row = blocks * r / ranges * ROW_BLOCK;
    const int64_t end = blocks * (r + 1) / ranges * ROW_BLOCK;
    const int64_t rows = (end < p->m ? end : p->m) - row;
    ESP_TRY(add_piece(mm, b, row, rows));
  }
  return ESP_OK;
}

static esp_status keep_plain(esp_matmul *mm, const float *b) {
  const esp_matmul_problem *p = &mm->problem;
  strncpy(mm->name, "plain loop", NAME_BYTES - 1);
  if (!mm->packed) return ESP_OK;
  void *block;
  ESP_TRY(esp_allocate((size_t)(p->k * p->n) * sizeof *b, &block));
  mm->plain_b = block;
  for (int64_t k = 0; k < p->k; k++) {
    for (int64_t n = 0; n < p->n; n++) {
      mm->plain_b[k * p->n + n] =
          p->b_transposed ? b[n * p->k + k] : b[k * p->n + n];
    }
  }
  return ESP_OK;
}

static bool is_empty(const esp_matmul_problem *p) {
  return p->m == 0 || p->n == 0 || p->k == 0;
}

static esp_status create_float(esp_matmul *mm, const float *b) {
  esp_status status = ESP_OK;
  if (!is_empty(&mm->problem)) {
    status = is_thin(mm) || is_block(mm) ? make_panels(mm, b) : cut(mm, b);
  }
  if (status == ESP_UNSUPPORTED) { // the library has none at all
    mm->plain = true;
    status = ESP_OK;
  }
  return status == ESP_OK && mm->plain ? keep_plain(mm, b) : status;
}

static esp_status create_typed(esp_matmul *mm, const void *b) {
  ESP_TRY(cut(mm, b));
  return mm->plain ? ESP_FAIL(ESP_UNSUPPORTED, "no product of such numbers")
                   : ESP_OK;
}

esp_status esp_matmul_create(const esp_matmul_problem *problem, const void *b,
                             esp_matmul **matmul) {
  esp_matmul *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  self->problem = *problem;
  self->packed = b != NULL;
  esp_status status;
  if (self->packed && problem->precision != ESP_PRECISION_FLOAT32 &&
      products(problem) == 1 && !is_empty(problem)) {
    status = esp_narrow_matmul_create(problem, b, &self->narrow);
  } else if (problem->type == ESP_UNDEFINED) {
    status = create_float(self, b);
  } else {
    status = create_typed(self, b);
  }
  if (status != ESP_OK) {
    esp_matmul_free(self);
    return status;
  }
  *matmul = self;
  return ESP_OK;
}

void esp_matmul_free(esp_matmul *matmul) {
  if (matmul == NULL) return;
  for (int i = 0; i < matmul->pieces; i++) {
    const piece *p = &matmul->piece[i];
    if (p->owns_primitive) esp_dnnl_primitive_free(p->primitive);
    if (p->owns_b) esp_constant_free(p->b);
  }
  free(matmul->piece);
  esp_narrow_matmul_free(matmul->narrow);
  esp_free(matmul->plain_b);
  esp_constant_free(matmul->thin_b);
  esp_constant_free(matmul->block_b);
  free(matmul);
}

size_t esp_matmul_scratch(const esp_matmul *matmul) {
  if (matmul->narrow != NULL) return esp_narrow_matmul_scratch(matmul->narrow);
  return matmul->scratch_each * (size_t)matmul->problem.width;
}

const char *esp_matmul_implementation(const esp_matmul *matmul) {
  return matmul->narrow != NULL ? esp_narrow_matmul_name(matmul->narrow)
                                : matmul->name;
}

typedef struct call {
  esp_matmul *mm;
  const esp_matmul_work *work;
  unsigned char *scratch;
  atomic_int failed;
} call;

static void run_piece(call *c, int64_t product, const piece *q) {
  const esp_matmul_problem *p = &c->mm->problem;
  const void *a, *b;
  c->work->operands(c->work->context, product, &a, &b);
  union { // oneDNN takes no pointer to const, but only reads
    const void *given;
    void *taken;
  } left = {.given = (const unsigned char *)a +
                     (size_t)(q->row * p->k) * esp_operand_bytes(p->type)},
    right = {.given = b};
  const int64_t first = product * p->m + q->row;
  const int thread = p->width > 1 ? esp_loop_thread() : 0; // its own team's
  void *bytes[3] = {left.taken, c->mm->packed ? q->b : right.taken,
                    c->work->c + first * p->n};
  const esp_status status = esp_dnnl_primitive_run(
      q->primitive, bytes, c->scratch + (size_t)thread * c->mm->scratch_each);
  if (status != ESP_OK) atomic_store(&c->failed, (int)status);
  if (c->work->after != NULL) {
    c->work->after(c->work->context, first, first + q->rows);
  }
}

static void run_pieces(int64_t begin, int64_t end, void *argument) {
  call *c = argument;
  for (int64_t i = begin; i < end; i++) {
    run_piece(c, i / c->mm->pieces, &c->mm->piece[i % c->mm->pieces]);
  }
}

// Panels of columns, from end to end.
static void run_panels(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const esp_matmul_problem *p = &c->mm->problem;
  const void *a, *b;
  c->work->operands(c->work->context, 0, &a, &b);
  if (!c->work->backwards) {
    esp_thin_run(a, c->mm->thin_b, c->work->c, p->m, p->n, p->k, begin, end);
    return;
  }
  for (int64_t i = end - 1; i >= begin; i--) {
    esp_thin_run(a, c->mm->thin_b, c->work->c, p->m, p->n, p->k, i, i + 1);
  }
}

static void run_blocks(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const esp_matmul_problem *p = &c->mm->problem;
  esp_block q = {.packed = c->mm->block_b,
                 .c = c->work->c,
                 .a_step = p->k,
                 .c_step = p->n,
                 .n = p->n,
                 .k = p->k};
  const void *a, *b;
  c->work->operands(c->work->context, 0, &a, &b);
  q.a = a;
  if (!c->work->backwards) {
    esp_block_run(&q, p->m, begin, end);
    return;
  }
  for (int64_t i = end - 1; i >= begin; i--) {
    esp_block_run(&q, p->m, i, i + 1);
  }
}

static void run_after(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  c->work->after(c->work->context, begin, end);
}

// The threads share the columns, so that each reads its own weights.
static void run_by_columns(call *c) {
  enum { LEAST = 1 << 15, FEWEST_ROWS = 8 }; // weights worth a thread
  const esp_matmul_problem *p = &c->mm->problem;
  if (c->mm->thin_b != NULL) {
    esp_loop_over(p->width, esp_thin_panels(p->n),
                  LEAST / (p->k * ESP_THIN_COLUMNS) + 1, run_panels, c);
  } else {
    esp_loop_over(p->width, esp_block_panels(p->n),
                  LEAST / (p->k * ESP_BLOCK_COLUMNS) + 1, run_blocks, c);
  }
  if (c->work->after == NULL) return;
  esp_loop_over(p->width, p->m, FEWEST_ROWS, run_after, c);
}

// c[i] += a_k * b[k][i], k in order: the same sums for every m and every cut.
static void run_row(const call *c, const float *a, const float *b, float *row) {
  const esp_matmul_problem *p = &c->mm->problem;
  const bool turned = !c->mm->packed && p->b_transposed;
  memset(row, 0, (size_t)p->n * sizeof *row);
  for (int64_t k = 0; k < p->k; k++) {
    if (turned) {
      for (int64_t n = 0; n < p->n; n++) row[n] += a[k] * b[n * p->k + k];
    } else {
      for (int64_t n = 0; n < p->n; n++) row[n] += a[k] * b[k * p->n + n];
    }
  }
}

static void run_rows(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const esp_matmul_problem *p = &c->mm->problem;
  for (int64_t m = begin; m < end; m++) {
    const void *a, *b;
    c->work->operands(c->work->context, m / p->m, &a, &b);
    run_row(c, (const float *)a + m % p->m * p->k,
            c->mm->packed ? c->mm->plain_b : b, c->work->c + m * p->n);
    if (c->work->after != NULL) c->work->after(c->work->context, m, m + 1);
  }
}

esp_status esp_matmul_run_all(esp_matmul *matmul, const esp_matmul_work *work,
                              void *scratch) {
  if (matmul->narrow != NULL) {
    return esp_narrow_matmul_run(matmul->narrow, work, scratch);
  }
  const esp_matmul_problem *p = &matmul->problem;
  const int64_t rows = products(p) * p->m;
  call made = {.mm = matmul, .work = work, .scratch = scratch};
  if (matmul->plain || p->k == 0 || p->n == 0) {
    esp_loop_over(p->width, rows, 16384 / (p->n * p->k + 1) + 1, run_rows,
                  &made);
  } else if (matmul->thin_b != NULL || matmul->block_b != NULL) {
    run_by_columns(&made);
  } else {
    esp_loop_over(p->width, products(p) * matmul->pieces, 1, run_pieces, &made);
  }
  return (esp_status)atomic_load(&made.failed);
}

typedef struct pair {
  const float *a, *b;
} pair;
static void give_pair(const void *context, int64_t product, const void **a,
                      const void **b) {
  const pair *p = context;
  (void)product;
  *a = p->a;
  *b = p->b;
}

esp_status esp_matmul_run(esp_matmul *matmul, const float *a, const float *b,
                          float *c, void *scratch) {
  const pair operands = {a, b};
  const esp_matmul_work work = {
      .context = &operands, .operands = give_pair, .c = c};
  return esp_matmul_run_all(matmul, &work, scratch);
}
