// Graphs that are walked: shapes from data, branches, loops, sequences.
#include "op/walk.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static esp_arena *arena;
static esp_graph *graph;
static int opset; // of every node

static void begin(void) { CHECK_OK(esp_graph_create(&graph)); }

static int value(const char *name) {
  const esp_tensor unknown = {0};
  int v = -1;
  CHECK_OK(esp_graph_add_value(graph, name, &unknown, &v));
  return v;
}

static int input(esp_dtype type) {
  const esp_tensor open = {.type = type};
  int v = -1;
  CHECK_OK(esp_graph_add_value(graph, "in", &open, &v));
  graph->value[v].any_shape = true;
  CHECK_OK(esp_graph_add_input(graph, v));
  return v;
}

static int whole(const int64_t *numbers, int count) {
  esp_tensor t = {.type = ESP_INT64, .shape = {count > 0, {count}}};
  int v = -1;
  CHECK_OK(esp_arena_copy(graph->arena, numbers,
                          (size_t)(count > 0 ? count : 1) * sizeof *numbers,
                          &t.data));
  CHECK_OK(esp_graph_add_constant(graph, "whole", &t, &v));
  return v;
}

static int scalar(int64_t number) { return whole(&number, 0); }

static int node(const char *op_type, int nin, const int *in) {
  int n, out = value(op_type);
  CHECK_OK(esp_graph_add_node(graph, op_type, op_type, esp_op_find(op_type),
                              opset, in, nin, &out, 1, &n));
  return out;
}
static int node1(const char *op_type, int a) { return node(op_type, 1, &a); }
static int node2(const char *op_type, int a, int b) {
  const int in[] = {a, b};
  return node(op_type, 2, in);
}
static int node3(const char *op_type, int a, int b, int c) {
  const int in[] = {a, b, c};
  return node(op_type, 3, in);
}

static void attribute(const char *name, int64_t number) {
  const esp_attribute a = {
      .name = name, .kind = ESP_ATTRIBUTE_INT, .i = number};
  CHECK_OK(esp_graph_add_attribute(graph, graph->nnode - 1, &a));
}

static void output(int v) { CHECK_OK(esp_graph_add_output(graph, v)); }

static esp_datum *floats(const float *x, int rows, int columns) {
  const esp_shape shape = {2, {rows, columns}};
  esp_datum *made = NULL;
  CHECK_OK(esp_datum_tensor(ESP_FLOAT, &shape, &made));
  memcpy(made->tensor.data, x, (size_t)rows * (size_t)columns * sizeof *x);
  return made;
}

// One run of the graph over one input; the result is dropped by the caller.
static esp_status run(esp_walk *walk, esp_datum *in, esp_datum **out) {
  *out = NULL;
  const esp_status status = esp_walk_run(walk, &in, arena, out);
  esp_datum_drop(in);
  return status;
}

static esp_walk *open_walk(void) {
  esp_walk *walk = NULL;
  CHECK_OK(esp_graph_check(graph));
  CHECK_OK(esp_walk_create(graph, 1, &walk));
  return walk;
}

static void end(esp_walk *walk) {
  esp_walk_free(walk);
  esp_graph_free(graph);
  graph = NULL;
}

static int64_t number_of(const esp_datum *datum) {
  CU_ASSERT_EQUAL_FATAL(datum->kind, ESP_KIND_TENSOR);
  CU_ASSERT_EQUAL_FATAL(datum->tensor.type, ESP_INT64);
  return *(const int64_t *)datum->tensor.data;
}

static const float six[] = {1, 2, 3, 4, 5, 6};

// Reshape to a shape that is computed: [columns, rows] of what comes.
static void shapes_may_depend_on_data(void) {
  static const int64_t turned[] = {1, 0};
  begin();
  const int x = input(ESP_FLOAT);
  const int shape = node1("Shape", x);
  output(node2("Reshape", x, node2("Gather", shape, whole(turned, 2))));
  esp_walk *walk = open_walk();
  for (int rows = 1; rows <= 3; rows++) {
    esp_datum *out;
    CHECK_OK(run(walk, floats(six, rows, 2), &out));
    const esp_shape want = {2, {2, rows}};
    CU_ASSERT(esp_shape_equal(&out->tensor.shape, &want));
    check_same_bytes(out->tensor.data, six, 2 * (size_t)rows * sizeof *six);
    esp_datum_drop(out);
  }
  end(walk);
}

// What is prepared for one shape must not be used for another.
static void changing_shapes_prepare_again(void) {
  begin();
  const int x = input(ESP_FLOAT);
  output(node2("MatMul", node1("Transpose", x), x));
  esp_walk *walk = open_walk();
  static const int rows[] = {3, 3, 1, 2, 3};
  static const float first[] = {35, 35, 1, 10, 35}; // 1, 1 + 9, 1 + 9 + 25
  for (int i = 0; i < 5; i++) {
    esp_datum *out;
    CHECK_OK(run(walk, floats(six, rows[i], 2), &out));
    check_close(out->tensor.data, &first[i], 1, 1e-6, 0);
    esp_datum_drop(out);
  }
  end(walk);
}

