// What nodes take, narrow and wide: what a molded plan is made from.
#include <stdlib.h>
#include <unistd.h>

#include "api/rig.h"
#include "api/trial.h"

enum {
  ROUNDS = 5,
  MOST_BATCHES = 200,
  FEWEST_BATCHES = 2,
  TEAM_SLEEPS_US = 20000 // a team looks for work so long before it sleeps
};
static const double ROUND_SECONDS = 20e-3;

static esp_status open_rig(const esp_trial_options *o, int width,
                           esp_rig *rig) {
  const esp_rig_options options = {
      .graph = o->graph,
      .machine = o->machine,
      .cores = o->cores,
      .shape = {.streams = 1, .workers = 1, .width = width},
      .timed = true};
  return esp_rig_open(&options, rig);
}

static esp_status run_round(esp_rig *rig) {
  double took[MOST_BATCHES], all;
  ESP_TRY(esp_rig_run(rig, FEWEST_BATCHES, took, &all));
  const int more = esp_rig_fit(ROUND_SECONDS, all / FEWEST_BATCHES,
                               FEWEST_BATCHES, MOST_BATCHES);
  return esp_rig_run(rig, more, took, &all);
}

// In turn, so that what else the machine does meets both.
static esp_status run_rounds(esp_rig rig[2]) {
  for (int round = 0; round < ROUNDS; round++) {
    ESP_TRY(run_round(&rig[0]));
    ESP_TRY(run_round(&rig[1]));
    (void)usleep(TEAM_SLEEPS_US);
  }
  return ESP_OK;
}

esp_status esp_trial_nodes(const esp_trial_options *options,
                           esp_node_costs *costs) {
  const int nodes = options->graph->nnode, width = options->cores->count;
  esp_rig rig[2] = {0};
  esp_node_costs made = {.nodes = nodes, .width = width};
  made.narrow = calloc((size_t)nodes + 1, sizeof *made.narrow);
  made.wide = calloc((size_t)nodes + 1, sizeof *made.wide);
  esp_status status =
      made.narrow != NULL && made.wide != NULL
          ? ESP_OK
          : ESP_FAIL(ESP_NO_MEMORY, "cannot measure %d nodes", nodes);
  if (status == ESP_OK) status = open_rig(options, 1, &rig[0]);
  if (status == ESP_OK) status = open_rig(options, width, &rig[1]);
  if (status == ESP_OK) status = run_rounds(rig);
  if (status == ESP_OK) {
    esp_exec_add_usual(rig[0].exec, made.narrow);
    esp_exec_add_usual(rig[1].exec, made.wide);
  }
  esp_rig_close(&rig[0]);
  esp_rig_close(&rig[1]);
  if (status != ESP_OK) {
    esp_node_costs_end(&made);
    return status;
  }
  *costs = made;
  return ESP_OK;
}

void esp_node_costs_end(esp_node_costs *costs) {
  free(costs->narrow);
  free(costs->wide);
  *costs = (esp_node_costs){0};
}
