// oneDNN's engine, streams and failures.  Private to kernel/: the only room
// that includes oneDNN, so that its versions differ in one place.
#ifndef ESP_KERNEL_DNNL_H
#define ESP_KERNEL_DNNL_H

#include <dnnl.h>

#include "base/status.h"

// The CPU engine of this process; made at the first call, never freed.
esp_status esp_dnnl_engine(dnnl_engine_t *engine);
// This thread's stream on it; made at the thread's first call.
esp_status esp_dnnl_stream(dnnl_stream_t *stream);

// Turns oneDNN's status into ours; `what` names the call for the message.
esp_status esp_dnnl_status(dnnl_status_t status, const char *what);

#endif
