#include "kernel/dnnl.h"

#include <stdatomic.h>

// An engine holds no state that changes, and making one twice is harmless, so a
// compare-and-swap is enough: the loser destroys its own.
static _Atomic(dnnl_engine_t) engine_of_process;
static _Thread_local dnnl_stream_t stream_of_thread;

esp_status esp_dnnl_status(dnnl_status_t status, const char *what) {
  switch (status) {
  case dnnl_success:
    return ESP_OK;
  case dnnl_out_of_memory:
    return ESP_FAIL(ESP_NO_MEMORY, "oneDNN: %s", what);
  case dnnl_unimplemented:
    return ESP_FAIL(ESP_UNSUPPORTED, "oneDNN has no implementation of %s",
                    what);
  default:
    return ESP_FAIL(ESP_INTERNAL, "oneDNN: %s failed with status %d", what,
                    (int)status);
  }
}

esp_status esp_dnnl_engine(dnnl_engine_t *engine) {
  dnnl_engine_t have = atomic_load(&engine_of_process);
  if (have == NULL) {
    dnnl_engine_t made;
    ESP_TRY(esp_dnnl_status(dnnl_engine_create(&made, dnnl_cpu, 0), "engine"));
    if (atomic_compare_exchange_strong(&engine_of_process, &have, made)) {
      have = made;
    } else {
      (void)dnnl_engine_destroy(made);
    }
  }
  *engine = have;
  return ESP_OK;
}

esp_status esp_dnnl_stream(dnnl_stream_t *stream) {
  if (stream_of_thread == NULL) {
    dnnl_engine_t engine;
    ESP_TRY(esp_dnnl_engine(&engine));
    ESP_TRY(esp_dnnl_status(dnnl_stream_create(&stream_of_thread, engine,
                                               dnnl_stream_default_flags),
                            "stream"));
  }
  *stream = stream_of_thread;
  return ESP_OK;
}
