// A batch in pieces, one after the other: the values of a few samples stay in a
// core's cache where those of a whole batch do not; and pieces are branches
// that workers can take side by side.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimise/private.h"

typedef struct cutter {
  const esp_graph *piece; // the graph of `rows` samples
  const bool *cut;        // [ninput] is the input cut?
  int64_t batch, rows;
  esp_graph *whole;
  int *value; // [piece->nvalue] its value in the piece at hand
  int *part;  // [noutput * pieces] of the outputs
} cutter;

static int64_t pieces_of(const cutter *c) { return c->batch / c->rows; }

// "NAME[4:8]": of the rows 4 to 7.
static esp_status name_of(const cutter *c, const char *name, int64_t piece,
                          char **made) {
  if (asprintf(made, "%s[%lld:%lld]", name, (long long)(piece * c->rows),
               (long long)((piece + 1) * c->rows)) >= 0) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_NO_MEMORY, "cannot cut a batch");
}

static esp_status add_value(const cutter *c, const esp_value *like,
                            int64_t piece, int *made) {
  char *name;
  ESP_TRY(name_of(c, like->name, piece, &name));
  const esp_status status =
      esp_graph_add_value(c->whole, name, &like->tensor, made);
  free(name);
  return status;
}

// The rows of a piece, out of an input.
static esp_status cut_input(const cutter *c, int input, int64_t piece) {
  const int v = c->piece->input[input];
  int made, node, in[3] = {c->whole->input[input]};
  ESP_TRY(add_value(c, &c->piece->value[v], piece, &made));
  ESP_TRY(esp_add_index(c->whole, "row", piece * c->rows, &in[1]));
  ESP_TRY(esp_add_index(c->whole, "row", (piece + 1) * c->rows, &in[2]));
  ESP_TRY(esp_graph_add_node(c->whole, c->whole->value[made].name, "Slice",
                             ESP_OP_SLICE, 13, in, 3, &made, 1, &node));
  c->value[v] = made;
  return ESP_OK;
}

static esp_status add_node(const cutter *c, const esp_node *from, int like,
                           int64_t piece) {
  const size_t most = (size_t)from->nin + (size_t)from->nout;
  int *in = calloc(most + 1, sizeof *in), *out = in + from->nin;
  esp_status status =
      in != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot cut a batch");
  for (int i = 0; i < from->nin && status == ESP_OK; i++) {
    in[i] = from->in[i] >= 0 ? c->value[from->in[i]] : -1;
  }
  for (int i = 0; i < from->nout && status == ESP_OK; i++) {
    out[i] = -1;
    if (from->out[i] < 0) continue;
    status = add_value(c, &c->piece->value[from->out[i]], piece, &out[i]);
    c->value[from->out[i]] = out[i];
  }
  char *name = NULL;
  if (status == ESP_OK) status = name_of(c, from->name, piece, &name);
  int made;
  if (status == ESP_OK) {
    status = esp_graph_add_copy(c->whole, from, name, in, out, &made);
  }
  if (status == ESP_OK) c->whole->node[made].like = like;
  free(name);
  free(in);
  return status;
}

static esp_status add_piece(const cutter *c, int64_t piece, int *first) {
  const esp_graph *g = c->piece;
  for (int i = 0; i < g->ninput; i++) {
    if (c->cut[i]) ESP_TRY(cut_input(c, i, piece));
  }
  const int begin = c->whole->nnode;
  if (piece == 0) *first = begin;
  for (int n = 0; n < g->nnode; n++) {
    ESP_TRY(add_node(c, &g->node[n], piece > 0 ? *first + n : -1, piece));
  }
  for (int i = 0; i < g->noutput; i++) {
    c->part[i * pieces_of(c) + piece] = c->value[g->output[i]];
  }
  return ESP_OK;
}

// Inputs, and constants, which all pieces share.
static esp_status add_shared(const cutter *c) {
  const esp_graph *g = c->piece;
  for (int i = 0; i < g->ninput; i++) {
    const esp_value *value = &g->value[g->input[i]];
    esp_tensor tensor = value->tensor;
    if (c->cut[i]) tensor.shape.dim[0] = c->batch;
    int made;
    ESP_TRY(esp_graph_add_constant(c->whole, value->name, &tensor, &made));
    ESP_TRY(esp_graph_add_input(c->whole, made));
    c->whole->value[made].dim_name = value->dim_name;
    c->value[g->input[i]] = made;
  }
  for (int v = 0; v < g->nvalue; v++) {
    const esp_value *value = &g->value[v];
    if (value->is_input || value->producer >= 0) continue;
    ESP_TRY(esp_graph_add_constant(c->whole, value->name, &value->tensor,
                                   &c->value[v]));
  }
  return ESP_OK;
}

static esp_status join_output(const cutter *c, int output) {
  const esp_value *value = &c->piece->value[c->piece->output[output]];
  const int pieces = (int)pieces_of(c);
  esp_tensor tensor = value->tensor;
  tensor.shape.dim[0] = c->batch;
  int made, node;
  ESP_TRY(esp_graph_add_value(c->whole, value->name, &tensor, &made));
  ESP_TRY(esp_graph_add_output(c->whole, made));
  ESP_TRY(esp_graph_add_node(c->whole, value->name, "Concat", ESP_OP_CONCAT, 13,
                             c->part + output * pieces, pieces, &made, 1,
                             &node));
  const esp_attribute axis = {
      .name = "axis", .kind = ESP_ATTRIBUTE_INT, .i = 0};
  return esp_graph_add_attribute(c->whole, node, &axis);
}

