// Derivatives of models against differences of their values.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "op/walk.h"
#include "support/check.h"
#include "support/onnx.h"

static char path[] = "/tmp/test_gradient_XXXXXX";
static esp_arena *arena;

static void put(wire *into, int field, wire inner) {
  wire_message(into, field, &inner);
}
static void add(wire *graph, const char *op, const char *in, const char *out) {
  put(graph, ONNX_NODE, onnx_node(op, in, out));
}

// A Gradient node; names are separated by spaces.
static wire gradient(const char *in, const char *out, const char *xs,
                     const char *zs, const char *y) {
  wire node = onnx_node("Gradient", in, out);
  wire_text(&node, ONNX_DOMAIN, "ai.onnx.preview.training");
  const char *const lists[] = {xs, zs}, *const names[] = {"xs", "zs"};
  for (int k = 0; k < 2; k++) {
    wire list = {0};
    char *copy = strdup(lists[k]), *rest = NULL;
    wire_text(&list, 1, names[k]);
    wire_int(&list, 20, 8);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
      wire_text(&list, 9, word);
    }
    free(copy);
    put(&node, ONNX_ATTRIBUTE, list);
  }
  put(&node, ONNX_ATTRIBUTE, onnx_attribute_text("y", y));
  return node;
}

// y of x [2,2] and z [2], and its derivatives by both.
static wire busy_graph(void) {
  wire graph = {0};
  put(&graph, ONNX_INPUT, onnx_value("x", ESP_DOUBLE, "2 2"));
  put(&graph, ONNX_INPUT, onnx_value("z", ESP_DOUBLE, "2"));
  add(&graph, "Mul", "x z", "a");
  add(&graph, "Tanh", "a", "b");
  add(&graph, "Sigmoid", "b", "c");
  add(&graph, "MatMul", "c x", "d");
  add(&graph, "Exp", "d", "e");
  add(&graph, "Sqrt", "e", "f");
  add(&graph, "Log", "f", "g");
  add(&graph, "Div", "g e", "h");
  add(&graph, "Relu", "x", "i");
  add(&graph, "Sub", "h i", "j");
  add(&graph, "Neg", "j", "k");
  add(&graph, "Sum", "k x z k", "l");
  add(&graph, "Identity", "l", "y");
  put(&graph, ONNX_OUTPUT, onnx_value("y", ESP_DOUBLE, NULL));
  return graph;
}

static esp_status load(wire *graph, esp_graph **loaded) {
  wire model = onnx_model(graph, 15);
  *loaded = NULL;
  wire_write(&model, path);
  wire_end(&model);
  return esp_model_load(path, loaded, NULL);
}

static esp_datum *doubles(int ndim, const double *x, int64_t count) {
  const esp_shape shape = {ndim, {2, count / 2}};
  esp_datum *made = NULL;
  CHECK_OK(esp_datum_tensor(ESP_DOUBLE, &shape, &made));
  memcpy(made->tensor.data, x, (size_t)count * sizeof *x);
  return made;
}

// Runs the walk over the six numbers x and z; gives the outputs.
static void run(esp_walk *walk, const double v[6], esp_datum *out[3]) {
  esp_datum *in[] = {doubles(2, v, 4), doubles(1, v + 4, 2)};
  CHECK_OK(esp_walk_run(walk, in, arena, out));
  esp_datum_drop_all(in, 2);
}

static double sum_of(const esp_datum *datum) {
  double sum = 0;
  for (int64_t i = 0; i < esp_shape_count(&datum->tensor.shape); i++) {
    sum += ((const double *)datum->tensor.data)[i];
  }
  return sum;
}

static const double at[6] = {0.3, -0.7, 1.1, 0.4, 0.9, -1.3};

// Checks outputs 1 and 2, derivatives at `point`, against differences of
// output 0 there.
static void check_slopes(esp_walk *walk, const double point[6],
                         esp_datum *const slopes[3]) {
  static const double h = 1e-5; // the error is about h^2
  for (int i = 0; i < 6; i++) {
    double moved[6], sums[2];
    for (int k = 0; k < 2; k++) {
      esp_datum *out[3] = {0};
      memcpy(moved, point, sizeof moved);
      moved[i] += k == 0 ? h : -h;
      run(walk, moved, out);
      sums[k] = sum_of(out[0]);
      esp_datum_drop_all(out, 3);
    }
    const esp_datum *slope = slopes[i < 4 ? 1 : 2];
    const double got = ((const double *)slope->tensor.data)[i < 4 ? i : i - 4];
    CU_ASSERT_DOUBLE_EQUAL(got, (sums[0] - sums[1]) / (2 * h), 1e-7);
  }
}

