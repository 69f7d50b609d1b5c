#include "op/contraction.h"

#include "base/memory.h"

// Which group an axis belongs to; an extent of 1 fits everywhere.
typedef enum group { BATCH, ROWS, COLUMNS, SUM, GROUPS, ALONE } group;

static group group_of(const esp_axes *x, int axis) {
  const bool in_a = x->stride[0][axis] != 0, in_b = x->stride[1][axis] != 0;
  if (axis >= x->nout) {
    return (in_a && in_b) || x->dim[axis] == 1 ? SUM : ALONE;
  }
  if (in_a != in_b) return in_a ? ROWS : COLUMNS;
  return BATCH;
}

bool esp_contraction_fits(const esp_axes *axes) {
  if (axes->nin != 2 || axes->count > ESP_COPY_NDIM) return false;
  for (int i = 0; i < axes->count; i++) {
    if (group_of(axes, i) == ALONE || axes->dim[i] == 0) return false;
  }
  return true;
}

// The operand that has the output's first axis of its own gives the rows: it is
// the batch where there is one, and a product's bits do not depend on how many
// rows there are.
static bool second_gives_rows(const esp_axes *axes) {
  for (int i = 0; i < axes->nout; i++) {
    const group g = group_of(axes, i);
    if (g == ROWS || g == COLUMNS) return g == COLUMNS;
  }
  return false;
}

// The axes of three groups, in their order, as a dense tensor; `stride` are
// where they lie on the other side.
static void plan_part(const esp_axes *x, const group order[3],
                      const int64_t *stride, bool from_dense,
                      esp_contraction_part *part) {
  int64_t dim[ESP_COPY_NDIM], other[ESP_COPY_NDIM], dense[ESP_COPY_NDIM];
  int count = 0;
  for (int g = 0; g < 3; g++) {
    for (int i = 0; i < x->count; i++) {
      if (group_of(x, i) != order[g]) continue;
      dim[count] = x->dim[i];
      other[count++] = stride[i];
    }
  }
  int64_t step = 1;
  part->copied = false;
  for (int i = count - 1; i >= 0; i--) {
    dense[i] = step;
    step *= dim[i];
    if (dim[i] != 1 && other[i] != dense[i]) part->copied = true;
  }
  esp_copy_plan(count, dim, from_dense ? dense : other,
                from_dense ? other : dense, sizeof(float), &part->copy);
}

static void reserve(esp_contraction_part *part, int64_t elements,
                    size_t *total) {
  part->place = *total;
  if (part->copied) {
    *total += esp_align_up((size_t)elements * sizeof(float));
  }
}

static void swap_inputs(esp_axes *axes) {
  for (int i = 0; i < axes->count; i++) {
    const int64_t stride = axes->stride[0][i];
    axes->stride[0][i] = axes->stride[1][i];
    axes->stride[1][i] = stride;
  }
}

esp_status esp_contraction_plan(const esp_axes *given, int width,
                                esp_contraction *made, size_t *scratch_bytes) {
  const bool swapped = second_gives_rows(given);
  esp_axes own = *given;
  if (swapped) swap_inputs(&own);
  const esp_axes *axes = &own;
  int64_t size[GROUPS] = {1, 1, 1, 1}, out[ESP_EQUATION_AXES] = {0}, step = 1;
  for (int i = 0; i < axes->count; i++) {
    size[group_of(axes, i)] *= axes->dim[i];
  }
  for (int i = axes->nout - 1; i >= 0; i--) {
    out[i] = step;
    step *= axes->dim[i];
  }
  *made = (esp_contraction){.batch = size[BATCH],
                            .m = size[ROWS],
                            .n = size[COLUMNS],
                            .k = size[SUM],
                            .swapped = swapped};
  plan_part(axes, (const group[]){BATCH, ROWS, SUM}, axes->stride[0], false,
            &made->a);
  plan_part(axes, (const group[]){BATCH, SUM, COLUMNS}, axes->stride[1], false,
            &made->b);
  plan_part(axes, (const group[]){BATCH, ROWS, COLUMNS}, out, true, &made->y);
  const esp_matmul_problem problem = {.m = made->m,
                                      .n = made->n,
                                      .k = made->k,
                                      .width = width,
                                      .products = made->batch};
  ESP_TRY(esp_matmul_create(&problem, NULL, &made->matmul));
  size_t total = 0;
  reserve(&made->a, made->batch * made->m * made->k, &total);
  reserve(&made->b, made->batch * made->k * made->n, &total);
  reserve(&made->y, made->batch * made->m * made->n, &total);
  made->inner = total;
  *scratch_bytes = total + esp_matmul_scratch(made->matmul);
  return ESP_OK;
}

void esp_contraction_free(esp_contraction *contraction) {
  esp_matmul_free(contraction->matmul);
}

// The products' operands lie one after the other.
typedef struct operands {
  const esp_contraction *c;
  const float *a, *b;
} operands;
static void give_operands(const void *context, int64_t product, const void **a,
                          const void **b) {
  const operands *o = context;
  *a = o->a + product * o->c->m * o->c->k;
  *b = o->b + product * o->c->k * o->c->n;
}

esp_status esp_contraction_run(const esp_contraction *contraction,
                               const float *first, const float *second,
                               float *y, esp_team team) {
  const esp_contraction *c = contraction;
  const float *a = c->swapped ? second : first;
  const float *b = c->swapped ? first : second;
  unsigned char *scratch = team.scratch;
  if (c->a.copied) {
    esp_copy_run(&c->a.copy, a, scratch + c->a.place, team.width);
    a = (const float *)(const void *)(scratch + c->a.place);
  }
  if (c->b.copied) {
    esp_copy_run(&c->b.copy, b, scratch + c->b.place, team.width);
    b = (const float *)(const void *)(scratch + c->b.place);
  }
  float *to = c->y.copied ? (float *)(void *)(scratch + c->y.place) : y;
  const operands all = {c, a, b};
  const esp_matmul_work work = {
      .context = &all, .operands = give_operands, .c = to};
  ESP_TRY(esp_matmul_run_all(c->matmul, &work, scratch + c->inner));
  if (c->y.copied) esp_copy_run(&c->y.copy, to, y, team.width);
  return ESP_OK;
}
