// What a dataset's rows need to become what the model wants, as nodes.
#include <stdio.h>
#include <string.h>

#include "optimise/private.h"

typedef struct feeder {
  esp_graph *model;
  int version;
  int now; // the value made so far
} feeder;

static esp_status append(feeder *f, const char *op_type, int op, int second,
                         const esp_attribute *attribute) {
  const esp_tensor unknown = {0};
  char name[64];
  (void)snprintf(name, sizeof name, "feed:%s", op_type);
  int made, node;
  const int in[2] = {f->now, second};
  ESP_TRY(esp_graph_add_value(f->model, name, &unknown, &made));
  ESP_TRY(esp_graph_add_node(f->model, name, op_type, op, f->version, in,
                             second >= 0 ? 2 : 1, &made, 1, &node));
  if (attribute != NULL) {
    ESP_TRY(esp_graph_add_attribute(f->model, node, attribute));
  }
  f->now = made;
  return ESP_OK;
}

static esp_status append_cast(feeder *f, esp_dtype to) {
  const esp_attribute how = {
      .name = "to", .kind = ESP_ATTRIBUTE_INT, .i = (int64_t)to};
  return append(f, "Cast", ESP_OP_CAST, -1, &how);
}

static esp_status append_scale(feeder *f, const char *op_type, int op,
                               double number) {
  float *data;
  int value;
  ESP_TRY(esp_add_floats(f->model, "feed:scale", 1, &data, &value));
  data[0] = (float)number;
  f->model->value[value].tensor.shape.ndim = 0;
  return append(f, op_type, op, value, NULL);
}

// N,D...,C to N,C,D...
static esp_status append_transpose(feeder *f, int ndim) {
  void *block;
  ESP_TRY(
      esp_arena_take(f->model->arena, (size_t)ndim, sizeof(int64_t), &block));
  int64_t *order = block;
  order[1] = ndim - 1;
  for (int i = 2; i < ndim; i++) order[i] = i - 1;
  const esp_attribute how = {
      .name = "perm", .kind = ESP_ATTRIBUTE_INTS, .ints = order, .count = ndim};
  return append(f, "Transpose", ESP_OP_TRANSPOSE, -1, &how);
}

static esp_status append_reshape(feeder *f, const esp_shape *want) {
  void *block;
  int value;
  ESP_TRY(esp_arena_take(f->model->arena, (size_t)want->ndim, sizeof(int64_t),
                         &block));
  int64_t *dim = block; // 0: as the input has it
  for (int i = 1; i < want->ndim; i++) dim[i] = want->dim[i];
  const esp_tensor tensor = {
      .type = ESP_INT64, .shape = {1, {want->ndim}}, .data = block};
  ESP_TRY(esp_graph_add_constant(f->model, "feed:shape", &tensor, &value));
  return append(f, "Reshape", ESP_OP_RESHAPE, value, NULL);
}

// Equal but for dimensions of 1; unknown dimensions of the model fit anything.
static bool fits(const esp_shape *row, const esp_shape *want) {
  int i = 0;
  for (int k = 1; k < want->ndim; k++) {
    while (i < row->ndim && row->dim[i] == 1 && want->dim[k] != 1) i++;
    if (i < row->ndim &&
        (row->dim[i] == want->dim[k] || want->dim[k] == ESP_DIM_UNKNOWN)) {
      i++;
    } else if (want->dim[k] != 1) {
      return false;
    }
  }
  while (i < row->ndim && row->dim[i] == 1) i++;
  return i == row->ndim;
}

static esp_status check(const esp_value *input, const esp_feed *feed,
                        esp_shape *row) {
  const esp_shape *want = &input->tensor.shape;
  *row = feed->row;
  if (feed->channels_last && row->ndim > 2) { // H,W,C to C,H,W; H,W has no C
    if (row->ndim == want->ndim - 1) {
      for (int i = row->ndim - 1; i > 0; i--)
        row->dim[i] = feed->row.dim[i - 1];
      row->dim[0] = feed->row.dim[row->ndim - 1];
    }
  }
  if (want->ndim > 0 && fits(row, want)) return ESP_OK;
  char have[ESP_SHAPE_TEXT], asked[ESP_SHAPE_TEXT];
  return ESP_FAIL(ESP_BAD_INPUT,
                  "a row of the dataset is %s, but input \"%s\" of the model "
                  "takes %s (the first is the sample)",
                  esp_shape_text(&feed->row, have), input->name,
                  esp_shape_text(want, asked));
}

