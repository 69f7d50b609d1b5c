#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

esp_status esp_graph_create(esp_graph **graph) {
  esp_arena *arena;
  ESP_TRY(esp_arena_create(&arena));
  void *block;
  esp_status status = esp_arena_take(arena, 1, sizeof(esp_graph), &block);
  if (status != ESP_OK) {
    esp_arena_free(arena);
    return status;
  }
  esp_graph *self = block;
  self->arena = arena;
  self->name = "";
  *graph = self;
  return ESP_OK;
}

void esp_graph_free(esp_graph *graph) {
  if (graph == NULL) return;
  free(graph->value);
  free(graph->node);
  free(graph->input);
  free(graph->output);
  free(graph->capture);
  free(graph->capture_from);
  esp_arena_free(graph->arena); // the graph itself lies in it
}

esp_status esp_graph_add_value(esp_graph *graph, const char *name,
                               const esp_tensor *tensor, int *value) {
  ESP_TRY(esp_grow(&graph->value, &graph->value_room, (size_t)graph->nvalue + 1,
                   sizeof *graph->value));
  char *copy;
  ESP_TRY(esp_arena_string(graph->arena, name, &copy));
  graph->value[graph->nvalue] =
      (esp_value){.name = copy, .tensor = *tensor, .producer = -1};
  graph->value[graph->nvalue].tensor.data = NULL;
  *value = graph->nvalue++;
  return ESP_OK;
}

esp_status esp_graph_add_constant(esp_graph *graph, const char *name,
                                  const esp_tensor *tensor, int *value) {
  ESP_TRY(esp_graph_add_value(graph, name, tensor, value));
  graph->value[*value].tensor.data = tensor->data;
  return ESP_OK;
}

esp_status esp_graph_add_input(esp_graph *graph, int value) {
  ESP_TRY(esp_grow(&graph->input, &graph->input_room, (size_t)graph->ninput + 1,
                   sizeof *graph->input));
  graph->input[graph->ninput++] = value;
  graph->value[value].is_input = true;
  return ESP_OK;
}

esp_status esp_graph_add_output(esp_graph *graph, int value) {
  ESP_TRY(esp_grow(&graph->output, &graph->output_room,
                   (size_t)graph->noutput + 1, sizeof *graph->output));
  graph->output[graph->noutput++] = value;
  graph->value[value].is_output = true;
  return ESP_OK;
}

esp_status esp_graph_add_capture(esp_graph *graph, int value, int from) {
  const size_t need = (size_t)graph->ncapture + 1;
  ESP_TRY(esp_grow(&graph->capture, &graph->capture_room, need,
                   sizeof *graph->capture));
  ESP_TRY(esp_grow(&graph->capture_from, &graph->capture_from_room, need,
                   sizeof *graph->capture_from));
  graph->capture[graph->ncapture] = value;
  graph->capture_from[graph->ncapture++] = from;
  graph->value[value].is_input = true;
  return ESP_OK;
}

static esp_status copy_indices(esp_graph *graph, const int *from, int count,
                               int **copy) {
  void *block;
  ESP_TRY(
      esp_arena_copy(graph->arena, from, (size_t)count * sizeof *from, &block));
  *copy = block;
  return ESP_OK;
}

esp_status esp_graph_add_node(esp_graph *graph, const char *name,
                              const char *op_type, int op, int version,
                              const int *in, int nin, const int *out, int nout,
                              int *node) {
  ESP_TRY(esp_grow(&graph->node, &graph->node_room, (size_t)graph->nnode + 1,
                   sizeof *graph->node));
  esp_node made = {
      .op = op, .version = version, .nin = nin, .nout = nout, .like = -1};
  char *copy;
  ESP_TRY(esp_arena_string(graph->arena, name, &copy));
  made.name = copy;
  ESP_TRY(esp_arena_string(graph->arena, op_type, &copy));
  made.op_type = copy;
  ESP_TRY(copy_indices(graph, in, nin, &made.in));
  ESP_TRY(copy_indices(graph, out, nout, &made.out));
  for (int i = 0; i < nout; i++) {
    if (out[i] >= 0) graph->value[out[i]].producer = graph->nnode;
  }
  graph->node[graph->nnode] = made;
  *node = graph->nnode++;
  return ESP_OK;
}

esp_status esp_graph_add_attribute(esp_graph *graph, int node,
                                   const esp_attribute *attribute) {
  esp_node *n = &graph->node[node];
  size_t have = (size_t)n->nattribute;
  void *block;
  ESP_TRY(esp_arena_take(graph->arena, have + 1, sizeof *n->attribute, &block));
  esp_attribute *made = block;
  if (have > 0) memcpy(made, n->attribute, have * sizeof *made);
  made[have] = *attribute;
  char *name;
  ESP_TRY(esp_arena_string(graph->arena, attribute->name, &name));
  made[have].name = name;
  n->attribute = made;
  n->nattribute++;
  return ESP_OK;
}

