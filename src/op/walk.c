#include "op/walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// What is kept of a node between runs.
typedef struct step {
  bool needs_data; // its shapes depend on data: nothing of it is kept
  bool ready;      // `made` is for the types and shapes in `seen`
  esp_prepared made;
  esp_tensor *seen;  // [nin + nout]
  esp_tensor *given; // [nin] inputs as infer and prepare see them
  esp_tensor *found; // [nout] outputs
  const esp_tensor **in;
  esp_tensor **out;
  esp_datum **input;  // [nin] of a call
  esp_datum **output; // [nout]
  esp_walk **body;    // [nattribute] subgraphs, made when first run
} step;

struct esp_walk {
  const esp_graph *graph;
  int width;
  int *last;           // [nvalue] the last node that reads it; -1: none
  esp_datum **value;   // [nvalue] what is there at this moment
  step *step;          // [nnode]
  unsigned char *room; // what the pointers of the steps point into
  void *scratch;
  size_t scratch_bytes;
};

enum { PER_INPUT = 2, PER_OUTPUT = 2 }; // tensors of a step for each

static size_t room_of(const esp_node *node) {
  const size_t in = (size_t)node->nin, out = (size_t)node->nout;
  return (PER_INPUT * in + PER_OUTPUT * out) * sizeof(esp_tensor) +
         (2 * in + 2 * out + (size_t)node->nattribute) * sizeof(void *);
}

static void *cut(unsigned char **room, size_t bytes) {
  void *piece = *room;
  *room += bytes;
  return piece;
}

// Tensors come first: pointers need no more alignment than they do.
static void lay_out_step(step *s, const esp_node *node, unsigned char **room) {
  const size_t in = (size_t)node->nin, out = (size_t)node->nout;
  s->seen = cut(room, (in + out) * sizeof *s->seen);
  s->given = cut(room, in * sizeof *s->given);
  s->found = cut(room, out * sizeof *s->found);
  s->in = cut(room, in * sizeof *s->in);
  s->out = cut(room, out * sizeof *s->out);
  s->input = cut(room, in * sizeof *s->input);
  s->output = cut(room, out * sizeof *s->output);
  s->body = cut(room, (size_t)node->nattribute * sizeof *s->body);
}

static void find_last_readers(esp_walk *walk) {
  const esp_graph *graph = walk->graph;
  for (int v = 0; v < graph->nvalue; v++) walk->last[v] = -1;
  for (int n = 0; n < graph->nnode; n++) {
    if (!esp_node_wanted(&graph->node[n])) continue; // it is not run
    for (int i = 0; i < graph->node[n].nin; i++) {
      if (graph->node[n].in[i] >= 0) walk->last[graph->node[n].in[i]] = n;
    }
  }
}

static esp_status add_constants(esp_walk *walk) {
  for (int v = 0; v < walk->graph->nvalue; v++) {
    const esp_tensor *tensor = &walk->graph->value[v].tensor;
    if (tensor->data == NULL) continue;
    ESP_TRY(esp_datum_borrow(tensor, &walk->value[v]));
  }
  return ESP_OK;
}

esp_status esp_walk_create(const esp_graph *graph, int width, esp_walk **walk) {
  esp_walk *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot walk the graph");
  size_t bytes = 1;
  for (int n = 0; n < graph->nnode; n++) bytes += room_of(&graph->node[n]);
  self->graph = graph;
  self->width = width;
  self->last = calloc((size_t)graph->nvalue + 1, sizeof *self->last);
  self->value = calloc((size_t)graph->nvalue + 1, sizeof *self->value);
  self->step = calloc((size_t)graph->nnode + 1, sizeof *self->step);
  self->room = calloc(1, bytes);
  esp_status status = ESP_OK;
  if (self->last == NULL || self->value == NULL || self->step == NULL ||
      self->room == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot walk %d nodes", graph->nnode);
  }
  if (status == ESP_OK) {
    unsigned char *room = self->room;
    for (int n = 0; n < graph->nnode; n++) {
      lay_out_step(&self->step[n], &graph->node[n], &room);
    }
    find_last_readers(self);
    status = add_constants(self);
  }
  if (status != ESP_OK) {
    esp_walk_free(self);
    return status;
  }
  *walk = self;
  return ESP_OK;
}

