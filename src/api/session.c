// Sessions: opened and closed, and what their models want and give.
#include "api/session.h"

#include <stdlib.h>

#include "optimise/optimise.h"

// Opening and closing --------------------------------------------------------

static esp_status create(esp_context *context,
                         const esp_session_options *options,
                         esp_session **session) {
  static const esp_session_options guess = {0};
  const esp_session_options *o = options != NULL ? options : &guess;
  if (o->num_threads < 0 || o->num_interop_threads < 0) {
    return ESP_FAIL(ESP_USAGE,
                    "a session of %d inter-op and %d intra-op "
                    "threads",
                    o->num_interop_threads, o->num_threads);
  }
  if ((unsigned)o->precision > ESP_PRECISION_INT8) {
    return ESP_FAIL(ESP_USAGE, "no precision has the number %d",
                    (int)o->precision);
  }
  ESP_TRY(esp_use_packed(o->packed_cache));
  esp_session *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open a session");
  self->context = context;
  self->options = *o;
  self->options.packed_cache = NULL; // the caller's text
  esp_lock_init(&self->lock);
  *session = self;
  return ESP_OK;
}

static esp_status finish_open(esp_session *self, esp_status status,
                              esp_session **session) {
  if (status == ESP_OK) {
    esp_graph_set_precision(self->model, self->options.precision);
  }
  if (status != ESP_OK) {
    esp_session_close(self);
    return status;
  }
  *session = self;
  return ESP_OK;
}

esp_status esp_session_open(esp_context *context, const char *model_path,
                            const esp_session_options *options,
                            esp_session **session) {
  esp_session *self = NULL;
  ESP_TRY(create(context, options, &self));
  return finish_open(self, esp_model_load(model_path, &self->model, NULL),
                     session);
}

esp_status esp_session_open_builder(esp_context *context, esp_builder *builder,
                                    const esp_session_options *options,
                                    esp_session **session) {
  esp_session *self = NULL;
  ESP_TRY(create(context, options, &self));
  esp_builder_hold(builder);
  self->builder = builder;
  return finish_open(self, esp_builder_graph(builder, &self->model), session);
}

void esp_session_close(esp_session *session) {
  if (session == NULL) return;
  esp_lock_take(&session->lock);
  while (session->flying > 0) {
    esp_lock_wait(&session->lock);
  }
  esp_lock_give(&session->lock);
  for (int e = 0; e < session->engines; e++)
    esp_session_engine_free(session->engine[e]);
  esp_walk_pool_free(session->walked);
  esp_graph_free(session->model);
  esp_builder_free(session->builder);
  esp_lock_fini(&session->lock);
  free(session);
}

// What the model wants and gives ---------------------------------------------

size_t esp_session_inputs(const esp_session *session) {
  return (size_t)session->model->ninput;
}
size_t esp_session_outputs(const esp_session *session) {
  return (size_t)session->model->noutput;
}

static void describe(const esp_value *value, esp_value_info *info) {
  *info = (esp_value_info){.name = value->name,
                           .type = value->tensor.type,
                           .ndim = value->tensor.shape.ndim};
  for (int i = 0; i < info->ndim; i++) {
    info->dim[i] = value->tensor.shape.dim[i];
  }
}

esp_status esp_session_input(const esp_session *session, size_t index,
                             esp_value_info *info) {
  const esp_graph *model = session->model;
  if (index >= (size_t)model->ninput) {
    return ESP_FAIL(ESP_USAGE, "input %zu of %d", index, model->ninput);
  }
  describe(&model->value[model->input[index]], info);
  return ESP_OK;
}

// The model with every open dimension set to `size`.
static esp_status with_open_dims(const esp_graph *model, int64_t size,
                                 esp_graph **graph) {
  esp_tensor *tensor = calloc((size_t)model->ninput + 1, sizeof *tensor);
  const esp_tensor **list = calloc((size_t)model->ninput + 1, sizeof *list);
  esp_status status = tensor != NULL && list != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot find shapes");
  for (int i = 0; i < model->ninput && status == ESP_OK; i++) {
    tensor[i] = model->value[model->input[i]].tensor;
    for (int d = 0; d < tensor[i].shape.ndim; d++) {
      if (tensor[i].shape.dim[d] < 0) tensor[i].shape.dim[d] = size;
    }
    list[i] = &tensor[i];
  }
  const esp_optimise_options how = {
      .batch = size, .input = list, .plain = true};
  if (status == ESP_OK) status = esp_optimise(model, &how, graph);
  free(list);
  free(tensor);
  return status;
}

// Two sizes tell which dimensions of an output follow those of the inputs.
esp_status esp_session_output(const esp_session *session, size_t index,
                              esp_value_info *info) {
  const esp_graph *model = session->model;
  if (index >= (size_t)model->noutput) {
    return ESP_FAIL(ESP_USAGE, "output %zu of %d", index, model->noutput);
  }
  esp_graph *small = NULL, *large = NULL;
  describe(&model->value[model->output[index]], info);
  if (with_open_dims(model, 2, &small) == ESP_OK &&
      with_open_dims(model, 3, &large) == ESP_OK) {
    const char *name = info->name;
    const esp_shape *other = &large->value[large->output[index]].tensor.shape;
    describe(&small->value[small->output[index]], info);
    info->name = name;
    for (int i = 0; i < info->ndim; i++) {
      if (info->dim[i] != other->dim[i]) info->dim[i] = ESP_DIM_UNKNOWN;
    }
  }
  esp_graph_free(small);
  esp_graph_free(large);
  return ESP_OK;
}
