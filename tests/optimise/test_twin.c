// A graph with all passes against its plain twin: the same results, fewer
// nodes.
#include "model/model.h"
#include "op/op.h"
#include "optimise/optimise.h"
#include "support/check.h"
#include "support/twin.h"

enum { BATCH = 3 };

static void compare(const char *path, esp_graph **fused, esp_graph **model) {
  CHECK_OK(esp_model_load(path, model, NULL));
  *fused = twin_compare(*model, BATCH, 1e-4, 1e-4);
}

static void a_branchy_network_is_fused(void) {
  esp_graph *model = NULL, *fused = NULL;
  compare(MODELS "/fmnist_incep.onnx", &fused, &model);
  CU_ASSERT_EQUAL(twin_count(fused, ESP_OP_CONV), 19);
  // Those before the concatenations' norms stay; the others are in
  // convolutions.
  CU_ASSERT(twin_count(fused, ESP_OP_RELU) <= 3);
  CU_ASSERT(twin_count(fused, ESP_OP_BATCH_NORMALIZATION) <= 3);
  CU_ASSERT(esp_optimise_reorders(fused) <= 8);
  esp_graph_free(fused);
  esp_graph_free(model);
}

static void a_recurrent_network_is_left_whole(void) {
  esp_graph *model = NULL, *fused = NULL;
  compare(MODELS "/fmnist_bilstm.onnx", &fused, &model);
  CU_ASSERT_EQUAL(twin_count(fused, ESP_OP_LSTM), 1);
  CU_ASSERT_EQUAL(esp_optimise_reorders(fused), 0);
  esp_graph_free(fused);
  esp_graph_free(model);
}

static void a_dataset_of_another_shape_is_refused(void) {
  esp_graph *model = NULL;
  CHECK_OK(esp_model_load(MODELS "/fmnist_incep.onnx", &model, NULL));
  const esp_feed feed = {.type = ESP_UINT8, .row = {2, {28, 27}}};
  CHECK_STATUS(esp_optimise_feed(model, 0, &feed), ESP_BAD_INPUT);
  check_message("[28,27]");
  esp_graph_free(model);
}

// A model of one input of this shape that goes through Relu to the output.
static esp_graph *relu_of(const esp_shape *shape) {
  const esp_tensor t = {.type = ESP_FLOAT, .shape = *shape};
  esp_graph *graph = NULL;
  int x, y, node;
  CHECK_OK(esp_graph_create(&graph));
  CHECK_OK(esp_graph_add_value(graph, "x", &t, &x));
  CHECK_OK(esp_graph_add_value(graph, "y", &t, &y));
  CHECK_OK(esp_graph_add_input(graph, x));
  CHECK_OK(esp_graph_add_node(graph, "r", "Relu", ESP_OP_RELU, 13, &x, 1, &y, 1,
                              &node));
  CHECK_OK(esp_graph_add_output(graph, y));
  return graph;
}

static void rows_without_channels_are_not_turned(void) {
  const esp_shape shape = {3, {ESP_DIM_UNKNOWN, 5, 5}};
  esp_graph *graph = relu_of(&shape);
  const esp_feed feed = {
      .type = ESP_FLOAT, .row = {2, {5, 5}}, .channels_last = true};
  CHECK_OK(esp_optimise_feed(graph, 0, &feed));
  CU_ASSERT_EQUAL(twin_count(graph, ESP_OP_TRANSPOSE), 0);
  esp_graph_free(graph);
}

static void ones_in_other_places_are_reshaped(void) {
  const esp_shape shape = {3, {ESP_DIM_UNKNOWN, 1, 28}};
  esp_graph *graph = relu_of(&shape);
  const esp_feed feed = {.type = ESP_FLOAT, .row = {2, {28, 1}}};
  CHECK_OK(esp_optimise_feed(graph, 0, &feed));
  CU_ASSERT_EQUAL(twin_count(graph, ESP_OP_RESHAPE), 1);
  esp_graph_free(graph);
}

