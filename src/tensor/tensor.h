// Element types, shapes and tensor views: plain data.  Floor 1.
#ifndef ESP_TENSOR_TENSOR_H
#define ESP_TENSOR_TENSOR_H

#include <espalier/tensor.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// The dimension of a shape that is not known before the batch is chosen.
enum { ESP_DIM_UNKNOWN = -1 };

// A logical shape as ONNX sees it; dim[ndim - 1] is the last axis.
typedef struct esp_shape {
  int ndim;
  int64_t dim[ESP_MAX_NDIM];
} esp_shape;

// How the elements of a shape [N,C,...] lie in memory.  Dense in both.
typedef enum esp_layout {
  ESP_ROW_MAJOR,     // the last axis varies fastest (ONNX's own order)
  ESP_CHANNELS_LAST, // axis 1 varies fastest: N,D...,C; for ndim >= 3
} esp_layout;

// A view: type, shape, layout and a borrowed pointer to the elements.
struct esp_tensor {
  esp_dtype type;
  esp_layout layout;
  esp_shape shape;
  void *data; // NULL: only type and shape are known
};

size_t esp_dtype_bytes(esp_dtype type);     // of one element; 0 if undefined
const char *esp_dtype_text(esp_dtype type); // ONNX's name, e.g. "float"
bool esp_dtype_valid(int number);           // is this one of esp_dtype?
bool esp_dtype_is_integer(esp_dtype type);  // signed or unsigned, not bool
bool esp_dtype_is_float8(esp_dtype type);   // one of the four kinds

// Number of elements; 1 when ndim is 0.  The shape has passed esp_shape_bytes()
// or is made of such shapes, so that it does not overflow.
int64_t esp_shape_count(const esp_shape *shape);
// Bytes of a dense tensor.  ESP_BAD_INPUT: a dimension is negative or the
// product does not fit.
esp_status esp_shape_bytes(const esp_shape *shape, esp_dtype type,
                           size_t *bytes);
bool esp_shape_equal(const esp_shape *a, const esp_shape *b);
// Product of dim[from .. to); 1 when the range is empty.
int64_t esp_shape_product(const esp_shape *shape, int from, int to);
// Turns an axis in [-ndim, ndim) into [0, ndim); false when outside.
bool esp_axis_wrap(int64_t axis, int ndim, int *wrapped);

// The shape in the order of memory: for ESP_CHANNELS_LAST [N,C,D...] becomes
// [N,D...,C], otherwise a copy.
esp_shape esp_physical_shape(const esp_tensor *tensor);
// The place of logical `axis` in the physical shape.
int esp_physical_axis(const esp_tensor *tensor, int axis);

// Writes "[2,3,?]" (with ? for an unknown dimension) into text and returns it.
enum { ESP_SHAPE_TEXT = 192 };
const char *esp_shape_text(const esp_shape *shape, char text[ESP_SHAPE_TEXT]);

// The shape that both broadcast to by ONNX's (NumPy's) rule.
// ESP_BAD_INPUT: two dimensions differ and neither is 1.
esp_status esp_shape_broadcast(const esp_shape *a, const esp_shape *b,
                               esp_shape *out);

// Conversions of the 16-bit floating types, exact upwards, to nearest even
// downwards.
float esp_from_float16(uint16_t bits);
uint16_t esp_to_float16(float value);
float esp_from_bfloat16(uint16_t bits);
uint16_t esp_to_bfloat16(float value);
// The same for the 8-bit ones.  What is too large becomes the largest number
// when it saturates, otherwise infinity, or NaN where a type has none; infinity
// of the UZ types is NaN either way.
float esp_from_float8(esp_dtype type, uint8_t bits);
uint8_t esp_to_float8(esp_dtype type, float value, bool saturate);

#endif
