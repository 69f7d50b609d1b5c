// How batches have gone, from the members of a replica to their leader.
#include <stdlib.h>
#include <string.h>

#include "batch/private.h"

static int members(const esp_runner *runner) {
  return esp_comm_size(runner->options->group) - 1;
}

static bool is_leader(const esp_runner *runner) {
  return esp_comm_rank(runner->options->group) == 0;
}

esp_status esp_ending_open(esp_runner *runner) {
  const int each = is_leader(runner) ? members(runner) : 1;
  const int places = runner->seats * each;
  runner->ending = calloc((size_t)places + 1, sizeof *runner->ending);
  if (runner->ending == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot run batches");
  }
  return esp_messages_create(runner->options->group, places, &runner->endings);
}

void esp_ending_close(esp_runner *runner) {
  esp_messages_free(runner->endings);
  free(runner->ending);
}

void esp_ending_expect(esp_runner *runner, int seat) {
  const int count = members(runner);
  for (int m = 0; m < count; m++) {
    const int place = seat * count + m;
    esp_messages_receive(runner->endings, place, m + 1, ESP_ENDING_TAG - seat,
                         &runner->ending[place], sizeof *runner->ending);
  }
  runner->seat[seat].unheard = count;
}

// The first node that failed is the cause: those after it may have been given
// anything.
static void add(esp_seat *seat, const esp_ending *ending) {
  const bool first =
      seat->ending.status == ESP_OK || ending->node < seat->ending.node;
  if (ending->status != ESP_OK && first) seat->ending = *ending;
}

void esp_ending_move(esp_runner *runner) {
  const int ended = esp_messages_test(runner->endings, runner->ended);
  for (int i = 0; i < ended && is_leader(runner); i++) {
    const int place = runner->ended[i];
    esp_seat *seat = &runner->seat[place / members(runner)];
    add(seat, &runner->ending[place]);
    seat->unheard--;
  }
}

esp_status esp_ending_tell(esp_runner *runner, esp_seat *seat) {
  const int index = (int)(seat - runner->seat);
  esp_messages_finish(runner->endings, runner->ended); // or nearly so
  runner->ending[index] = seat->ending;
  esp_messages_send(runner->endings, index, 0, ESP_ENDING_TAG - index,
                    &runner->ending[index], sizeof *runner->ending);
  return ESP_OK;
}

void esp_ending_own(esp_seat *seat, esp_status status, const char *message) {
  if (status == ESP_OK) return;
  esp_ending mine = {.status = status,
                     .node =
                         esp_exec_failed_node(seat->engine->exec, seat->slot)};
  (void)strncpy(mine.message, message, sizeof mine.message - 1);
  add(seat, &mine);
}
