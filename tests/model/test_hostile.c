// A model file is untrusted: whatever its bytes, it loads or is refused with a
// message, and nothing is read or left behind that should not be (run under the
// address sanitizer too).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "op/walk.h"
#include "support/check.h"
#include "support/onnx.h"

static char path[64] = "/tmp/esp-model-XXXXXX";
static unsigned char *bytes;
static size_t count;

static void write_bytes(const unsigned char *from, size_t n) {
  FILE *file = fopen(path, "wb");
  (void)fwrite(from, 1, n, file);
  (void)fclose(file);
}

static esp_status load(void) {
  esp_graph *graph = NULL;
  esp_fail_clear();
  const esp_status status = esp_model_load(path, &graph, NULL);
  if (status != ESP_OK) CU_ASSERT(esp_last_error()[0] != '\0');
  esp_graph_free(graph);
  return status;
}

static void the_whole_model_loads(void) {
  esp_graph *graph = NULL;
  esp_model_info info;
  CHECK_OK(esp_model_load(MODELS "/fmnist_incep.onnx", &graph, &info));
  CU_ASSERT_EQUAL(info.opset, 13);
  CU_ASSERT_EQUAL(graph->ninput, 1);
  CU_ASSERT_EQUAL(graph->noutput, 1);
  CU_ASSERT_STRING_EQUAL(graph->value[graph->input[0]].name, "image");
  CU_ASSERT_EQUAL(graph->value[graph->input[0]].tensor.shape.dim[0],
                  ESP_DIM_UNKNOWN);
  CHECK_OK(esp_graph_check(graph));
  esp_graph_free(graph);
}

static void truncated_models_are_refused(void) {
  for (int i = 0; i < 300; i++) {
    const size_t n = i < 100 ? (size_t)i : (size_t)(check_random() % count);
    write_bytes(bytes, n);
    const esp_status status = load();
    CU_ASSERT(status == ESP_BAD_INPUT || status == ESP_UNSUPPORTED);
  }
}

// Weights are most of the file: half of the flips go where the structure is.
static void flipped_bytes_do_no_harm(void) {
  unsigned char *copy = malloc(count);
  int loaded = 0;
  for (int i = 0; i < 1500; i++) {
    memcpy(copy, bytes, count);
    for (int k = 0; k < 3; k++) {
      const size_t where = i % 2 == 0 ? 6000 : count;
      copy[check_random() % where] = (unsigned char)check_random();
    }
    write_bytes(copy, count);
    const esp_status status = load();
    CU_ASSERT(status != ESP_INTERNAL);
    loaded += status == ESP_OK;
  }
  printf("%d of 1500 load ", loaded);
  free(copy);
}

// Messages in messages, tens of thousands deep: the fields of `head` in each
// other, then those of `cycle` over and over.
static void write_nest(const unsigned char *head, int nhead,
                       const unsigned char *cycle, int ncycle) {
  enum { LEVELS = 30000, EACH = 15 };
  unsigned char *nest = malloc(LEVELS * EACH);
  size_t begin = LEVELS * EACH;
  const size_t end = begin;
  for (int level = LEVELS - 1; level >= 0; level--) {
    size_t length = end - begin;
    unsigned char key[10];
    int used = 0;
    unsigned field =
        level < nhead ? head[level] : cycle[(level - nhead) % ncycle];
    for (unsigned tag = field << 3 | 2; tag > 0; tag >>= 7) {
      key[used++] = (unsigned char)(tag >> 7 ? tag | 0x80 : tag);
    }
    do {
      key[used++] = (unsigned char)(length >> 7 ? length | 0x80 : length);
    } while (length >>= 7);
    begin -= (size_t)used;
    memcpy(nest + begin, key, (size_t)used);
  }
  write_bytes(nest + begin, end - begin);
  free(nest);
}