static void forget(step *s, int op) {
  if (s->ready && esp_op_get(op)->release != NULL) {
    esp_op_get(op)->release(s->made.state);
  }
  s->ready = false;
  s->made = (esp_prepared){0};
}

void esp_walk_free(esp_walk *walk) {
  if (walk == NULL) return;
  for (int n = 0;
       walk->step != NULL && walk->room != NULL && n < walk->graph->nnode;
       n++) {
    const esp_node *node = &walk->graph->node[n];
    forget(&walk->step[n], node->op);
    for (int a = 0; a < node->nattribute; a++) {
      esp_walk_free(walk->step[n].body[a]);
    }
  }
  for (int v = 0; walk->value != NULL && v < walk->graph->nvalue; v++) {
    esp_datum_drop(walk->value[v]);
  }
  free(walk->room);
  free(walk->step);
  free(walk->value);
  free(walk->last);
  esp_free(walk->scratch);
  free(walk);
}

static bool is_constant(const esp_walk *walk, int value) {
  return walk->graph->value[value].tensor.data != NULL;
}

static void put(esp_walk *walk, int value, esp_datum *datum) {
  esp_datum_drop(walk->value[value]);
  walk->value[value] = datum;
}

// The inputs as tensors; with their data where the content may be looked at.
static esp_status show_inputs(const esp_walk *walk, int n, bool with_data) {
  const esp_node *node = &walk->graph->node[n];
  step *s = &walk->step[n];
  for (int i = 0; i < node->nin; i++) {
    const int v = node->in[i];
    const esp_datum *datum = v >= 0 ? walk->value[v] : NULL;
    s->in[i] = NULL;
    if (datum == NULL) continue;
    if (datum->kind != ESP_KIND_TENSOR) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d (\"%s\") is %s, not a tensor", i,
                      walk->graph->value[v].name, esp_kind_text(datum->kind));
    }
    s->given[i] = datum->tensor;
    if (!with_data && !is_constant(walk, v)) s->given[i].data = NULL;
    s->in[i] = &s->given[i];
  }
  return ESP_OK;
}

static esp_status find_shapes(const esp_walk *walk, int n,
                              const esp_args *args) {
  step *s = &walk->step[n];
  for (int i = 0; i < args->nout; i++) {
    s->out[i] = args->node->out[i] >= 0 ? &s->found[i] : NULL;
  }
  ESP_TRY(show_inputs(walk, n, s->needs_data));
  esp_status status = esp_op_infer(args);
  if (status == ESP_UNSUPPORTED && !s->needs_data) {
    ESP_TRY(show_inputs(walk, n, true));
    status = esp_op_infer(args);
    s->needs_data = status == ESP_OK;
  }
  return status;
}

static bool same(const esp_tensor *a, const esp_tensor *b) {
  const esp_tensor none = {0};
  if (a == NULL) a = &none;
  return a->type == b->type && esp_shape_equal(&a->shape, &b->shape);
}

static bool as_before(const esp_args *args, const step *s) {
  if (!s->ready || s->needs_data) return false;
  for (int i = 0; i < args->nin; i++) {
    if (!same(args->in[i], &s->seen[i])) return false;
  }
  for (int i = 0; i < args->nout; i++) {
    if (!same(args->out[i], &s->seen[args->nin + i])) return false;
  }
  return true;
}

