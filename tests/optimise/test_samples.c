// Which small models mix the samples of a batch.  Input x is [n, 4, 6], and 13
// samples are followed; w is [6, 5], and the same for all.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "optimise/optimise.h"
#include "support/check.h"
#include "support/onnx.h"

// A model in a line: nodes separated by ';', each "Op|inputs|outputs" and then
// "|attribute=number" as often as wanted; the output is y.
typedef struct one_case {
  const char *model;
  int want;
} one_case;

enum {
  NO = ESP_COUPLING_NONE,
  YES = ESP_COUPLING_FOUND,
  UNTOLD = ESP_COUPLING_UNTOLD
};

static void add_nodes(wire *graph, const char *text) {
  char copy[512], *rest = copy, *line;
  (void)snprintf(copy, sizeof copy, "%s", text);
  while ((line = strsep(&rest, ";")) != NULL) {
    const char *op = strsep(&line, "|"), *in = strsep(&line, "|"),
               *out = strsep(&line, "|");
    wire node = onnx_node(op, in, out);
    for (char *field; (field = strsep(&line, "|")) != NULL;) {
      const char *name = strsep(&field, "=");
      wire attribute = onnx_attribute_int(name, strtol(field, NULL, 10));
      wire_message(&node, ONNX_ATTRIBUTE, &attribute);
    }
    onnx_add_node(graph, &node);
  }
}

static void add(wire *graph, int field, wire message) {
  wire_message(graph, field, &message);
}

static esp_graph *load(const char *text, int opset, const char *batch) {
  static const int64_t lists[][3] = {{0},        {1},       {2},     {-1, 24},
                                     {-1, 4, 6}, {0, 2},    {-1},    {4, -1, 6},
                                     {1, 2},     {1, 1, 2}, {13, 1}, {-1, 6}};
  static const int counts[] = {1, 1, 1, 2, 3, 2, 1, 3, 2, 3, 2, 2};
  static const char *const names[] = {"zero",  "one",    "two",   "flat",
                                      "again", "slice",  "minus", "turned",
                                      "both",  "double", "rows",  "tall"};
  static const float thirteen[13] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  char dims[32], path[64];
  wire graph = {0};
  (void)snprintf(dims, sizeof dims, "%s 4 6", batch);
  add_nodes(&graph, text);
  add(&graph, ONNX_INPUT, onnx_value("x", 1, dims));
  add(&graph, ONNX_INPUT, onnx_value("w", 1, "6 5"));
  add(&graph, ONNX_OUTPUT, onnx_value("y", 1, NULL));
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    add(&graph, ONNX_INITIALIZER, onnx_ints(names[i], lists[i], counts[i]));
  }
  add(&graph, ONNX_INITIALIZER, onnx_floats("each", thirteen, 13));
  add(&graph, ONNX_INITIALIZER, onnx_floats("six", thirteen, 6));
  add(&graph, ONNX_INITIALIZER, onnx_floats("values", thirteen, 2));
  add(&graph, ONNX_INITIALIZER, onnx_ints("five", (int64_t[]){5}, 1));
  wire model = onnx_model(&graph, opset);
  (void)snprintf(path, sizeof path, "/tmp/esp-samples-%d.onnx", (int)getpid());
  wire_write(&model, path);
  wire_end(&model);
  esp_graph *loaded = NULL;
  CHECK_OK(esp_model_load(path, &loaded, NULL));
  (void)unlink(path);
  return loaded;
}

static void expect(const one_case *c, int opset, const char *batch) {
  esp_graph *model = load(c->model, opset, batch);
  esp_coupling coupling;
  const int x = 0;
  CHECK_OK(esp_optimise_coupling(model, &x, 1, &coupling));
  if ((int)coupling.kind != c->want) {
    printf("\n    %s: %d at %s, expected %d", c->model, (int)coupling.kind,
           coupling.where, c->want);
  }
  CU_ASSERT_EQUAL((int)coupling.kind, c->want);
  esp_graph_free(model);
}

