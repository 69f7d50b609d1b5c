// The part of explain that all ranks take part in.
#include <stdlib.h>
#include <string.h>

#include "api/findings.h"

// What rank 0 has found and all need, to make the same graph and plan.
typedef struct common {
  esp_machine machine;
  int64_t batch;
  int nodes;
} common;

// The graph of one batch: rank 0 has it.
static esp_status build(const esp_graph *model, const common *c,
                        const esp_findings *f, esp_built *built) {
  if (f != NULL) return ESP_OK;
  const esp_build_options how = {.model = model,
                                 .machine = &c->machine,
                                 .batch = c->batch,
                                 .ranks = 1,
                                 .workers = 1,
                                 .width = 1};
  ESP_TRY(esp_build(&how, built));
  if (built->graph->nnode == c->nodes) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "the ranks read different models");
}

static esp_status measure(const esp_comm *comm, const common *c,
                          const esp_graph *graph, double *seconds,
                          esp_findings *f) {
  esp_resources r;
  ESP_TRY(esp_resources_find(comm, &r));
  if (f != NULL) {
    memcpy(seconds, esp_findings_best_view(f)->seconds,
           (size_t)c->nodes * sizeof *seconds);
  }
  esp_comm_broadcast(comm, 0, seconds, (size_t)c->nodes * sizeof *seconds);
  const esp_trial_ranks_options options = {.comm = comm,
                                           .graph = graph,
                                           .machine = &c->machine,
                                           .seconds = seconds,
                                           .cores = &r.cores};
  double took = 0, spread;
  ESP_TRY(esp_trial_ranks(&options, &took, &spread));
  if (f != NULL) f->ranks_seconds = took;
  return ESP_OK;
}

esp_status esp_findings_measure_ranks(const esp_comm *comm,
                                      const esp_graph *model, esp_status status,
                                      esp_findings *f) {
  bool go = f != NULL && status == ESP_OK;
  ESP_TRY(esp_trial_call(comm, &go));
  if (!go) return status;
  common c = {0};
  if (f != NULL) {
    c = (common){.machine = f->machine,
                 .batch = f->batch,
                 .nodes = f->built.graph->nnode};
  }
  esp_comm_broadcast(comm, 0, &c, sizeof c);
  esp_built built = {0};
  status = build(model, &c, f, &built);
  double *seconds = calloc((size_t)c.nodes + 1, sizeof *seconds);
  if (status == ESP_OK && seconds == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot measure the ranks");
  }
  status = esp_comm_agree(comm, status);
  if (status == ESP_OK) {
    status =
        measure(comm, &c, f != NULL ? f->built.graph : built.graph, seconds, f);
  }
  free(seconds);
  esp_build_end(&built);
  return status;
}
