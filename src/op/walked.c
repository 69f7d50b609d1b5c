// A whole graph as one operator: what cannot be planned becomes a step of a
// plan.  Attributes: `body`, the graph; `types`, and `shapes`, one list of
// [ndim, dims ...] after the other, of its outputs, as a first run found them.
#include <stdlib.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/walk_pool.h"

static const esp_graph *body_of(const esp_node *node) {
  const esp_attribute *a =
      esp_node_attribute(node, "body", ESP_ATTRIBUTE_GRAPH);
  return a != NULL ? a->graph : NULL;
}

static esp_status infer(const esp_args *args) {
  int ntypes, nshapes;
  const int64_t *types = esp_node_ints(args->node, "types", &ntypes);
  const int64_t *shapes = esp_node_ints(args->node, "shapes", &nshapes);
  for (int i = 0, at = 0; i < args->nout; i++) {
    const bool known = i < ntypes && at < nshapes && body_of(args->node);
    esp_shape shape = {.ndim = known ? (int)shapes[at++] : -1};
    if (shape.ndim < 0 || shape.ndim > ESP_MAX_NDIM ||
        at + shape.ndim > nshapes) {
      return ESP_FAIL(ESP_BAD_INPUT, "no body, or outputs of unknown form");
    }
    for (int d = 0; d < shape.ndim; d++) shape.dim[d] = shapes[at++];
    esp_set_output(args, i, (esp_dtype)types[i], &shape);
  }
  return ESP_OK;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  esp_walk_pool *pool;
  (void)width;
  ESP_TRY(esp_walk_pool_create(body_of(args->node), &pool));
  made->state = pool;
  return ESP_OK;
}

static void release(void *state) { esp_walk_pool_free(state); }

// A plan has given the output its place.
static esp_status copy_output(const char *name, const esp_datum *datum,
                              const esp_tensor *to) {
  const esp_tensor *from = &datum->tensor;
  if (datum->kind == ESP_KIND_TENSOR && from->type == to->type &&
      esp_shape_equal(&from->shape, &to->shape)) {
    const size_t bytes = esp_tensor_bytes(to);
    if (bytes > 0) memcpy(to->data, from->data, bytes);
    return ESP_OK;
  }
  char have[ESP_SHAPE_TEXT], text[ESP_SHAPE_TEXT];
  return ESP_FAIL(ESP_UNSUPPORTED,
                  "output \"%s\" is %s here and was %s for the first samples: "
                  "results whose size depends on the data cannot be written",
                  name, esp_shape_text(&from->shape, have),
                  esp_shape_text(&to->shape, text));
}

static esp_status run_body(const esp_args *args, esp_walk_pool *pool, int width,
                           esp_datum **in, esp_arena *strings,
                           esp_datum **out) {
  const esp_graph *body = body_of(args->node);
  for (int i = 0; i < args->nin; i++) {
    ESP_TRY(esp_datum_borrow(args->in[i], &in[i]));
  }
  ESP_TRY(esp_walk_pool_run(pool, width, in, strings, out));
  for (int i = 0; i < args->nout; i++) {
    ESP_TRY(
        copy_output(body->value[body->output[i]].name, out[i], args->out[i]));
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  esp_walk_pool *pool = (esp_walk_pool *)(uintptr_t)state; // locks itself
  esp_datum **in = calloc((size_t)args->nin + 1, sizeof(esp_datum *));
  esp_datum **out = calloc((size_t)args->nout + 1, sizeof(esp_datum *));
  esp_arena *strings = NULL;
  esp_status status = in != NULL && out != NULL
                          ? esp_arena_create(&strings)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot run the model");
  if (status == ESP_OK) {
    status = run_body(args, pool, team.width, in, strings, out);
  }
  esp_datum_drop_all(in, args->nin);
  esp_datum_drop_all(out, args->nout);
  esp_arena_free(strings);
  free(in);
  free(out);
  return status;
}

const esp_op esp_op_walked = {
    .infer = infer, .prepare = prepare, .release = release, .run = run};
