#include "api/walked.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static esp_status check_input(const esp_value *value, const esp_tensor *given) {
  const esp_shape *want = &value->tensor.shape;
  bool fits =
      given->type == value->tensor.type && given->shape.ndim == want->ndim;
  for (int d = 0; fits && d < want->ndim; d++) {
    fits = want->dim[d] < 0 || want->dim[d] == given->shape.dim[d];
  }
  if (fits) return ESP_OK;
  char have[ESP_SHAPE_TEXT], text[ESP_SHAPE_TEXT];
  return ESP_FAIL(ESP_BAD_INPUT, "input \"%s\" is %s %s, the model takes %s %s",
                  value->name, esp_dtype_text(given->type),
                  esp_shape_text(&given->shape, have),
                  esp_dtype_text(value->tensor.type),
                  esp_shape_text(want, text));
}

static esp_status borrow_inputs(const esp_graph *model,
                                const esp_tensor *const *inputs,
                                esp_datum **in) {
  for (int i = 0; i < model->ninput; i++) {
    ESP_TRY(check_input(&model->value[model->input[i]], inputs[i]));
    ESP_TRY(esp_datum_borrow(inputs[i], &in[i]));
  }
  return ESP_OK;
}

esp_status esp_output_check(const char *name, const esp_tensor *given,
                            const esp_tensor *made) {
  if (given->type == made->type &&
      esp_shape_equal(&given->shape, &made->shape)) {
    return ESP_OK;
  }
  char have[ESP_SHAPE_TEXT], text[ESP_SHAPE_TEXT];
  return ESP_FAIL(
      ESP_BAD_INPUT, "output \"%s\" was given as %s %s, the model makes %s %s",
      name, esp_dtype_text(given->type), esp_shape_text(&given->shape, have),
      esp_dtype_text(made->type), esp_shape_text(&made->shape, text));
}

// The caller's tensor is filled, or a new one made.
static esp_status give_output(const char *name, const esp_datum *datum,
                              esp_tensor **output) {
  const esp_tensor *t = &datum->tensor;
  if (datum->kind != ESP_KIND_TENSOR) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "output \"%s\" is %s: a session gives "
                    "tensors only",
                    name, esp_kind_text(datum->kind));
  }
  if (*output == NULL) return esp_tensor_copy(t, output);
  ESP_TRY(esp_output_check(name, *output, t));
  if (t->type == ESP_STRING) {
    return ESP_FAIL(ESP_USAGE,
                    "output \"%s\" is text: let the session make "
                    "the tensor",
                    name);
  }
  const size_t bytes = esp_tensor_bytes(t);
  if (bytes > 0) memcpy((*output)->data, t->data, bytes);
  return ESP_OK;
}

static esp_status give_outputs(const esp_graph *model, esp_datum *const *out,
                               esp_tensor **outputs) {
  for (int i = 0; i < model->noutput; i++) {
    ESP_TRY(
        give_output(model->value[model->output[i]].name, out[i], &outputs[i]));
  }
  return ESP_OK;
}

// Frees what a run that failed has made.
static void drop_made(esp_tensor **outputs, const bool *given, int count) {
  for (int i = 0; i < count; i++) {
    if (given[i]) continue;
    esp_tensor_free(outputs[i]);
    outputs[i] = NULL;
  }
}

typedef struct lists {
  esp_arena *strings; // that the run makes
  esp_datum **in, **out;
  bool *given;
} lists;

static esp_status make_lists(const esp_graph *model, lists *l) {
  l->in = calloc((size_t)model->ninput + 1, sizeof(esp_datum *));
  l->out = calloc((size_t)model->noutput + 1, sizeof(esp_datum *));
  l->given = calloc((size_t)model->noutput + 1, sizeof *l->given);
  if (l->in == NULL || l->out == NULL || l->given == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot run the model");
  }
  return esp_arena_create(&l->strings);
}

static void end_lists(const esp_graph *model, lists *l) {
  esp_datum_drop_all(l->in, model->ninput);
  esp_datum_drop_all(l->out, model->noutput);
  free(l->in);
  free(l->out);
  free(l->given);
  esp_arena_free(l->strings);
}

esp_status esp_walked_run(const esp_graph *model, esp_walk_pool *pool,
                          int width, const esp_tensor *const *inputs,
                          esp_tensor **outputs) {
  lists l = {0};
  esp_status status = make_lists(model, &l);
  if (status == ESP_OK) status = borrow_inputs(model, inputs, l.in);
  if (status == ESP_OK) {
    status = esp_walk_pool_run(pool, width, l.in, l.strings, l.out);
  }
  if (status == ESP_OK) {
    for (int i = 0; i < model->noutput; i++) l.given[i] = outputs[i] != NULL;
    status = give_outputs(model, l.out, outputs);
    if (status != ESP_OK) drop_made(outputs, l.given, model->noutput);
  }
  end_lists(model, &l);
  return status;
}