// Weights that are computed while the model runs stay row major.
static void computed_weights_are_not_reordered(void) {
  const esp_tensor x = {.type = ESP_FLOAT, .shape = {4, {1, 3, 6, 6}}};
  const esp_tensor w = {.type = ESP_FLOAT, .shape = {4, {2, 3, 3, 3}}};
  const esp_tensor none = {0};
  esp_graph *graph = NULL, *ready = NULL;
  int in[2], y, node;
  CHECK_OK(esp_graph_create(&graph));
  CHECK_OK(esp_graph_add_value(graph, "x", &x, &in[0]));
  CHECK_OK(esp_graph_add_value(graph, "w", &w, &in[1]));
  CHECK_OK(esp_graph_add_value(graph, "y", &none, &y));
  CHECK_OK(esp_graph_add_input(graph, in[0]));
  CHECK_OK(esp_graph_add_input(graph, in[1]));
  CHECK_OK(esp_graph_add_node(graph, "c", "Conv", ESP_OP_CONV, 13, in, 2, &y, 1,
                              &node));
  CHECK_OK(esp_graph_add_output(graph, y));
  const esp_optimise_options how = {.batch = 1};
  CHECK_OK(esp_optimise(graph, &how, &ready));
  for (int n = 0; n < ready->nnode; n++) {
    if (ready->node[n].op != ESP_OP_CONV) continue;
    const esp_value *weights = &ready->value[ready->node[n].in[1]];
    CU_ASSERT_EQUAL(weights->tensor.layout, ESP_ROW_MAJOR);
    CU_ASSERT(weights->is_input);
  }
  esp_graph_free(ready);
  esp_graph_free(graph);
}

// A Resize between two convolutions takes and gives what they do: nothing is
// reordered around it.
static void a_resize_follows_channels_last(void) {
  enum { C = 3, H = 6 };
  static float w1[4 * C * 9], w2[2 * 4 * 9], scales[] = {1, 1, 2, 1.5F};
  const esp_tensor image = {.type = ESP_FLOAT, .shape = {4, {1, C, H, H}}};
  esp_graph *graph = NULL;
  int x;
  check_fill(w1, sizeof w1 / sizeof *w1);
  check_fill(w2, sizeof w2 / sizeof *w2);
  CHECK_OK(esp_graph_create(&graph));
  CHECK_OK(esp_graph_add_value(graph, "x", &image, &x));
  CHECK_OK(esp_graph_add_input(graph, x));
  const int first =
      twin_weights(graph, "w1", w1, &(esp_shape){4, {4, C, 3, 3}});
  const int second =
      twin_weights(graph, "w2", w2, &(esp_shape){4, {2, 4, 3, 3}});
  const int by = twin_weights(graph, "scales", scales, &(esp_shape){1, {4}});
  const int a = twin_step(graph, "Conv", ESP_OP_CONV, x, first, -1);
  const int b = twin_step(graph, "Resize", ESP_OP_RESIZE, a, -1, by);
  const esp_attribute linear = {
      .name = "mode", .kind = ESP_ATTRIBUTE_STRING, .s = "linear", .count = 6};
  CHECK_OK(esp_graph_add_attribute(graph, 1, &linear));
  const int y = twin_step(graph, "Conv", ESP_OP_CONV, b, second, -1);
  CHECK_OK(esp_graph_add_output(graph, y));
  esp_graph *full = twin_compare(graph, 1, 1e-5, 1e-5);
  CU_ASSERT(esp_optimise_reorders(full) <= 2); // of the input and the output
  esp_graph_free(full);
  esp_graph_free(graph);
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_branchy_network_is_fused),
      CASE(a_recurrent_network_is_left_whole),
      CASE(a_dataset_of_another_shape_is_refused),
      CASE(rows_without_channels_are_not_turned),
      CASE(ones_in_other_places_are_reshaped),
      CASE(computed_weights_are_not_reordered),
      CASE(a_resize_follows_channels_last),
      {NULL, NULL},
  };
  return check_run("optimise/twin", cases);
}
