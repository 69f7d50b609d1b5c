#include "kernel/narrow_matmul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/library.h"
#include "kernel/narrow.h"
#include "kernel/parallel.h"
#include "kernel/vectors.h"

enum { NAME_BYTES = 96 };

struct esp_narrow_matmul {
  esp_matmul_problem problem;
  esp_narrow kind;
  esp_matmul *inner; // of the rounded operands
  float *b_scale;    // [n] of int8
  size_t scales;     // place of a's scales in the scratch memory: [m] of int8
  size_t rest;       // place of what the inner product needs
  char name[NAME_BYTES];
};

// An int8 b by its columns, each with a scale of its own.
static esp_status round_columns(esp_narrow_matmul *nm, const float *b,
                                unsigned char *to) {
  const esp_matmul_problem *p = &nm->problem;
  // From column to column, and inside of one.
  const int64_t next = p->b_transposed ? p->k : 1;
  const int64_t down = p->b_transposed ? 1 : p->n;
  const size_t each = esp_narrow_bytes(nm->kind);
  float *column = malloc((size_t)p->k * sizeof *column);
  unsigned char *rounded = malloc((size_t)p->k * each);
  const bool have = column != NULL && rounded != NULL;
  for (int64_t n = 0; have && n < p->n; n++) {
    for (int64_t k = 0; k < p->k; k++) column[k] = b[n * next + k * down];
    const float largest = esp_largest(column, p->k);
    nm->b_scale[n] = esp_int8_scale(largest);
    esp_narrow_run(nm->kind, column, largest, rounded, p->k);
    for (int64_t k = 0; k < p->k; k++) {
      memcpy(to + (size_t)(n * next + k * down) * each,
             rounded + (size_t)k * each, each);
    }
  }
  free(rounded);
  free(column);
  return have ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot round weights");
}

static esp_status round_b(esp_narrow_matmul *nm, const float *b, void **made) {
  const esp_matmul_problem *p = &nm->problem;
  void *to;
  ESP_TRY(
      esp_allocate((size_t)(p->n * p->k) * esp_narrow_bytes(nm->kind), &to));
  esp_status status = ESP_OK;
  if (nm->kind.precision == ESP_PRECISION_INT8) {
    status = round_columns(nm, b, to);
  } else {
    esp_narrow_run(nm->kind, b, 0, to, p->n * p->k);
  }
  if (status != ESP_OK) {
    esp_free(to);
    return status;
  }
  *made = to;
  return ESP_OK;
}

static esp_status create_inner(esp_narrow_matmul *nm, const float *b,
                               bool as_float) {
  esp_matmul_problem inner = nm->problem;
  nm->kind.as_float = as_float;
  inner.precision = ESP_PRECISION_FLOAT32;
  inner.type = esp_narrow_type(nm->kind);
  if (!as_float && !esp_kernel_has(nm->kind.precision)) {
    return ESP_FAIL(ESP_UNSUPPORTED, "no instructions for such products");
  }
  void *rounded;
  ESP_TRY(round_b(nm, b, &rounded));
  const esp_status status = esp_matmul_create(&inner, rounded, &nm->inner);
  esp_free(rounded);
  return status;
}

static esp_status create(esp_narrow_matmul *nm, const float *b) {
  const esp_matmul_problem *p = &nm->problem;
  const bool bytes = p->precision == ESP_PRECISION_INT8;
  if (bytes) {
    void *scales;
    ESP_TRY(esp_allocate((size_t)p->n * sizeof(float), &scales));
    nm->b_scale = scales;
  }
  esp_status status = create_inner(nm, b, false);
  if (status == ESP_UNSUPPORTED) status = create_inner(nm, b, true);
  ESP_TRY(status);
  (void)snprintf(nm->name, NAME_BYTES, "%s%s, %s", bytes ? "int8" : "bf16",
                 nm->kind.as_float ? " as float32" : "",
                 esp_matmul_implementation(nm->inner));
  nm->scales = esp_align_up((size_t)(p->m * p->k) * esp_narrow_bytes(nm->kind));
  nm->rest =
      nm->scales + (bytes ? esp_align_up((size_t)p->m * sizeof(float)) : 0);
  return ESP_OK;
}

esp_status esp_narrow_matmul_create(const esp_matmul_problem *problem,
                                    const float *b, esp_narrow_matmul **made) {
  esp_narrow_matmul *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  self->problem = *problem;
  self->kind.precision = problem->precision;
  const esp_status status = create(self, b);
  if (status != ESP_OK) {
    esp_narrow_matmul_free(self);
    return status;
  }
  *made = self;
  return ESP_OK;
}

void esp_narrow_matmul_free(esp_narrow_matmul *narrow) {
  if (narrow == NULL) return;
  esp_matmul_free(narrow->inner);
  esp_free(narrow->b_scale);
  free(narrow);
}

size_t esp_narrow_matmul_scratch(const esp_narrow_matmul *narrow) {
  return narrow->rest + esp_matmul_scratch(narrow->inner);
}

const char *esp_narrow_matmul_name(const esp_narrow_matmul *narrow) {
  return narrow->name;
}

typedef struct call {
  const esp_narrow_matmul *nm;
  const esp_matmul_work *work;
  const float *a;
  unsigned char *rounded;
  float *a_scale; // [m] of int8
} call;

static void round_rows(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const int64_t k = c->nm->problem.k;
  const size_t each = esp_narrow_bytes(c->nm->kind);
  for (int64_t m = begin; m < end; m++) {
    const float *row = c->a + m * k;
    float largest = 0;
    if (c->nm->b_scale != NULL) {
      largest = esp_largest(row, k);
      c->a_scale[m] = esp_int8_scale(largest);
    }
    esp_narrow_run(c->nm->kind, row, largest,
                   c->rounded + (size_t)(m * k) * each, k);
  }
}

static void give_rounded(const void *context, int64_t product, const void **a,
                         const void **b) {
  const call *c = context;
  (void)product;
  *a = c->rounded;
  *b = NULL;
}

ESP_VECTORS static void rescale(float *row, float scale, const float *scales,
                                int64_t n) {
  for (int64_t i = 0; i < n; i++) row[i] *= scale * scales[i];
}

static void finish_rows(const void *context, int64_t first, int64_t end) {
  const call *c = context;
  const int64_t n = c->nm->problem.n;
  for (int64_t m = first; c->nm->b_scale != NULL && m < end; m++) {
    rescale(c->work->c + m * n, c->a_scale[m], c->nm->b_scale, n);
  }
  if (c->work->after != NULL) c->work->after(c->work->context, first, end);
}

esp_status esp_narrow_matmul_run(esp_narrow_matmul *narrow,
                                 const esp_matmul_work *work, void *scratch) {
  enum { GRAIN = 8192 };
  const esp_matmul_problem *p = &narrow->problem;
  unsigned char *place = scratch;
  call c = {.nm = narrow, .work = work, .rounded = place};
  void *scales = place + narrow->scales;
  c.a_scale = scales;
  const void *a, *b;
  work->operands(work->context, 0, &a, &b);
  c.a = a;
  esp_loop_over(p->width, p->m, GRAIN / p->k + 1, round_rows, &c);
  const esp_matmul_work inner = {.context = &c,
                                 .operands = give_rounded,
                                 .after = finish_rows,
                                 .c = work->c};
  return esp_matmul_run_all(narrow->inner, &inner, place + narrow->rest);
}
