// Einsum: sums of products over named axes.  Each element of the output is
// summed in one order, in double or in wrapping 64-bit integers, or by the
// kernel of matrix products.
#include <stdlib.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/contraction.h"
#include "op/dispatch.h"
#include "op/equation.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"

static esp_status infer(const esp_args *args) {
  esp_axes a;
  ESP_TRY(esp_check_arity(args, 1, ESP_EQUATION_INPUTS, 1));
  for (int i = 0; i < args->nin; i++) {
    if (args->in[i] == NULL) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is omitted", i);
    }
    ESP_TRY(esp_check_type(args, i, ESP_TYPES_NUMERIC));
    ESP_TRY(esp_check_same_type(args, 0, i));
  }
  ESP_TRY(esp_axes_of(args, &a));
  esp_shape shape = {.ndim = a.nout};
  memcpy(shape.dim, a.dim, (size_t)a.nout * sizeof a.dim[0]);
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  esp_axes a;
  if (esp_axes_of(args, &a) != ESP_OK) return (esp_work){0};
  esp_work made = {.flops = a.nin,
                   .bytes = (double)esp_tensor_bytes(args->out[0])};
  for (int i = 0; i < a.count; i++) made.flops *= (double)a.dim[i];
  for (int i = 0; i < a.nin; i++) {
    made.bytes += (double)esp_tensor_bytes(args->in[i]);
  }
  return made;
}

// Two float32 inputs are a product of matrices, if they can be.
typedef struct prepared {
  esp_axes axes;
  esp_contraction contraction;
  bool contracts;
} prepared;

static void release(void *state) {
  prepared *p = state;
  if (p == NULL) return;
  esp_contraction_free(&p->contraction);
  free(p);
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  prepared *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  ESP_TRY(esp_axes_of(args, &p->axes));
  p->contracts =
      args->in[0]->type == ESP_FLOAT && esp_contraction_fits(&p->axes);
  if (!p->contracts) return ESP_OK;
  return esp_contraction_plan(&p->axes, width, &p->contraction,
                              &made->scratch_bytes);
}

typedef struct job {
  const esp_args *args;
  const esp_axes *a;
} job;

// The sum for one element of the output, from where each input begins.  The
// summed axes are counted like an odometer, the last one fastest.
#define SUM(s, t, d, sum_type)                                                 \
  static sum_type sum_##s(const job *j, const int64_t *begin) {                \
    const esp_axes *a = j->a;                                                  \
    int64_t index[ESP_EQUATION_AXES] = {0}, at[ESP_EQUATION_INPUTS];           \
    memcpy(at, begin, sizeof at);                                              \
    sum_type sum = 0;                                                          \
    for (int axis = a->count; axis >= a->nout;) {                              \
      sum_type product = 1;                                                    \
      for (int i = 0; i < a->nin; i++) {                                       \
        product *= (sum_type)((const t *)j->args->in[i]->data)[at[i]];         \
      }                                                                        \
      sum += product;                                                          \
      for (axis = a->count - 1; axis >= a->nout; axis--) {                     \
        if (++index[axis] < a->dim[axis]) break;                               \
        index[axis] = 0;                                                       \
        for (int i = 0; i < a->nin; i++) {                                     \
          at[i] -= (a->dim[axis] - 1) * a->stride[i][axis];                    \
        }                                                                      \
      }                                                                        \
      if (axis < a->nout) break;                                               \
      for (int i = 0; i < a->nin; i++) at[i] += a->stride[i][axis];            \
    }                                                                          \
    return sum;                                                                \
  }
#define REAL_SUM(s, t, d) SUM(s, t, d, double)
#define WHOLE_SUM(s, t, d) SUM(s, t, d, uint64_t)
ESP_FLOATING_TYPES(REAL_SUM)
ESP_INTEGER_TYPES(WHOLE_SUM)

#define STORE(s, t, d)                                                         \
  case d:                                                                      \
    ((t *)y->data)[o] = empty ? (t)0 : (t)sum_##s(j, at);                      \
    break;
static void run_range(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const esp_axes *a = j->a;
  const esp_tensor *y = j->args->out[0];
  bool empty = false;
  for (int i = a->nout; i < a->count; i++) empty = empty || a->dim[i] == 0;
  for (int64_t o = begin; o < end; o++) {
    int64_t at[ESP_EQUATION_INPUTS] = {0}, rest = o;
    for (int axis = a->nout - 1; axis >= 0; axis--) {
      const int64_t index = rest % a->dim[axis];
      rest /= a->dim[axis];
      for (int i = 0; i < a->nin; i++) at[i] += index * a->stride[i][axis];
    }
    switch (y->type) {
      ESP_ALL_TYPES(STORE)
    default:
      break;
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 4096 };
  const prepared *p = state;
  const esp_axes *a = &p->axes;
  if (p->contracts) {
    return esp_contraction_run(&p->contraction, args->in[0]->data,
                               args->in[1]->data, args->out[0]->data, team);
  }
  job j = {.args = args, .a = a};
  int64_t each = 1;
  for (int i = a->nout; i < a->count; i++) each *= a->dim[i];
  esp_loop_over(team.width, esp_shape_count(&args->out[0]->shape),
                GRAIN / (each + 1) + 1, run_range, &j);
  return ESP_OK;
}

static const esp_op plain = {
    .prepare = prepare, .release = release, .run = run};
// The samples' letter has to be in the output, and the same in every operand.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  esp_axes axes;
  (void)batch;
  if (esp_axes_of(args, &axes) != ESP_OK) return;
  int letter = -1;
  for (int i = 0; i < args->nin; i++) {
    if (!esp_samples_along(&in[i]) || in[i].inner != 1) continue;
    const esp_shape *shape = &args->in[i]->shape;
    const int64_t stride =
        esp_shape_product(shape, in[i].axis + 1, shape->ndim);
    int found = -1;
    for (int a = 0; a < axes.count; a++) {
      if (axes.stride[i][a] == stride &&
          axes.dim[a] == shape->dim[in[i].axis]) {
        if (found >= 0) return; // two may be meant
        found = a;
      }
    }
    if (found < 0 || (letter >= 0 && letter != found)) return;
    letter = found;
  }
  if (letter < 0) return;
  for (int i = 0; i < args->nin; i++) {
    if (!esp_samples_along(&in[i]) && axes.stride[i][letter] != 0) return;
  }
  const esp_samples there = {
      .kind = ESP_SAMPLES_ALONG, .axis = letter, .inner = 1};
  esp_samples_give(args, letter < axes.nout ? &there : &esp_samples_mixed, 0,
                   out);
}

const esp_op esp_op_einsum = {
    .samples = samples, .infer = infer, .work = work, ESP_HALF(plain)};
