// A batch in pieces gives the bytes of the whole, and only rows that go apart
// are cut.
#include <stdlib.h>
#include <string.h>

#include "cost/cost.h"
#include "model/model.h"
#include "op/op.h"
#include "optimise/optimise.h"
#include "support/check.h"
#include "support/twin.h"

enum { BATCH = 12, PIXELS = 28 * 28 };

static esp_graph *load(const char *path) {
  esp_graph *model = NULL;
  CHECK_OK(esp_model_load(path, &model, NULL));
  return model;
}

static esp_graph *cut(const esp_graph *model, int64_t rows) {
  const esp_optimise_options how = {.batch = BATCH};
  esp_graph *graph = NULL;
  CHECK_OK(esp_optimise_pieces(model, &how, rows, &graph));
  if (graph == NULL) CHECK_OK(esp_optimise(model, &how, &graph));
  return graph;
}

static float *made_up(void) {
  float *input = malloc((size_t)BATCH * PIXELS * sizeof *input);
  for (int i = 0; input != NULL && i < BATCH * PIXELS; i++) {
    input[i] = (float)(i * 7919 % 1009) / 1009;
  }
  return input;
}

static void pieces_give_the_bytes_of_the_whole(void) {
  esp_graph *model = load(MODELS "/fmnist_incep.onnx");
  esp_graph *whole = cut(model, BATCH);
  float *input = made_up();
  size_t bytes;
  float *expected = twin_run(whole, input, &bytes);
  for (int64_t rows = 1; rows < BATCH; rows = rows == 1 ? 4 : 2 * rows - 2) {
    esp_graph *pieces = cut(model, rows); // of 1, 4, 6 and 10: whole
    const int copies = BATCH % rows == 0 ? (int)(BATCH / rows) : 1;
    CU_ASSERT_EQUAL(twin_count(pieces, ESP_OP_CONV),
                    copies * twin_count(whole, ESP_OP_CONV));
    size_t count;
    float *found = twin_run(pieces, input, &count);
    CU_ASSERT_EQUAL(count, bytes);
    CU_ASSERT(memcmp(found, expected, bytes) == 0);
    free(found);
    esp_graph_free(pieces);
  }
  free(expected);
  free(input);
  esp_graph_free(whole);
  esp_graph_free(model);
}

static void nodes_say_which_they_are_like(void) {
  esp_graph *model = load(MODELS "/fmnist_incep.onnx");
  esp_graph *pieces = cut(model, BATCH / 3);
  int like = 0, own = 0;
  for (int n = 0; n < pieces->nnode; n++) {
    const esp_node *node = &pieces->node[n];
    if (node->op != ESP_OP_CONV) continue;
    own += node->like < 0;
    like += node->like >= 0;
    if (node->like < 0) continue;
    const esp_node *first = &pieces->node[node->like];
    CU_ASSERT(node->like < n);
    CU_ASSERT_EQUAL(first->in[1], node->in[1]); // the same weights
  }
  CU_ASSERT_EQUAL(like, 2 * own);
  esp_graph_free(pieces);
  esp_graph_free(model);
}

// x [n, 6], and the mean of all its elements.
static void rows_that_do_not_go_apart_stay_together(void) {
  const esp_tensor x = {.type = ESP_FLOAT, .shape = {2, {ESP_DIM_UNKNOWN, 6}}};
  const esp_tensor none = {0};
  esp_graph *graph = NULL;
  int in[2], y, node;
  CHECK_OK(esp_graph_create(&graph));
  CHECK_OK(esp_graph_add_value(graph, "x", &x, &in[0]));
  CHECK_OK(esp_graph_add_value(graph, "mean", &none, &in[1]));
  CHECK_OK(esp_graph_add_value(graph, "y", &none, &y));
  CHECK_OK(esp_graph_add_input(graph, in[0]));
  CHECK_OK(esp_graph_add_node(graph, "m", "ReduceMean", ESP_OP_REDUCE_MEAN, 13,
                              &in[0], 1, &in[1], 1, &node));
  CHECK_OK(esp_graph_add_node(graph, "s", "Sub", ESP_OP_SUB, 13, in, 2, &y, 1,
                              &node));
  CHECK_OK(esp_graph_add_output(graph, y));
  esp_graph *ready = cut(graph, 1);
  CU_ASSERT_EQUAL(twin_count(ready, ESP_OP_SUB), 1);
  CU_ASSERT_EQUAL(ready->value[ready->output[0]].tensor.shape.dim[0], BATCH);
  esp_graph_free(ready);
  esp_graph_free(graph);
}

// A cache that holds everything asks for no pieces; a small one does.
static void rows_follow_the_cache(void) {
  esp_graph *model = load(MODELS "/fmnist_incep.onnx");
  esp_graph *whole = cut(model, BATCH);
  esp_machine machine = esp_cost_typical();
  machine.cache_bytes = 1e12;
  CU_ASSERT_EQUAL(esp_cost_rows(whole, &machine, BATCH), BATCH);
  machine.cache_bytes = 2e5;
  machine.bytes_per_second = 1e9;
  CU_ASSERT(esp_cost_rows(whole, &machine, BATCH) < BATCH);
  CU_ASSERT_EQUAL(BATCH % esp_cost_rows(whole, &machine, BATCH), 0);
  esp_graph_free(whole);
  esp_graph_free(model);
}

int main(void) {
  static const check_case cases[] = {
      CASE(pieces_give_the_bytes_of_the_whole),
      CASE(nodes_say_which_they_are_like),
      CASE(rows_that_do_not_go_apart_stay_together),
      CASE(rows_follow_the_cache),
      {NULL, NULL},
  };
  return check_run("optimise/pieces", cases);
}
