// An If that only asks for shapes is planned; one that asks for data is not.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "op/op.h"
#include "optimise/optimise.h"
#include "support/check.h"
#include "support/onnx.h"

static char path[] = "/tmp/test_branch_XXXXXX";

static void put(wire *into, int field, wire inner) {
  wire_message(into, field, &inner);
}
static wire with(wire node, wire attribute) {
  put(&node, ONNX_ATTRIBUTE, attribute);
  return node;
}

// y, z = c ? (x + x, the same) : (x, a constant), and w = -y; `condition` is
// the node that makes c.
static esp_graph *load(wire condition) {
  static const int64_t two[] = {2};
  static const float k[] = {5};
  wire graph = {0}, yes = {0}, no = {0};
  put(&graph, ONNX_INPUT, onnx_value("x", 1, "n"));
  put(&graph, ONNX_INITIALIZER, onnx_ints("two", two, 1));
  put(&graph, ONNX_NODE, onnx_node("Shape", "x", "s"));
  put(&graph, ONNX_NODE, condition);
  put(&yes, ONNX_NODE, onnx_node("Add", "x x", "t"));
  put(&yes, ONNX_OUTPUT, onnx_value("t", 1, NULL));
  put(&yes, ONNX_OUTPUT, onnx_value("t", 1, NULL));
  put(&no, ONNX_INITIALIZER, onnx_floats("k", k, 1));
  put(&no, ONNX_OUTPUT, onnx_value("x", 1, NULL));
  put(&no, ONNX_OUTPUT, onnx_value("k", 1, NULL));
  put(&graph, ONNX_NODE,
      with(with(onnx_node("If", "c", "y z"),
                onnx_attribute_graph("then_branch", &yes)),
           onnx_attribute_graph("else_branch", &no)));
  put(&graph, ONNX_NODE, onnx_node("Neg", "y", "w"));
  put(&graph, ONNX_OUTPUT, onnx_value("w", 1, NULL));
  put(&graph, ONNX_OUTPUT, onnx_value("z", 1, NULL));
  wire model = onnx_model(&graph, 13);
  wire_write(&model, path);
  wire_end(&model);
  esp_graph *loaded = NULL;
  CHECK_OK(esp_model_load(path, &loaded, NULL));
  return loaded;
}

static esp_status optimise(const esp_graph *model, int64_t length,
                           esp_graph **ready) {
  const esp_tensor x = {.type = ESP_FLOAT, .shape = {1, {length}}};
  const esp_tensor *given[] = {&x};
  const esp_optimise_options how = {.batch = 1, .input = given, .plain = true};
  return esp_optimise(model, &how, ready);
}

static int count(const esp_graph *graph, const char *op_type) {
  int found = 0;
  for (int n = 0; n < graph->nnode; n++) {
    found += strcmp(graph->node[n].op_type, op_type) == 0;
  }
  return found;
}

static void the_branch_that_shapes_choose_takes_the_place(void) {
  esp_graph *model = load(onnx_node("Equal", "s two", "c"));
  for (int64_t length = 2; length <= 3; length++) {
    esp_graph *ready = NULL;
    CHECK_OK(optimise(model, length, &ready));
    CU_ASSERT_EQUAL(count(ready, "If"), 0);
    CU_ASSERT_EQUAL(count(ready, "Add"), length == 2 ? 1 : 0);
    CU_ASSERT_EQUAL(count(ready, "Neg"), 1);
    const esp_tensor *z = &ready->value[ready->output[1]].tensor;
    CU_ASSERT_EQUAL(z->shape.dim[0], length == 2 ? 2 : 1);
    CHECK_OK(esp_graph_check(ready));
    esp_graph_free(ready);
  }
  esp_graph_free(model);
}

static void a_branch_that_data_choose_is_not_planned(void) {
  esp_graph *ready = NULL;
  esp_graph *model = load(onnx_node("Greater", "x x", "c"));
  CHECK_STATUS(optimise(model, 1, &ready), ESP_UNSUPPORTED);
  check_message("node If_2 (If): what it gives is known only while the model "
                "runs");
  esp_graph_free(model);
}

int main(void) {
  static const check_case cases[] = {
      CASE(the_branch_that_shapes_choose_takes_the_place),
      CASE(a_branch_that_data_choose_is_not_planned),
      {NULL, NULL},
  };
  if (mkstemp(path) < 0) return 1;
  const int result = check_run("optimise/branch", cases);
  (void)unlink(path);
  return result;
}
