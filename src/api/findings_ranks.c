// The part of explain that all ranks take part in.
#include <stdlib.h>
#include <string.h>

#include "api/findings.h"

// What rank 0 has found and all need, to make the same graph and plan.
typedef struct common {
  esp_machine machine;
  int64_t batch;
  int nodes, ranks_per_node;
} common;

// The plan of one batch over all ranks, from rank 0's seconds.
static esp_status build(const esp_comm *comm, const esp_graph *model,
                        const common *c, const double *seconds,
                        esp_built *built) {
  const esp_build_options how = {.model = model,
                                 .machine = &c->machine,
                                 .batch = c->batch,
                                 .seconds = seconds,
                                 .nodes = c->nodes,
                                 .ranks = esp_comm_size(comm),
                                 .ranks_per_node = c->ranks_per_node,
                                 .workers = 1,
                                 .width = 1};
  return esp_build(&how, built);
}

static esp_status check_nodes(const esp_comm *comm, const esp_built *built) {
  int nodes = built->graph->nnode;
  esp_comm_broadcast(comm, 0, &nodes, sizeof nodes);
  if (built->graph->nnode == nodes) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "the ranks read different models");
}

static esp_status measure(const esp_comm *comm, const common *c,
                          const esp_built *built, esp_findings *f) {
  esp_resources r;
  ESP_TRY(esp_resources_find(comm, &r));
  const esp_trial_ranks_options options = {.comm = comm,
                                           .graph = built->graph,
                                           .machine = &c->machine,
                                           .seconds = built->seconds,
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
  ESP_TRY(esp_machine_links(comm, &c.machine, &c.ranks_per_node));
  double *seconds = calloc((size_t)c.nodes + 1, sizeof *seconds);
  status = seconds != NULL
               ? ESP_OK
               : ESP_FAIL(ESP_NO_MEMORY, "cannot measure the ranks");
  status = esp_comm_agree(comm, status);
  if (status == ESP_OK && f != NULL) {
    memcpy(seconds, esp_findings_best_view(f)->seconds,
           (size_t)c.nodes * sizeof *seconds);
  }
  esp_built built = {0};
  if (status == ESP_OK) {
    esp_comm_broadcast(comm, 0, seconds, (size_t)c.nodes * sizeof *seconds);
    status = esp_comm_agree(comm, build(comm, model, &c, seconds, &built));
  }
  if (status == ESP_OK) {
    status = esp_comm_agree(comm, check_nodes(comm, &built));
  }
  if (status == ESP_OK) status = measure(comm, &c, &built, f);
  esp_build_end(&built);
  free(seconds);
  return status;
}
