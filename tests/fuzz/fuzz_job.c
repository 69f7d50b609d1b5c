// Any bytes as a job file.
#include "config/job.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  esp_job *job = NULL;
  esp_fail_clear();
  esp_status status = esp_job_create(&job);
  if (status == ESP_OK) status = esp_job_load(job, fuzz_file(bytes, count));
  if (status == ESP_OK) status = esp_job_check(job);
  if (status != ESP_OK) fuzz_check_message();
  esp_job_free(job);
  return 0;
}
