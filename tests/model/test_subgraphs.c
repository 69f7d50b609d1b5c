// Subgraphs, functions and constants of models made by hand: loaded, walked,
// and refused.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/model.h"
#include "op/walk.h"
#include "support/check.h"
#include "support/onnx.h"

static char path[] = "/tmp/test_subgraphs_XXXXXX";
static esp_arena *arena;

static void put(wire *into, int field, wire inner) {
  wire_message(into, field, &inner);
}
static void add(wire *graph, wire node) { onnx_add_node(graph, &node); }
static wire with(wire node, wire attribute) {
  put(&node, ONNX_ATTRIBUTE, attribute);
  return node;
}
static wire custom(wire node) {
  wire_text(&node, ONNX_DOMAIN, "custom");
  return node;
}

static esp_status load(wire *model, esp_graph **graph) {
  *graph = NULL;
  wire_write(model, path);
  wire_end(model);
  return esp_model_load(path, graph, NULL);
}

// Loads and runs a model over floats [n]; gives its first output.
static esp_status run(wire *model, const float *x, int n, esp_datum **out) {
  esp_graph *graph;
  esp_walk *walk = NULL;
  esp_datum *in = NULL, *outs[4] = {0};
  const esp_tensor tensor = {
      .type = ESP_FLOAT, .shape = {1, {n}}, .data = (void *)(uintptr_t)x};
  CHECK_OK(esp_datum_borrow(&tensor, &in));
  esp_status status = load(model, &graph);
  if (status == ESP_OK) status = esp_walk_create(graph, 1, &walk);
  for (int again = 0; again < 2 && status == ESP_OK; again++) {
    for (int i = 0; i < 4; i++) esp_datum_drop(outs[i]);
    memset(outs, 0, sizeof outs);
    status = esp_walk_run(walk, &in, arena, outs);
  }
  for (int i = 1; i < 4; i++) esp_datum_drop(outs[i]);
  esp_datum_drop(in);
  esp_walk_free(walk);
  if (status == ESP_OK && outs[0]->kind == ESP_KIND_TENSOR &&
      !outs[0]->owned) { // it lies in the graph
    esp_datum *copy;
    CHECK_OK(
        esp_datum_tensor(outs[0]->tensor.type, &outs[0]->tensor.shape, &copy));
    memcpy(copy->tensor.data, outs[0]->tensor.data,
           esp_tensor_bytes(&outs[0]->tensor));
    esp_datum_drop(outs[0]);
    outs[0] = copy;
  }
  esp_graph_free(graph);
  *out = outs[0];
  return status;
}

static void check_floats(wire *model, const float *x, int n, const float *want,
                         int count) {
  esp_datum *out = NULL;
  const esp_status status = run(model, x, n, &out);
  CHECK_OK(status);
  if (status == ESP_OK) {
    CU_ASSERT_EQUAL_FATAL(esp_shape_count(&out->tensor.shape), count);
    check_close(out->tensor.data, want, (size_t)count, 1e-6, 1e-6);
  }
  esp_datum_drop(out);
}

static wire graph_of_x(void) {
  wire graph = {0};
  put(&graph, ONNX_INPUT, onnx_value("x", 1, "n"));
  put(&graph, ONNX_OUTPUT, onnx_value("y", 1, NULL));
  return graph;
}

static wire branch(wire node, const char *output) {
  wire graph = {0};
  add(&graph, node);
  put(&graph, ONNX_OUTPUT, onnx_value(output, 1, NULL));
  return graph;
}

// x is summed; a branch doubles or negates x, read from outside.
static wire choice_of(wire then_branch, wire else_branch) {
  static const float zero[] = {0};
  wire graph = graph_of_x();
  put(&graph, ONNX_INITIALIZER, onnx_floats("zero", zero, 1));
  add(&graph, with(onnx_node("ReduceSum", "x", "s"),
                   onnx_attribute_int("keepdims", 1)));
  add(&graph, onnx_node("Greater", "s zero", "c"));
  add(&graph, with(with(onnx_node("If", "c", "y"),
                        onnx_attribute_graph("then_branch", &then_branch)),
                   onnx_attribute_graph("else_branch", &else_branch)));
  return graph;
}

static void branches_read_outer_values(void) {
  static const float up[] = {1, 2}, down[] = {-1, -2};
  static const float twice[] = {2, 4}, negated[] = {1, 2};
  for (int k = 0; k < 2; k++) {
    wire graph = choice_of(branch(onnx_node("Add", "x x", "t"), "t"),
                           branch(onnx_node("Neg", "x", "e"), "e"));
    wire model = onnx_model(&graph, 13);
    check_floats(&model, k == 0 ? up : down, 2, k == 0 ? twice : negated, 2);
  }
}