static esp_status prepare(esp_walk *walk, int n, const esp_args *args) {
  const esp_op *op = esp_op_get(args->node->op);
  step *s = &walk->step[n];
  if (op->prepare == NULL || as_before(args, s)) return ESP_OK;
  const esp_tensor none = {0};
  forget(s, args->node->op);
  s->ready = true; // half-built states are released too
  ESP_TRY(op->prepare(args, walk->width, &s->made));
  for (int i = 0; i < args->nin; i++) {
    s->seen[i] = args->in[i] != NULL ? *args->in[i] : none;
  }
  for (int i = 0; i < args->nout; i++) {
    s->seen[args->nin + i] = args->out[i] != NULL ? *args->out[i] : none;
  }
  if (s->made.scratch_bytes <= walk->scratch_bytes) return ESP_OK;
  esp_free(walk->scratch);
  walk->scratch = NULL;
  walk->scratch_bytes = 0;
  ESP_TRY(esp_allocate(s->made.scratch_bytes, &walk->scratch));
  walk->scratch_bytes = s->made.scratch_bytes;
  return ESP_OK;
}

static esp_status run_tensors(esp_walk *walk, int n, esp_arena *strings) {
  step *s = &walk->step[n];
  const esp_node *node = &walk->graph->node[n];
  const esp_args args = {.node = node,
                         .nin = node->nin,
                         .nout = node->nout,
                         .in = s->in,
                         .out = s->out};
  ESP_TRY(find_shapes(walk, n, &args));
  const esp_status prepared = prepare(walk, n, &args);
  if (prepared != ESP_OK) {
    forget(s, node->op);
    return prepared;
  }
  ESP_TRY(show_inputs(walk, n, true));
  for (int i = 0; i < node->nout; i++) {
    esp_datum *made;
    if (s->out[i] == NULL) continue;
    ESP_TRY(esp_datum_tensor(s->out[i]->type, &s->out[i]->shape, &made));
    s->out[i]->data = made->tensor.data;
    put(walk, node->out[i], made);
  }
  const esp_team team = {
      .width = walk->width, .scratch = walk->scratch, .strings = strings};
  return esp_op_get(node->op)->run(&args, s->made.state, team);
}

static esp_status run_call(esp_walk *walk, int n, esp_arena *strings) {
  step *s = &walk->step[n];
  const esp_node *node = &walk->graph->node[n];
  for (int i = 0; i < node->nin; i++) {
    s->input[i] = node->in[i] >= 0 ? walk->value[node->in[i]] : NULL;
  }
  for (int i = 0; i < node->nout; i++) s->output[i] = NULL;
  const esp_call call = {.node = node,
                         .nin = node->nin - node->ncapture,
                         .in = s->input,
                         .out = s->output,
                         .walk = walk,
                         .index = n,
                         .strings = strings};
  esp_status status = esp_op_get(node->op)->walk(&call);
  for (int i = 0; i < node->nout; i++) {
    if (status == ESP_OK && node->out[i] >= 0 && s->output[i] == NULL) {
      status = ESP_FAIL(ESP_BAD_INPUT, "output %d is not made", i);
    }
    if (status == ESP_OK && node->out[i] >= 0) {
      put(walk, node->out[i], s->output[i]);
    } else {
      esp_datum_drop(s->output[i]);
    }
  }
  return status;
}

static bool kept_to_the_end(const esp_walk *walk, int value) {
  return walk->graph->value[value].is_output || is_constant(walk, value);
}

// Values that nobody reads any more; outputs that nobody reads at all too.
static void drop_read(esp_walk *walk, int n) {
  const esp_node *node = &walk->graph->node[n];
  for (int i = 0; i < node->nin; i++) {
    const int v = node->in[i];
    if (v >= 0 && walk->last[v] == n && !kept_to_the_end(walk, v)) {
      put(walk, v, NULL);
    }
  }
  for (int i = 0; i < node->nout; i++) {
    const int v = node->out[i];
    if (v >= 0 && walk->last[v] < 0 && !kept_to_the_end(walk, v)) {
      put(walk, v, NULL);
    }
  }
}

static esp_status run_nodes(esp_walk *walk, esp_arena *strings) {
  for (int n = 0; n < walk->graph->nnode; n++) {
    const esp_node *node = &walk->graph->node[n];
    if (!esp_node_wanted(node)) continue;
    const esp_status status = esp_op_get(node->op)->walk != NULL
                                  ? run_call(walk, n, strings)
                                  : run_tensors(walk, n, strings);
    if (status != ESP_OK) {
      return esp_fail_within(status, "node %s (%s)", node->name, node->op_type);
    }
    drop_read(walk, n);
  }
  return ESP_OK;
}

