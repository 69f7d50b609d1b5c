// What explain says of models whose parallelism is known: towers of Tanh that
// are added up.
#include <espalier/espalier.h>
#include <jansson.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"
#include "support/onnx.h"

// x [N,width] -> `towers` chains of `deep` nodes -> their Sum, y.  N is
// `batch`, or open when that is 0.
typedef struct tower_model {
  int towers, deep, width, batch;
  const char *op_type;
} tower_model;

static const char *const path = "explain_test.onnx";

static void add_tower(wire *graph, const tower_model *m, int tower) {
  char in[32] = "x", out[32];
  for (int l = 1; l <= m->deep; l++) {
    (void)snprintf(out, sizeof out, "t%d_%d", tower, l);
    wire node = onnx_node(m->op_type, in, out);
    onnx_add_node(graph, &node);
    memcpy(in, out, sizeof in);
  }
}

static void write_model(const tower_model *m) {
  wire graph = {0};
  char ends[512] = "", shape[32];
  for (int t = 0; t < m->towers; t++) {
    add_tower(&graph, m, t);
    const size_t used = strlen(ends);
    (void)snprintf(ends + used, sizeof ends - used, "t%d_%d ", t, m->deep);
  }
  wire sum = onnx_node("Sum", ends, "y");
  onnx_add_node(&graph, &sum);
  (void)snprintf(shape, sizeof shape, m->batch > 0 ? "%d %d" : "N%d %d",
                 m->batch, m->width);
  wire x = onnx_value("x", ESP_FLOAT, shape);
  wire y = onnx_value("y", ESP_FLOAT, shape);
  wire_message(&graph, ONNX_INPUT, &x);
  wire_message(&graph, ONNX_OUTPUT, &y);
  wire model = onnx_model(&graph, 13);
  wire_write(&model, path);
  wire_end(&model);
}

static json_t *explain(const tower_model *m, const esp_setting *setting) {
  char *text = NULL;
  write_model(m);
  CHECK_OK(esp_explain(path, setting, true, &text));
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  json_t *all = json_loads(text, 0, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(all);
  free(text);
  (void)unlink(path);
  return all;
}

static double number(const json_t *all, const char *name) {
  return json_number_value(json_object_get(all, name));
}

// The text of a reason that was found, or NULL.
static const char *reason(const json_t *all, const char *name) {
  const json_t *list = json_object_get(all, "reasons");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *one = json_array_get(list, i);
    if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0) {
      return json_string_value(json_object_get(one, "text"));
    }
  }
  return NULL;
}

static const tower_model chain = {1, 6, 256, 0, "Tanh"};
static const tower_model towers = {16, 3, 20000, 0, "Tanh"};

static void a_chain_has_no_branches(void) {
  const esp_setting setting = {.cores = 4, .batch = 2};
  json_t *all = explain(&chain, &setting);
  CU_ASSERT_DOUBLE_EQUAL(number(all, "ceiling"), 1, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(number(all, "workers_gain"), 1, 1e-9);
  CU_ASSERT_PTR_NOT_NULL(reason(all, "no_branches"));
  CU_ASSERT_PTR_NULL(reason(all, "small_branches"));
  json_decref(all);
}

static void towers_have_a_profile_of_sixteen(void) {
  const esp_setting setting = {.cores = 4};
  json_t *all = explain(&towers, &setting);
  const json_t *profile = json_object_get(all, "profile");
  CU_ASSERT_DOUBLE_EQUAL(number(profile, "most"), 16, 0);
  CU_ASSERT_DOUBLE_EQUAL(number(profile, "branches"), 16, 0);
  CU_ASSERT_EQUAL(json_array_size(json_object_get(profile, "slices")), 60);
  CU_ASSERT(number(all, "ceiling") > 2);
  CU_ASSERT_PTR_NULL(reason(all, "no_branches"));
  // 1, 2 and 4 workers, each no slower than the one before.
  const json_t *workers = json_object_get(all, "workers");
  CU_ASSERT_EQUAL(json_array_size(workers), 3);
  double before = 1;
  for (size_t i = 0; i < json_array_size(workers); i++) {
    const double gain = number(json_array_get(workers, i), "gain");
    CU_ASSERT(gain >= before - 1e-9);
    before = gain;
  }
  // The hand-over is measured: on a machine that is busy it may be dear.
  const double handover = number(json_object_get(all, "machine"), "handover_s");
  CU_ASSERT(before > 1.5 || handover > 5e-6);
  json_decref(all);
}

static void the_picture_is_drawn(void) {
  const esp_setting setting = {.cores = 2};
  char *text = NULL;
  write_model(&towers);
  CHECK_OK(esp_explain(path, &setting, false, &text));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n     16 |####"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "1 at a time"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "ceiling"));
  free(text);
  (void)unlink(path);
}

// What is measured may be disturbed: one of a few must show it.
static void tiny_branches_are_weighed(void) {
  enum { TRIES = 5 };
  const tower_model tiny = {4, 1, 4, 0, "Tanh"};
  const esp_setting setting = {.cores = 2, .measure = true};
  json_t *all = explain(&tiny, &setting);
  const char *text = reason(all, "small_branches");
  for (int i = 1; i < TRIES && text == NULL; i++) {
    json_decref(all);
    all = explain(&tiny, &setting);
    text = reason(all, "small_branches");
  }
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "the 4 branches take"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "handing one to another thread takes"));
  json_decref(all);
}

