#include "cost/cost.h"
#include "kernel/speed.h"

esp_machine esp_cost_typical(void) {
  return (esp_machine){.flops_per_second = 50e9,
                       .bytes_per_second = 8e9,
                       .call_seconds = 2e-6,
                       .message_seconds = 60e-6, // ADR 0001
                       .message_bytes_per_second = 4e9};
}

esp_status esp_cost_measure(esp_machine *machine) {
  *machine = esp_cost_typical();
  return esp_kernel_speed(&machine->flops_per_second,
                          &machine->bytes_per_second);
}