static esp_status cut_all(cutter *c) {
  const esp_graph *g = c->piece;
  const size_t parts = (size_t)g->noutput * (size_t)pieces_of(c);
  c->value = calloc((size_t)g->nvalue + 1, sizeof *c->value);
  c->part = calloc(parts + 1, sizeof *c->part);
  if (c->value == NULL || c->part == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot cut a batch");
  }
  for (int v = 0; v < g->nvalue; v++) c->value[v] = -1;
  ESP_TRY(add_shared(c));
  int first = 0;
  for (int64_t p = 0; p < pieces_of(c); p++) ESP_TRY(add_piece(c, p, &first));
  for (int i = 0; i < g->noutput; i++) ESP_TRY(join_output(c, i));
  return esp_graph_check(c->whole);
}

// The new graph reads constants, names and attributes of the piece, and ends
// it.
static esp_status cut(esp_graph *piece, const bool *cut, int64_t batch,
                      int64_t rows, esp_graph **whole) {
  cutter c = {.piece = piece, .cut = cut, .batch = batch, .rows = rows};
  esp_status status = esp_graph_create(&c.whole);
  if (status == ESP_OK) {
    c.whole->name = piece->name;
    status = esp_graph_keep(c.whole, piece);
  }
  if (status != ESP_OK) {
    esp_graph_free(c.whole);
    esp_graph_free(piece);
    return status;
  }
  status = cut_all(&c);
  free(c.value);
  free(c.part);
  if (status != ESP_OK) {
    esp_graph_free(c.whole);
    return status;
  }
  *whole = c.whole;
  return ESP_OK;
}

// Which inputs have samples: those that leave their first dimension open.
static bool has_samples(const esp_value *input) {
  return input->tensor.shape.ndim > 0 && input->tensor.shape.dim[0] < 0;
}

int64_t esp_optimise_samples(const esp_graph *model,
                             const esp_optimise_options *options) {
  int64_t batch = 0;
  for (int i = 0; i < model->ninput; i++) {
    const esp_value *value = &model->value[model->input[i]];
    if (value->any_shape) return 0;
    if (!has_samples(value)) continue;
    const int64_t rows = options->input != NULL
                             ? options->input[i]->shape.dim[0]
                             : options->batch;
    if (batch > 0 && rows != batch) return 0;
    batch = rows;
  }
  return batch;
}

// The same options for so many samples; forms: [ninput] room.
static esp_optimise_options with_rows(const esp_graph *model,
                                      const esp_optimise_options *options,
                                      const bool *cut, int64_t rows,
                                      esp_tensor *form,
                                      const esp_tensor **forms) {
  esp_optimise_options some = *options;
  some.batch = rows;
  if (options->input == NULL) return some;
  for (int i = 0; i < model->ninput; i++) {
    form[i] = *options->input[i];
    if (cut[i]) form[i].shape.dim[0] = rows;
    if (cut[i]) form[i].data = NULL;
    forms[i] = &form[i];
  }
  some.input = forms;
  return some;
}

typedef struct room {
  bool *cut;
  int *which;
  esp_tensor *form;
  const esp_tensor **forms;
} room;

static esp_status try_pieces(const esp_graph *model,
                             const esp_optimise_options *options, int64_t rows,
                             const room *r, esp_graph **ready) {
  const int64_t batch = esp_optimise_samples(model, options);
  if (batch <= rows || batch % rows != 0) return ESP_OK;
  int inputs = 0;
  for (int i = 0; i < model->ninput; i++) {
    r->cut[i] = has_samples(&model->value[model->input[i]]);
    if (r->cut[i]) r->which[inputs++] = i;
  }
  bool apart;
  esp_optimise_options how =
      with_rows(model, options, r->cut, ESP_A_BATCH, r->form, r->forms);
  ESP_TRY(esp_rows_apart(model, &how, r->which, inputs, &apart));
  if (!apart) return ESP_OK;
  how = with_rows(model, options, r->cut, rows, r->form, r->forms);
  esp_graph *piece;
  ESP_TRY(esp_optimise(model, &how, &piece));
  return cut(piece, r->cut, batch, rows, ready);
}

esp_status esp_optimise_pieces(const esp_graph *model,
                               const esp_optimise_options *options,
                               int64_t rows, esp_graph **ready) {
  const size_t inputs = (size_t)model->ninput + 1;
  const room r = {.cut = calloc(inputs, sizeof(bool)),
                  .which = calloc(inputs, sizeof(int)),
                  .form = calloc(inputs, sizeof(esp_tensor)),
                  .forms = calloc(inputs, sizeof(esp_tensor *))};
  const bool have =
      r.cut != NULL && r.which != NULL && r.form != NULL && r.forms != NULL;
  *ready = NULL;
  const esp_status status = have
                                ? try_pieces(model, options, rows, &r, ready)
                                : ESP_FAIL(ESP_NO_MEMORY, "cannot cut a batch");
  free(r.forms);
  free(r.form);
  free(r.which);
  free(r.cut);
  return status;
}