static void measuring_runs_the_model(void) {
  const esp_setting setting = {.measure = true};
  json_t *all = explain(&towers, &setting);
  const json_t *measured = json_object_get(all, "measured");
  const json_t *one =
      json_object_get(json_object_get(measured, "shapes"), "one");
  CU_ASSERT(number(one, "seconds") > 0);
  CU_ASSERT_DOUBLE_EQUAL(number(one, "gain"), 1, 1e-9);
  CU_ASSERT(number(measured, "total_s") > 0);
  CU_ASSERT(number(measured, "critical_s") <= number(measured, "total_s"));
  const double most = number(json_object_get(measured, "profile"), "most");
  CU_ASSERT(most > 8);
  const bool many = number(all, "cores") > 1;
  CU_ASSERT_EQUAL(json_object_size(json_object_get(measured, "shapes")),
                  many ? 4 : 1);
  json_decref(all);
}

static void the_environment_is_named(void) {
  const esp_setting setting = {0};
  const char *was = getenv("OMP_NUM_THREADS");
  char *kept = was != NULL ? strdup(was) : NULL;
  setenv("OMP_NUM_THREADS", "1", 1);
  json_t *all = explain(&towers, &setting);
  const char *text = reason(all, "omp_num_threads");
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "OMP_NUM_THREADS=1"));
  json_decref(all);
  unsetenv("OMP_NUM_THREADS");
  all = explain(&towers, &setting);
  CU_ASSERT_PTR_NULL(reason(all, "omp_num_threads"));
  json_decref(all);
  if (kept != NULL) setenv("OMP_NUM_THREADS", kept, 1);
  free(kept);
}

static void one_core_of_the_mask_is_named(void) {
  cpu_set_t was, one;
  CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof was, &was), 0);
  int first = 0;
  while (!CPU_ISSET((size_t)first, &was)) first++;
  CPU_ZERO(&one);
  CPU_SET((size_t)first, &one);
  CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof one, &one), 0);
  const esp_setting setting = {0};
  json_t *all = explain(&towers, &setting);
  CU_ASSERT_DOUBLE_EQUAL(number(all, "cores"), 1, 0);
  CU_ASSERT_PTR_NOT_NULL(reason(all, "one_core"));
  json_decref(all);
  CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof was, &was), 0);
}

static void a_model_that_cannot_run_says_why(void) {
  const tower_model unknown = {2, 1, 8, 0, "NoSuchOperator"};
  const tower_model fixed = {2, 1, 8, 2, "Tanh"};
  esp_setting setting = {.batch = 3};
  char *text = NULL;
  write_model(&unknown);
  CHECK_STATUS(esp_explain(path, &setting, false, &text), ESP_UNSUPPORTED);
  check_message("NoSuchOperator");
  write_model(&fixed);
  CHECK_STATUS(esp_explain(path, &setting, false, &text), ESP_USAGE);
  check_message("batch is 3, but the model takes 2 samples at a time");
  setting.batch = 0;
  CHECK_OK(esp_explain(path, &setting, false, &text));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "for a batch of 2"));
  free(text);
  (void)unlink(path);
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_chain_has_no_branches),
      CASE(towers_have_a_profile_of_sixteen),
      CASE(the_picture_is_drawn),
      CASE(tiny_branches_are_weighed),
      CASE(measuring_runs_the_model),
      CASE(the_environment_is_named),
      CASE(one_core_of_the_mask_is_named),
      CASE(a_model_that_cannot_run_says_why),
      {NULL, NULL},
  };
  return check_run("explain", cases);
}
