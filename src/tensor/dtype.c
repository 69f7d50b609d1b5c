#include <math.h>
#include <string.h>

#include "tensor/tensor.h"

static const struct {
  const char *text;
  size_t bytes;
} types[] = {
#define X(name, number, text, bytes) [(number)] = {(text), (bytes)},
    ESP_DTYPE_LIST(X)
#undef X
};

bool esp_dtype_valid(int number) {
  return number >= 0 && (size_t)number < sizeof types / sizeof types[0];
}
size_t esp_dtype_bytes(esp_dtype type) {
  return esp_dtype_valid((int)type) ? types[type].bytes : 0;
}
static const char *const precisions[] = {[ESP_PRECISION_FLOAT32] = "float32",
                                         [ESP_PRECISION_BF16] = "bf16",
                                         [ESP_PRECISION_INT8] = "int8"};
enum { PRECISIONS = sizeof precisions / sizeof precisions[0] };

const char *esp_precision_name(esp_precision precision) {
  return (size_t)precision < PRECISIONS ? precisions[precision] : "unknown";
}

esp_status esp_precision_named(const char *name, esp_precision *precision) {
  for (int i = 0; i < PRECISIONS; i++) {
    if (strcmp(name, precisions[i]) != 0) continue;
    *precision = (esp_precision)i;
    return ESP_OK;
  }
  return ESP_FAIL(ESP_USAGE,
                  "precision is \"%s\", expected float32, bf16 or int8", name);
}

const char *esp_dtype_text(esp_dtype type) {
  return esp_dtype_valid((int)type) ? types[type].text : "unknown";
}
bool esp_dtype_is_integer(esp_dtype type) {
  return (type >= ESP_UINT8 && type <= ESP_INT64) || type == ESP_UINT32 ||
         type == ESP_UINT64;
}

bool esp_dtype_is_float8(esp_dtype type) {
  return type >= ESP_FLOAT8E4M3FN && type <= ESP_FLOAT8E5M2FNUZ;
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
float esp_from_float16(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  uint32_t exponent = (half >> 10) & 0x1fu;
  uint32_t fraction = half & 0x3ffu;
  if (exponent == 0x1f) return float_of(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) { // zero or subnormal: fraction * 2^-24
    float tiny = (float)fraction * 0x1p-24f;
    return sign != 0 ? -tiny : tiny;
  }
  return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t esp_to_float16(float value) {
  uint32_t bits = bits_of(value);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
  float magnitude = fabsf(value);
  if (isnan(value)) return (uint16_t)(sign | 0x7e00u);
  if (magnitude >= 65520.0f) return (uint16_t)(sign | 0x7c00u);
  if (magnitude < 0x1p-14f) { // subnormal: rintf rounds to nearest even
    return (uint16_t)(sign | (uint16_t)rintf(magnitude * 0x1p24f));
  }
  uint32_t m = bits & 0x7fffffffu;
  m += 0xfffu + (m >> 13 & 1u); // to nearest even at bit 13
  return (uint16_t)(sign | (uint16_t)((m >> 13) - (112u << 10)));
}

float esp_from_bfloat16(uint16_t bits) {
  return float_of((uint32_t)bits << 16);
}

uint16_t esp_to_bfloat16(float value) {
  uint32_t bits = bits_of(value);
  if (isnan(value)) return (uint16_t)(bits >> 16 | 0x40u);
  bits += 0x7fffu + (bits >> 16 & 1u);
  return (uint16_t)(bits >> 16);
}
