// Heavy nodes in parts: each makes some of the output channels, or directions,
// from the whole input, for another worker or rank.  A value that is made in
// parts is put together where somebody reads the whole of it, once for each
// part that does.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimise/private.h"

// A value of the old graph in the new one: what it is made of along `axis`.
typedef struct pieces {
  int axis, count;
  int *value;     // [count]
  int64_t *begin; // [count + 1] the first channel of each, and how many
  int *whole;     // [parts] the value put together for a part; -1: not yet
} pieces;

typedef struct divider {
  const esp_graph *from;
  const bool *divide;
  int parts;
  esp_graph *to;
  pieces *of; // [from->nvalue]; what it points to is in the new graph's arena
  int *origin;
  size_t room;
} divider;

static esp_status take_ints(const divider *d, int count, int **list) {
  void *block;
  ESP_TRY(
      esp_arena_take(d->to->arena, (size_t)count + 1, sizeof **list, &block));
  *list = block;
  for (int i = 0; i < count; i++) (*list)[i] = -1;
  return ESP_OK;
}

static esp_status open_pieces(const divider *d, int axis, int count,
                              pieces *made) {
  void *begin;
  *made = (pieces){.axis = axis, .count = count};
  ESP_TRY(take_ints(d, count, &made->value));
  ESP_TRY(take_ints(d, d->parts, &made->whole));
  ESP_TRY(esp_arena_take(d->to->arena, (size_t)count + 1, sizeof *made->begin,
                         &begin));
  made->begin = begin;
  return ESP_OK;
}

static esp_status keep_whole(const divider *d, int old, int value) {
  pieces *p = &d->of[old];
  ESP_TRY(open_pieces(d, 0, 1, p));
  p->value[0] = value;
  for (int i = 0; i < d->parts; i++) p->whole[i] = value;
  return ESP_OK;
}

static esp_status note_origin(divider *d, int origin) {
  const size_t count = (size_t)d->to->nnode;
  ESP_TRY(esp_grow(&d->origin, &d->room, count, sizeof *d->origin));
  d->origin[count - 1] = origin;
  return ESP_OK;
}

// Names -----------------------------------------------------------------------

// "NAME[:,16:32]": of the channels 16 to 31; "NAME[16:32]": of the rows;
// "NAME[...,16:32]": of the columns.
static esp_status name_of(const char *name, int axis, int64_t begin,
                          int64_t end, char **made) {
  const char *before = axis == 0 ? "" : axis == 1 ? ":," : "...,";
  if (asprintf(made, "%s[%s%lld:%lld]", name, before, (long long)begin,
               (long long)end) >= 0) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_NO_MEMORY, "cannot divide a node");
}

// Some channels of a value, as a new one.
static esp_status add_range(const divider *d, const esp_value *like, int axis,
                            int64_t begin, int64_t end, int *made) {
  esp_tensor tensor = like->tensor;
  char *name;
  tensor.shape.dim[axis] = end - begin;
  ESP_TRY(name_of(like->name, axis, begin, end, &name));
  const esp_status status = esp_graph_add_value(d->to, name, &tensor, made);
  free(name);
  return status;
}

// Putting together ------------------------------------------------------------

// The value that the first part reads has the old name.
static esp_status add_whole(const divider *d, const esp_value *like, int part,
                            int *made) {
  char *name;
  if (part == 0) {
    return esp_graph_add_value(d->to, like->name, &like->tensor, made);
  }
  if (asprintf(&name, "%s(%d)", like->name, part) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot divide a node");
  }
  const esp_status status =
      esp_graph_add_value(d->to, name, &like->tensor, made);
  free(name);
  return status;
}

// The whole of an old value, as this part reads it.
static esp_status whole_of(divider *d, int old, int part, int *value) {
  pieces *p = &d->of[old];
  if (p->whole[part] < 0) {
    int made, node;
    ESP_TRY(add_whole(d, &d->from->value[old], part, &made));
    ESP_TRY(esp_graph_add_node(d->to, d->to->value[made].name, "Concat",
                               ESP_OP_CONCAT, 13, p->value, p->count, &made, 1,
                               &node));
    const esp_attribute axis = {
        .name = "axis", .kind = ESP_ATTRIBUTE_INT, .i = p->axis};
    ESP_TRY(esp_graph_add_attribute(d->to, node, &axis));
    ESP_TRY(note_origin(d, -1));
    p->whole[part] = made;
  }
  *value = p->whole[part];
  return ESP_OK;
}