static void sequences_are_inserted_into_and_erased_from(void) {
  begin();
  const int x = input(ESP_FLOAT);
  const int empty = node("SequenceEmpty", 0, NULL);
  const int one = node2("SequenceInsert", empty, x);
  const int two = node3("SequenceInsert", one, node1("Neg", x), scalar(0));
  const int back = node2("SequenceErase", two, scalar(-1));
  output(node2("SequenceAt", back, scalar(0)));
  output(node1("SequenceLength", two));
  output(node1("SequenceLength", back));
  esp_walk *walk = open_walk();
  esp_datum *in = floats(six, 1, 2), *out[3];
  CHECK_OK(esp_walk_run(walk, &in, arena, out));
  CU_ASSERT_DOUBLE_EQUAL(((const float *)out[0]->tensor.data)[0], -1, 0);
  CU_ASSERT_EQUAL(number_of(out[1]), 2);
  CU_ASSERT_EQUAL(number_of(out[2]), 1);
  for (int i = 0; i < 3; i++) esp_datum_drop(out[i]);
  esp_datum_drop(in);
  end(walk);
}

static void refuse(esp_status want, const char *message) {
  esp_walk *walk = open_walk();
  esp_datum *out;
  CHECK_STATUS(run(walk, floats(six, 3, 2), &out), want);
  check_message(message);
  CHECK_STATUS(run(walk, floats(six, 3, 2), &out), want); // and again
  end(walk);
}

static void a_place_outside_of_a_sequence_is_refused(void) {
  begin();
  const int x = input(ESP_FLOAT);
  output(node2("SequenceAt", node1("SequenceConstruct", x), scalar(1)));
  refuse(ESP_BAD_INPUT, "node SequenceAt (SequenceAt): position 1 is outside "
                        "of a sequence of 1");
}

static void a_sequence_is_no_tensor(void) {
  begin();
  const int x = input(ESP_FLOAT);
  output(node1("Neg", node1("SequenceConstruct", x)));
  refuse(ESP_BAD_INPUT, "node Neg (Neg): input 0 (\"SequenceConstruct\") is a "
                        "sequence, not a tensor");
}

static void optionals_nest_only_so_deep(void) {
  begin();
  int x = input(ESP_FLOAT);
  for (int i = 0; i < 20; i++) x = node1("Optional", x);
  output(x);
  refuse(ESP_UNSUPPORTED, "values nested more than 16 deep");
}

static void what_is_cut_is_put_together_again(void) {
  static const int64_t sizes[] = {1, 0, 2};
  for (int k = 0; k < 3; k++) {
    begin();
    const int x = input(ESP_FLOAT);
    int cut;
    if (k == 0) {
      cut = node1("SplitToSequence", x);
      attribute("axis", 0);
    } else if (k == 1) {
      cut = node2("SplitToSequence", x, scalar(2));
      attribute("axis", -2);
    } else {
      cut = node2("SplitToSequence", x, whole(sizes, 3));
    }
    const int joined = node1("ConcatFromSequence", cut);
    attribute("axis", 0);
    output(joined);
    output(node1("SequenceLength", cut));
    esp_walk *walk = open_walk();
    esp_datum *in = floats(six, 3, 2), *out[2];
    CHECK_OK(esp_walk_run(walk, &in, arena, out));
    CU_ASSERT(esp_shape_equal(&out[0]->tensor.shape, &in->tensor.shape));
    check_same_bytes(out[0]->tensor.data, six, sizeof six);
    CU_ASSERT_EQUAL(number_of(out[1]), k == 1 ? 2 : 3);
    esp_datum_drop(out[0]);
    esp_datum_drop(out[1]);
    esp_datum_drop(in);
    end(walk);
  }
}

static void slices_are_joined_along_a_new_axis(void) {
  begin();
  const int x = input(ESP_FLOAT);
  const int cut = node1("SplitToSequence", x);
  attribute("axis", 1);
  attribute("keepdims", 0);
  output(node1("ConcatFromSequence", cut));
  attribute("axis", 1);
  attribute("new_axis", 1);
  esp_walk *walk = open_walk();
  esp_datum *out;
  CHECK_OK(run(walk, floats(six, 3, 2), &out));
  check_same_bytes(out->tensor.data, six, sizeof six);
  esp_datum_drop(out);
  end(walk);
}

