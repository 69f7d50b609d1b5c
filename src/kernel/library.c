#include "kernel/library.h"

#include <stdio.h>

#include "kernel/dnnl.h"

static const char *instruction_set(void) {
  switch ((int)dnnl_get_effective_cpu_isa()) {
  case dnnl_cpu_isa_sse41:
    return "SSE4.1";
  case dnnl_cpu_isa_avx:
    return "AVX";
  case dnnl_cpu_isa_avx2:
    return "AVX2";
  case dnnl_cpu_isa_avx512_core:
    return "AVX-512";
  case dnnl_cpu_isa_avx512_core_vnni:
    return "AVX-512 with VNNI";
  case dnnl_cpu_isa_avx512_core_bf16:
    return "AVX-512 with bfloat16";
  case dnnl_cpu_isa_avx512_core_amx:
    return "AVX-512 with AMX";
  default:
    return "another instruction set";
  }
}

bool esp_kernel_has(esp_precision precision) {
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  switch (precision) {
  case ESP_PRECISION_BF16:
    return isa == dnnl_cpu_isa_avx512_core_bf16 ||
           isa == dnnl_cpu_isa_avx512_core_amx;
  case ESP_PRECISION_INT8:
    return esp_dnnl_adds_bytes();
  default:
    return true;
  }
}

const char *esp_kernel_library(char *text, size_t room) {
  const dnnl_version_t *v = dnnl_version();
  (void)snprintf(text, room, "oneDNN %d.%d.%d (%s)", v->major, v->minor,
                 v->patch, instruction_set());
  return text;
}
