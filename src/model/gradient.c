// Gradient nodes become the nodes that compute the derivatives, by reverse
// accumulation over the nodes between xs and y.
// Source: ONNX, domain ai.onnx.preview.training, Gradient, version 1;
// Griewank, Walther, "Evaluating Derivatives", 2nd ed., section 3.2.
#include <stdlib.h>
#include <string.h>

#include "model/private.h"
#include "op/op.h"

enum { VERSION = 15, MOST_NAME = 200 }; // opset of the nodes that are made

typedef struct gradient {
  esp_loader *loader;
  esp_scope *scope;
  esp_graph *graph;
  const Onnx__NodeProto *proto;
  const char *name;
  int xs, zs; // how many
  int *input; // [xs + zs] the values that xs and zs name
  int y;
  int nvalue, nnode; // of the graph before this node
  int *at;           // [nvalue] where a value is evaluated: itself, or a copy
  int *slope;        // [nvalue] derivative of y by it; -1: none yet
  bool *needed;      // [nvalue] y is computed from it
  bool *varies;      // [nvalue] it depends on xs
} gradient;

// Adds a node of one output.
static esp_status emit(gradient *g, int op, const int *in, int nin, int *out) {
  const esp_tensor unknown = {0};
  char *name;
  int node;
  ESP_TRY(esp_loader_count(g->loader));
  if (asprintf(&name, "%.*s/%s_%d", MOST_NAME, g->name, esp_op_name(op),
               g->graph->nnode) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", g->name);
  }
  esp_status status = esp_graph_add_value(g->graph, name, &unknown, out);
  if (status == ESP_OK) {
    status = esp_graph_add_node(g->graph, name, esp_op_name(op), op, VERSION,
                                in, nin, out, 1, &node);
  }
  free(name);
  return status;
}

static esp_status emit1(gradient *g, int op, int a, int *out) {
  return emit(g, op, &a, 1, out);
}
static esp_status emit2(gradient *g, int op, int a, int b, int *out) {
  const int in[] = {a, b};
  return emit(g, op, in, 2, out);
}

// A tensor of the type and shape of a value, full of one number.
static esp_status emit_full(gradient *g, int like, float number, int *out) {
  int shape, full;
  void *copy;
  ESP_TRY(emit1(g, ESP_OP_SHAPE, like, &shape));
  ESP_TRY(emit1(g, ESP_OP_CONSTANT_OF_SHAPE, shape, &full));
  ESP_TRY(esp_arena_copy(g->graph->arena, &number, sizeof number, &copy));
  const esp_attribute value = {
      .name = "value",
      .kind = ESP_ATTRIBUTE_TENSOR,
      .tensor = {.type = ESP_FLOAT, .shape = {1, {1}}, .data = copy}};
  ESP_TRY(esp_graph_add_attribute(g->graph, g->graph->nnode - 1, &value));
  return emit2(g, ESP_OP_CAST_LIKE, full, like, out);
}

static esp_status emit_gemm(gradient *g, int a, int b, const char *turned,
                            int *out) {
  const esp_attribute turn = {
      .name = turned, .kind = ESP_ATTRIBUTE_INT, .i = 1};
  ESP_TRY(emit2(g, ESP_OP_GEMM, a, b, out));
  return esp_graph_add_attribute(g->graph, g->graph->nnode - 1, &turn);
}