// Some channels of an old value: one of its pieces where they are the same.
static esp_status range_of(divider *d, int old, int part, int axis,
                           int64_t begin, int64_t end, int *value) {
  const pieces *p = &d->of[old];
  for (int i = 0; p->count > 1 && p->axis == axis && i < p->count; i++) {
    if (p->begin[i] != begin || p->begin[i + 1] != end) continue;
    *value = p->value[i];
    return ESP_OK;
  }
  int in[4], node;
  ESP_TRY(whole_of(d, old, part, &in[0]));
  ESP_TRY(esp_add_index(d->to, "channel", begin, &in[1]));
  ESP_TRY(esp_add_index(d->to, "channel", end, &in[2]));
  ESP_TRY(esp_add_index(d->to, "channel", axis, &in[3]));
  ESP_TRY(add_range(d, &d->from->value[old], axis, begin, end, value));
  ESP_TRY(esp_graph_add_node(d->to, d->to->value[*value].name, "Slice",
                             ESP_OP_SLICE, 13, in, 4, value, 1, &node));
  return note_origin(d, -1);
}

// Dividing --------------------------------------------------------------------

// Rows lie one after the other, and are not copied.
static esp_status cut_constant(const divider *d, int old, int axis,
                               int64_t begin, int64_t end, int *made) {
  const esp_value *value = &d->from->value[old];
  esp_tensor tensor = value->tensor;
  const esp_shape *s = &value->tensor.shape;
  const size_t each = esp_dtype_bytes(tensor.type);
  const size_t row = (size_t)esp_shape_product(s, axis + 1, s->ndim) * each;
  const size_t rows = (size_t)esp_shape_product(s, 0, axis);
  const size_t whole = (size_t)s->dim[axis] * row;
  const size_t bytes = (size_t)(end - begin) * row;
  unsigned char *from =
      (unsigned char *)value->tensor.data + (size_t)begin * row;
  tensor.shape.dim[axis] = end - begin;
  tensor.data = from;
  if (rows > 1) {
    ESP_TRY(esp_arena_take(d->to->arena, rows, bytes, &tensor.data));
    for (size_t r = 0; r < rows; r++) {
      memcpy((unsigned char *)tensor.data + r * bytes, from + r * whole, bytes);
    }
  }
  char *name;
  ESP_TRY(name_of(value->name, axis, begin, end, &name));
  const esp_status status = esp_graph_add_constant(d->to, name, &tensor, made);
  free(name);
  return status;
}

// Which axis of an input goes with the output channels; -1: none.
static int cut_of(const divider *d, const esp_node *node,
                  const esp_op_division *how, int input) {
  for (int p = 0; p < node->npost; p++) {
    const esp_post *post = &node->post[p];
    const bool reads =
        post->kind == ESP_POST_ADD || post->kind == ESP_POST_BIAS;
    if (!reads || post->input != input) continue;
    const int ndim = d->from->value[node->in[input]].tensor.shape.ndim;
    return post->kind == ESP_POST_ADD ? how->axis[0] : ndim - 1;
  }
  return input < how->cuts ? how->cut[input] : -1;
}

static esp_status part_input(divider *d, const esp_node *node,
                             const esp_op_division *how, int input, int part,
                             int64_t begin, int64_t end, int *value) {
  const int old = node->in[input];
  const int axis = cut_of(d, node, how, input);
  if (axis < 0) return whole_of(d, old, part, value);
  return d->from->value[old].tensor.data != NULL
             ? cut_constant(d, old, axis, begin, end, value)
             : range_of(d, old, part, axis, begin, end, value);
}

static esp_status add_part_attributes(const divider *d, int node, int part,
                                      int64_t channels) {
  const esp_attribute which = {
      .name = ESP_PART, .kind = ESP_ATTRIBUTE_INT, .i = part};
  const esp_attribute whole = {
      .name = ESP_WHOLE_CHANNELS, .kind = ESP_ATTRIBUTE_INT, .i = channels};
  ESP_TRY(esp_graph_add_attribute(d->to, node, &which));
  return esp_graph_add_attribute(d->to, node, &whole);
}

static esp_status add_part(divider *d, int n, const esp_op_division *how,
                           int part, int *in) {
  const esp_node *node = &d->from->node[n];
  const pieces *first = &d->of[node->out[0]];
  const int64_t begin = first->begin[part], end = first->begin[part + 1];
  int out[ESP_DIVIDED_OUTPUTS];
  for (int i = 0; i < node->nin; i++) {
    in[i] = -1;
    if (node->in[i] < 0) continue;
    ESP_TRY(part_input(d, node, how, i, part, begin, end, &in[i]));
  }
  for (int o = 0; o < node->nout; o++) {
    out[o] = -1;
    if (node->out[o] < 0) continue;
    ESP_TRY(add_range(d, &d->from->value[node->out[o]], how->axis[o], begin,
                      end, &out[o]));
    d->of[node->out[o]].value[part] = out[o];
  }
  char *name;
  int made;
  ESP_TRY(name_of(node->name, how->axis[0], begin, end, &name));
  esp_status status = esp_graph_add_copy(d->to, node, name, in, out, &made);
  free(name);
  if (status == ESP_OK) {
    status = add_part_attributes(d, made, part, first->begin[first->count]);
  }
  return status == ESP_OK ? note_origin(d, n) : status;
}