// Is the row the model's own, dimension by dimension?
static bool same_row(const esp_shape *row, const esp_shape *want) {
  if (row->ndim != want->ndim - 1) return false;
  for (int i = 0; i < row->ndim; i++) {
    if (want->dim[i + 1] != ESP_DIM_UNKNOWN &&
        want->dim[i + 1] != row->dim[i]) {
      return false;
    }
  }
  return true;
}

static esp_status append_all(feeder *f, const esp_feed *feed,
                             const esp_tensor *want, const esp_shape *row) {
  const bool scaled = feed->multiply != 0 || feed->divide != 0;
  const esp_dtype middle = scaled ? ESP_FLOAT : want->type;
  if (feed->type != middle) ESP_TRY(append_cast(f, middle));
  if (feed->divide != 0) {
    ESP_TRY(append_scale(f, "Div", ESP_OP_DIV, feed->divide));
  }
  if (feed->multiply != 0) {
    ESP_TRY(append_scale(f, "Mul", ESP_OP_MUL, feed->multiply));
  }
  if (middle != want->type) ESP_TRY(append_cast(f, want->type));
  if (feed->channels_last && feed->row.ndim == want->shape.ndim - 1 &&
      feed->row.ndim > 2) {
    ESP_TRY(append_transpose(f, want->shape.ndim));
  }
  if (!same_row(row, &want->shape)) {
    ESP_TRY(append_reshape(f, &want->shape));
  }
  return ESP_OK;
}

// All who read a value read another, which is made from it by the nodes from
// `before` on.
static esp_status take_over(esp_graph *model, int before, int old, int now) {
  const int after = model->nnode;
  model->nnode = before; // the new nodes' own inputs stay as they are
  esp_replace_value(model, old, now);
  model->nnode = after;
  for (int i = 0; i < model->noutput; i++) {
    if (model->output[i] == old) model->output[i] = now;
  }
  model->value[old].is_input = false;
  return esp_graph_sort(model);
}

esp_status esp_optimise_feed(esp_graph *model, int which,
                             const esp_feed *feed) {
  const int old = model->input[which];
  const esp_tensor want = model->value[old].tensor;
  esp_shape row;
  ESP_TRY(check(&model->value[old], feed, &row));
  esp_tensor fed = {.type = feed->type, .shape = {.ndim = feed->row.ndim + 1}};
  fed.shape.dim[0] = want.shape.dim[0];
  memcpy(fed.shape.dim + 1, feed->row.dim,
         (size_t)feed->row.ndim * sizeof fed.shape.dim[0]);
  feeder f = {.model = model, .version = 13};
  const int before = model->nnode;
  ESP_TRY(esp_graph_add_value(model, model->value[old].name, &fed, &f.now));
  const int input = f.now;
  ESP_TRY(append_all(&f, feed, &want, &row));
  model->value[input].is_input = true;
  model->input[which] = input;
  return take_over(model, before, old, f.now);
}

static esp_status append_expand(feeder *f, const esp_shape *shape) {
  void *block;
  int value;
  ESP_TRY(esp_arena_take(f->model->arena, (size_t)shape->ndim, sizeof(int64_t),
                         &block));
  int64_t *dim = block;
  for (int i = 0; i < shape->ndim; i++) {
    dim[i] = shape->dim[i] >= 0 ? shape->dim[i] : 1;
  }
  const esp_tensor tensor = {
      .type = ESP_INT64, .shape = {1, {shape->ndim}}, .data = block};
  ESP_TRY(esp_graph_add_constant(f->model, "feed:shape", &tensor, &value));
  return append(f, "Expand", ESP_OP_EXPAND, value, NULL);
}

esp_status esp_optimise_fix(esp_graph *model, int which, double value) {
  const int old = model->input[which];
  const esp_tensor want = model->value[old].tensor;
  void *data;
  ESP_TRY(esp_arena_copy(model->arena, &value, sizeof value, &data));
  const esp_tensor number = {.type = ESP_DOUBLE, .data = data};
  feeder f = {.model = model, .version = 13};
  const int before = model->nnode;
  ESP_TRY(esp_graph_add_constant(model, "feed:number", &number, &f.now));
  if (want.type != ESP_DOUBLE) ESP_TRY(append_cast(&f, want.type));
  if (want.shape.ndim > 0) ESP_TRY(append_expand(&f, &want.shape));
  model->ninput--;
  memmove(model->input + which, model->input + which + 1,
          (size_t)(model->ninput - which) * sizeof *model->input);
  return take_over(model, before, old, f.now);
}