// An If in an If: the inner branches read x through two graphs.
static void nested_branches_read_outer_values(void) {
  static const float x[] = {1, 2}, want[] = {2, 4};
  wire inner_then = branch(onnx_node("Add", "x x", "t"), "t");
  wire inner_else = branch(onnx_node("Neg", "x", "e"), "e");
  wire nested = with(with(onnx_node("If", "c", "u"),
                          onnx_attribute_graph("then_branch", &inner_then)),
                     onnx_attribute_graph("else_branch", &inner_else));
  wire graph =
      choice_of(branch(nested, "u"), branch(onnx_node("Neg", "x", "e"), "e"));
  wire model = onnx_model(&graph, 13);
  check_floats(&model, x, 2, want, 2);
}

static void a_branch_may_give_an_outer_value_back(void) {
  static const float x[] = {1, 2};
  wire same = {0};
  put(&same, ONNX_OUTPUT, onnx_value("x", 1, NULL));
  wire graph = choice_of(same, branch(onnx_node("Neg", "x", "e"), "e"));
  wire model = onnx_model(&graph, 13);
  check_floats(&model, x, 2, x, 2);
}

static void an_unknown_name_in_a_branch_is_refused(void) {
  esp_graph *loaded;
  wire graph = choice_of(branch(onnx_node("Add", "x nowhere", "t"), "t"),
                         branch(onnx_node("Neg", "x", "e"), "e"));
  wire model = onnx_model(&graph, 13);
  CHECK_STATUS(load(&model, &loaded), ESP_BAD_INPUT);
  check_message("reads \"nowhere\", which nothing makes");
  check_message("then_branch");
}

static void a_branch_with_too_few_outputs_is_refused(void) {
  static const float x[] = {1, 2};
  esp_datum *out = NULL;
  wire two = branch(onnx_node("Add", "x x", "t"), "t");
  put(&two, ONNX_OUTPUT, onnx_value("x", 1, NULL));
  wire graph = choice_of(two, branch(onnx_node("Neg", "x", "e"), "e"));
  wire model = onnx_model(&graph, 13);
  CHECK_STATUS(run(&model, x, 2, &out), ESP_BAD_INPUT);
  check_message("0 inputs and 2 outputs, expected 0 and 1");
  check_message("If");
}

// Runs y = f(x) with the function given.
static wire calling(wire call, wire function) {
  wire graph = graph_of_x();
  add(&graph, custom(call));
  wire model = onnx_model(&graph, 13);
  put(&model, ONNX_FUNCTION, function);
  return model;
}

static void function_node(wire *function, wire node) {
  put(function, ONNX_FUNCTION_NODE, node);
}

static void functions_are_put_in_place(void) {
  static const float x[] = {1, 2}, want[] = {4, 8};
  wire function = onnx_function("Four", "a", "b");
  function_node(&function, onnx_node("Add", "a a", "y")); // the caller's name
  function_node(&function, onnx_node("Add", "y y", "b"));
  wire model = calling(onnx_node("Four", "x", "y"), function);
  check_floats(&model, x, 2, want, 2);
}

static void functions_take_attributes(void) {
  static const float x[] = {-1, 2}, want[] = {-0.5f, 2}, plain[] = {-0.25f, 2};
  for (int given = 0; given < 2; given++) {
    wire function = onnx_function("Leaky", "a", "b");
    function_node(&function, with(onnx_node("LeakyRelu", "a", "b"),
                                  onnx_attribute_ref("alpha", "slope")));
    put(&function, 11, onnx_attribute_float("slope", 0.25f)); // its default
    wire call = onnx_node("Leaky", "x", "y");
    if (given) call = with(call, onnx_attribute_float("slope", 0.5f));
    wire model = calling(call, function);
    check_floats(&model, x, 2, given ? want : plain, 2);
  }
}

static void functions_pass_attributes_on(void) {
  static const float x[] = {-1, 2}, want[] = {-0.5f, 2};
  wire inner = onnx_function("Inner", "a", "b");
  function_node(&inner, with(onnx_node("LeakyRelu", "a", "b"),
                             onnx_attribute_ref("alpha", "slope")));
  wire outer = onnx_function("Outer", "a", "b");
  function_node(&outer, custom(with(onnx_node("Inner", "a", "b"),
                                    onnx_attribute_ref("slope", "lean"))));
  wire model = calling(
      with(onnx_node("Outer", "x", "y"), onnx_attribute_float("lean", 0.5f)),
      outer);
  put(&model, ONNX_FUNCTION, inner);
  check_floats(&model, x, 2, want, 2);
}

