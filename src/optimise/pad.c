// A Pad of zeros in front of a convolution, or of an average over windows,
// becomes pads of the window.
#include <string.h>

#include "optimise/private.h"

static bool is_text(const esp_node *node, const char *name,
                    const char *wanted) {
  const esp_attribute *a = esp_node_attribute(node, name, ESP_ATTRIBUTE_STRING);
  return a == NULL || a->count == 0 ||
         (a->count == (int64_t)strlen(wanted) &&
          memcmp(a->s, wanted, strlen(wanted)) == 0);
}

const int64_t *esp_pads_of(const esp_graph *graph, const esp_node *node,
                           int *count) {
  const int64_t *pads =
      esp_node_ints(node, node->version < 2 ? "paddings" : "pads", count);
  if (node->version < 11 || node->nin < 2 || node->in[1] < 0) return pads;
  const esp_tensor *given = &graph->value[node->in[1]].tensor;
  if (given->type != ESP_INT64 || given->data == NULL) return NULL;
  if (node->nin > 3 && node->in[3] >= 0) return NULL; // of some axes only
  *count = (int)esp_shape_count(&given->shape);
  return given->data;
}

static bool fills_with_zero(const esp_graph *graph, const esp_node *node) {
  if (!is_text(node, "mode", "constant")) return false;
  if (node->version < 11) return esp_node_float(node, "value", 0) == 0.0f;
  if (node->nin < 3 || node->in[2] < 0) return true;
  const float *fill = esp_constant_floats(graph, node->in[2]);
  return fill != NULL && fill[0] == 0.0f;
}

// May zeros in front of this node be pads of its windows?
static bool takes_pads(const esp_node *node, const int64_t *own, int count) {
  if (!is_text(node, "auto_pad", "NOTSET")) return false;
  if (node->op == ESP_OP_CONV) return true;
  if (node->op != ESP_OP_AVERAGE_POOL || node->version < 7 ||
      esp_node_int(node, "ceil_mode", 0) != 0) {
    return false;
  }
  // Its own pads must count as elements too.
  for (int i = 0; i < count && esp_node_int(node, "count_include_pad", 0) == 0;
       i++) {
    if (own[i] != 0) return false;
  }
  return true;
}

static esp_status set_attribute(esp_graph *graph, int node,
                                const esp_attribute *made) {
  esp_node *n = &graph->node[node];
  for (int a = 0; a < n->nattribute; a++) {
    if (strcmp(n->attribute[a].name, made->name) != 0) continue;
    const char *name = n->attribute[a].name;
    n->attribute[a] = *made;
    n->attribute[a].name = name;
    return ESP_OK;
  }
  return esp_graph_add_attribute(graph, node, made);
}

static esp_status fuse(esp_graph *graph, int n, const int *uses) {
  const esp_node *node = &graph->node[n];
  const int fed = node->nin > 0 ? node->in[0] : -1;
  if (fed < 0 || uses[fed] != 1 || graph->value[fed].producer < 0) {
    return ESP_OK;
  }
  esp_node *pad = &graph->node[graph->value[fed].producer];
  int count = 0, own_count = 0;
  const int axes = graph->value[fed].tensor.shape.ndim - 2;
  const int64_t *own = esp_node_ints(node, "pads", &own_count);
  if (pad->op != ESP_OP_PAD || pad->dead || axes < 1 ||
      !takes_pads(node, own, own_count) ||
      (own != NULL && own_count != 2 * axes) || !fills_with_zero(graph, pad)) {
    return ESP_OK;
  }
  const int64_t *pads = esp_pads_of(graph, pad, &count);
  if (pads == NULL || count != 2 * (axes + 2)) return ESP_OK;
  void *block;
  ESP_TRY(
      esp_arena_take(graph->arena, 2 * (size_t)axes, sizeof(int64_t), &block));
  int64_t *sum = block;
  for (int end = 0; end < 2; end++) {
    for (int i = 0; i < axes + 2; i++) {
      const int64_t more = pads[end * (axes + 2) + i];
      if (more < 0 || (i < 2 && more > 0)) return ESP_OK;
      if (i < 2) continue;
      sum[end * axes + i - 2] =
          more + (own != NULL ? own[end * axes + i - 2] : 0);
    }
  }
  graph->node[n].in[0] = pad->in[0];
  pad->dead = true;
  const esp_attribute made = {.name = "pads",
                              .kind = ESP_ATTRIBUTE_INTS,
                              .count = 2 * axes,
                              .ints = sum};
  ESP_TRY(set_attribute(graph, n, &made));
  if (graph->node[n].op == ESP_OP_CONV) return ESP_OK;
  const esp_attribute counts = {
      .name = "count_include_pad", .kind = ESP_ATTRIBUTE_INT, .i = 1};
  return set_attribute(graph, n, &counts);
}

esp_status esp_pass_pad(esp_graph *graph) { return esp_fuse_each(graph, fuse); }