static void derivatives_are_limits_of_differences(void) {
  esp_graph *loaded;
  esp_walk *walk = NULL;
  esp_datum *out[3] = {0};
  wire graph = busy_graph();
  put(&graph, ONNX_NODE, gradient("x z", "dx dz", "x z", "", "y"));
  put(&graph, ONNX_OUTPUT, onnx_value("dx", ESP_DOUBLE, NULL));
  put(&graph, ONNX_OUTPUT, onnx_value("dz", ESP_DOUBLE, NULL));
  CHECK_OK(load(&graph, &loaded));
  CHECK_OK(esp_walk_create(loaded, 1, &walk));
  run(walk, at, out);
  check_slopes(walk, at, out);
  esp_datum_drop_all(out, 3);
  esp_walk_free(walk);
  esp_graph_free(loaded);
}

// The inputs of the node are where the derivative is taken: -x and z here.
static void derivatives_may_be_taken_elsewhere(void) {
  esp_graph *loaded;
  esp_walk *walk = NULL;
  esp_datum *out[3] = {0};
  wire graph = busy_graph();
  add(&graph, "Neg", "x", "m");
  put(&graph, ONNX_NODE, gradient("m z", "dx dz", "x z", "", "y"));
  put(&graph, ONNX_OUTPUT, onnx_value("dx", ESP_DOUBLE, NULL));
  put(&graph, ONNX_OUTPUT, onnx_value("dz", ESP_DOUBLE, NULL));
  CHECK_OK(load(&graph, &loaded));
  CHECK_OK(esp_walk_create(loaded, 1, &walk));
  run(walk, at, out);
  double there[6];
  for (int i = 0; i < 6; i++) there[i] = i < 4 ? -at[i] : at[i];
  check_slopes(walk, there, out);
  esp_datum_drop_all(out, 3);
  esp_walk_free(walk);
  esp_graph_free(loaded);
}

// By a value that y does not depend on, and past zs, which are held fixed.
static void what_does_not_vary_has_no_derivative(void) {
  esp_graph *loaded;
  esp_walk *walk = NULL;
  esp_datum *out[3] = {0};
  wire graph = busy_graph();
  add(&graph, "Mul", "x z", "v");
  put(&graph, ONNX_NODE, gradient("x v", "dx", "x", "v", "v"));
  put(&graph, ONNX_OUTPUT, onnx_value("dx", ESP_DOUBLE, NULL));
  CHECK_OK(load(&graph, &loaded));
  CHECK_OK(esp_walk_create(loaded, 1, &walk));
  run(walk, at, out);
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(((const double *)out[1]->tensor.data)[i], 0);
  }
  esp_datum_drop_all(out, 3);
  esp_walk_free(walk);
  esp_graph_free(loaded);
}

static void an_unknown_derivative_is_refused(void) {
  esp_graph *loaded;
  wire graph = busy_graph();
  add(&graph, "Softmax", "y", "v");
  put(&graph, ONNX_NODE, gradient("x", "dx", "x", "", "v"));
  CHECK_STATUS(load(&graph, &loaded), ESP_UNSUPPORTED);
  check_message("node Gradient_14 (Gradient): the derivative of Softmax "
                "(node Softmax_13)");
}

static void an_unknown_name_is_refused(void) {
  esp_graph *loaded;
  wire graph = busy_graph();
  put(&graph, ONNX_NODE, gradient("x", "dx", "nowhere", "", "y"));
  CHECK_STATUS(load(&graph, &loaded), ESP_BAD_INPUT);
  check_message("xs names \"nowhere\", which nothing makes");
}

int main(void) {
  static const check_case cases[] = {
      CASE(derivatives_are_limits_of_differences),
      CASE(derivatives_may_be_taken_elsewhere),
      CASE(what_does_not_vary_has_no_derivative),
      CASE(an_unknown_derivative_is_refused),
      CASE(an_unknown_name_is_refused),
      {NULL, NULL},
  };
  if (mkstemp(path) < 0 || esp_arena_create(&arena) != ESP_OK) return 1;
  const int result = check_run("model/gradient", cases);
  esp_arena_free(arena);
  (void)unlink(path);
  return result;
}
