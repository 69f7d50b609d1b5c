// Any bytes as a tensor, a sequence and an optional (input_*.pb, output_*.pb).
#include "input.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static const esp_kind kinds[] = {ESP_KIND_TENSOR, ESP_KIND_SEQUENCE,
                                   ESP_KIND_OPTIONAL};
  const char *path = fuzz_file(bytes, count);
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
    esp_arena *arena = NULL;
    esp_datum *value = NULL;
    esp_fail_clear();
    esp_status status = esp_arena_create(&arena);
    if (status == ESP_OK) {
      status = esp_model_read_value(path, kinds[k], arena, &value);
    }
    if (status != ESP_OK) fuzz_check_message();
    esp_datum_drop(value);
    esp_arena_free(arena);
  }
  return 0;
}