// Parts go by the grain, or as the pieces of an input that they follow.
static esp_status divide_node(divider *d, int n, const esp_op_division *how,
                              const pieces *follows) {
  const esp_node *node = &d->from->node[n];
  for (int o = 0; o < node->nout; o++) {
    if (node->out[o] < 0) continue;
    pieces *p = &d->of[node->out[o]];
    const esp_shape *shape = &d->from->value[node->out[o]].tensor.shape;
    const int64_t channels = shape->dim[how->axis[o]];
    ESP_TRY(open_pieces(d, how->axis[o], d->parts, p));
    for (int i = 0; i <= d->parts; i++) {
      p->begin[i] = follows != NULL
                        ? follows->begin[i]
                        : esp_op_division_begin(how, channels, d->parts, i);
    }
  }
  int *in = malloc(((size_t)node->nin + 1) * sizeof *in);
  esp_status status =
      in != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot divide a node");
  for (int i = 0; i < d->parts && status == ESP_OK; i++) {
    status = add_part(d, n, how, i, in);
  }
  free(in);
  return status;
}

// Concat of values that are made in parts: one of all their pieces, so that
// nothing is copied twice.
static bool joins_pieces(const divider *d, const esp_node *node, int *axis,
                         int *count) {
  enum { MOST_PIECES = 32 };
  if (node->op != ESP_OP_CONCAT || node->nin < 1) return false;
  const int ndim = d->from->value[node->out[0]].tensor.shape.ndim;
  const int64_t asked = esp_node_int(node, "axis", 1);
  *axis = (int)(asked < 0 ? asked + ndim : asked);
  *count = 0;
  bool any = false;
  for (int i = 0; i < node->nin; i++) {
    const pieces *p = &d->of[node->in[i]];
    const bool cut = p->count > 1 && p->axis == *axis;
    any |= cut;
    *count += cut ? p->count : 1;
  }
  return any && *count <= MOST_PIECES;
}

static esp_status join_pieces(divider *d, const esp_node *node, int axis,
                              int count) {
  pieces *made = &d->of[node->out[0]];
  ESP_TRY(open_pieces(d, axis, count, made));
  int64_t begin = 0;
  int at = 0;
  for (int i = 0; i < node->nin; i++) {
    const pieces *p = &d->of[node->in[i]];
    const int64_t channels = d->from->value[node->in[i]].tensor.shape.dim[axis];
    if (p->count > 1 && p->axis == axis) {
      for (int k = 0; k < p->count; k++) {
        made->begin[at] = begin + p->begin[k];
        made->value[at++] = p->value[k];
      }
    } else {
      made->begin[at] = begin;
      ESP_TRY(whole_of(d, node->in[i], 0, &made->value[at++]));
    }
    begin += channels;
  }
  made->begin[at] = begin;
  return ESP_OK;
}

static esp_status copy_node(divider *d, int n) {
  const esp_node *node = &d->from->node[n];
  const size_t most = (size_t)node->nin + (size_t)node->nout;
  int *in = calloc(most + 1, sizeof *in), *out = in + node->nin, made;
  esp_status status =
      in != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot divide a graph");
  for (int i = 0; i < node->nin && status == ESP_OK; i++) {
    in[i] = -1;
    if (node->in[i] >= 0) status = whole_of(d, node->in[i], 0, &in[i]);
  }
  for (int i = 0; i < node->nout && status == ESP_OK; i++) {
    out[i] = -1;
    if (node->out[i] < 0) continue;
    const esp_value *like = &d->from->value[node->out[i]];
    status = esp_graph_add_value(d->to, like->name, &like->tensor, &out[i]);
    if (status == ESP_OK) status = keep_whole(d, node->out[i], out[i]);
  }
  if (status == ESP_OK) {
    status = esp_graph_add_copy(d->to, node, node->name, in, out, &made);
  }
  free(in);
  return status == ESP_OK ? note_origin(d, n) : status;
}