static void wrong_sizes_of_a_cut_are_refused(void) {
  static const int64_t sizes[] = {1, 1};
  begin();
  const int x = input(ESP_FLOAT);
  output(node2("SplitToSequence", x, whole(sizes, 2)));
  refuse(ESP_BAD_INPUT, "the sizes of split do not add up to 3");
}

// The body of loops: inputs i, go, v; outputs go, v + x, v, with x from
// outside.
static esp_graph *adding_body(bool scans) {
  esp_graph *outer = graph;
  begin();
  (void)input(ESP_INT64);
  const int go = input(ESP_BOOL), v = input(ESP_FLOAT), x = value("x");
  CHECK_OK(esp_graph_add_capture(graph, x, 3));
  output(node1("Identity", go));
  output(node2("Add", v, x));
  if (scans) output(node1("Identity", v));
  CHECK_OK(esp_graph_check(graph));
  esp_graph *body = graph;
  graph = outer;
  return body;
}

static int loop_over(int x, int64_t times, esp_graph *body, int nout,
                     int *out) {
  int n;
  const int in[] = {scalar(times), -1, x, x};
  for (int i = 0; i < nout; i++) out[i] = value("loop");
  CHECK_OK(esp_graph_add_node(graph, "loop", "Loop", ESP_OP_LOOP, 13, in, 4,
                              out, nout, &n));
  graph->node[n].ncapture = 1;
  const esp_attribute a = {
      .name = "body", .kind = ESP_ATTRIBUTE_GRAPH, .graph = body};
  CHECK_OK(esp_graph_add_attribute(graph, n, &a));
  return n;
}

static void loops_carry_and_collect(void) {
  for (int64_t times = 0; times < 4; times++) {
    int made[2];
    begin();
    const int x = input(ESP_FLOAT);
    esp_graph *body = adding_body(true);
    (void)loop_over(x, times, body, 2, made);
    output(made[0]);
    output(made[1]);
    esp_walk *walk = open_walk();
    esp_datum *in = floats(six, 1, 2), *out[2];
    CHECK_OK(esp_walk_run(walk, &in, arena, out));
    const float *last = out[0]->tensor.data, *all = out[1]->tensor.data;
    CU_ASSERT_DOUBLE_EQUAL(last[1], 2.0 + 2.0 * (double)times, 0);
    CU_ASSERT_EQUAL(out[1]->tensor.shape.dim[0], times);
    for (int64_t i = 0; i < times; i++) {
      CU_ASSERT_DOUBLE_EQUAL(all[2 * i], 1.0 + (double)i, 0);
    }
    esp_datum_drop(out[0]);
    esp_datum_drop(out[1]);
    esp_datum_drop(in);
    end(walk);
    esp_graph_free(body);
  }
}

static void a_tensor_larger_than_the_machine_is_refused(void) {
  static const int64_t large[] = {1 << 30, 1 << 30};
  begin();
  const int x = input(ESP_FLOAT);
  output(x);
  output(node1("ConstantOfShape", node1("Identity", whole(large, 2))));
  refuse(ESP_NO_MEMORY, "a tensor of float [1073741824,1073741824] has "
                        "4611686018427387904 bytes, more than this machine");
}

// state += element, over the rows of x; also gives every element back.
static void scans_go_both_ways(void) {
  for (int backwards = 0; backwards < 2; backwards++) {
    esp_graph *outer, *body;
    int n, made[2];
    begin();
    const int state = input(ESP_FLOAT), element = input(ESP_FLOAT);
    output(node2("Add", state, element));
    output(node1("Identity", element));
    body = graph;
    begin();
    outer = graph;
    const int x = input(ESP_FLOAT);
    const int first = node2("Gather", x, scalar(0)); // [2]
    const int in[] = {first, x};
    for (int i = 0; i < 2; i++) made[i] = value("scan");
    CHECK_OK(esp_graph_add_node(outer, "scan", "Scan", ESP_OP_SCAN, 11, in, 2,
                                made, 2, &n));
    attribute("num_scan_inputs", 1);
    const int64_t way[] = {backwards};
    const esp_attribute a = {
        .name = "body", .kind = ESP_ATTRIBUTE_GRAPH, .graph = body};
    const esp_attribute d = {.name = "scan_input_directions",
                             .kind = ESP_ATTRIBUTE_INTS,
                             .ints = way,
                             .count = 1};
    CHECK_OK(esp_graph_add_attribute(outer, n, &a));
    CHECK_OK(esp_graph_add_attribute(outer, n, &d));
    output(made[0]);
    output(made[1]);
    esp_walk *walk = open_walk();
    esp_datum *given = floats(six, 3, 2), *out[2];
    CHECK_OK(esp_walk_run(walk, &given, arena, out));
    const float *last = out[0]->tensor.data, *all = out[1]->tensor.data;
    CU_ASSERT_DOUBLE_EQUAL(last[0], 1 + 1 + 3 + 5, 0);
    CU_ASSERT_DOUBLE_EQUAL(all[0], backwards ? 5 : 1, 0);
    CU_ASSERT_DOUBLE_EQUAL(all[5], backwards ? 2 : 6, 0);
    esp_datum_drop_all(out, 2);
    esp_datum_drop(given);
    end(walk);
    esp_graph_free(body);
  }
}

