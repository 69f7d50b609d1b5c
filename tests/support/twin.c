#include "support/twin.h"

#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "op/op.h"
#include "support/check.h"

// Runs a graph once on one worker; the outputs lie one after the other.
float *twin_run(const esp_graph *graph, const float *input, size_t *bytes) {
  double *seconds = calloc((size_t)graph->nnode + 1, sizeof *seconds);
  for (int n = 0; n < graph->nnode; n++) seconds[n] = 1;
  const esp_plan_problem problem = {.graph = graph,
                                    .ranks = 1,
                                    .workers = 1,
                                    .width = 1,
                                    .seconds = seconds,
                                    .links = {{[ESP_SAME_NODE] = {1, 1}}}};
  esp_plan *plan = NULL;
  esp_bell *bell = NULL;
  esp_workers *workers = NULL;
  esp_exec *exec = NULL;
  CHECK_OK(esp_plan_build(&problem, &plan));
  CHECK_OK(esp_plan_check(plan, graph));
  CHECK_OK(esp_bell_create(&bell));
  const esp_workers_options pool = {.count = 1, .width = 1};
  CHECK_OK(esp_workers_open(&pool, &workers));
  const esp_exec_options options = {.graph = graph,
                                    .plan = plan,
                                    .workers = workers,
                                    .bell = bell,
                                    .slots = 1};
  CHECK_OK(esp_exec_create(&options, &exec));
  const int in = graph->input[0], out = graph->output[0];
  memcpy(esp_exec_value(exec, 0, in), input,
         esp_tensor_bytes(&graph->value[in].tensor));
  esp_exec_start(exec, 0, 0);
  esp_status status = ESP_OK;
  const char *message;
  while (!esp_exec_done(exec, 0, &status, &message)) {
    esp_bell_wait(bell, 0, 0.01);
  }
  CU_ASSERT_EQUAL(status, ESP_OK);
  *bytes = esp_tensor_bytes(&graph->value[out].tensor);
  float *result = malloc(*bytes);
  memcpy(result, esp_exec_value(exec, 0, out), *bytes);
  esp_exec_free(exec);
  esp_workers_close(workers);
  esp_bell_free(bell);
  esp_plan_free(plan);
  free(seconds);
  return result;
}

int twin_count(const esp_graph *graph, int op) {
  int count = 0;
  for (int n = 0; n < graph->nnode; n++) count += graph->node[n].op == op;
  return count;
}

esp_graph *twin_compare(const esp_graph *model, int64_t batch, double rtol,
                        double atol) {
  const esp_optimise_options plain_way = {.batch = batch, .plain = true};
  const esp_optimise_options full_way = {.batch = batch};
  esp_graph *plain = NULL, *full = NULL;
  CHECK_OK(esp_optimise(model, &plain_way, &plain));
  CHECK_OK(esp_optimise(model, &full_way, &full));
  const esp_tensor *in = &full->value[full->input[0]].tensor;
  const size_t count = (size_t)esp_shape_count(&in->shape);
  float *input = malloc(count * sizeof *input);
  size_t bytes, again;
  check_fill(input, count);
  float *want = twin_run(plain, input, &bytes),
        *got = twin_run(full, input, &again);
  CU_ASSERT_EQUAL(bytes, again);
  check_close(got, want, bytes / sizeof *got, rtol, atol);
  free(want);
  free(got);
  free(input);
  esp_graph_free(plain);
  return full;
}

esp_graph *twin_model(int64_t rows, int64_t width, int *x) {
  const esp_tensor t = {.type = ESP_FLOAT,
                        .shape = {3, {ESP_DIM_UNKNOWN, rows, width}}};
  esp_graph *graph = NULL;
  CHECK_OK(esp_graph_create(&graph));
  CHECK_OK(esp_graph_add_value(graph, "x", &t, x));
  CHECK_OK(esp_graph_add_input(graph, *x));
  return graph;
}

int twin_weights(esp_graph *graph, const char *name, float *data,
                 const esp_shape *shape) {
  int value;
  const esp_tensor w = {.type = ESP_FLOAT, .shape = *shape, .data = data};
  CHECK_OK(esp_graph_add_constant(graph, name, &w, &value));
  return value;
}

int twin_step(esp_graph *graph, const char *op, int id, int a, int b, int c) {
  const esp_tensor none = {0};
  const int in[] = {a, b, c};
  const int count = c >= 0 ? 3 : (b >= 0 ? 2 : 1);
  int y, node;
  CHECK_OK(esp_graph_add_value(graph, op, &none, &y));
  CHECK_OK(esp_graph_add_node(graph, op, op, id, 13, in, count, &y, 1, &node));
  return y;
}
