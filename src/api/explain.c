// explain and plan: a model file in, a text out.
#include <stdlib.h>

#include "api/cluster.h"
#include "api/findings.h"
#include "report/drawing.h"

static esp_status tell(const char *model, const esp_findings *f, bool json,
                       char **text) {
  return json ? esp_findings_json(model, f, text)
              : esp_findings_text(model, f, text);
}

// Rank 0 asks and answers; the others help it to measure, where that is wanted.
static esp_status ask(const esp_graph *graph, const esp_setting *setting,
                      esp_findings *f) {
  const esp_context *c = setting->context;
  const bool several = c != NULL && esp_size(c) > 1;
  esp_setting mine = *setting;
  if (several && mine.ranks == 0) mine.ranks = esp_size(c);
  if (several && setting->measure && mine.ranks != esp_size(c)) {
    return ESP_FAIL(ESP_USAGE, "ranks is %d, but %d were started", mine.ranks,
                    esp_size(c));
  }
  const bool answers = !several || esp_rank(c) == 0;
  esp_status status = answers ? esp_findings_make(graph, &mine, f) : ESP_OK;
  if (several && setting->measure) {
    status =
        esp_findings_measure_ranks(c->comm, graph, status, answers ? f : NULL);
  }
  return status;
}

esp_status esp_explain(const char *model, const esp_setting *setting, bool json,
                       char **text) {
  *text = NULL;
  esp_findings *f = calloc(1, sizeof *f);
  if (f == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot explain");
  const esp_context *c = setting->context;
  esp_graph *graph = NULL;
  esp_status status = esp_model_load(model, &graph, &f->info);
  if (c != NULL) status = esp_agree(c, status);
  if (status == ESP_OK) status = ask(graph, setting, f);
  if (c != NULL) status = esp_agree(c, status);
  if (status == ESP_OK && (c == NULL || esp_rank(c) == 0)) {
    status = tell(model, f, json, text);
  }
  esp_findings_end(f);
  esp_graph_free(graph);
  free(f);
  return status;
}

static esp_status plan_here(const esp_graph *graph, const esp_setting *setting,
                            bool json, char **text) {
  esp_machine machine;
  ESP_TRY(esp_cost_measure(&machine));
  const esp_build_options how = {
      .model = graph,
      .machine = &machine,
      .batch = setting->batch > 0 ? setting->batch : 1,
      .ranks = setting->ranks > 0 ? setting->ranks : 1,
      .workers = setting->workers > 0 ? setting->workers : 1,
      .width = setting->width > 0 ? setting->width : 1};
  esp_built built = {0};
  esp_status status = esp_build(&how, &built);
  if (status == ESP_OK) {
    status = json ? esp_plan_json(built.plan, built.graph, text)
                  : esp_plan_text(built.plan, built.graph, text);
  }
  if (status == ESP_OK && setting->svg != NULL) {
    status = esp_plan_draw(built.plan, built.graph, setting->svg);
  }
  esp_build_end(&built);
  return status;
}

static esp_status plan_there(const char *model, const esp_graph *graph,
                             const esp_setting *setting, bool json,
                             char **text) {
  esp_cluster_findings f;
  esp_status status = esp_cluster_findings_make(graph, setting, &f);
  if (status == ESP_OK) {
    status = json ? esp_cluster_json(model, &f, text)
                  : esp_cluster_text(model, &f, text);
  }
  if (status == ESP_OK && setting->svg != NULL) {
    status = esp_plan_draw(f.plan, f.planned, setting->svg);
  }
  esp_cluster_findings_end(&f);
  return status;
}

esp_status esp_plan_model(const char *model, const esp_setting *setting,
                          bool json, char **text) {
  esp_graph *graph = NULL;
  *text = NULL;
  ESP_TRY(esp_model_load(model, &graph, NULL));
  const esp_status status = setting->cluster != NULL
                                ? plan_there(model, graph, setting, json, text)
                                : plan_here(graph, setting, json, text);
  esp_graph_free(graph);
  if (status != ESP_OK) {
    free(*text);
    *text = NULL;
  }
  return status;
}