// The derivative by input i of a node, from that by its output: `s`.
static esp_status slope_of_input(gradient *g, const esp_node *node, int i,
                                 int s, int *out) {
  const int y = g->at[node->out[0]];
  const int a = g->at[node->in[0]];
  const int b = node->nin > 1 && node->in[1] >= 0 ? g->at[node->in[1]] : -1;
  int t;
  switch (node->op) {
  case ESP_OP_IDENTITY:
  case ESP_OP_ADD:
  case ESP_OP_SUM:
    *out = s;
    return ESP_OK;
  case ESP_OP_NEG:
    return emit1(g, ESP_OP_NEG, s, out);
  case ESP_OP_SUB:
    *out = s;
    return i == 0 ? ESP_OK : emit1(g, ESP_OP_NEG, s, out);
  case ESP_OP_MUL:
    return emit2(g, ESP_OP_MUL, s, i == 0 ? b : a, out);
  case ESP_OP_DIV: // d(a / b) = da / b - y db / b
    ESP_TRY(emit2(g, ESP_OP_DIV, s, b, out));
    if (i == 0) return ESP_OK;
    ESP_TRY(emit2(g, ESP_OP_MUL, *out, y, &t));
    return emit1(g, ESP_OP_NEG, t, out);
  case ESP_OP_EXP:
    return emit2(g, ESP_OP_MUL, s, y, out);
  case ESP_OP_LOG:
    return emit2(g, ESP_OP_DIV, s, a, out);
  case ESP_OP_SQRT: // 1 / (2 y)
    ESP_TRY(emit2(g, ESP_OP_ADD, y, y, &t));
    return emit2(g, ESP_OP_DIV, s, t, out);
  case ESP_OP_RELU: // the sign of what is never negative
    ESP_TRY(emit1(g, ESP_OP_SIGN, y, &t));
    return emit2(g, ESP_OP_MUL, s, t, out);
  case ESP_OP_SIGMOID: // y - y y
  case ESP_OP_TANH: {  // 1 - y y
    int one = y, square;
    if (node->op == ESP_OP_TANH) ESP_TRY(emit_full(g, y, 1, &one));
    ESP_TRY(emit2(g, ESP_OP_MUL, y, y, &square));
    ESP_TRY(emit2(g, ESP_OP_SUB, one, square, &t));
    return emit2(g, ESP_OP_MUL, s, t, out);
  }
  case ESP_OP_MATMUL: // of matrices
    return i == 0 ? emit_gemm(g, s, b, "transB", out)
                  : emit_gemm(g, a, s, "transA", out);
  default:
    return ESP_FAIL(ESP_UNSUPPORTED, "the derivative of %s (node %s)",
                    node->op_type, node->name);
  }
}

// Adds to the derivative by a value what comes through one of its readers.
static esp_status add_slope(gradient *g, int value, int through) {
  int narrow, *slope = &g->slope[value];
  ESP_TRY(emit2(g, ESP_OP_SUM_TO, through, g->at[value], &narrow));
  if (*slope < 0) {
    *slope = narrow;
    return ESP_OK;
  }
  return emit2(g, ESP_OP_ADD, *slope, narrow, slope);
}

static bool is_given(const gradient *g, int value) {
  for (int i = 0; i < g->xs + g->zs; i++) {
    if (g->input[i] == value) return true;
  }
  return false;
}

// Is y computed from one of the node's outputs, by what has been seen?
static bool has_slope(const gradient *g, const esp_node *node, int n) {
  for (int i = 0; i < node->nout; i++) {
    const int v = node->out[i];
    if (v >= 0 && g->varies[v] && g->slope[v] >= 0 &&
        g->graph->value[v].producer == n && !is_given(g, v)) {
      return true;
    }
  }
  return false;
}

static esp_status go_backward(gradient *g) {
  ESP_TRY(emit_full(g, g->at[g->y], 1, &g->slope[g->y]));
  for (int n = g->nnode - 1; n >= 0; n--) {
    const esp_node node = g->graph->node[n]; // adding nodes may move the list
    if (!has_slope(g, &node, n)) continue;
    if (node.nout > 1) {
      return ESP_FAIL(ESP_UNSUPPORTED, "the derivative of %s (node %s)",
                      node.op_type, node.name);
    }
    for (int i = 0; i < node.nin; i++) {
      int through;
      if (node.in[i] < 0 || !g->varies[node.in[i]]) continue;
      ESP_TRY(slope_of_input(g, &node, i, g->slope[node.out[0]], &through));
      ESP_TRY(add_slope(g, node.in[i], through));
    }
  }
  return ESP_OK;
}

