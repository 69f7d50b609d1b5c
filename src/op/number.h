// One element of a tensor of any number type: for operators where speed does
// not count, and for what must be exact in every type.  Private to op/.
#ifndef ESP_OP_NUMBER_H
#define ESP_OP_NUMBER_H

#include "tensor/tensor.h"

// A number on its way between two types: floating types as double, integers
// and truth values whole, so that none of 64 bits is lost.
typedef struct esp_number {
  bool floating;
  double real;      // when floating
  int64_t whole;    // otherwise; the bits of a uint64 too
  bool is_unsigned; // of `whole`
} esp_number;

// Element i of an array; another type than numbers and bool gives 0.
esp_number esp_number_load(esp_dtype type, const void *data, int64_t i);
// Stores it as ONNX's Cast does: floating numbers are truncated towards zero
// and held inside of 64 bits, whole ones wrap around; NaN is 0, and true; the
// 8-bit floating types saturate.
void esp_number_store(esp_dtype type, void *data, int64_t i, esp_number value);
double esp_number_real(const esp_number *value);
// Truncates towards zero; outside of 64 bits the nearest end, NaN to zero.
int64_t esp_number_whole(const esp_number *value);

// The same for elements of a tensor, as double; 64-bit integers above 2^53
// are rounded.
double esp_number_at(const esp_tensor *tensor, int64_t i);
void esp_number_put(const esp_tensor *tensor, int64_t i, double value);
// The same, whole: of a floating type truncated, of uint64 the bits.
int64_t esp_whole_at(const esp_tensor *tensor, int64_t i);
void esp_whole_put(const esp_tensor *tensor, int64_t i, int64_t value);

// Fills with what says nothing: 0, or the empty string.
void esp_fill_zero(esp_dtype type, void *data, int64_t count);

#endif
