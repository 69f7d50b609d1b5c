// The other ranks of a replica: start what the leader orders, and tell it how
// that went.
#include "batch/private.h"

static void expect_order(esp_runner *runner) {
  esp_messages_receive(runner->orders, 0, 0, ESP_ORDER_TAG, runner->order,
                       sizeof *runner->order);
}

esp_status esp_runner_follow(esp_runner *runner) {
  const esp_order *order = runner->order;
  bool held = false, over = false; // an order that has come; the last one
  expect_order(runner);
  for (;;) {
    const uint64_t seen = esp_bell_count(runner->options->bell);
    ESP_TRY(esp_runner_tell_asked(runner));
    esp_runner_move(runner);
    esp_ending_move(runner);
    ESP_TRY(esp_runner_collect(runner, esp_ending_tell));
    if (!held && !over) {
      held = esp_messages_test(runner->orders, runner->ended) > 0;
    }
    if (held && order->number < 0) {
      held = false;
      over = true;
      continue;
    }
    // The leader may be done with a seat before this rank is.
    if (held && !runner->seat[order->seat].running) {
      held = false;
      esp_seat_start(runner, (int)order->seat, order->number);
      expect_order(runner);
      continue;
    }
    if (over && runner->running == 0) break;
    esp_runner_rest(runner, seen, true);
  }
  esp_messages_finish(runner->endings, runner->ended);
  ESP_TRY(esp_dealer_tell(runner->dealer, &(esp_tidings){.leaves = true}));
  while (!esp_dealer_all_sent(runner->dealer)) {
  }
  return ESP_OK;
}
