// The one way to write a loop for several element types: a list is expanded
// with a macro that writes the function for one type, and again into a table
// indexed by esp_dtype.  Private to op/.
#ifndef ESP_OP_DISPATCH_H
#define ESP_OP_DISPATCH_H

#include <stdint.h>

#include "tensor/tensor.h"

// X(suffix, C type, esp_dtype)
#define ESP_FLOATING_TYPES(X)                                                  \
  X(f32, float, ESP_FLOAT)                                                     \
  X(f64, double, ESP_DOUBLE)
#define ESP_SIGNED_TYPES(X)                                                    \
  X(i8, int8_t, ESP_INT8)                                                      \
  X(i16, int16_t, ESP_INT16)                                                   \
  X(i32, int32_t, ESP_INT32)                                                   \
  X(i64, int64_t, ESP_INT64)
#define ESP_UNSIGNED_TYPES(X)                                                  \
  X(u8, uint8_t, ESP_UINT8)                                                    \
  X(u16, uint16_t, ESP_UINT16)                                                 \
  X(u32, uint32_t, ESP_UINT32)                                                 \
  X(u64, uint64_t, ESP_UINT64)
#define ESP_INTEGER_TYPES(X) ESP_SIGNED_TYPES(X) ESP_UNSIGNED_TYPES(X)
#define ESP_ALL_TYPES(X) ESP_FLOATING_TYPES(X) ESP_INTEGER_TYPES(X)

enum { ESP_DTYPES = 23 }; // numbers of esp_dtype are below it

#endif