// What y is computed from, back to xs and zs.
static void find_needed(gradient *g) {
  g->needed[g->y] = true;
  for (int n = g->nnode - 1; n >= 0; n--) {
    const esp_node *node = &g->graph->node[n];
    bool needed = false;
    for (int i = 0; i < node->nout; i++) {
      const int v = node->out[i];
      needed = needed || (v >= 0 && g->needed[v] && !is_given(g, v));
    }
    for (int i = 0; i < node->nin && needed; i++) {
      if (node->in[i] >= 0) g->needed[node->in[i]] = true;
    }
  }
}

// A node whose inputs are evaluated elsewhere is copied to there.
static esp_status copy_node(gradient *g, int n) {
  const esp_node node = g->graph->node[n];
  int made, *in = malloc(((size_t)node.nin + 1) * sizeof *in);
  if (in == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", g->name);
  for (int i = 0; i < node.nin; i++) {
    in[i] = node.in[i] >= 0 ? g->at[node.in[i]] : -1;
  }
  esp_status status = emit(g, node.op, in, node.nin, &made);
  free(in);
  ESP_TRY(status);
  g->graph->node[g->graph->nnode - 1].version = node.version;
  for (int a = 0; a < node.nattribute; a++) {
    ESP_TRY(esp_graph_add_attribute(g->graph, g->graph->nnode - 1,
                                    &node.attribute[a]));
  }
  g->at[node.out[0]] = made;
  return ESP_OK;
}

// Notes whether what a node makes varies, and copies it if it has to be.
static esp_status evaluate(gradient *g, int n) {
  const esp_node *node = &g->graph->node[n];
  bool moved = false, varies = false, needed = false;
  for (int i = 0; i < node->nin; i++) {
    if (node->in[i] < 0) continue;
    moved = moved || g->at[node->in[i]] != node->in[i];
    varies = varies || g->varies[node->in[i]];
  }
  for (int i = 0; i < node->nout; i++) {
    const int v = node->out[i];
    if (v < 0 || !g->needed[v] || is_given(g, v)) continue;
    needed = true;
    g->varies[v] = varies;
  }
  if (!needed || !moved) return ESP_OK;
  if (node->nout == 1) return copy_node(g, n);
  return ESP_FAIL(ESP_UNSUPPORTED, "the value of %s (node %s) at other inputs",
                  node->op_type, node->name);
}

// Finds what varies with xs, and evaluates y at the inputs of the node.
static esp_status go_forward(gradient *g) {
  for (int v = 0; v < g->nvalue; v++) g->at[v] = v;
  for (int i = 0; i < g->xs + g->zs; i++) {
    int given;
    ESP_TRY(esp_scope_find(g->scope, g->proto->input[i], &given));
    if (given < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d (\"%s\") is made by nothing", i,
                      g->proto->input[i]);
    }
    g->at[g->input[i]] = given;
    if (i < g->xs) g->varies[g->input[i]] = true;
  }
  for (int n = 0; n < g->nnode; n++) ESP_TRY(evaluate(g, n));
  return ESP_OK;
}

static esp_status give_outputs(gradient *g) {
  for (int i = 0; i < g->xs && i < (int)g->proto->n_output; i++) {
    const char *name = g->proto->output[i];
    const int out =
        name[0] != '\0' ? esp_names_get(&g->scope->names, name) : -1;
    int slope = g->slope[g->input[i]], node;
    if (out < 0) continue;
    if (slope < 0) ESP_TRY(emit_full(g, g->at[g->input[i]], 0, &slope));
    ESP_TRY(esp_graph_add_node(g->graph, g->name, "Identity", ESP_OP_IDENTITY,
                               VERSION, &slope, 1, &out, 1, &node));
  }
  return ESP_OK;
}

// The values that a list attribute names.
static esp_status find_named(gradient *g, const Onnx__AttributeProto *a,
                             int *value) {
  for (size_t i = 0; a != NULL && i < a->n_strings; i++) {
    char *name;
    ESP_TRY(esp_arena_chars(g->graph->arena, (const char *)a->strings[i].data,
                            a->strings[i].len, &name));
    ESP_TRY(esp_scope_find(g->scope, name, &value[i]));
    if (value[i] < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "%s names \"%s\", which nothing makes",
                      a->name, name);
    }
  }
  return ESP_OK;
}