// No steps: the state as it was, and an output of no rows.
static void a_scan_may_have_no_steps(void) {
  int n, made[2];
  begin();
  const int state = input(ESP_FLOAT), element = input(ESP_FLOAT);
  output(node2("Add", state, element));
  output(node1("Identity", element));
  esp_graph *body = graph;
  begin();
  const int x = input(ESP_FLOAT);
  const int in[] = {x, x};
  for (int i = 0; i < 2; i++) made[i] = value("scan");
  CHECK_OK(esp_graph_add_node(graph, "scan", "Scan", ESP_OP_SCAN, 11, in, 2,
                              made, 2, &n));
  attribute("num_scan_inputs", 1);
  const esp_attribute a = {
      .name = "body", .kind = ESP_ATTRIBUTE_GRAPH, .graph = body};
  CHECK_OK(esp_graph_add_attribute(graph, n, &a));
  output(made[0]);
  output(made[1]);
  esp_walk *walk = open_walk();
  esp_datum *given = floats(six, 0, 2), *out[2];
  CHECK_OK(esp_walk_run(walk, &given, arena, out));
  CU_ASSERT(esp_shape_equal(&out[0]->tensor.shape, &given->tensor.shape));
  CU_ASSERT_EQUAL(out[1]->tensor.shape.dim[0], 0);
  esp_datum_drop_all(out, 2);
  esp_datum_drop(given);
  end(walk);
  esp_graph_free(body);
}

static void a_failure_in_a_loop_names_the_iteration(void) {
  int made[1];
  begin();
  const int x = input(ESP_FLOAT);
  esp_graph *body = adding_body(true);
  (void)loop_over(x, 2, body, 1, made);
  output(made[0]);
  refuse(ESP_BAD_INPUT,
         "node loop (Loop): iteration 0: subgraph \"body\" has 3 "
         "inputs and 3 outputs, expected 3 and 2");
  esp_graph_free(body);
}

// An output may be listed without a name: such a node need not run.
static void what_nobody_can_read_is_not_run(void) {
  int n;
  begin();
  const int x = input(ESP_FLOAT), none = -1;
  CHECK_OK(esp_graph_add_node(graph, "unread", "Relu", ESP_OP_RELU, 13, &x, 1,
                              &none, 1, &n));
  CHECK_OK(esp_graph_add_node(graph, "mute", "Identity", ESP_OP_IDENTITY, 13,
                              &x, 1, NULL, 0, &n));
  output(node1("Neg", x));
  esp_walk *walk = open_walk();
  esp_datum *out;
  CHECK_OK(run(walk, floats(six, 3, 2), &out));
  CU_ASSERT_DOUBLE_EQUAL(*(const float *)out->tensor.data, -1, 0);
  esp_datum_drop(out);
  end(walk);
}

static void inputs_are_checked_against_the_model(void) {
  begin();
  const int x = input(ESP_DOUBLE);
  output(node1("Neg", x));
  refuse(ESP_BAD_INPUT,
         "input \"in\" is float [3,2], the model takes double of any shape");
}

int main(void) {
  static const check_case cases[] = {
      CASE(shapes_may_depend_on_data),
      CASE(changing_shapes_prepare_again),
      CASE(sequences_are_inserted_into_and_erased_from),
      CASE(a_place_outside_of_a_sequence_is_refused),
      CASE(a_sequence_is_no_tensor),
      CASE(optionals_nest_only_so_deep),
      CASE(what_is_cut_is_put_together_again),
      CASE(slices_are_joined_along_a_new_axis),
      CASE(wrong_sizes_of_a_cut_are_refused),
      CASE(loops_carry_and_collect),
      CASE(scans_go_both_ways),
      CASE(a_scan_may_have_no_steps),
      CASE(a_tensor_larger_than_the_machine_is_refused),
      CASE(a_failure_in_a_loop_names_the_iteration),
      CASE(what_nobody_can_read_is_not_run),
      CASE(inputs_are_checked_against_the_model),
      {NULL, NULL},
  };
  if (esp_arena_create(&arena) != ESP_OK) return 1;
  int result = 0;
  const int opsets[] = {13, 17, 18, 19, 22}; // the meaning is the same
  for (size_t i = 0; i < sizeof opsets / sizeof *opsets; i++) {
    opset = opsets[i];
    printf("opset %d\n", opset);
    result |= check_run("op/walk", cases);
  }
  esp_arena_free(arena);
  return result;
}
