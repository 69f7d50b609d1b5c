// The four 8-bit floating types.
// Source: ONNX, "Float stored in 8 bits" (arXiv 2209.05433, 2206.02915).
#include <math.h>

#include "tensor/tensor.h"

// Bits of the fraction, bias of the exponent, code of the largest number, code
// of infinity (0: there is none); UZ types have one zero, and 0x80 is NaN.
typedef struct format {
  int fraction, bias;
  uint8_t largest, infinity;
  bool one_zero;
} format;

static format format_of(esp_dtype type) {
  switch (type) {
  case ESP_FLOAT8E4M3FN:
    return (format){3, 7, 0x7e, 0, false};
  case ESP_FLOAT8E4M3FNUZ:
    return (format){3, 8, 0x7f, 0, true};
  case ESP_FLOAT8E5M2:
    return (format){2, 15, 0x7b, 0x7c, false};
  default: // ESP_FLOAT8E5M2FNUZ
    return (format){2, 16, 0x7f, 0, true};
  }
}

float esp_from_float8(esp_dtype type, uint8_t bits) {
  const format f = format_of(type);
  const int code = bits & 0x7f;
  const float sign = bits & 0x80 ? -1.0f : 1.0f;
  if (f.one_zero && bits == 0x80) return NAN;
  if (f.infinity != 0 && code == f.infinity) return sign * INFINITY;
  if (code > f.largest) return sign < 0 ? -NAN : NAN;
  const int exponent = code >> f.fraction, one = 1 << f.fraction;
  const int fraction = code & (one - 1);
  return exponent == 0 ? sign * ldexpf((float)fraction, 1 - f.bias - f.fraction)
                       : sign * ldexpf((float)(one + fraction),
                                       exponent - f.bias - f.fraction);
}

// A number that is too large, or infinite.
static uint8_t beyond(const format *f, bool infinite, bool saturate,
                      uint8_t sign) {
  if (f->one_zero) return saturate && !infinite ? sign | f->largest : 0x80;
  if (saturate) return sign | f->largest;
  return sign | (f->infinity != 0 ? f->infinity : 0x7f);
}

uint8_t esp_to_float8(esp_dtype type, float value, bool saturate) {
  const format f = format_of(type);
  const uint8_t sign = signbit(value) ? 0x80 : 0;
  if (isnan(value)) return f.one_zero ? 0x80 : sign | 0x7f;
  if (isinf(value)) return beyond(&f, true, saturate, sign);
  if (value == 0.0f) return f.one_zero ? 0 : sign;
  const float magnitude = fabsf(value);
  int exponent = ilogbf(magnitude);
  if (exponent < 1 - f.bias) exponent = 1 - f.bias; // a subnormal number
  const int one = 1 << f.fraction;
  // To nearest even; a carry out of the fraction raises the exponent.
  const int units = (int)rintf(ldexpf(magnitude, f.fraction - exponent));
  if (exponent + f.bias > 32) return beyond(&f, false, saturate, sign);
  const int code = units < one && exponent == 1 - f.bias
                       ? units
                       : ((exponent + f.bias) << f.fraction) + units - one;
  if (code > f.largest) return beyond(&f, false, saturate, sign);
  if (code == 0 && f.one_zero) return 0;
  return (uint8_t)(sign | (uint8_t)code);
}
