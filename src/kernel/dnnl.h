// oneDNN's engine, streams, descriptors and failures.  Private to kernel/: the
// only room that includes oneDNN, so that its versions differ in one place.
#ifndef ESP_KERNEL_DNNL_H
#define ESP_KERNEL_DNNL_H

#include <dnnl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "tensor/tensor.h"

// The CPU engine of this process; made at the first call, never freed.
esp_status esp_dnnl_engine(dnnl_engine_t *engine);
// This thread's stream on it; made at the thread's first call.
esp_status esp_dnnl_stream(dnnl_stream_t *stream);

// Turns oneDNN's status into ours; `what` names the call for the message.
esp_status esp_dnnl_status(dnnl_status_t status, const char *what);

// Sets the OpenMP threads that oneDNN takes, when a primitive is made and when
// it runs, on this thread; returns what it was, to be set again.
int esp_dnnl_threads(int width);

// oneDNN's name of what products are made of: bfloat16, int8, and float32 for
// all others; and the bytes of one.
dnnl_data_type_t esp_dnnl_type(esp_dtype type);
size_t esp_operand_bytes(esp_dtype type);
// Does the machine add up products of bytes without saturating at 16 bits?
bool esp_dnnl_adds_bytes(void);

// The name of an implementation, e.g. "brgconv:avx512_core".  Borrowed.
const char *esp_dnnl_implementation(const_dnnl_primitive_desc_t desc);
// What a primitive description says of one of its arguments, e.g.
// dnnl_query_weights_md.  Borrowed.
const dnnl_memory_desc_t *esp_dnnl_argument(const_dnnl_primitive_desc_t desc,
                                            dnnl_query_t what);

// Packs plain data into the layout of `to`; *packed is ended with
// esp_constant_free().
esp_status esp_dnnl_pack(const dnnl_memory_desc_t *from, const void *data,
                         const dnnl_memory_desc_t *to, void **packed);

// A primitive with memory objects for its arguments, made beforehand: several
// sets, so that several workers can run it at once without making any.
enum { ESP_DNNL_ARGUMENTS = 8, ESP_DNNL_SETS = 4 };
typedef struct esp_dnnl_set {
  atomic_flag taken;
  dnnl_memory_t memory[ESP_DNNL_ARGUMENTS];
} esp_dnnl_set;
typedef struct esp_dnnl_primitive {
  dnnl_primitive_t primitive;
  int width;                        // threads it was made for
  int count;                        // of arguments
  int argument[ESP_DNNL_ARGUMENTS]; // DNNL_ARG_...
  dnnl_memory_desc_t md[ESP_DNNL_ARGUMENTS];
  size_t scratch_bytes;
  esp_dnnl_set set[ESP_DNNL_SETS];
} esp_dnnl_primitive;

// Makes the primitive of a description that has been made under
// esp_dnnl_threads(width).  The arguments are named in `argument` and described
// by `md`; the scratchpad is added as the last one.
esp_status esp_dnnl_primitive_create(const_dnnl_primitive_desc_t desc,
                                     int width, const int *argument,
                                     const dnnl_memory_desc_t *const *md,
                                     int count, esp_dnnl_primitive **made);
void esp_dnnl_primitive_free(esp_dnnl_primitive *primitive); // NULL allowed
// Runs it on these bytes, in the order of the arguments.
esp_status esp_dnnl_primitive_run(esp_dnnl_primitive *primitive,
                                  void *const *bytes, void *scratch);

#endif
