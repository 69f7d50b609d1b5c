#include "api/precision.h"

#include <math.h>
#include <stdlib.h>

#include "api/once.h"
#include "kernel/library.h"
#include "optimise/optimise.h"

// One of the two: the graph, and the engine that runs it.
typedef struct side {
  esp_graph *graph;
  esp_once once;
} side;

static esp_status run_side(const esp_graph *model, int64_t rows,
                           const esp_tensor *const *input, int width, side *s) {
  esp_tensor *form = calloc((size_t)model->ninput + 1, sizeof *form);
  const esp_tensor **forms = calloc((size_t)model->ninput + 1, sizeof *forms);
  esp_status status = form != NULL && forms != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot compare");
  for (int i = 0; i < model->ninput && status == ESP_OK; i++) {
    form[i] = *input[i];
    form[i].data = NULL;
    forms[i] = &form[i];
  }
  const esp_optimise_options how = {.batch = rows, .input = forms};
  if (status == ESP_OK) status = esp_optimise(model, &how, &s->graph);
  if (status == ESP_OK) status = esp_once_open(s->graph, width, &s->once);
  if (status == ESP_OK) status = esp_once_run(&s->once, input);
  free(forms);
  free(form);
  return status;
}

static void end_side(side *s) {
  esp_once_close(&s->once);
  esp_graph_free(s->graph);
}

// Sums over all outputs.
typedef struct sums {
  double differences, values; // squared
} sums;

static double number_at(const esp_tensor *t, int64_t i) {
  return t->type == ESP_DOUBLE ? ((const double *)t->data)[i]
                               : (double)((const float *)t->data)[i];
}

static void compare_numbers(const esp_tensor *exact, const esp_tensor *narrow,
                            sums *sum, esp_accuracy *a) {
  const int64_t count = esp_shape_count(&exact->shape);
  for (int64_t i = 0; i < count; i++) {
    const double want = number_at(exact, i), got = number_at(narrow, i);
    if (!isfinite(want) && !isfinite(got)) continue;
    const double apart = fabs(got - want);
    // A NaN on one side is worse than every number.
    a->largest = isnan(apart) ? (double)INFINITY : fmax(a->largest, apart);
    if (isfinite(want)) a->of = fmax(a->of, fabs(want));
    sum->differences += apart * apart;
    sum->values += want * want;
  }
}

static int64_t largest_of(const esp_tensor *t, int64_t first, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++) {
    if (number_at(t, first + i) > number_at(t, first + best)) best = i;
  }
  return best;
}

static void compare_ranks(const esp_tensor *exact, const esp_tensor *narrow,
                          int64_t rows, esp_accuracy *a) {
  const esp_shape *shape = &exact->shape;
  if (shape->ndim < 2 || shape->dim[0] != rows || shape->dim[1] < 2) return;
  const int64_t each = shape->dim[1];
  if (esp_shape_product(shape, 1, shape->ndim) != each) return;
  a->ranked = rows;
  for (int64_t r = 0; r < rows; r++) {
    a->same +=
        largest_of(exact, r * each, each) == largest_of(narrow, r * each, each);
  }
}

static esp_tensor output_of(const side *s, int i) {
  const int value = s->graph->output[i];
  esp_tensor t = s->graph->value[value].tensor;
  t.data = esp_exec_value(s->once.exec, 0, value);
  return t;
}

static void compare(const side *exact, const side *narrow, int64_t rows,
                    int ranked, esp_accuracy *a) {
  sums sum = {0};
  a->samples = rows;
  for (int i = 0; i < exact->graph->noutput; i++) {
    const esp_tensor want = output_of(exact, i), got = output_of(narrow, i);
    if (want.type != ESP_FLOAT && want.type != ESP_DOUBLE) continue;
    compare_numbers(&want, &got, &sum, a);
    if (i == ranked) compare_ranks(&want, &got, rows, a);
  }
  a->relative = sum.values > 0 ? sqrt(sum.differences / sum.values) : 0;
}

esp_status esp_precision_compare(const esp_graph *model, int64_t rows,
                                 const esp_tensor *const *input, int width,
                                 int ranked, esp_accuracy *accuracy) {
  side exact = {0}, narrow = {0};
  accuracy->without = !esp_kernel_has(accuracy->precision);
  esp_graph *plain = NULL;
  esp_status status = esp_graph_copy(model, &plain);
  if (status == ESP_OK) {
    esp_graph_set_precision(plain, ESP_PRECISION_FLOAT32);
    status = run_side(plain, rows, input, width, &exact);
  }
  if (status == ESP_OK) status = run_side(model, rows, input, width, &narrow);
  if (status == ESP_OK) compare(&exact, &narrow, rows, ranked, accuracy);
  end_side(&narrow);
  end_side(&exact);
  esp_graph_free(plain);
  return status == ESP_UNSUPPORTED ? ESP_OK : status;
}
