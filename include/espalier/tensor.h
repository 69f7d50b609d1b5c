// Element types of tensors, numbered as in ONNX (TensorProto.DataType).
#ifndef ESPALIER_TENSOR_H
#define ESPALIER_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include <espalier/declare.h>
#include <espalier/status.h>

ESP_DECLARATIONS_BEGIN

// Every element type: name, ONNX's number, ONNX's name, bytes of an element.
// A string has no bytes of its own here: an element is a `char *`, which ends
// with a zero byte and which nobody changes.  Types of four bits take a byte
// for each element, INT4 with its sign extended; files pack two in a byte.
#define ESP_DTYPE_LIST(X)                                                      \
  X(UNDEFINED, 0, "undefined", 0)                                              \
  X(FLOAT, 1, "float", 4)                                                      \
  X(UINT8, 2, "uint8", 1)                                                      \
  X(INT8, 3, "int8", 1)                                                        \
  X(UINT16, 4, "uint16", 2)                                                    \
  X(INT16, 5, "int16", 2)                                                      \
  X(INT32, 6, "int32", 4)                                                      \
  X(INT64, 7, "int64", 8)                                                      \
  X(STRING, 8, "string", 8)                                                    \
  X(BOOL, 9, "bool", 1)                                                        \
  X(FLOAT16, 10, "float16", 2)                                                 \
  X(DOUBLE, 11, "double", 8)                                                   \
  X(UINT32, 12, "uint32", 4)                                                   \
  X(UINT64, 13, "uint64", 8)                                                   \
  X(COMPLEX64, 14, "complex64", 8)                                             \
  X(COMPLEX128, 15, "complex128", 16)                                          \
  X(BFLOAT16, 16, "bfloat16", 2)                                               \
  X(FLOAT8E4M3FN, 17, "float8e4m3fn", 1)                                       \
  X(FLOAT8E4M3FNUZ, 18, "float8e4m3fnuz", 1)                                   \
  X(FLOAT8E5M2, 19, "float8e5m2", 1)                                           \
  X(FLOAT8E5M2FNUZ, 20, "float8e5m2fnuz", 1)                                   \
  X(UINT4, 21, "uint4", 1)                                                     \
  X(INT4, 22, "int4", 1)

typedef enum esp_dtype {
#define X(name, number, text, bytes) ESP_##name = (number),
  ESP_DTYPE_LIST(X)
#undef X
} esp_dtype;

// What the operands of products and convolutions with constant weights are
// rounded to; sums, and all values between operators, are float32.
typedef enum esp_precision {
  ESP_PRECISION_FLOAT32, // not rounded
  ESP_PRECISION_BF16,    // bfloat16
  ESP_PRECISION_INT8     // int8, with a scale for each row of a product or
                         // sample of a convolution, found while it runs, and
                         // one for each column or channel of the weights
} esp_precision;
// "float32", "bf16" or "int8"; static storage.
const char *esp_precision_name(esp_precision precision);
// ESP_USAGE: no such name.
esp_status esp_precision_named(const char *name, esp_precision *precision);

// A dense array of one element type, row major: the last dimension varies
// fastest.  Safe to read from several threads at once.
typedef struct esp_tensor esp_tensor;

enum { ESP_MAX_NDIM = 8 };

// Makes a tensor of zeros, with memory of its own; ndim 0 is a scalar, a
// dimension of 0 is allowed.  The caller frees it.
// ESP_USAGE: more than ESP_MAX_NDIM dimensions, a negative one, a type without
// a size, or more bytes than can be counted.  ESP_NO_MEMORY.
esp_status esp_tensor_create(esp_dtype type, const int64_t *dim, int ndim,
                             esp_tensor **tensor);
// Makes a tensor over the caller's memory, which must outlive it; nothing is
// copied.  `data` may be NULL only when there are no elements.
esp_status esp_tensor_wrap(esp_dtype type, const int64_t *dim, int ndim,
                           void *data, esp_tensor **tensor);
// Makes a tensor of its own with the same elements.  Of strings (an element is
// a char *) the characters are copied too.
esp_status esp_tensor_copy(const esp_tensor *from, esp_tensor **tensor);
void esp_tensor_free(esp_tensor *tensor); // NULL is allowed

esp_dtype esp_tensor_type(const esp_tensor *tensor);
int esp_tensor_ndim(const esp_tensor *tensor);
const int64_t *esp_tensor_dims(const esp_tensor *tensor); // [ndim], borrowed
int64_t esp_tensor_count(const esp_tensor *tensor);       // of elements
size_t esp_tensor_bytes(const esp_tensor *tensor);
void *esp_tensor_data(const esp_tensor *tensor); // borrowed

ESP_DECLARATIONS_END
#endif
