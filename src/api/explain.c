// explain and plan: a model file in, a text out.
#include <stdlib.h>

#include "api/findings.h"

esp_status esp_explain(const char *model, const esp_setting *setting, bool json,
                       char **text) {
  esp_findings *f = calloc(1, sizeof *f);
  if (f == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot explain");
  esp_graph *graph = NULL;
  esp_status status = esp_model_load(model, &graph, &f->info);
  if (status == ESP_OK) status = esp_findings_make(graph, setting, f);
  if (status == ESP_OK) {
    status = json ? esp_findings_json(model, f, text)
                  : esp_findings_text(model, f, text);
  }
  esp_findings_end(f);
  esp_graph_free(graph);
  free(f);
  return status;
}

esp_status esp_plan_model(const char *model, const esp_setting *setting,
                          bool json, char **text) {
  esp_graph *graph = NULL;
  esp_built built = {0};
  esp_machine machine;
  esp_status status = esp_model_load(model, &graph, NULL);
  if (status == ESP_OK) status = esp_cost_measure(&machine);
  if (status == ESP_OK) {
    const esp_build_options how = {
        .model = graph,
        .machine = &machine,
        .batch = setting->batch > 0 ? setting->batch : 1,
        .ranks = setting->ranks > 0 ? setting->ranks : 1,
        .workers = setting->workers > 0 ? setting->workers : 1,
        .width = setting->width > 0 ? setting->width : 1};
    status = esp_build(&how, &built);
  }
  if (status == ESP_OK) {
    status = json ? esp_plan_json(built.plan, built.graph, text)
                  : esp_plan_text(built.plan, built.graph, text);
  }
  esp_build_end(&built);
  esp_graph_free(graph);
  return status;
}
