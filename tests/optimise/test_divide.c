// Nodes in parts give the bytes of the whole.
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "optimise/optimise.h"
#include "support/check.h"
#include "support/twin.h"

enum { SIDE = 12, CHANNELS = 32, MOST_WEIGHTS = 1 << 20, MOST = 16 };

typedef struct maker {
  esp_graph *graph;
  float *weights[MOST];
  int count;
} maker;

static int weights(maker *m, const esp_shape *shape) {
  const size_t n = (size_t)esp_shape_count(shape);
  float *made = malloc(n * sizeof *made);
  check_fill(made, n);
  for (size_t i = 0; i < n; i++) made[i] /= 8;
  m->weights[m->count++] = made;
  return twin_weights(m->graph, "w", made, shape);
}

static void set_ints(maker *m, const char *name, const int64_t *list,
                     int count) {
  const esp_attribute a = {
      .name = name, .kind = ESP_ATTRIBUTE_INTS, .count = count, .ints = list};
  CHECK_OK(esp_graph_add_attribute(m->graph, m->graph->nnode - 1, &a));
}

static int conv(maker *m, int x, int64_t in, int64_t out, int64_t kernel) {
  static const int64_t pads[] = {1, 1, 1, 1};
  const esp_shape w = {4, {out, in, kernel, kernel}}, b = {1, {out}};
  const int weight = weights(m, &w), bias = weights(m, &b);
  const int y = twin_step(m->graph, "Conv", ESP_OP_CONV, x, weight, bias);
  if (kernel == 3) set_ints(m, "pads", pads, 4);
  return y;
}

// Of 3 x 3, as large as what it pools.
static int pool(maker *m, int x, const char *op) {
  static const int64_t three[] = {3, 3}, pads[] = {1, 1, 1, 1};
  const int y = twin_step(m->graph, op, esp_op_find(op), x, -1, -1);
  set_ints(m, "kernel_shape", three, 2);
  set_ints(m, "pads", pads, 4);
  return y;
}

static void set_int(maker *m, const char *name, int64_t value) {
  const esp_attribute a = {.name = name, .kind = ESP_ATTRIBUTE_INT, .i = value};
  CHECK_OK(esp_graph_add_attribute(m->graph, m->graph->nnode - 1, &a));
}

// Convolutions with a residual sum, two branches, of which one has pools, that
// are joined with what nobody divides, and products of matrices behind.
static esp_graph *make(maker *m) {
  const esp_tensor image = {.type = ESP_FLOAT,
                            .shape = {4, {1, CHANNELS, SIDE, SIDE}}};
  int x;
  CHECK_OK(esp_graph_create(&m->graph));
  CHECK_OK(esp_graph_add_value(m->graph, "x", &image, &x));
  CHECK_OK(esp_graph_add_input(m->graph, x));
  esp_graph *g = m->graph;
  const int a = conv(m, x, CHANNELS, 64, 3);
  const int b = conv(m, a, 64, 64, 1);
  const int sum = twin_step(g, "Add", ESP_OP_ADD, b, a, -1);
  const int r = twin_step(g, "Relu", ESP_OP_RELU, sum, -1, -1);
  const int wide = conv(m, r, 64, 80, 1), most = pool(m, wide, "MaxPool");
  const int right = conv(m, pool(m, most, "AveragePool"), 80, 80, 3);
  const int left = conv(m, r, 64, 48, 1);
  const int both = twin_step(g, "Concat", ESP_OP_CONCAT, left, right, x);
  set_int(m, "axis", 1);
  const int c = conv(m, both, 48 + 80 + CHANNELS, 96, 1);
  const int mean =
      twin_step(g, "GlobalAveragePool", ESP_OP_GLOBAL_AVERAGE_POOL, c, -1, -1);
  const int flat = twin_step(g, "Flatten", ESP_OP_FLATTEN, mean, -1, -1);
  const esp_shape w = {2, {200, 96}}, bias = {1, {200}}, v = {2, {200, 256}};
  const int gw = weights(m, &w), gb = weights(m, &bias);
  const int y = twin_step(g, "Gemm", ESP_OP_GEMM, flat, gw, gb);
  set_int(m, "transB", 1);
  const int mw = weights(m, &v);
  const int z = twin_step(g, "MatMul", ESP_OP_MATMUL, y, mw, -1);
  CHECK_OK(esp_graph_add_output(g, z));
  return g;
}

