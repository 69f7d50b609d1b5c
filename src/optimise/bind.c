// Shapes and constants, in one walk: a shape may need the content of a constant
// that an earlier node computes.
#include <stdlib.h>
#include <string.h>

#include "optimise/private.h"

// Folding must not turn a small model into gigabytes: beyond this many bytes in
// all, only what is small (shapes) is folded.
static const size_t MOST_FOLDED = 256u << 20, SMALL = 4096;

esp_status esp_args_of(const esp_graph *graph, int node, esp_arg_lists *l,
                       esp_args *args) {
  const esp_node *n = &graph->node[node];
  l->in = calloc((size_t)n->nin + 1, sizeof *l->in);
  l->out = calloc((size_t)n->nout + 1, sizeof *l->out);
  if (l->in == NULL || l->out == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot work out shapes");
  }
  *args = esp_op_args(graph, n, l->in, l->out);
  return ESP_OK;
}

void esp_args_end(esp_arg_lists *l) {
  free(l->in);
  free(l->out);
}

esp_status esp_infer_node(esp_graph *graph, int node) {
  esp_arg_lists l = {0};
  esp_args args;
  esp_status status = esp_args_of(graph, node, &l, &args);
  if (status == ESP_OK) status = esp_op_infer(&args);
  esp_args_end(&l);
  if (status == ESP_OK) return ESP_OK;
  const esp_node *n = &graph->node[node];
  return esp_fail_within(status, "node %s (%s)", n->name, n->op_type);
}

// Nodes whose results follow from shapes alone.
static bool needs_no_data(const esp_node *node) {
  return node->op == ESP_OP_SHAPE || node->op == ESP_OP_SIZE;
}

static bool foldable(const esp_graph *graph, const esp_node *node,
                     size_t *folded) {
  for (int i = 0; i < node->nin && !needs_no_data(node); i++) {
    if (node->in[i] >= 0 && graph->value[node->in[i]].tensor.data == NULL) {
      return false;
    }
  }
  size_t out = 0;
  for (int i = 0; i < node->nout; i++) {
    if (node->out[i] >= 0) {
      out += esp_tensor_bytes(&graph->value[node->out[i]].tensor);
    }
  }
  if (out > SMALL && out > MOST_FOLDED - *folded) return false;
  if (out > SMALL) *folded += out;
  return true;
}

static esp_status fold(esp_graph *graph, int node) {
  esp_arg_lists l = {0};
  esp_args args;
  esp_status status = esp_args_of(graph, node, &l, &args);
  for (int i = 0; i < args.nout && status == ESP_OK; i++) {
    if (args.out[i] == NULL) continue;
    status = esp_arena_take(graph->arena, esp_tensor_bytes(args.out[i]), 1,
                            &args.out[i]->data);
  }
  if (status == ESP_OK) status = esp_op_run_once_in(&args, graph->arena);
  esp_args_end(&l);
  esp_node *n = &graph->node[node];
  if (status != ESP_OK) {
    return esp_fail_within(status, "node %s (%s)", n->name, n->op_type);
  }
  n->dead = true;
  for (int i = 0; i < n->nout; i++) {
    if (n->out[i] >= 0) graph->value[n->out[i]].producer = -1;
  }
  return ESP_OK;
}

// Is dimension d named like the batch, the open first one of any input?
static bool named_as_batch(const esp_graph *graph, const esp_value *value,
                           int d) {
  const char *name = value->dim_name != NULL ? value->dim_name[d] : NULL;
  for (int i = 0; i < graph->ninput && name != NULL; i++) {
    const esp_value *other = &graph->value[graph->input[i]];
    const char *first = other->dim_name != NULL && other->tensor.shape.ndim > 0
                            ? other->dim_name[0]
                            : NULL;
    if (first != NULL && strcmp(first, name) == 0) return true;
  }
  return false;
}

static esp_status bind_input(esp_graph *graph, int i,
                             const esp_optimise_options *options) {
  esp_value *value = &graph->value[graph->input[i]];
  if (value->kind != ESP_KIND_TENSOR) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "input \"%s\" is not a tensor, so that the model cannot be "
                    "planned",
                    value->name);
  }
  if (value->tensor.type == ESP_STRING) {
    return ESP_FAIL(ESP_UNSUPPORTED, "input \"%s\" holds strings", value->name);
  }
  if (options->input != NULL) {
    value->tensor = *options->input[i];
    value->any_shape = false;
    return ESP_OK;
  }
  if (value->any_shape || value->tensor.type == ESP_UNDEFINED) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "input \"%s\" has no declared type and shape", value->name);
  }
  esp_shape *shape = &value->tensor.shape;
  for (int d = 0; d < shape->ndim; d++) {
    if (shape->dim[d] >= 0) continue;
    if (d == 0 || named_as_batch(graph, value, d)) {
      shape->dim[d] = options->batch;
      continue;
    }
    char text[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "input \"%s\" is %s: only its first dimension may be open",
                    value->name, esp_shape_text(shape, text));
  }
  return ESP_OK;
}

// A plan lays out bytes before a run; a string has none until it is made.
static esp_status refuse_strings(const esp_graph *graph, const esp_node *node) {
  for (int i = 0; i < node->nout && !node->dead; i++) {
    if (node->out[i] < 0 ||
        graph->value[node->out[i]].tensor.type != ESP_STRING) {
      continue;
    }
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "node %s (%s) makes strings while the model runs",
                    node->name, node->op_type);
  }
  return ESP_OK;
}

esp_status esp_bind(esp_graph *graph, const esp_optimise_options *options) {
  if (options->input != NULL) {
    ESP_TRY(esp_graph_check_inputs(graph, options->input));
  }
  for (int i = 0; i < graph->ninput; i++) {
    ESP_TRY(bind_input(graph, i, options));
  }
  size_t folded = 0;
  for (int n = 0; n < graph->nnode; n++) {
    bool taken;
    if (!esp_node_wanted(&graph->node[n])) {
      graph->node[n].dead = true;
      continue;
    }
    ESP_TRY(esp_take_branch(graph, n, &taken));
    if (taken) n = -1; // the nodes have other places now
    if (taken) continue;
    ESP_TRY(esp_infer_node(graph, n));
    if (foldable(graph, &graph->node[n], &folded)) ESP_TRY(fold(graph, n));
    ESP_TRY(refuse_strings(graph, &graph->node[n]));
  }
  return esp_graph_compact(graph);
}
