// y = (conv(x, w) + b) * scale + shift  =  conv(x, w * scale) + (b * scale +
// shift), channel by channel.  The products are made in double and rounded
// once.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "optimise/private.h"

// Scale and shift of each channel.
typedef struct affine {
  double *scale, *shift;
} affine;

static void end_affine(affine *a) {
  free(a->scale);
  free(a->shift);
}

static esp_status make_affine(int64_t channels, affine *a) {
  a->scale = malloc(((size_t)channels + 1) * sizeof *a->scale);
  a->shift = malloc(((size_t)channels + 1) * sizeof *a->shift);
  if (a->scale != NULL && a->shift != NULL) return ESP_OK;
  end_affine(a);
  return ESP_FAIL(ESP_NO_MEMORY, "cannot optimise");
}

static bool read_norm(const esp_graph *graph, const esp_node *node,
                      int64_t channels, affine *a) {
  const float *part[4]; // scale, shift, mean, variance
  // Training takes mean and variance of the batch, and tells of them.
  if (node->nout > 1 || esp_node_int(node, "training_mode", 0) != 0) {
    return false;
  }
  for (int i = 0; i < 4; i++) {
    if (node->nin < 5) return false;
    part[i] = esp_constant_floats(graph, node->in[i + 1]);
    if (part[i] == NULL ||
        esp_shape_count(&graph->value[node->in[i + 1]].tensor.shape) !=
            channels) {
      return false;
    }
  }
  const double epsilon = (double)esp_node_float(node, "epsilon", 1e-5f);
  for (int64_t c = 0; c < channels; c++) {
    a->scale[c] = (double)part[0][c] / sqrt((double)part[3][c] + epsilon);
    a->shift[c] = (double)part[1][c] - (double)part[2][c] * a->scale[c];
  }
  return true;
}

// A constant of one number, or of one for each channel of [N,C,D...].
static bool read_channels(const esp_graph *graph, int value, int ndim,
                          int64_t channels, double *to) {
  const float *data = esp_constant_floats(graph, value);
  if (data == NULL) return false;
  const esp_shape *shape = &graph->value[value].tensor.shape;
  const int64_t count = esp_shape_count(shape);
  const int axis = shape->ndim - (ndim - 1); // of the channel in the constant
  if (shape->ndim > ndim) return false;
  if (count != 1 &&
      (axis < 0 || shape->dim[axis] != count || count != channels)) {
    return false;
  }
  for (int64_t c = 0; c < channels; c++) {
    to[c] = (double)data[count == 1 ? 0 : c];
  }
  return true;
}

static bool read_affine(const esp_graph *graph, const esp_node *node, int fed,
                        int64_t channels, affine *a) {
  const int ndim = graph->value[fed].tensor.shape.ndim;
  for (int64_t c = 0; c < channels; c++) {
    a->scale[c] = 1;
    a->shift[c] = 0;
  }
  if (node->op == ESP_OP_BATCH_NORMALIZATION) {
    return node->in[0] == fed && read_norm(graph, node, channels, a);
  }
  if (node->op != ESP_OP_MUL && node->op != ESP_OP_ADD) return false;
  const int other = node->in[0] == fed ? node->in[1] : node->in[0];
  return read_channels(graph, other, ndim, channels,
                       node->op == ESP_OP_MUL ? a->scale : a->shift);
}

// Writes new weights and bias for the convolution.
static esp_status rewrite(esp_graph *graph, int conv, const affine *a) {
  const int old = graph->node[conv].in[1];
  const esp_tensor w = graph->value[old].tensor;
  const int64_t channels = w.shape.dim[0];
  const int64_t each = channels > 0 ? esp_shape_count(&w.shape) / channels : 0;
  const int bias = graph->node[conv].nin > 2 ? graph->node[conv].in[2] : -1;
  const float *b = esp_constant_floats(graph, bias);
  float *weights, *shifts;
  int made, shift;
  ESP_TRY(esp_add_floats(graph, graph->value[old].name, channels * each,
                         &weights, &made));
  graph->value[made].tensor.shape = w.shape;
  ESP_TRY(esp_add_floats(graph, "bias", channels, &shifts, &shift));
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t i = 0; i < each; i++) {
      const int64_t at = c * each + i;
      weights[at] = (float)((double)((const float *)w.data)[at] * a->scale[c]);
    }
    shifts[c] =
        (float)((b != NULL ? (double)b[c] : 0) * a->scale[c] + a->shift[c]);
  }
  esp_node *node = &graph->node[conv];
  node->in[1] = made;
  if (node->nin > 2) {
    node->in[2] = shift;
    return ESP_OK;
  }
  int index;
  return esp_graph_add_node_input(graph, conv, shift, &index);
}