static void parts_give_the_bytes_of_the_whole(void) {
  maker m = {0};
  esp_graph *model = make(&m), *whole = NULL;
  const esp_optimise_options how = {.batch = 1};
  CHECK_OK(esp_optimise(model, &how, &whole));
  float *input = malloc(CHANNELS * SIDE * SIDE * sizeof *input);
  check_fill(input, CHANNELS * SIDE * SIDE);
  size_t bytes, count;
  float *want = twin_run(whole, input, &bytes);
  bool *divide = calloc((size_t)whole->nnode, sizeof *divide);
  double copied;
  for (int one = -1; one < whole->nnode; one++) { // all, and each alone
    for (int parts = 2; parts <= 3; parts++) {
      esp_divided d;
      for (int n = 0; n < whole->nnode; n++) {
        divide[n] = (one < 0 || one == n) &&
                    esp_optimise_divides(whole, n, parts, &copied);
      }
      CHECK_OK(esp_optimise_divide(whole, divide, parts, &d));
      if (one < 0) { // pools follow what they pool
        CU_ASSERT_EQUAL(twin_count(d.graph, ESP_OP_CONV), 6 * parts);
        CU_ASSERT_EQUAL(twin_count(d.graph, ESP_OP_MAX_POOL), parts);
        CU_ASSERT_EQUAL(twin_count(d.graph, ESP_OP_AVERAGE_POOL), parts);
        CU_ASSERT_EQUAL(twin_count(d.graph, ESP_OP_GEMM), parts);
        CU_ASSERT_EQUAL(twin_count(d.graph, ESP_OP_MATMUL), parts);
      }
      for (int n = 0; n < d.graph->nnode; n++) {
        CU_ASSERT(d.origin[n] < whole->nnode);
        if (d.origin[n] < 0) continue;
        CU_ASSERT_EQUAL(d.graph->node[n].op, whole->node[d.origin[n]].op);
      }
      float *found = twin_run(d.graph, input, &count);
      CU_ASSERT_EQUAL(count, bytes);
      check_same_bytes(found, want, bytes);
      free(found);
      free(d.origin);
      esp_graph_free(d.graph);
    }
  }
  free(divide), free(want), free(input);
  esp_graph_free(whole), esp_graph_free(model);
  for (int i = 0; i < m.count; i++) free(m.weights[i]);
}

static void only_products_are_divided_for_their_own_sake(void) {
  maker m = {0};
  esp_graph *model = make(&m), *whole = NULL;
  const esp_optimise_options how = {.batch = 1};
  CHECK_OK(esp_optimise(model, &how, &whole));
  for (int n = 0; n < whole->nnode; n++) {
    const int op = whole->node[n].op;
    const bool product =
        op == ESP_OP_CONV || op == ESP_OP_GEMM || op == ESP_OP_MATMUL;
    double copied, other;
    CU_ASSERT_EQUAL(esp_optimise_divides(whole, n, 2, &copied), product);
    // Rows of weights lie together; columns are 200 x 256 numbers.
    CU_ASSERT_EQUAL(copied, op == ESP_OP_MATMUL ? 4.0 * 200 * 256 : 0);
    CU_ASSERT(!esp_optimise_divides(whole, n, 7,
                                    &other)); // 96 channels: of six grains
  }
  esp_graph_free(whole), esp_graph_free(model);
  for (int i = 0; i < m.count; i++) free(m.weights[i]);
}

int main(void) {
  static const check_case cases[] = {
      CASE(parts_give_the_bytes_of_the_whole),
      CASE(only_products_are_divided_for_their_own_sake),
      {NULL, NULL},
  };
  return check_run("optimise/divide", cases);
}
