// A model file is untrusted: whatever its bytes, it loads or is refused with a
// message, and nothing is read or left behind that should not be (run under the
// address sanitizer too).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "support/check.h"

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

// A graph in an attribute in a node in a graph ... a hundred thousand deep.
static void deep_nesting_is_refused(void) {
  enum { LEVELS = 30000, EACH = 15 };
  unsigned char *nest = malloc(LEVELS * EACH + 16);
  size_t begin = LEVELS * EACH + 16;
  const size_t end = begin;
  static const unsigned char fields[] = {1, 5, 6};
  for (int i = 0; i < LEVELS; i++) {
    size_t length = end - begin;
    unsigned char head[8];
    int used = 0;
    head[used++] = (unsigned char)(fields[(LEVELS + 1 - i) % 3] << 3 | 2);
    do {
      head[used++] = (unsigned char)(length >> 7 ? length | 0x80 : length);
    } while (length >>= 7);
    begin -= (size_t)used;
    memcpy(nest + begin, head, (size_t)used);
  }
  nest[begin] = 7 << 3 | 2; // model.graph
  write_bytes(nest + begin, end - begin);
  CHECK_STATUS(load(), ESP_BAD_INPUT);
  free(nest);
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
      CASE(what_is_no_model_is_refused), {NULL, NULL},
  };
  if (read_model() != ESP_OK || mkstemp(path) < 0) return 1;
  const int result = check_run("model/hostile", cases);
  (void)unlink(path);
  free(bytes);
  return result;
}
