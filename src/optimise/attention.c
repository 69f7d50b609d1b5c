// Attention as exporters write it: queries, keys and values [batch, rows, heads
// * width] are cut into heads and turned, the scores scaled, masked and
// softened, and the heads put together again.
#include <string.h>

#include "optimise/match.h"

static const esp_shape *shape_of(const esp_graph *graph, int value) {
  return &graph->value[value].tensor.shape;
}

// What a Transpose of four axes takes, when it is this one; otherwise -1.
static int turned_by(const esp_graph *graph, int value, const int64_t *perm) {
  const esp_node *node = esp_made_by(graph, value, ESP_OP_TRANSPOSE);
  if (node == NULL) return -1;
  int count;
  const int64_t *own = esp_node_ints(node, "perm", &count);
  const bool same = count == 4 && memcmp(own, perm, 4 * sizeof *perm) == 0;
  return same ? node->in[0] : -1;
}

// The value [batch, rows, heads * width] that is cut into [batch, rows, heads,
// width]; -1: it is something else.
static int cut_of(const esp_graph *graph, int value) {
  const esp_node *node = esp_made_by(graph, value, ESP_OP_RESHAPE);
  if (node == NULL) return -1;
  const esp_shape *to = shape_of(graph, value);
  const esp_shape *from = shape_of(graph, node->in[0]);
  const bool fits = from->ndim == 3 && to->ndim == 4 &&
                    from->dim[0] == to->dim[0] && from->dim[1] == to->dim[1];
  return fits ? node->in[0] : -1;
}

static int heads_first(const esp_graph *graph, int value) {
  const int cut = turned_by(graph, value, (const int64_t[]){0, 2, 1, 3});
  return cut >= 0 ? cut_of(graph, cut) : -1;
}

// Keys may be turned at once, or twice.
static int keys_of(const esp_graph *graph, int value) {
  const int cut = turned_by(graph, value, (const int64_t[]){0, 2, 3, 1});
  if (cut >= 0) return cut_of(graph, cut);
  const int once = turned_by(graph, value, (const int64_t[]){0, 1, 3, 2});
  return once >= 0 ? heads_first(graph, once) : -1;
}

typedef struct found {
  int q, k, v, mask; // mask: -1: none
  double scale;
  int64_t heads;
} found;

// The product of queries and keys behind a scale.
static bool read_scores(const esp_graph *graph, int value, found *f) {
  const int ops[] = {ESP_OP_DIV, ESP_OP_MUL};
  f->scale = 1;
  for (int i = 0; i < 2; i++) {
    const esp_node *scaled = esp_made_by(graph, value, ops[i]);
    double number;
    for (int side = 0; scaled != NULL && side <= i; side++) {
      if (!esp_one_number(graph, scaled->in[1 - side], &number)) continue;
      f->scale = i == 0 ? 1 / number : number;
      value = scaled->in[side];
      break;
    }
    if (f->scale != 1) break;
  }
  const esp_node *product = esp_made_by(graph, value, ESP_OP_MATMUL);
  if (product == NULL || product->npost > 0) return false;
  f->q = heads_first(graph, product->in[0]);
  f->k = keys_of(graph, product->in[1]);
  f->heads = shape_of(graph, product->in[0])->ndim == 4
                 ? shape_of(graph, product->in[0])->dim[1]
                 : 0;
  return f->q >= 0 && f->k >= 0;
}

// Scores, to which a mask may be added.
static bool read_masked(const esp_graph *graph, int value, found *f) {
  f->mask = -1;
  if (read_scores(graph, value, f)) return true;
  const esp_node *add = esp_made_by(graph, value, ESP_OP_ADD);
  for (int side = 0; add != NULL && side < 2; side++) {
    f->mask = add->in[1 - side];
    if (read_scores(graph, add->in[side], f)) {
      const esp_shape *all = shape_of(graph, value);
      return esp_shape_equal(all, shape_of(graph, add->in[side])) &&
             shape_of(graph, f->mask)->ndim <= 4;
    }
  }
  return false;
}

// The node after the softmax that puts the heads together again; -1: there is
// none.
static int end_of(const esp_graph *graph, const esp_graph_uses *uses,
                  int softened, found *f) {
  static const int64_t perm[] = {0, 2, 1, 3};
  int n = esp_only_reader(graph, uses, softened);
  if (n < 0 || graph->node[n].op != ESP_OP_MATMUL) return -1;
  if (graph->node[n].in[0] != softened) return -1;
  f->v = heads_first(graph, graph->node[n].in[1]);
  if (f->v < 0) return -1;
  n = esp_only_reader(graph, uses, graph->node[n].out[0]);
  if (n < 0 || turned_by(graph, graph->node[n].out[0], perm) < 0) return -1;
  n = esp_only_reader(graph, uses, graph->node[n].out[0]);
  if (n < 0 || graph->node[n].op != ESP_OP_RESHAPE) return -1;
  const esp_shape *y = shape_of(graph, graph->node[n].out[0]);
  const esp_shape *q = shape_of(graph, f->q), *v = shape_of(graph, f->v);
  const bool fits = y->ndim == 3 && y->dim[0] == q->dim[0] &&
                    y->dim[1] == q->dim[1] && y->dim[2] == v->dim[2];
  return fits ? n : -1;
}

static bool is_softmax_of_rows(const esp_graph *graph, const esp_node *node) {
  const int ndim = shape_of(graph, node->in[0])->ndim;
  const int64_t axis = esp_node_int(node, "axis", node->version < 13 ? 1 : -1);
  return ndim == 4 && (axis == -1 || axis == 3);
}

static esp_status put(esp_graph *graph, int last, const found *f) {
  const int in[] = {f->q, f->k, f->v, f->mask};
  const esp_attribute how[] = {
      {.name = "q_num_heads", .kind = ESP_ATTRIBUTE_INT, .i = f->heads},
      {.name = "kv_num_heads", .kind = ESP_ATTRIBUTE_INT, .i = f->heads},
      {.name = "scale", .kind = ESP_ATTRIBUTE_FLOAT, .f = (float)f->scale}};
  const int count = f->mask >= 0 ? 4 : 3;
  ESP_TRY(esp_turn_node(graph, last, ESP_OP_ATTENTION, 23, in, count));
  for (int i = 0; i < 3; i++) {
    ESP_TRY(esp_graph_add_attribute(graph, last, &how[i]));
  }
  return ESP_OK;
}

static esp_status find(esp_graph *graph, const esp_graph_uses *uses, int n) {
  const esp_node *node = &graph->node[n];
  found f;
  if (node->dead || node->op != ESP_OP_SOFTMAX ||
      !is_softmax_of_rows(graph, node) ||
      graph->value[node->out[0]].tensor.type != ESP_FLOAT ||
      !read_masked(graph, node->in[0], &f)) {
    return ESP_OK;
  }
  const int last = end_of(graph, uses, node->out[0], &f);
  return last >= 0 ? put(graph, last, &f) : ESP_OK;
}

esp_status esp_pass_attention(esp_graph *graph) {
  return esp_find_each(graph, find);
}