esp_status esp_graph_add_node_input(esp_graph *graph, int node, int value,
                                    int *index) {
  esp_node *n = &graph->node[node];
  size_t have = (size_t)n->nin;
  void *block;
  ESP_TRY(esp_arena_take(graph->arena, have + 1, sizeof *n->in, &block));
  int *made = block;
  if (have > 0) memcpy(made, n->in, have * sizeof *made);
  made[have] = value;
  n->in = made;
  *index = n->nin++;
  return ESP_OK;
}

esp_status esp_graph_add_copy(esp_graph *graph, const esp_node *from,
                              const char *name, const int *in, const int *out,
                              int *node) {
  ESP_TRY(esp_graph_add_node(graph, name, from->op_type, from->op,
                             from->version, in, from->nin, out, from->nout,
                             node));
  for (int a = 0; a < from->nattribute; a++) {
    ESP_TRY(esp_graph_add_attribute(graph, *node, &from->attribute[a]));
  }
  esp_node *made = &graph->node[*node];
  made->ncapture = from->ncapture;
  made->npost = from->npost;
  made->precision = from->precision;
  memcpy(made->post, from->post, sizeof made->post);
  return ESP_OK;
}

static esp_status copy_values(const esp_graph *from, esp_graph *to) {
  for (int v = 0; v < from->nvalue; v++) {
    const esp_value *value = &from->value[v];
    int made;
    ESP_TRY(esp_graph_add_constant(to, value->name, &value->tensor, &made));
    to->value[made].kind = value->kind;
    to->value[made].any_shape = value->any_shape;
    to->value[made].dim_name = value->dim_name;
  }
  for (int i = 0; i < from->ninput; i++) {
    ESP_TRY(esp_graph_add_input(to, from->input[i]));
  }
  for (int i = 0; i < from->noutput; i++) {
    ESP_TRY(esp_graph_add_output(to, from->output[i]));
  }
  for (int i = 0; i < from->ncapture; i++) {
    ESP_TRY(esp_graph_add_capture(to, from->capture[i], from->capture_from[i]));
  }
  return ESP_OK;
}

static esp_status copy_nodes(const esp_graph *from, esp_graph *to) {
  for (int n = 0; n < from->nnode; n++) {
    const esp_node *node = &from->node[n];
    int made;
    ESP_TRY(
        esp_graph_add_copy(to, node, node->name, node->in, node->out, &made));
    to->node[made].like = node->like;
    to->node[made].dead = node->dead;
  }
  return ESP_OK;
}

esp_status esp_graph_copy(const esp_graph *from, esp_graph **copy) {
  esp_graph *to;
  ESP_TRY(esp_graph_create(&to));
  char *name;
  esp_status status = esp_arena_string(to->arena, from->name, &name);
  if (status == ESP_OK) {
    to->name = name;
    status = copy_values(from, to);
  }
  if (status == ESP_OK) status = copy_nodes(from, to);
  if (status != ESP_OK) {
    esp_graph_free(to);
    return status;
  }
  *copy = to;
  return ESP_OK;
}

static void end_graph(void *graph) { esp_graph_free(graph); }

esp_status esp_graph_keep(esp_graph *graph, esp_graph *other) {
  return esp_arena_keep(graph->arena, other, end_graph);
}

void esp_graph_set_precision(esp_graph *graph, esp_precision precision) {
  for (int n = 0; n < graph->nnode; n++) graph->node[n].precision = precision;
}

bool esp_node_wanted(const esp_node *node) {
  for (int i = 0; i < node->nout; i++) {
    if (node->out[i] >= 0) return true;
  }
  return false;
}

const esp_attribute *esp_node_attribute(const esp_node *node, const char *name,
                                        esp_attribute_kind kind) {
  for (int a = 0; a < node->nattribute; a++) {
    const esp_attribute *attribute = &node->attribute[a];
    if (attribute->kind == kind && strcmp(attribute->name, name) == 0) {
      return attribute;
    }
  }
  return NULL;
}

int64_t esp_node_int(const esp_node *node, const char *name, int64_t fallback) {
  const esp_attribute *a = esp_node_attribute(node, name, ESP_ATTRIBUTE_INT);
  return a != NULL ? a->i : fallback;
}

float esp_node_float(const esp_node *node, const char *name, float fallback) {
  const esp_attribute *a = esp_node_attribute(node, name, ESP_ATTRIBUTE_FLOAT);
  return a != NULL ? a->f : fallback;
}

const char *esp_node_string(const esp_node *node, const char *name,
                            const char *fallback) {
  const esp_attribute *a = esp_node_attribute(node, name, ESP_ATTRIBUTE_STRING);
  return a != NULL ? a->s : fallback;
}

const int64_t *esp_node_ints(const esp_node *node, const char *name,
                             int *count) {
  const esp_attribute *a = esp_node_attribute(node, name, ESP_ATTRIBUTE_INTS);
  *count = a != NULL ? (int)a->count : 0;
  return a != NULL ? a->ints : NULL;
}