static void clear(esp_walk *walk) {
  for (int v = 0; v < walk->graph->nvalue; v++) {
    if (!is_constant(walk, v)) put(walk, v, NULL);
  }
}

// Once the inputs are in walk->value.
static esp_status run(esp_walk *walk, esp_arena *strings, esp_datum **out) {
  const esp_graph *graph = walk->graph;
  esp_status status = run_nodes(walk, strings);
  for (int i = 0; i < graph->noutput && status == ESP_OK; i++) {
    if (walk->value[graph->output[i]] == NULL) {
      status = ESP_FAIL(ESP_BAD_INPUT, "output \"%s\" has no value",
                        graph->value[graph->output[i]].name);
    }
  }
  for (int i = 0; i < graph->noutput && status == ESP_OK; i++) {
    out[i] = esp_datum_keep(walk->value[graph->output[i]]);
  }
  clear(walk);
  return status;
}

static esp_status run_with(esp_walk *walk, esp_datum *const *in,
                           esp_arena *strings, esp_datum **out) {
  const esp_graph *graph = walk->graph;
  for (int i = 0; i < graph->ninput; i++) {
    put(walk, graph->input[i], esp_datum_keep(in[i]));
  }
  return run(walk, strings, out);
}

esp_status esp_walk_run(esp_walk *walk, esp_datum *const *in,
                        esp_arena *strings, esp_datum **out) {
  const int inputs = walk->graph->ninput;
  const esp_tensor **given = calloc((size_t)inputs + 1, sizeof *given);
  if (given == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot walk the graph");
  for (int i = 0; i < inputs; i++) {
    if (in[i] != NULL && in[i]->kind == ESP_KIND_TENSOR) {
      given[i] = &in[i]->tensor;
    }
  }
  const esp_status status = esp_graph_check_inputs(walk->graph, given);
  free(given);
  return status == ESP_OK ? run_with(walk, in, strings, out) : status;
}

static int find_body(const esp_node *node, const char *attribute) {
  for (int a = 0; a < node->nattribute; a++) {
    if (node->attribute[a].kind == ESP_ATTRIBUTE_GRAPH &&
        strcmp(node->attribute[a].name, attribute) == 0) {
      return a;
    }
  }
  return -1;
}

const esp_graph *esp_call_graph(const esp_call *call, const char *attribute) {
  const int a = find_body(call->node, attribute);
  return a >= 0 ? call->node->attribute[a].graph : NULL;
}

esp_status esp_call_body(const esp_call *call, const char *attribute,
                         esp_datum *const *in, int nin, esp_datum **out,
                         int nout) {
  const esp_graph *graph = esp_call_graph(call, attribute);
  if (graph == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "there is no subgraph \"%s\"", attribute);
  }
  if (graph->ninput != nin || graph->noutput != nout) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "subgraph \"%s\" has %d inputs and %d outputs, expected %d "
                    "and %d",
                    attribute, graph->ninput, graph->noutput, nin, nout);
  }
  esp_walk **body =
      &call->walk->step[call->index].body[find_body(call->node, attribute)];
  if (*body == NULL) {
    ESP_TRY(esp_walk_create(graph, call->walk->width, body));
  }
  for (int i = 0; i < graph->ncapture; i++) {
    put(*body, graph->capture[i],
        esp_datum_keep(call->in[graph->capture_from[i]]));
  }
  const esp_status status = run_with(*body, in, call->strings, out);
  return status == ESP_OK ? ESP_OK
                          : esp_fail_within(status, "in \"%s\"", attribute);
}

esp_status esp_infer_walked(const esp_args *args) {
  (void)args;
  return ESP_FAIL(
      ESP_UNSUPPORTED,
      "what it gives is known only while the model runs, so that the "
      "model cannot be planned");
}