static void deep_nesting_is_refused(void) {
  static const struct {
    unsigned char head[4], cycle[3];
    int nhead, ncycle;
  } nests[] = {
      {{7}, {1, 5, 6}, 1, 3},        // a graph in an attribute in a node
      {{25, 7}, {5, 6, 1}, 2, 3},    // the same in a function
      {{25, 11}, {6, 1, 5}, 2, 3},   // in a default of a function
      {{7, 11, 2}, {4, 1}, 3, 2},    // sequences of sequences
      {{7, 12, 2}, {5, 2}, 3, 2},    // maps of maps
      {{7, 1, 5, 14}, {9, 1}, 4, 2}, // optionals of optionals, in a node
  };
  for (size_t i = 0; i < sizeof nests / sizeof nests[0]; i++) {
    write_nest(nests[i].head, nests[i].nhead, nests[i].cycle, nests[i].ncycle);
    CHECK_STATUS(load(), ESP_BAD_INPUT);
    check_message("at byte");
  }
}

static void deep_values_are_refused(void) {
  static const unsigned char sequence[] = {5}, both[] = {7, 5};
  esp_arena *arena = NULL;
  esp_datum *value = NULL;
  CHECK_OK(esp_arena_create(&arena));
  write_nest(NULL, 0, sequence, 1);
  CHECK_STATUS(esp_model_read_value(path, ESP_KIND_SEQUENCE, arena, &value),
               ESP_BAD_INPUT);
  write_nest(NULL, 0, both, 2);
  CHECK_STATUS(esp_model_read_value(path, ESP_KIND_OPTIONAL, arena, &value),
               ESP_BAD_INPUT);
  CU_ASSERT_PTR_NULL(value);
  esp_arena_free(arena);
}

static void put(wire *into, int field, wire inner) {
  wire_message(into, field, &inner);
}
static wire with(wire node, wire attribute) {
  put(&node, ONNX_ATTRIBUTE, attribute);
  return node;
}

// A scan over x whose body adds, an If inside of it, a function, a sequence.
static wire busy_model(void) {
  static const int64_t one[] = {1};
  wire then_branch = {0}, else_branch = {0}, body = {0}, graph = {0};
  put(&then_branch, ONNX_NODE, onnx_node("Add", "s e", "t"));
  put(&then_branch, ONNX_OUTPUT, onnx_value("t", 1, NULL));
  put(&else_branch, ONNX_NODE, onnx_node("Sub", "s k", "u"));
  put(&else_branch, ONNX_OUTPUT, onnx_value("u", 1, NULL));
  put(&body, ONNX_INPUT, onnx_value("s", 1, "1"));
  put(&body, ONNX_INPUT, onnx_value("e", 1, "1"));
  put(&body, ONNX_NODE, onnx_node("Less", "s e", "c"));
  put(&body, ONNX_NODE,
      with(with(onnx_node("If", "c", "n"),
                onnx_attribute_graph("then_branch", &then_branch)),
           onnx_attribute_graph("else_branch", &else_branch)));
  put(&body, ONNX_NODE, onnx_node("Identity", "n", "m"));
  put(&body, ONNX_OUTPUT, onnx_value("n", 1, "1"));
  put(&body, ONNX_OUTPUT, onnx_value("m", 1, "1"));

  wire call = onnx_node("Half", "all", "h");
  wire_text(&call, ONNX_DOMAIN, "custom");
  put(&graph, ONNX_INPUT, onnx_value("x", 1, "n 1"));
  put(&graph, ONNX_INITIALIZER, onnx_ints("p", one, 1));
  put(&graph, ONNX_NODE,
      with(onnx_node("Constant", "", "k"),
           onnx_attribute_float("value_float", 2)));
  put(&graph, ONNX_NODE, onnx_node("Squeeze", "k", "k0"));
  put(&graph, ONNX_NODE, onnx_node("Reshape", "k0 p", "k1"));
  put(&graph, ONNX_NODE,
      with(with(onnx_node("Scan", "k1 x", "last all"),
                onnx_attribute_int("num_scan_inputs", 1)),
           onnx_attribute_graph("body", &body)));
  put(&graph, ONNX_NODE, call);
  put(&graph, ONNX_NODE, onnx_node("SequenceConstruct", "h all", "q"));
  put(&graph, ONNX_NODE, onnx_node("Optional", "q", "o"));
  put(&graph, ONNX_NODE, onnx_node("OptionalGetElement", "o", "g"));
  put(&graph, ONNX_NODE, onnx_node("SequenceAt", "g p", "y"));
  put(&graph, ONNX_OUTPUT, onnx_value("y", 1, NULL));
  wire model = onnx_model(&graph, 13), half = onnx_function("Half", "a", "b");
  put(&half, ONNX_FUNCTION_NODE, onnx_node("Add", "a a", "b"));
  put(&model, ONNX_FUNCTION, half);
  return model;
}

