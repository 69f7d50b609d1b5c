// What lies between convolutions does not break their layout, and is done by
// them where it can be.
#include "op/op.h"
#include "support/check.h"
#include "support/twin.h"

enum { C = 3, H = 9, D = 4 };

static int64_t after_one[] = {0, 0, 0, 0, 0, 0, 1, 1};
static int64_t around[] = {0, 0, 1, 2, 0, 0, 0, 1};
static int64_t nothing[] = {0, 0, 0, 0, 0, 0, 0, 0};
static int64_t shifted[] = {0, 0, -1, 0, 0, 0, 1, 0};
static int64_t starts[] = {1, 1}, ends[] = {100, 100}, axes[] = {2, 3};

static int whole(esp_graph *graph, const char *name, int64_t *data,
                 int64_t count) {
  int value;
  const esp_tensor t = {.type = ESP_INT64, .shape = {1, {count}}, .data = data};
  CHECK_OK(esp_graph_add_constant(graph, name, &t, &value));
  return value;
}

static int pad(esp_graph *graph, int x, int64_t *pads) {
  return twin_step(graph, "Pad", ESP_OP_PAD, x, whole(graph, "pads", pads, 8),
                   -1);
}

// The part from row and column 1 on.
static int slice(esp_graph *graph, int x) {
  const esp_tensor none = {0};
  const int in[] = {x, whole(graph, "starts", starts, 2),
                    whole(graph, "ends", ends, 2),
                    whole(graph, "axes", axes, 2)};
  int y, node;
  CHECK_OK(esp_graph_add_value(graph, "Slice", &none, &y));
  CHECK_OK(esp_graph_add_node(graph, "Slice", "Slice", ESP_OP_SLICE, 13, in, 4,
                              &y, 1, &node));
  return y;
}

static int norm(esp_graph *graph, int x) {
  static float part[4][D];
  static const char *const names[] = {"scale", "shift", "mean", "variance"};
  const esp_tensor none = {0};
  int in[5] = {x}, y, node;
  for (int p = 0; p < 4; p++) {
    check_fill(part[p], D);
    for (int c = 0; c < D && p == 3; c++) part[p][c] = 1.5F + (float)c;
    in[p + 1] = twin_weights(graph, names[p], part[p], &(esp_shape){1, {D}});
  }
  CHECK_OK(esp_graph_add_value(graph, "norm", &none, &y));
  CHECK_OK(esp_graph_add_node(graph, "norm", "BatchNormalization",
                              ESP_OP_BATCH_NORMALIZATION, 13, in, 5, &y, 1,
                              &node));
  return y;
}

static void set_ints(esp_graph *graph, const char *name, int64_t *data,
                     int64_t count) {
  const esp_attribute a = {
      .name = name, .kind = ESP_ATTRIBUTE_INTS, .ints = data, .count = count};
  CHECK_OK(esp_graph_add_attribute(graph, graph->nnode - 1, &a));
}

static int conv(esp_graph *graph, int x, int64_t channels) {
  static float w[D * D * 9];
  check_fill(w, D * D * 9);
  return twin_step(
      graph, "Conv", ESP_OP_CONV, x,
      twin_weights(graph, "w", w, &(esp_shape){4, {D, channels, 3, 3}}), -1);
}

static int average(esp_graph *graph, int x, int64_t *pads) {
  static int64_t kernel[] = {3, 3};
  const int y = twin_step(graph, "AveragePool", ESP_OP_AVERAGE_POOL, x, -1, -1);
  graph->node[graph->nnode - 1].nin = 1;
  set_ints(graph, "kernel_shape", kernel, 2);
  if (pads != NULL) set_ints(graph, "pads", pads, 4);
  return y;
}

static esp_graph *begin(int *x) {
  const esp_tensor image = {.type = ESP_FLOAT, .shape = {4, {2, C, H, H}}};
  esp_graph *graph = NULL;
  CHECK_OK(esp_graph_create(&graph));
  CHECK_OK(esp_graph_add_value(graph, "x", &image, x));
  CHECK_OK(esp_graph_add_input(graph, *x));
  return graph;
}

static esp_graph *end(esp_graph *graph, int y) {
  CHECK_OK(esp_graph_add_output(graph, y));
  esp_graph *full = twin_compare(graph, 2, 1e-5, 1e-5);
  return full;
}

static void pads_slices_and_norms_follow_channels_last(void) {
  int x;
  esp_graph *graph = begin(&x);
  int y = conv(graph, x, C);
  y = slice(graph, pad(graph, y, after_one));
  const int both = twin_step(graph, "Concat", ESP_OP_CONCAT, y, y, -1);
  const esp_attribute axis = {
      .name = "axis", .kind = ESP_ATTRIBUTE_INT, .i = 0}; // batch
  CHECK_OK(esp_graph_add_attribute(graph, graph->nnode - 1, &axis));
  y = twin_step(graph, "Relu", ESP_OP_RELU, norm(graph, both), -1, -1);
  graph->node[graph->nnode - 1].nin = 1;
  y = conv(graph, y, D);
  esp_graph *full = end(graph, y);
  CU_ASSERT(esp_optimise_reorders(full) <= 2); // of the input and the output
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_BATCH_NORMALIZATION), 0);
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_RELU), 0);
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_SCALE), 1);
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_PAD), 1);
  esp_graph_free(full);
  esp_graph_free(graph);
}

static void zeros_around_windows_are_their_pads(void) {
  static int64_t own[] = {1, 0, 0, 1};
  int x;
  esp_graph *graph = begin(&x);
  int y = conv(graph, pad(graph, x, around), C);
  set_ints(graph, "pads", own, 4);
  y = average(graph, pad(graph, y, around), NULL);
  y = pad(graph, y, nothing);
  esp_graph *full = end(graph, conv(graph, y, D));
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_PAD), 0);
  esp_graph_free(full);
  esp_graph_free(graph);
}

// An average that does not count its own pads cannot count others'; a pad that
// cuts, or that others read, stays.
static void other_pads_stay(void) {
  static int64_t own[] = {1, 1, 1, 1};
  int x;
  esp_graph *graph = begin(&x);
  int y = average(graph, pad(graph, x, around), own);
  y = conv(graph, pad(graph, y, shifted), C);
  const int read = pad(graph, y, around);
  y = twin_step(graph, "Add", ESP_OP_ADD, conv(graph, read, D),
                slice(graph, slice(graph, read)), -1);
  graph->node[graph->nnode - 1].nin = 2;
  esp_graph *full = end(graph, y);
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_PAD), 3);
  esp_graph_free(full);
  esp_graph_free(graph);
}

int main(void) {
  static const check_case cases[] = {
      CASE(pads_slices_and_norms_follow_channels_last),
      CASE(zeros_around_windows_are_their_pads),
      CASE(other_pads_stay),
      {NULL, NULL},
  };
  return check_run("optimise/between", cases);
}