static bool how_of(const esp_graph *graph, int n, int parts,
                   esp_op_division *how) {
  const esp_node *node = &graph->node[n];
  const esp_op *op = esp_op_get(node->op);
  if (op->divides == NULL || node->nout < 1 || node->out[0] < 0 ||
      node->nout > ESP_DIVIDED_OUTPUTS || node->like >= 0) {
    return false;
  }
  for (int p = 0; p < node->npost; p++) { // of what comes later, no part is cut
    if (node->post[p].kind == ESP_POST_BIAS &&
        graph->value[node->in[node->post[p].input]].tensor.data == NULL) {
      return false;
    }
  }
  esp_arg_lists lists = {0};
  esp_args args;
  const bool divides = esp_args_of(graph, n, &lists, &args) == ESP_OK &&
                       op->divides(&args, parts, how);
  esp_args_end(&lists);
  return divides;
}

// Does every channel of the output need but the same one of the first input?
static bool goes_by_channel(const esp_op_division *how) {
  return how->cut[0] == how->axis[0];
}

bool esp_optimise_divides(const esp_graph *graph, int node, int parts,
                          double *copied) {
  const esp_node *n = &graph->node[node];
  esp_op_division how;
  *copied = 0;
  if (!how_of(graph, node, parts, &how) || goes_by_channel(&how)) return false;
  for (int i = 0; i < n->nin && i < how.cuts; i++) {
    if (n->in[i] < 0 || how.cut[i] < 0) continue;
    const esp_tensor *t = &graph->value[n->in[i]].tensor;
    if (t->data == NULL) continue;
    const bool lies = esp_shape_product(&t->shape, 0, how.cut[i]) == 1;
    if (!lies) *copied += (double)esp_tensor_bytes(t);
  }
  return true;
}

// The pieces of the first input, when they are also those of the outputs: then
// nothing has to be put together in between.
static const pieces *pieces_to_follow(const divider *d, const esp_node *node,
                                      const esp_op_division *how) {
  const pieces *p = &d->of[node->in[0]];
  if (!goes_by_channel(how) || p->count != d->parts ||
      p->axis != how->axis[0]) {
    return NULL;
  }
  for (int i = 0; i < p->count; i++) {
    if (p->begin[i] % how->grain != 0) return NULL;
  }
  return p;
}

static esp_status add_node(divider *d, int n) {
  const esp_node *node = &d->from->node[n];
  esp_op_division how;
  int axis, count;
  // Asking a convolution looks for its primitives.
  const bool asked = d->divide[n] || (node->nin > 0 && node->in[0] >= 0 &&
                                      d->of[node->in[0]].count == d->parts);
  const bool divides = asked && how_of(d->from, n, d->parts, &how);
  const pieces *follows = divides ? pieces_to_follow(d, node, &how) : NULL;
  if (follows != NULL || (divides && d->divide[n] && !goes_by_channel(&how))) {
    return divide_node(d, n, &how, follows);
  }
  return joins_pieces(d, node, &axis, &count)
             ? join_pieces(d, node, axis, count)
             : copy_node(d, n);
}

static esp_status add_inputs(const divider *d) {
  const esp_graph *g = d->from;
  for (int v = 0; v < g->nvalue; v++) {
    const esp_value *value = &g->value[v];
    int made;
    if (value->producer >= 0) continue;
    ESP_TRY(esp_graph_add_constant(d->to, value->name, &value->tensor, &made));
    d->to->value[made].dim_name = value->dim_name;
    ESP_TRY(keep_whole(d, v, made));
  }
  for (int i = 0; i < g->ninput; i++) {
    ESP_TRY(esp_graph_add_input(d->to, d->of[g->input[i]].value[0]));
  }
  return ESP_OK;
}

static esp_status divide_all(divider *d) {
  const esp_graph *g = d->from;
  d->to->name = g->name;
  d->of = calloc((size_t)g->nvalue + 1, sizeof *d->of);
  if (d->of == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot divide a graph");
  ESP_TRY(add_inputs(d));
  for (int n = 0; n < g->nnode; n++) ESP_TRY(add_node(d, n));
  for (int i = 0; i < g->noutput; i++) {
    int value;
    ESP_TRY(whole_of(d, g->output[i], 0, &value));
    ESP_TRY(esp_graph_add_output(d->to, value));
  }
  return esp_graph_check(d->to);
}

esp_status esp_optimise_divide(const esp_graph *graph, const bool *divide,
                               int parts, esp_divided *divided) {
  divider d = {.from = graph, .divide = divide, .parts = parts};
  *divided = (esp_divided){0};
  ESP_TRY(esp_graph_create(&d.to));
  const esp_status status = divide_all(&d);
  free(d.of);
  if (status != ESP_OK) {
    esp_graph_free(d.to);
    free(d.origin);
    return status;
  }
  *divided = (esp_divided){.graph = d.to, .origin = d.origin};
  return ESP_OK;
}