static void a_function_may_give_its_input_back(void) {
  static const float x[] = {1, 2};
  wire function = onnx_function("Same", "a", "a");
  wire model = calling(onnx_node("Same", "x", "y"), function);
  check_floats(&model, x, 2, x, 2);
}

static void constants_in_functions_take_attributes(void) {
  static const float x[] = {1, 2}, want[] = {3, 4};
  wire function = onnx_function("Plus", "a", "b");
  function_node(&function, with(onnx_node("Constant", "", "k"),
                                onnx_attribute_ref("value_float", "k")));
  function_node(&function, onnx_node("Add", "a k", "b"));
  wire model =
      calling(with(onnx_node("Plus", "x", "y"), onnx_attribute_float("k", 2)),
              function);
  check_floats(&model, x, 2, want, 2);
}

static void functions_that_call_themselves_are_refused(void) {
  esp_graph *loaded;
  wire function = onnx_function("Self", "a", "b");
  function_node(&function, custom(onnx_node("Self", "a", "b")));
  wire model = calling(onnx_node("Self", "x", "y"), function);
  CHECK_STATUS(load(&model, &loaded), ESP_UNSUPPORTED);
  check_message("nested more than 100 deep");
}

// Each calls the next twice: 2^60 nodes in a file of 2 kB.
static void functions_that_grow_without_end_are_refused(void) {
  enum { FUNCTIONS = 60 };
  esp_graph *loaded;
  wire graph = graph_of_x();
  add(&graph, custom(onnx_node("f0", "x", "y")));
  wire model = onnx_model(&graph, 13);
  for (int f = 0; f < FUNCTIONS; f++) {
    char name[16], next[16];
    (void)snprintf(name, sizeof name, "f%d", f);
    (void)snprintf(next, sizeof next, "f%d", f + 1);
    wire function = onnx_function(name, "a", "b");
    function_node(&function, custom(onnx_node(next, "a", "m")));
    function_node(&function, custom(onnx_node(next, "m", "b")));
    put(&model, ONNX_FUNCTION, function);
  }
  wire last = onnx_function("f60", "a", "b");
  function_node(&last, onnx_node("Neg", "a", "b"));
  put(&model, ONNX_FUNCTION, last);
  CHECK_STATUS(load(&model, &loaded), ESP_UNSUPPORTED);
  check_message("more than 1048576 nodes");
}

static void a_first_output_may_be_left_out(void) {
  static const float x[] = {5, -3, 4};
  wire graph = {0};
  static const int64_t one[] = {1};
  esp_datum *out = NULL;
  put(&graph, ONNX_INPUT, onnx_value("x", 1, "n"));
  put(&graph, ONNX_INITIALIZER, onnx_ints("axes", one, 1));
  put(&graph, ONNX_NODE, onnx_node("Unsqueeze", "x axes", "u"));
  put(&graph, ONNX_NODE, onnx_node("Unsqueeze", "u axes", "v"));
  const int64_t window[] = {1};
  wire kernel = {0};
  wire_text(&kernel, 1, "kernel_shape");
  wire_int(&kernel, 20, 7);
  wire_int(&kernel, 8, window[0]);
  put(&graph, ONNX_NODE, with(onnx_node("MaxPool", "v", "- y"), kernel));
  put(&graph, ONNX_OUTPUT, onnx_value("y", ESP_INT64, NULL));
  wire model = onnx_model(&graph, 13);
  CHECK_OK(run(&model, x, 3, &out));
  for (int i = 0; out != NULL && i < 3; i++) {
    CU_ASSERT_EQUAL(((const int64_t *)out->tensor.data)[i], i);
  }
  esp_datum_drop(out);
}

static wire adding_constant(wire attribute) {
  wire graph = graph_of_x();
  add(&graph, with(onnx_node("Constant", "", "k"), attribute));
  add(&graph, onnx_node("Add", "x k", "y"));
  return onnx_model(&graph, 13);
}

static wire sparse_tensor(int64_t index) {
  static const float values[] = {5};
  const int64_t dims = 3;
  wire sparse = {0};
  put(&sparse, 1, onnx_floats("k", values, 1));
  put(&sparse, 2, onnx_ints("", &index, 1));
  wire_int(&sparse, 3, dims);
  return sparse;
}

