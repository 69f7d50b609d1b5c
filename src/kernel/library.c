#include "kernel/library.h"

#include <dnnl.h>
#include <stdio.h>

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
  default:
    return "another instruction set";
  }
}

const char *esp_kernel_library(char *text, size_t room) {
  const dnnl_version_t *v = dnnl_version();
  (void)snprintf(text, room, "oneDNN %d.%d.%d (%s)", v->major, v->minor,
                 v->patch, instruction_set());
  return text;
}
