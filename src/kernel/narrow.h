// Operands of products in fewer bits than float32.  Floor 2.
//
// bfloat16 is rounded to the nearest.  int8 is x * 127 / largest, rounded to
// the nearest, where `largest` is the largest magnitude of a row or sample: the
// scale belongs to those numbers alone, so that results depend neither on the
// batch nor on how it is cut.  A row with an infinity or a NaN has the scale
// NaN, and so has all that follows from it.
//
// Where the machine or oneDNN has no product of the narrow numbers, they are
// rounded all the same, and multiplied as float32.
#ifndef ESP_KERNEL_NARROW_H
#define ESP_KERNEL_NARROW_H

#include "tensor/tensor.h"

// The type of rounded operands: as the precision says, or as float32.
typedef struct esp_narrow {
  esp_precision precision;
  bool as_float;
} esp_narrow;
esp_dtype esp_narrow_type(esp_narrow kind); // 0: float32, as problems have it
size_t esp_narrow_bytes(esp_narrow kind);   // of one number

// The largest magnitude; NaN when there is an infinity or a NaN; 0 of none.
float esp_largest(const float *x, int64_t n);
// What an int8 number stands for.
static inline float esp_int8_scale(float largest) { return largest / 127; }

// Rounds n numbers; of int8 `largest` is that of all they are scaled with.
void esp_narrow_run(esp_narrow kind, const float *x, float largest, void *y,
                    int64_t n);

#endif