// Loads the file and, if it has one input, walks it over floats [3,1].
static esp_status load_and_walk(void) {
  static float x[] = {1, 5, 3};
  const esp_tensor tensor = {
      .type = ESP_FLOAT, .shape = {2, {3, 1}}, .data = x};
  esp_graph *graph = NULL;
  esp_walk *walk = NULL;
  esp_arena *strings = NULL;
  esp_datum *in = NULL, *out[64] = {0};
  CHECK_OK(esp_arena_create(&strings));
  CHECK_OK(esp_datum_borrow(&tensor, &in));
  esp_fail_clear();
  esp_status status = esp_model_load(path, &graph, NULL);
  if (status == ESP_OK && (graph->ninput != 1 || graph->noutput > 64)) {
    status = ESP_FAIL(ESP_BAD_INPUT, "another number of inputs or outputs");
  }
  if (status == ESP_OK) status = esp_walk_create(graph, 1, &walk);
  if (status == ESP_OK) status = esp_walk_run(walk, &in, strings, out);
  if (status != ESP_OK) CU_ASSERT(esp_last_error()[0] != '\0');
  for (int i = 0; i < 64; i++) esp_datum_drop(out[i]);
  esp_datum_drop(in);
  esp_walk_free(walk);
  esp_graph_free(graph);
  esp_arena_free(strings);
  return status;
}

static void flipped_subgraphs_do_no_harm(void) {
  wire model = busy_model();
  unsigned char *copy = malloc(model.count);
  int walked = 0;
  write_bytes(model.bytes, model.count);
  CHECK_OK(load_and_walk());
  for (int i = 0; i < 3000; i++) {
    memcpy(copy, model.bytes, model.count);
    for (int k = 0; k <= i % 3; k++) {
      copy[check_random() % model.count] = (unsigned char)check_random();
    }
    write_bytes(copy, model.count);
    const esp_status status = load_and_walk();
    CU_ASSERT(status != ESP_INTERNAL);
    walked += status == ESP_OK;
  }
  printf("%d of 3000 walked ", walked);
  free(copy);
  wire_end(&model);
}

static void what_is_no_model_is_refused(void) {
  write_bytes((const unsigned char *)"hello, world", 12);
  CHECK_STATUS(load(), ESP_BAD_INPUT);
  write_bytes(bytes, 0);
  CHECK_STATUS(load(), ESP_BAD_INPUT);
  esp_graph *graph = NULL;
  CHECK_STATUS(esp_model_load("/nonexistent.onnx", &graph, NULL), ESP_IO);
  CHECK_STATUS(esp_model_load("/tmp", &graph, NULL), ESP_IO);
}

static esp_status read_model(void) {
  FILE *file = fopen(MODELS "/fmnist_incep.onnx", "rb");
  if (file == NULL) return ESP_IO;
  bytes = malloc(1 << 20);
  count = fread(bytes, 1, 1 << 20, file);
  (void)fclose(file);
  return ESP_OK;
}

int main(void) {
  static const check_case cases[] = {
      CASE(the_whole_model_loads),       CASE(truncated_models_are_refused),
      CASE(flipped_bytes_do_no_harm),    CASE(deep_nesting_is_refused),
      CASE(deep_values_are_refused),     CASE(flipped_subgraphs_do_no_harm),
      CASE(what_is_no_model_is_refused), {NULL, NULL},
  };
  if (read_model() != ESP_OK || mkstemp(path) < 0) return 1;
  const int result = check_run("model/hostile", cases);
  (void)unlink(path);
  free(bytes);
  return result;
}
