// Nodes in parts give the bytes of the whole.
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "optimise/optimise.h"
#include "support/check.h"
#include "support/twin.h"

enum { SIDE = 12, CHANNELS = 32, MOST_WEIGHTS = 1 << 20, MOST = 32 };

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

static int depthwise(maker *m, int x, int64_t channels) {
  static const int64_t pads[] = {1, 1, 1, 1};
  const esp_shape w = {4, {channels, 1, 3, 3}}, b = {1, {channels}};
  const int weight = weights(m, &w), bias = weights(m, &b);
  const int y = twin_step(m->graph, "Conv", ESP_OP_CONV, x, weight, bias);
  set_ints(m, "pads", pads, 4);
  const esp_attribute group = {
      .name = "group", .kind = ESP_ATTRIBUTE_INT, .i = channels};
  CHECK_OK(esp_graph_add_attribute(m->graph, m->graph->nnode - 1, &group));
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
  const int each = depthwise(m, pool(m, most, "AveragePool"), 80);
  const int right = conv(m, each, 80, 80, 3);
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

// What a division of all that may be divided is asked about.
typedef void look(const esp_graph *divided, int parts);

// All nodes, and each alone, in two and in three parts, beside the whole on so
// many numbers.
static void compare(const esp_graph *model, size_t numbers, look *look_at) {
  esp_graph *whole = NULL;
  const esp_optimise_options how = {.batch = 1};
  CHECK_OK(esp_optimise(model, &how, &whole));
  float *input = malloc(numbers * sizeof *input);
  check_fill(input, numbers);
  size_t bytes, count;
  float *want = twin_run(whole, input, &bytes);
  bool *divide = calloc((size_t)whole->nnode, sizeof *divide);
  double copied;
  for (int one = -1; one < whole->nnode; one++) {
    for (int parts = 2; parts <= 3; parts++) {
      esp_divided d;
      for (int n = 0; n < whole->nnode; n++) {
        divide[n] = (one < 0 || one == n) &&
                    esp_optimise_divides(whole, n, parts, &copied);
      }
      CHECK_OK(esp_optimise_divide(whole, divide, parts, &d));
      if (one < 0) look_at(d.graph, parts);
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
  esp_graph_free(whole);
}

static void end(maker *m, esp_graph *model) {
  esp_graph_free(model);
  for (int i = 0; i < m->count; i++) free(m->weights[i]);
}

// Pools, and depthwise convolutions where the kernel for them is there, follow
// what they read.
static void look_at_products(const esp_graph *g, int parts) {
  const int convs = twin_count(g, ESP_OP_CONV);
  CU_ASSERT(convs == 7 * parts || convs == 6 * parts + 1);
  CU_ASSERT_EQUAL(twin_count(g, ESP_OP_MAX_POOL), parts);
  CU_ASSERT_EQUAL(twin_count(g, ESP_OP_AVERAGE_POOL), parts);
  CU_ASSERT_EQUAL(twin_count(g, ESP_OP_GEMM), parts);
  CU_ASSERT_EQUAL(twin_count(g, ESP_OP_MATMUL), parts);
}

static void parts_give_the_bytes_of_the_whole(void) {
  maker m = {0};
  esp_graph *model = make(&m);
  compare(model, CHANNELS * SIDE * SIDE, look_at_products);
  end(&m, model);
}

// An output of a layer that has no axis of times, as one of one time.
static int one_time(esp_graph *g, int state, int axis) {
  static int64_t axis_of[] = {0, 1};
  const esp_tensor index = {
      .type = ESP_INT64, .shape = {1, {1}}, .data = &axis_of[axis]};
  int axes;
  CHECK_OK(esp_graph_add_constant(g, "axis", &index, &axes));
  return twin_step(g, "Unsqueeze", ESP_OP_UNSQUEEZE, state, axes, -1);
}

// A layer of two directions with biases and a first state, all of whose outputs
// are read.
static esp_graph *make_recurrent(maker *m, int op, int layout) {
  enum { TIMES = 5, ROWS = 2, INPUT = 24, HIDDEN = 16 };
  const int gates = op == ESP_OP_LSTM ? 4 : op == ESP_OP_GRU ? 3 : 1;
  const int outputs = op == ESP_OP_LSTM ? 3 : 2;
  const esp_tensor rows = {
      .type = ESP_FLOAT,
      .shape = {3, {layout ? ROWS : TIMES, layout ? TIMES : ROWS, INPUT}}};
  const esp_shape w = {3, {2, gates * HIDDEN, INPUT}};
  const esp_shape r = {3, {2, gates * HIDDEN, HIDDEN}};
  const esp_shape b = {2, {2, 2 * gates * HIDDEN}};
  const esp_shape h = {3, {layout ? ROWS : 2, layout ? 2 : ROWS, HIDDEN}};
  int in[6] = {-1, -1, -1, -1, -1, -1}, out[3], node;
  CHECK_OK(esp_graph_create(&m->graph));
  esp_graph *g = m->graph;
  CHECK_OK(esp_graph_add_value(g, "x", &rows, &in[0]));
  CHECK_OK(esp_graph_add_input(g, in[0]));
  in[1] = weights(m, &w), in[2] = weights(m, &r), in[3] = weights(m, &b);
  in[5] = weights(m, &h);
  for (int o = 0; o < outputs; o++) {
    static const char *const name[] = {"y", "y_h", "y_c"};
    const esp_tensor unknown = {0};
    CHECK_OK(esp_graph_add_value(g, name[o], &unknown, &out[o]));
  }
  CHECK_OK(esp_graph_add_node(g, "layer", esp_op_name(op), op, 14, in, 6, out,
                              outputs, &node));
  const esp_attribute both = {.name = "direction",
                              .kind = ESP_ATTRIBUTE_STRING,
                              .count = sizeof "bidirectional" - 1,
                              .s = "bidirectional"};
  CHECK_OK(esp_graph_add_attribute(g, node, &both));
  set_int(m, "hidden_size", HIDDEN);
  set_int(m, "layout", layout);
  const int last = one_time(g, out[1], layout);
  const int cell = outputs > 2 ? one_time(g, out[2], layout) : -1;
  const int all = twin_step(g, "Concat", ESP_OP_CONCAT, out[0], last, cell);
  set_int(m, "axis", layout);
  CHECK_OK(esp_graph_add_output(g, all));
  return g;
}

static void look_at_layers(const esp_graph *g, int parts) {
  CU_ASSERT_EQUAL(twin_count(g, ESP_OP_LSTM) + twin_count(g, ESP_OP_GRU) +
                      twin_count(g, ESP_OP_RNN),
                  parts == 2 ? 2 : 1);
}

static void directions_give_the_bytes_of_the_whole(void) {
  static const int ops[] = {ESP_OP_LSTM, ESP_OP_GRU, ESP_OP_RNN};
  for (int i = 0; i < 6; i++) {
    maker m = {0};
    esp_graph *model = make_recurrent(&m, ops[i % 3], i / 3);
    compare(model, 5 * 2 * 24, look_at_layers);
    end(&m, model);
  }
}

static void only_products_are_divided_for_their_own_sake(void) {
  maker m = {0};
  esp_graph *model = make(&m), *whole = NULL;
  const esp_optimise_options how = {.batch = 1};
  CHECK_OK(esp_optimise(model, &how, &whole));
  for (int n = 0; n < whole->nnode; n++) {
    const int op = whole->node[n].op;
    const bool product =
        (op == ESP_OP_CONV && esp_node_int(&whole->node[n], "group", 1) == 1) ||
        op == ESP_OP_GEMM || op == ESP_OP_MATMUL;
    double copied, other;
    CU_ASSERT_EQUAL(esp_optimise_divides(whole, n, 2, &copied), product);
    // Rows of weights lie together; columns are 200 x 256 numbers.
    CU_ASSERT_EQUAL(copied, op == ESP_OP_MATMUL ? 4.0 * 200 * 256 : 0);
    CU_ASSERT(!esp_optimise_divides(whole, n, 7,
                                    &other)); // 96 channels: of six grains
  }
  esp_graph_free(whole);
  end(&m, model);
}

int main(void) {
  static const check_case cases[] = {
      CASE(parts_give_the_bytes_of_the_whole),
      CASE(directions_give_the_bytes_of_the_whole),
      CASE(only_products_are_divided_for_their_own_sake),
      {NULL, NULL},
  };
  return check_run("optimise/divide", cases);
}
