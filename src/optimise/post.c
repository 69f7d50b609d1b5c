// What follows a convolution or a product and touches each element once is done
// by it: activations, the sum with another tensor of the same shape, and a
// product's sum with a number for each column.
#include <math.h>
#include <string.h>

#include "optimise/private.h"

static bool read_bound(const esp_graph *graph, const esp_node *node, int i,
                       const char *attribute, float fallback, float *bound) {
  *bound = esp_node_float(node, attribute, fallback);
  if (i >= node->nin || node->in[i] < 0) return true;
  const float *data = esp_constant_floats(graph, node->in[i]);
  if (data != NULL) *bound = data[0];
  return data != NULL;
}

// The post that stands for an activation node; false: none does.
static bool activation(const esp_graph *graph, const esp_node *node,
                       esp_post *post) {
  *post = (esp_post){.input = -1};
  switch (node->op) {
  case ESP_OP_RELU:
    post->kind = ESP_POST_RELU;
    return true;
  case ESP_OP_SIGMOID:
    post->kind = ESP_POST_SIGMOID;
    return true;
  case ESP_OP_TANH:
    post->kind = ESP_POST_TANH;
    return true;
  case ESP_OP_GELU:
    post->kind = strcmp(esp_node_string(node, "approximate", "none"), "tanh")
                     ? ESP_POST_GELU
                     : ESP_POST_GELU_TANH;
    return true;
  case ESP_OP_LEAKY_RELU:
    post->kind = ESP_POST_LEAKY_RELU;
    post->alpha = esp_node_float(node, "alpha", 0.01f);
    return true;
  case ESP_OP_CLIP:
    post->kind = ESP_POST_CLIP;
    return read_bound(graph, node, 1, "min", -INFINITY, &post->alpha) &&
           read_bound(graph, node, 2, "max", INFINITY, &post->beta) &&
           isfinite(post->alpha) && isfinite(post->beta);
  default:
    return false;
  }
}

// The node that makes v, when it can take one more post and only one reads v.
static int host_of(const esp_graph *graph, int v, const int *uses) {
  if (v < 0 || uses[v] != 1) return -1;
  const int host = graph->value[v].producer;
  if (host < 0) return -1;
  const esp_node *node = &graph->node[host];
  const bool can = !node->dead && esp_op_get(node->op)->posts &&
                   node->npost < ESP_MAX_POST &&
                   graph->value[v].tensor.type == ESP_FLOAT;
  return can ? host : -1;
}

static void absorb(esp_graph *graph, int host, int n, const esp_post *post) {
  esp_node *node = &graph->node[host];
  node->post[node->npost++] = *post;
  node->out[0] = graph->node[n].out[0];
  graph->value[node->out[0]].producer = host;
  graph->node[n].dead = true;
}

// Nodes are in order, so a value made by an earlier node than the host, or by
// none, is there when the host runs.
static bool made_before(const esp_graph *graph, int value, int host) {
  return graph->value[value].producer < host;
}

// A number for each column of what a product makes?
static bool is_bias(const esp_graph *graph, int host, int other) {
  const esp_node *node = &graph->node[host];
  if (node->op != ESP_OP_MATMUL && node->op != ESP_OP_GEMM) return false;
  const esp_shape *b = &graph->value[node->in[1]].tensor.shape;
  const esp_shape *y = &graph->value[node->out[0]].tensor.shape;
  const esp_shape *own = &graph->value[other].tensor.shape;
  return b->ndim > 1 && own->ndim > 0 && own->ndim <= y->ndim &&
         own->dim[own->ndim - 1] == y->dim[y->ndim - 1] &&
         esp_shape_count(own) == y->dim[y->ndim - 1];
}

// How a host can add this value; false: it cannot.
static bool addition(const esp_graph *graph, int host, int fed, int other,
                     esp_post *post) {
  const esp_tensor *x = &graph->value[fed].tensor;
  const esp_tensor *added = &graph->value[other].tensor;
  *post = (esp_post){.kind = ESP_POST_ADD};
  if (esp_shape_equal(&x->shape, &added->shape)) return added->data == NULL;
  post->kind = ESP_POST_BIAS;
  return is_bias(graph, host, other);
}

static esp_status fuse_add(esp_graph *graph, int n, const int *uses) {
  const esp_node *add = &graph->node[n];
  if (add->nin != 2 || add->in[0] == add->in[1]) return ESP_OK;
  // Before opset 7 a vector may lie along another axis than the last.
  if (esp_node_attribute(add, "axis", ESP_ATTRIBUTE_INT) != NULL) return ESP_OK;
  for (int side = 0; side < 2; side++) {
    const int fed = add->in[side], other = add->in[1 - side];
    const int host = host_of(graph, fed, uses);
    esp_post post;
    if (host < 0 || !made_before(graph, other, host) ||
        !addition(graph, host, fed, other, &post)) {
      continue;
    }
    // Inputs that were omitted at the end are spelled out: the sum's stands
    // after all of the standard's.
    while (graph->node[host].nin < 3) {
      ESP_TRY(esp_graph_add_node_input(graph, host, -1, &post.input));
    }
    ESP_TRY(esp_graph_add_node_input(graph, host, other, &post.input));
    absorb(graph, host, n, &post);
    return ESP_OK;
  }
  return ESP_OK;
}

static esp_status fuse(esp_graph *graph, int n, const int *uses) {
  const esp_node *node = &graph->node[n];
  if (node->op == ESP_OP_ADD || (node->op == ESP_OP_SUM && node->nin == 2)) {
    return fuse_add(graph, n, uses);
  }
  esp_post post;
  if (node->nin < 1 || !activation(graph, node, &post)) return ESP_OK;
  const int host = host_of(graph, node->in[0], uses);
  if (host >= 0) absorb(graph, host, n, &post);
  return ESP_OK;
}

esp_status esp_pass_post(esp_graph *graph) {
  return esp_fuse_each(graph, fuse);
}
