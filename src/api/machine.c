// What this machine computes and moves in a second, the same for all ranks.
#include <math.h>

#include "api/private.h"

// What the two sides add to a message: conductors (ADR 0001), and inside a node
// whoever ends the steps of a message (ADR 0012).
static const double CONDUCTORS_SECONDS = 60e-6, LISTENERS_SECONDS = 40e-6;

esp_status esp_machine_shared(const esp_comm *comm, esp_machine *machine) {
  esp_status status = ESP_OK;
  if (esp_comm_rank(comm) == 0) status = esp_cost_measure(machine);
  ESP_TRY(esp_comm_agree(comm, status));
  esp_comm_broadcast(comm, 0, machine, sizeof *machine);
  return ESP_OK;
}

typedef esp_status time_messages(const esp_comm *comm, int peer, int bytes,
                                 double *seconds);

// Of an empty message, and each byte of a large one; nothing where there is no
// way to send them.
static esp_status measure_link(const esp_comm *group, time_messages *timed,
                               int peer, double added, esp_link *link) {
  enum { SMALL = 8, LARGE = 1 << 20 };
  double small, large;
  ESP_TRY(timed(group, peer, SMALL, &small));
  if (small < 0) return ESP_OK;
  ESP_TRY(timed(group, peer, LARGE, &large));
  link->seconds = added + small;
  link->bytes_per_second = LARGE / fmax(large - small, 1e-9);
  return ESP_OK;
}

esp_status esp_machine_links(const esp_comm *group, esp_machine *machine,
                             int *ranks_per_node) {
  esp_link *ranks = &machine->links.over[ESP_SAME_NODE];
  esp_link *nodes = &machine->links.over[ESP_OTHER_NODE];
  int on_node = esp_comm_node_size(group);
  esp_comm_broadcast(group, 0, &on_node, sizeof on_node);
  *ranks_per_node = on_node;
  if (on_node > 1) {
    ESP_TRY(
        measure_link(group, esp_comm_time_shared, 1, LISTENERS_SECONDS, ranks));
  }
  if (on_node < esp_comm_size(group)) {
    ESP_TRY(measure_link(group, esp_comm_time_messages, on_node,
                         CONDUCTORS_SECONDS, nodes));
  }
  return ESP_OK;
}
