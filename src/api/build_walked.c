// A plan of one step for a model that can only be walked.
#include <stdlib.h>
#include <string.h>

#include "api/private.h"
#include "api/walked.h"
#include "base/clock.h"
#include "base/memory.h"
#include "op/op.h"

// Runs the model once on its first samples.
static esp_status try_out(const esp_build_options *o, esp_tensor **outputs,
                          double *seconds) {
  esp_walk_pool *pool;
  ESP_TRY(esp_walk_pool_create(o->model, &pool));
  esp_status status =
      esp_walked_run(o->model, pool, o->width, o->input, outputs);
  for (int i = 0; i < o->model->noutput && status == ESP_OK; i++) {
    esp_tensor_free(outputs[i]);
    outputs[i] = NULL;
  }
  const double began = esp_clock_seconds(); // now everything is prepared
  if (status == ESP_OK) {
    status = esp_walked_run(o->model, pool, o->width, o->input, outputs);
  }
  *seconds = esp_clock_seconds() - began;
  esp_walk_pool_free(pool);
  return status;
}

static esp_status add_values(const esp_build_options *o,
                             esp_tensor *const *outputs, esp_graph *graph,
                             int *values) {
  const esp_graph *model = o->model;
  for (int i = 0; i < model->ninput; i++) {
    esp_tensor form = *o->input[i];
    form.data = NULL;
    ESP_TRY(esp_graph_add_value(graph, model->value[model->input[i]].name,
                                &form, &values[i]));
    ESP_TRY(esp_graph_add_input(graph, values[i]));
  }
  for (int i = 0; i < model->noutput; i++) {
    esp_tensor form = *outputs[i];
    form.data = NULL;
    int *value = &values[model->ninput + i];
    ESP_TRY(esp_graph_add_value(graph, model->value[model->output[i]].name,
                                &form, value));
  }
  return ESP_OK;
}

// `types` and `shapes` of the outputs, as the operator reads them.
static esp_status add_forms(const esp_graph *model, esp_tensor *const *outputs,
                            esp_graph *graph, int node) {
  const size_t n = (size_t)model->noutput;
  void *types, *shapes;
  ESP_TRY(esp_arena_take(graph->arena, n + 1, sizeof(int64_t), &types));
  ESP_TRY(esp_arena_take(graph->arena, n + 1,
                         (1 + ESP_MAX_NDIM) * sizeof(int64_t), &shapes));
  int64_t *type = types, *shape = shapes, count = 0;
  for (int i = 0; i < model->noutput; i++) {
    type[i] = outputs[i]->type;
    shape[count++] = outputs[i]->shape.ndim;
    for (int d = 0; d < outputs[i]->shape.ndim; d++) {
      shape[count++] = outputs[i]->shape.dim[d];
    }
  }
  const esp_attribute list[] = {{.name = "types",
                                 .kind = ESP_ATTRIBUTE_INTS,
                                 .count = model->noutput,
                                 .ints = type},
                                {.name = "shapes",
                                 .kind = ESP_ATTRIBUTE_INTS,
                                 .count = count,
                                 .ints = shape}};
  ESP_TRY(esp_graph_add_attribute(graph, node, &list[0]));
  return esp_graph_add_attribute(graph, node, &list[1]);
}

static esp_status make_graph(const esp_build_options *o,
                             esp_tensor *const *outputs, esp_graph *graph) {
  const esp_graph *model = o->model;
  int *values = calloc((size_t)model->ninput + (size_t)model->noutput + 1,
                       sizeof *values);
  if (values == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan the model");
  int node;
  esp_status status = add_values(o, outputs, graph, values);
  if (status == ESP_OK) {
    status = esp_graph_add_node(graph, "model", "espalier:Walk", ESP_OP_WALK, 1,
                                values, model->ninput, values + model->ninput,
                                model->noutput, &node);
  }
  // The body is the caller's model, which outlives the graph.
  union {
    const esp_graph *borrowed;
    esp_graph *graph;
  } body = {.borrowed = model};
  const esp_attribute attribute = {
      .name = "body", .kind = ESP_ATTRIBUTE_GRAPH, .graph = body.graph};
  if (status == ESP_OK) {
    status = esp_graph_add_attribute(graph, node, &attribute);
  }
  if (status == ESP_OK) status = add_forms(model, outputs, graph, node);
  for (int i = 0; i < model->noutput && status == ESP_OK; i++) {
    status = esp_graph_add_output(graph, values[model->ninput + i]);
  }
  free(values);
  return status == ESP_OK ? esp_graph_check(graph) : status;
}

static esp_status make_plan(const esp_build_options *o, double seconds,
                            esp_built *made) {
  made->seconds = calloc(2, sizeof *made->seconds);
  if (made->seconds == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot plan the model");
  }
  made->seconds[0] = seconds;
  made->problem = (esp_plan_problem){.graph = made->graph,
                                     .ranks = 1,
                                     .workers = 1,
                                     .width = o->width,
                                     .seconds = made->seconds,
                                     .links = o->machine->links};
  return esp_plan_build(&made->problem, &made->plan);
}

esp_status esp_build_walked(const esp_build_options *options,
                            esp_built *built) {
  if (options->ranks > 1) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "the shapes of this model depend on its data, so that its "
                    "branches cannot be divided among %d ranks: set replicas "
                    "to the number of ranks",
                    options->ranks);
  }
  const int noutput = options->model->noutput;
  esp_tensor **outputs = calloc((size_t)noutput + 1, sizeof(esp_tensor *));
  if (outputs == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan the model");
  esp_built made = {0};
  double seconds;
  esp_status status = try_out(options, outputs, &seconds);
  if (status == ESP_OK) status = esp_graph_create(&made.graph);
  if (status == ESP_OK) status = make_graph(options, outputs, made.graph);
  if (status == ESP_OK) status = make_plan(options, seconds, &made);
  for (int i = 0; i < noutput; i++) esp_tensor_free(outputs[i]);
  free(outputs);
  if (status != ESP_OK) {
    esp_build_end(&made);
    return status;
  }
  *built = made;
  return ESP_OK;
}