static void sparse_constants_are_made_dense(void) {
  static const float x[] = {1, 2, 3}, want[] = {1, 7, 3};
  wire attribute = {0};
  wire_text(&attribute, 1, "sparse_value");
  wire_int(&attribute, 20, 11);
  put(&attribute, 22, sparse_tensor(1));
  wire model = adding_constant(attribute);
  check_floats(&model, x, 3, want, 3);
}

static void sparse_initializers_are_made_dense(void) {
  static const float x[] = {1, 2, 3}, want[] = {1, 2, 8};
  wire graph = graph_of_x();
  put(&graph, ONNX_SPARSE, sparse_tensor(2));
  add(&graph, onnx_node("Add", "x k", "y"));
  wire model = onnx_model(&graph, 13);
  check_floats(&model, x, 3, want, 3);
}

static void sparse_indices_outside_are_refused(void) {
  esp_graph *loaded;
  for (int64_t index = -1; index <= 3; index += 4) {
    wire graph = graph_of_x();
    put(&graph, ONNX_SPARSE, sparse_tensor(index));
    add(&graph, onnx_node("Add", "x k", "y"));
    wire model = onnx_model(&graph, 13);
    CHECK_STATUS(load(&model, &loaded), ESP_BAD_INPUT);
    check_message("sparse tensor \"k\": index 0 is outside");
  }
}

static void put_entry(wire *tensor, const char *key, const char *value) {
  wire entry = {0};
  wire_text(&entry, 1, key);
  wire_text(&entry, 2, value);
  wire_message(tensor, 13, &entry);
}

// y = x + k, k float [2] in another file.
static wire model_of_external(const char *location, const char *offset) {
  wire graph = graph_of_x(), k = {0};
  wire_int(&k, 1, 2);
  wire_int(&k, 2, ESP_FLOAT);
  wire_text(&k, 8, "k");
  put_entry(&k, "location", location);
  put_entry(&k, "offset", offset);
  wire_int(&k, 14, 1);
  put(&graph, ONNX_INITIALIZER, k);
  add(&graph, onnx_node("Add", "x k", "y"));
  return onnx_model(&graph, 13);
}