static const Onnx__AttributeProto *attribute(const gradient *g,
                                             const char *name) {
  for (size_t i = 0; i < g->proto->n_attribute; i++) {
    const Onnx__AttributeProto *a = g->proto->attribute[i];
    if (a->name != NULL && strcmp(a->name, name) == 0) {
      return esp_attribute_resolve(g->scope->call, a);
    }
  }
  return NULL;
}

static esp_status find_names(gradient *g) {
  const Onnx__AttributeProto *xs = attribute(g, "xs"), *zs = attribute(g, "zs"),
                             *y = attribute(g, "y");
  if (xs == NULL || xs->n_strings == 0 || y == NULL || !y->has_s) {
    return ESP_FAIL(ESP_BAD_INPUT, "attributes xs and y are required");
  }
  const size_t named = xs->n_strings + (zs != NULL ? zs->n_strings : 0);
  if (named != g->proto->n_input) {
    return ESP_FAIL(ESP_BAD_INPUT, "%zu inputs for %zu names in xs and zs",
                    g->proto->n_input, named);
  }
  g->xs = (int)xs->n_strings;
  g->zs = (int)(named - xs->n_strings);
  g->input = calloc(named, sizeof *g->input);
  if (g->input == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot load");
  ESP_TRY(find_named(g, xs, g->input));
  ESP_TRY(find_named(g, zs, g->input + g->xs));
  char *name;
  ESP_TRY(esp_arena_chars(g->graph->arena, (const char *)y->s.data, y->s.len,
                          &name));
  ESP_TRY(esp_scope_find(g->scope, name, &g->y));
  if (g->y >= 0) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "y names \"%s\", which nothing makes", name);
}

static esp_status differentiate(gradient *g) {
  ESP_TRY(find_names(g));
  for (size_t i = 0; i < g->proto->n_input; i++) { // may add captured values
    int value;
    ESP_TRY(esp_scope_find(g->scope, g->proto->input[i], &value));
  }
  g->nvalue = g->graph->nvalue;
  g->nnode = g->graph->nnode;
  const size_t values = (size_t)g->nvalue + 1;
  g->at = malloc(values * sizeof *g->at);
  g->slope = malloc(values * sizeof *g->slope);
  g->needed = calloc(values, sizeof *g->needed);
  g->varies = calloc(values, sizeof *g->varies);
  if (g->at == NULL || g->slope == NULL || g->needed == NULL ||
      g->varies == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot differentiate");
  }
  for (int v = 0; v < g->nvalue; v++) g->slope[v] = -1;
  find_needed(g);
  ESP_TRY(go_forward(g));
  ESP_TRY(go_backward(g));
  return give_outputs(g);
}

esp_status esp_read_gradient(esp_loader *l, esp_scope *scope,
                             const Onnx__NodeProto *node, const char *name) {
  gradient g = {.loader = l,
                .scope = scope,
                .graph = scope->graph,
                .proto = node,
                .name = name};
  const esp_status status = differentiate(&g);
  free(g.input);
  free(g.at);
  free(g.slope);
  free(g.needed);
  free(g.varies);
  if (status == ESP_OK) return ESP_OK;
  return esp_fail_within(status, "node %s (Gradient)", name);
}