static void models_are_told_apart(void) {
  static const one_case cases[] = {
      {"Relu|x|y", NO},
      {"Add|x six|y", NO},
      {"ReduceMean|x|m|keepdims=1;Sub|x m|y", YES}, // of everything
      {"ReduceSum|x two|m;Sub|x m|y", NO},
      {"ReduceSum|x zero|m;Sub|x m|y", YES},
      {"ReduceSum|x both|y", NO},
      {"ArgMax|x|y|axis=2", NO},
      {"ArgMax|x|m|axis=0;Cast|m|f|to=1;Add|x f|y", YES},
      {"Softmax|x|y|axis=-1", NO},
      {"Softmax|x|y|axis=0", YES},
      {"MatMul|x w|y", NO},
      {"Flatten|x|y", NO},
      {"Flatten|x|f;Transpose|f|t;MatMul|f t|y", YES},
      {"Reshape|x flat|y", NO},
      // [n, 4, 6] as [4 n, 6] and further
      {"Reshape|x tall|r;MatMul|r w|m;Softmax|m|s|axis=1;Relu|s|y", NO},
      {"Reshape|x turned|y", YES},
      {"Reshape|x tall|r;Softmax|r|y|axis=0", YES},
      {"Concat|x x|y|axis=1", NO},
      {"Concat|x x|y|axis=0", YES},
      {"Split|x|y z|axis=1", NO},
      {"Gather|x one|y|axis=1", NO},
      {"Gather|x one|y|axis=0", YES},
      {"Slice|x zero one two|y", NO},
      {"Slice|x zero one zero|y", YES},
      {"Constant||l|value_int=-1000;Reshape|l minus|e;"
       "Slice|x minus e zero minus|y",
       YES}, // in the other order
      {"CumSum|x one|y", NO},
      {"CumSum|x zero|y", YES},
      {"TopK|x one|y i|axis=-1", NO},
      {"TopK|x one|y i|axis=0", YES},
      {"Tile|x double|y", NO},
      {"ReduceSum|x one|r|keepdims=0;Gemm|r w|y", NO},
      {"LayerNormalization|x six|y|axis=-1", NO},
      {"LayerNormalization|x six|y|axis=1", NO},
      {"Dropout|x|y", NO},
      {"DynamicQuantizeLinear|x|q s z;DequantizeLinear|q s z|y", YES},
      {"Unsqueeze|x one|u;MeanVarianceNormalization|u|y", YES},
      {"Trilu|x|y", NO},
      {"NonZero|x|y", UNTOLD},
      {"Shape|x|s;Reshape|x s|y", NO},
      {"Unsqueeze|x zero|u;Squeeze|u zero|y", NO},
      // What is added to a sample depends on its place in the batch.
      {"Reshape|each rows|e;Flatten|x|f;Add|f e|y", YES},
      {"Shape|x|s;ConstantOfShape|s|zeros;Mul|x zeros|y", NO},
      {"Shape|x|s;Cast|s|f|to=1;ReduceSum|f zero|t;Mul|x t|y", NO},
      {"RandomNormalLike|x|r;Add|x r|y", YES}, // by its place in the batch
      {"ReduceSum|x both|r|keepdims=1;Det|r|y", NO},
      {"Unsqueeze|x minus|u;DFT|u|y|axis=1", NO},
      {"Unsqueeze|x minus|u;DFT|u|y|axis=0", YES},
      {"ArgMax|x|m|axis=2|keepdims=0;OneHot|m five values|y|axis=-1", NO},
      {"ArgMax|x|m|axis=2|keepdims=0;OneHot|m five values|o|axis=0;"
       "Softmax|o|y|axis=0",
       NO},
      {"ArgMax|x|m|axis=2|keepdims=0;OneHot|m five values|o|axis=0;"
       "Softmax|o|y|axis=1",
       YES},
      {"ArgMax|x|m|axis=2;ScatterElements|x m m2|y|axis=2;Cast|m|m2|to=1", NO},
      {"ArgMax|x|m|axis=2;ScatterElements|x m m2|y|axis=0;Cast|m|m2|to=1", YES},
      {"ReduceSum|x two|r|keepdims=0;ArgMax|r|m|axis=1|keepdims=0;"
       "SoftmaxCrossEntropyLoss|r m|l;Add|x l|y",
       YES}, // the mean of all
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    expect(&cases[i], 17, "n");
  }
}

static void a_batch_of_one_couples_nothing(void) {
  const one_case mean = {"ReduceMean|x|m|keepdims=1;Sub|x m|y", NO};
  expect(&mean, 13, "1");
  const one_case fixed = {"ReduceMean|x|m|keepdims=1;Sub|x m|y", YES};
  expect(&fixed, 13, "5");
}

static void before_opset_13_softmax_takes_all_from_its_axis_on(void) {
  const one_case all = {"Softmax|x|y|axis=0", YES};
  const one_case rest = {"Softmax|x|y|axis=1", NO};
  expect(&all, 11, "n");
  expect(&rest, 11, "n");
}

int main(void) {
  static const check_case cases[] = {
      CASE(models_are_told_apart),
      CASE(a_batch_of_one_couples_nothing),
      CASE(before_opset_13_softmax_takes_all_from_its_axis_on),
      {NULL, NULL},
  };
  return check_run("optimise/samples", cases);
}
