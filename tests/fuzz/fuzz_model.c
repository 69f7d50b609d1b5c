// Any bytes as a model: loaded, shapes worked out, folded and fused.
#include "input.h"
#include "model/model.h"
#include "optimise/optimise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  esp_graph *model = NULL, *ready = NULL;
  esp_model_info info;
  esp_fail_clear();
  esp_status status = esp_model_load(fuzz_file(bytes, count), &model, &info);
  if (status == ESP_OK) status = esp_graph_check(model);
  if (status == ESP_OK) {
    status = esp_optimise(model, &(esp_optimise_options){.batch = 2}, &ready);
  }
  if (status != ESP_OK) fuzz_check_message();
  esp_graph_free(ready);
  esp_graph_free(model);
  return 0;
}
