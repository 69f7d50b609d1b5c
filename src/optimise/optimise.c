#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "optimise/private.h"

static const esp_pass passes[] = {
#define PASS(name, function, help) {(name), (function)},
#include "optimise/pass_list.h"
#undef PASS
};
enum { PASSES = sizeof passes / sizeof passes[0] };

const esp_pass *esp_optimise_passes(int *count) {
  *count = PASSES;
  return passes;
}

static esp_status run_passes(esp_graph *graph, bool plain) {
  for (int p = 0; p < PASSES; p++) {
    if (plain && strcmp(passes[p].name, "dead") != 0) continue;
    const int before = graph->nnode;
    ESP_TRY(passes[p].run(graph));
    ESP_TRY(esp_graph_compact(graph));
    esp_log(ESP_LOG_DEBUG, "pass %s: %d nodes, %d before", passes[p].name,
            graph->nnode, before);
  }
  return esp_graph_check(graph);
}

esp_status esp_optimise(const esp_graph *model,
                        const esp_optimise_options *options,
                        esp_graph **ready) {
  esp_graph *graph;
  ESP_TRY(esp_graph_copy(model, &graph));
  esp_status status = esp_bind(graph, options);
  if (status == ESP_OK) status = esp_own_outputs(graph);
  if (status == ESP_OK) status = run_passes(graph, options->plain);
  if (status != ESP_OK) {
    esp_graph_free(graph);
    return status;
  }
  *ready = graph;
  return ESP_OK;
}

void esp_replace_value(esp_graph *graph, int old, int now) {
  for (int n = 0; n < graph->nnode; n++) {
    for (int i = 0; i < graph->node[n].nin; i++) {
      if (graph->node[n].in[i] == old) graph->node[n].in[i] = now;
    }
  }
}

esp_status esp_count_uses(const esp_graph *graph, int **uses) {
  int *count = calloc((size_t)graph->nvalue + 1, sizeof *count);
  if (count == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot optimise");
  for (int n = 0; n < graph->nnode; n++) {
    if (graph->node[n].dead) continue;
    for (int i = 0; i < graph->node[n].nin; i++) {
      if (graph->node[n].in[i] >= 0) count[graph->node[n].in[i]]++;
    }
  }
  for (int i = 0; i < graph->noutput; i++) count[graph->output[i]]++;
  *uses = count;
  return ESP_OK;
}

esp_status esp_add_floats(esp_graph *graph, const char *name, int64_t count,
                          float **data, int *value) {
  void *block;
  ESP_TRY(esp_arena_take(graph->arena, (size_t)count, sizeof **data, &block));
  const esp_tensor tensor = {
      .type = ESP_FLOAT, .shape = {1, {count}}, .data = block};
  *data = block;
  return esp_graph_add_constant(graph, name, &tensor, value);
}

esp_status esp_add_index(esp_graph *graph, const char *name, int64_t index,
                         int *value) {
  void *block;
  ESP_TRY(esp_arena_copy(graph->arena, &index, sizeof index, &block));
  const esp_tensor tensor = {
      .type = ESP_INT64, .shape = {1, {1}}, .data = block};
  return esp_graph_add_constant(graph, name, &tensor, value);
}

const float *esp_constant_floats(const esp_graph *graph, int value) {
  if (value < 0) return NULL;
  const esp_value *v = &graph->value[value];
  return v->tensor.type == ESP_FLOAT && !v->is_input ? v->tensor.data : NULL;
}

esp_status esp_fuse_each(esp_graph *graph, esp_fusion fuse) {
  int *uses;
  ESP_TRY(esp_count_uses(graph, &uses));
  esp_status status = ESP_OK;
  for (int n = 0; n < graph->nnode && status == ESP_OK; n++) {
    if (!graph->node[n].dead) status = fuse(graph, n, uses);
  }
  free(uses);
  return status;
}