// Elements that do not lie on their own boundary are copied to one.
static void external_data_may_lie_anywhere(void) {
  static const float x[] = {1, 2}, k[] = {10, 20}, want[] = {11, 22};
  char data[64];
  for (int offset = 0; offset < 3; offset++) {
    char number[16];
    static const unsigned char before[3] = {0};
    (void)snprintf(data, sizeof data, "%s.data", path);
    (void)snprintf(number, sizeof number, "%d", offset);
    FILE *out = fopen(data, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    (void)fwrite(before, 1, (size_t)offset, out);
    (void)fwrite(k, 1, sizeof k, out);
    (void)fclose(out);
    wire model = model_of_external(strrchr(data, '/') + 1, number);
    check_floats(&model, x, 2, want, 2);
  }
  (void)unlink(data);
}

static uint64_t hash_with_external(const char *data, float last) {
  const float k[] = {10, last};
  FILE *out = fopen(data, "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  (void)fwrite(k, 1, sizeof k, out);
  (void)fclose(out);
  wire model = model_of_external(strrchr(data, '/') + 1, "0");
  esp_graph *graph = NULL;
  esp_model_info info = {0};
  wire_write(&model, path);
  wire_end(&model);
  CHECK_OK(esp_model_load(path, &graph, &info));
  esp_graph_free(graph);
  return info.hash;
}

// The file of the model is the same; what it computes is not.
static void external_data_count_for_the_hash(void) {
  char data[64];
  (void)snprintf(data, sizeof data, "%s.data", path);
  const uint64_t hash = hash_with_external(data, 20);
  CU_ASSERT_EQUAL(hash_with_external(data, 20), hash);
  CU_ASSERT_NOT_EQUAL(hash_with_external(data, 21), hash);
  (void)unlink(data);
}

static void external_data_elsewhere_are_refused(void) {
  char data[64];
  (void)snprintf(data, sizeof data, "%s.pipe", path);
  const char *pipe = strrchr(data, '/') + 1;
  const struct {
    const char *location, *offset, *message;
  } wrong[] = {
      {"/etc/hostname", "0", "expected a path inside the model's folder"},
      {"../etc/hostname", "0", "expected a path inside the model's folder"},
      {"a/../../b", "0", "expected a path inside the model's folder"},
      {"no..where", "0", "no..where is missing or shorter than 8 bytes"},
      {"no", "18446744073709551615", "no is missing"},
      {pipe, "0", "is missing or shorter"}, // nobody writes: no waiting
  };
  CU_ASSERT_EQUAL_FATAL(mkfifo(data, 0600), 0);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    esp_graph *loaded;
    wire model = model_of_external(wrong[i].location, wrong[i].offset);
    CHECK_STATUS(load(&model, &loaded), ESP_BAD_INPUT);
    check_message(wrong[i].message);
  }
  (void)unlink(data);
}

static void dimensions_of_one_name_must_agree(void) {
  static const float x[] = {1, 2, 3};
  esp_graph *graph;
  wire w = graph_of_x();
  put(&w, ONNX_INPUT, onnx_value("z", 1, "n"));
  add(&w, onnx_node("Add", "x z", "y"));
  wire model = onnx_model(&w, 13);
  CHECK_OK(load(&model, &graph));
  const esp_tensor three = {.type = ESP_FLOAT, .shape = {1, {3}}};
  const esp_tensor one = {.type = ESP_FLOAT, .shape = {1, {1}}};
  const esp_tensor *given[] = {&three, &one};
  (void)x;
  CHECK_STATUS(esp_graph_check_inputs(graph, given), ESP_BAD_INPUT);
  check_message("dimension 0 of input \"x\" is 3 and dimension 0 of input "
                "\"z\" is 1, the model names both \"n\"");
  given[1] = &three;
  CHECK_OK(esp_graph_check_inputs(graph, given));
  esp_graph_free(graph);
}

static void maps_are_refused_by_name(void) {
  esp_graph *loaded;
  wire graph = {0}, info = {0}, type = {0}, map = {0};
  wire_int(&map, 1, ESP_INT64);
  wire_message(&type, 5, &map);
  wire_text(&info, 1, "table");
  wire_message(&info, 2, &type);
  wire_message(&graph, ONNX_INPUT, &info);
  add(&graph, onnx_node("Identity", "table", "y"));
  put(&graph, ONNX_OUTPUT, onnx_value("y", 1, NULL));
  wire model = onnx_model(&graph, 13);
  CHECK_STATUS(load(&model, &loaded), ESP_UNSUPPORTED);
  check_message("input \"table\": it is a map, which is not supported");
}

static void all_missing_operators_are_named(void) {
  esp_graph *loaded;
  wire inside = branch(onnx_node("Unheard", "x", "t"), "t");
  wire graph = choice_of(inside, branch(onnx_node("Neg", "x", "e"), "e"));
  add(&graph, custom(onnx_node("Of", "x", "of")));
  add(&graph, onnx_node("espalier:Reorder", "x", "r"));
  wire model = onnx_model(&graph, 13);
  CHECK_STATUS(load(&model, &loaded), ESP_UNSUPPORTED);
  check_message("Unheard (node Unheard_0), custom:Of (node Of_3), "
                "espalier:Reorder (node espalier:Reorder_4)");
}

int main(void) {
  static const check_case cases[] = {
      CASE(branches_read_outer_values),
      CASE(nested_branches_read_outer_values),
      CASE(a_branch_may_give_an_outer_value_back),
      CASE(an_unknown_name_in_a_branch_is_refused),
      CASE(a_branch_with_too_few_outputs_is_refused),
      CASE(functions_are_put_in_place),
      CASE(functions_take_attributes),
      CASE(functions_pass_attributes_on),
      CASE(a_function_may_give_its_input_back),
      CASE(constants_in_functions_take_attributes),
      CASE(functions_that_call_themselves_are_refused),
      CASE(functions_that_grow_without_end_are_refused),
      CASE(a_first_output_may_be_left_out),
      CASE(sparse_constants_are_made_dense),
      CASE(sparse_initializers_are_made_dense),
      CASE(sparse_indices_outside_are_refused),
      CASE(external_data_may_lie_anywhere),
      CASE(external_data_count_for_the_hash),
      CASE(external_data_elsewhere_are_refused),
      CASE(dimensions_of_one_name_must_agree),
      CASE(maps_are_refused_by_name),
      CASE(all_missing_operators_are_named),
      {NULL, NULL},
  };
  if (mkstemp(path) < 0 || esp_arena_create(&arena) != ESP_OK) return 1;
  const int result = check_run("model/subgraphs", cases);
  esp_arena_free(arena);
  (void)unlink(path);
  return result;
}
