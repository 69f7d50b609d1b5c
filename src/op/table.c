#include <string.h>

#include "op/family.h"
#include "op/op.h"

static const struct {
  const char *onnx_name;
  const esp_op *op;
} table[ESP_OP_COUNT] = {
#define OP(id, onnx, family) [ESP_OP_##id] = {(onnx), &esp_op_##family},
#include "op/op_list.h"
#undef OP
};

const esp_op *esp_op_get(int id) { return table[id].op; }
const char *esp_op_name(int id) { return table[id].onnx_name; }

int esp_op_find(const char *onnx_name) {
  for (int i = 0; i < ESP_OP_COUNT; i++) {
    if (strcmp(table[i].onnx_name, onnx_name) == 0) return i;
  }
  return -1;
}

esp_status esp_op_complete(esp_graph *graph, int node) {
  const esp_tensor unknown = {0};
  const esp_node *n = &graph->node[node];
  int value;
  if (n->op < 0 || esp_op_get(n->op)->omits_first || !esp_node_wanted(n) ||
      n->out[0] >= 0) {
    return ESP_OK;
  }
  ESP_TRY(esp_graph_add_value(graph, n->name, &unknown, &value));
  n->out[0] = value;
  graph->value[value].producer = node;
  return ESP_OK;
}

esp_args esp_op_args(const esp_graph *graph, const esp_node *node,
                     const esp_tensor **in, esp_tensor **out) {
  for (int i = 0; i < node->nin; i++) {
    in[i] = node->in[i] >= 0 ? &graph->value[node->in[i]].tensor : NULL;
  }
  for (int i = 0; i < node->nout; i++) {
    out[i] = node->out[i] >= 0 ? &graph->value[node->out[i]].tensor : NULL;
  }
  return (esp_args){
      .node = node, .nin = node->nin, .nout = node->nout, .in = in, .out = out};
}

size_t esp_op_most_arguments(const esp_graph *graph) {
  int most = 1;
  for (int n = 0; n < graph->nnode; n++) {
    const esp_node *node = &graph->node[n];
    if (node->nin > most) most = node->nin;
    if (node->nout > most) most = node->nout;
  }
  return (size_t)most;
}

esp_status esp_op_infer(const esp_args *args) {
  for (int i = 0; i < args->nout; i++) {
    if (args->out[i] != NULL) *args->out[i] = (esp_tensor){0};
  }
  ESP_TRY(esp_op_get(args->node->op)->infer(args));
  for (int i = 0; i < args->nout; i++) {
    size_t bytes;
    if (args->out[i] == NULL) continue;
    if (args->out[i]->type == ESP_UNDEFINED) {
      return ESP_FAIL(ESP_UNSUPPORTED, "output %d cannot be made", i);
    }
    ESP_TRY(esp_shape_bytes(&args->out[i]->shape, args->out[i]->type, &bytes));
  }
  return ESP_OK;
}

bool esp_overlays_alike(const esp_args *args, int i) {
  const esp_tensor *x = args->in[i], *y = args->out[0];
  return x->type == y->type && x->layout == y->layout &&
         esp_shape_equal(&x->shape, &y->shape);
}

esp_work esp_op_work(const esp_args *args) {
  const esp_op *op = esp_op_get(args->node->op);
  if (op->work != NULL) return op->work(args);
  esp_work work = {0};
  for (int i = 0; i < args->nin; i++) {
    if (args->in[i] != NULL)
      work.bytes += (double)esp_tensor_bytes(args->in[i]);
  }
  for (int i = 0; i < args->nout; i++) {
    if (args->out[i] == NULL) continue;
    work.bytes += (double)esp_tensor_bytes(args->out[i]);
    work.flops += (double)esp_shape_count(&args->out[i]->shape);
  }
  return work;
}

esp_status esp_op_run_once(const esp_args *args) {
  return esp_op_run_once_in(args, NULL);
}

esp_status esp_op_run_once_in(const esp_args *args, esp_arena *strings) {
  const esp_op *op = esp_op_get(args->node->op);
  esp_prepared made = {0};
  void *scratch = NULL;
  esp_status status = ESP_OK;
  if (op->prepare != NULL) status = op->prepare(args, 1, &made);
  if (status == ESP_OK) status = esp_allocate(made.scratch_bytes, &scratch);
  if (status == ESP_OK) {
    const esp_team team = {.width = 1, .scratch = scratch, .strings = strings};
    status = op->run(args, made.state, team);
  }
  esp_free(scratch);
  if (op->release != NULL) op->release(made.state);
  return status;
}
