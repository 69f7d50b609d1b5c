#include "api/once.h"

#include <stdlib.h>
#include <string.h>

esp_status esp_once_open(const esp_graph *graph, int width, esp_once *once) {
  const esp_machine machine = esp_cost_typical();
  *once = (esp_once){.graph = graph};
  once->seconds = calloc((size_t)graph->nnode + 1, sizeof *once->seconds);
  if (once->seconds == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot plan %d nodes", graph->nnode);
  }
  ESP_TRY(esp_cost_estimate(graph, &machine, width, once->seconds));
  const esp_plan_problem problem = {.graph = graph,
                                    .ranks = 1,
                                    .workers = 1,
                                    .width = width,
                                    .seconds = once->seconds,
                                    .links = machine.links};
  ESP_TRY(esp_plan_build(&problem, &once->plan));
  ESP_TRY(esp_bell_create(&once->bell));
  const esp_workers_options pool = {.count = 1, .width = width};
  ESP_TRY(esp_workers_open(&pool, &once->workers));
  const esp_exec_options options = {.graph = graph,
                                    .plan = once->plan,
                                    .workers = once->workers,
                                    .bell = once->bell,
                                    .slots = 1};
  return esp_exec_create(&options, &once->exec);
}

esp_status esp_once_run(esp_once *once, const esp_tensor *const *input) {
  const esp_graph *graph = once->graph;
  for (int i = 0; i < graph->ninput; i++) {
    void *to = esp_exec_value(once->exec, 0, graph->input[i]);
    const size_t bytes = esp_tensor_bytes(input[i]);
    if (to != NULL && bytes > 0) memcpy(to, input[i]->data, bytes);
  }
  esp_status status = ESP_OK;
  const char *message = "";
  esp_exec_start(once->exec, 0, 0);
  for (;;) {
    const uint64_t seen = esp_bell_count(once->bell);
    if (esp_exec_done(once->exec, 0, &status, &message)) break;
    esp_bell_wait(once->bell, seen, -1);
  }
  return status == ESP_OK ? ESP_OK : ESP_FAIL(status, "%s", message);
}

void esp_once_close(esp_once *once) {
  esp_workers_close(once->workers);
  esp_exec_free(once->exec);
  esp_bell_free(once->bell);
  esp_plan_free(once->plan);
  free(once->seconds);
  *once = (esp_once){0};
}
