// Any bytes as a job file, and as a cluster file.
#include "config/cluster.h"
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
  esp_cluster cluster;
  esp_fail_clear();
  status = esp_cluster_load(fuzz_file(bytes, count), &cluster);
  if (status != ESP_OK) fuzz_check_message();
  esp_cluster_end(&cluster);
  return 0;
}