// The convolution that feeds value v and nobody else reads, -1: none.
static int conv_before(const esp_graph *graph, int v, const int *uses) {
  if (v < 0 || uses[v] != 1 || graph->value[v].producer < 0) return -1;
  const esp_node *node = &graph->node[graph->value[v].producer];
  if (node->op != ESP_OP_CONV || node->dead || node->npost > 0) return -1;
  if (esp_constant_floats(graph, node->in[1]) == NULL) return -1;
  if (node->nin > 2 && node->in[2] >= 0 &&
      esp_constant_floats(graph, node->in[2]) == NULL) {
    return -1;
  }
  return graph->value[v].producer;
}

// What no convolution takes becomes a scale and a shift of each channel, which
// follows its neighbours' layout and activates what it computes.
static esp_status stand_alone(esp_graph *graph, int n) {
  const esp_tensor x = graph->value[graph->node[n].in[0]].tensor;
  if (graph->node[n].op != ESP_OP_BATCH_NORMALIZATION || x.type != ESP_FLOAT ||
      x.shape.ndim < 3) {
    return ESP_OK;
  }
  const int64_t channels = x.shape.dim[1];
  affine a;
  ESP_TRY(make_affine(channels, &a));
  esp_status status = ESP_OK;
  if (read_norm(graph, &graph->node[n], channels, &a)) {
    float *scales, *shifts;
    int scale, shift;
    status = esp_add_floats(graph, "scale", channels, &scales, &scale);
    if (status == ESP_OK) {
      status = esp_add_floats(graph, "shift", channels, &shifts, &shift);
    }
    for (int64_t c = 0; c < channels && status == ESP_OK; c++) {
      scales[c] = (float)a.scale[c];
      shifts[c] = (float)a.shift[c];
    }
    if (status == ESP_OK) {
      esp_node *node = &graph->node[n];
      node->op = ESP_OP_SCALE;
      node->op_type = esp_op_name(ESP_OP_SCALE);
      node->in[1] = scale;
      node->in[2] = shift;
      node->nin = 3;
    }
  }
  end_affine(&a);
  return status;
}

static esp_status fuse(esp_graph *graph, int n, const int *uses) {
  esp_node *node = &graph->node[n];
  if (node->nin < 2 || node->nout < 1 || node->out[0] < 0) return ESP_OK;
  int conv = conv_before(graph, node->in[0], uses), fed = node->in[0];
  if (conv < 0 && node->op != ESP_OP_BATCH_NORMALIZATION) {
    fed = node->in[1];
    conv = conv_before(graph, fed, uses);
  }
  if (conv < 0) return stand_alone(graph, n);
  if (!esp_shape_equal(&graph->value[fed].tensor.shape,
                       &graph->value[node->out[0]].tensor.shape)) {
    return ESP_OK;
  }
  const int64_t channels =
      graph->value[graph->node[conv].in[1]].tensor.shape.dim[0];
  affine a;
  ESP_TRY(make_affine(channels, &a));
  esp_status status = ESP_OK;
  if (read_affine(graph, node, fed, channels, &a)) {
    status = rewrite(graph, conv, &a);
    const int out = graph->node[n].out[0];
    graph->node[conv].out[0] = out; // takes the place of what it absorbed
    graph->value[out].producer = conv;
    graph->node[n].dead = true;
  }
  end_affine(&a);
  return status;
}

esp_status esp_pass_norm(esp_graph *graph) {
  return esp_fuse_each(graph, fuse);
}
