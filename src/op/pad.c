#include "op/check.h"
#include "op/family.h"

static esp_status infer(const esp_args *args) {
  return ESP_FAIL(ESP_UNSUPPORTED, "operator %s", args->node->op_type);
}
static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  return ESP_FAIL(ESP_UNSUPPORTED, "operator %s", args->node->op_type);
}

const esp_op esp_op_pad = {.infer = infer, .run = run};
