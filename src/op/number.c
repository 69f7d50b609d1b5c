#include "op/number.h"

#include <string.h>

#include <math.h>
#include <string.h>

#include "op/dispatch.h"

#define LOAD_REAL(s, t, d)                                                     \
  case d:                                                                      \
    return (esp_number){.floating = true, .real = (double)((const t *)data)[i]};
#define LOAD_WHOLE(s, t, d)                                                    \
  case d:                                                                      \
    return (esp_number){.whole = (int64_t)((const t *)data)[i],                \
                        .is_unsigned = (t)-1 > (t)1};
esp_number esp_number_load(esp_dtype type, const void *data, int64_t i) {
  switch (type) {
    ESP_FLOATING_TYPES(LOAD_REAL)
    ESP_INTEGER_TYPES(LOAD_WHOLE)
  case ESP_FLOAT16:
    return (esp_number){
        .floating = true,
        .real = (double)esp_from_float16(((const uint16_t *)data)[i])};
  case ESP_BFLOAT16:
    return (esp_number){
        .floating = true,
        .real = (double)esp_from_bfloat16(((const uint16_t *)data)[i])};
  case ESP_BOOL:
    return (esp_number){.whole = ((const uint8_t *)data)[i] != 0};
  case ESP_UINT4:
    return (esp_number){.whole = ((const uint8_t *)data)[i]};
  case ESP_INT4:
    return (esp_number){.whole = ((const int8_t *)data)[i]};
  default:
    if (!esp_dtype_is_float8(type)) return (esp_number){0};
    return (esp_number){
        .floating = true,
        .real = (double)esp_from_float8(type, ((const uint8_t *)data)[i])};
  }
}

double esp_number_real(const esp_number *v) {
  if (v->floating) return v->real;
  return v->is_unsigned ? (double)(uint64_t)v->whole : (double)v->whole;
}

int64_t esp_number_whole(const esp_number *v) {
  if (!v->floating) return v->whole;
  if (isnan(v->real)) return 0;
  if (v->real >= 0x1p63)
    return v->real >= 0x1p64 ? -1 : (int64_t)(uint64_t)v->real;
  if (v->real <= -0x1p63) return INT64_MIN;
  return (int64_t)v->real;
}

// The float32 towards zero, made odd where it is not exact: rounding it again
// to a shorter type then gives what rounding once would.
static float to_odd(double v) {
  float f = (float)v;
  if (isnan(v) || (double)f == v) return f;
  if (fabs((double)f) > fabs(v)) f = nextafterf(f, 0);
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  bits |= 1;
  memcpy(&f, &bits, sizeof f);
  return f;
}

#define STORE_REAL(s, t, d)                                                    \
  case d:                                                                      \
    ((t *)data)[i] = (t)esp_number_real(&v);                                   \
    break;
#define STORE_WHOLE(s, t, d)                                                   \
  case d:                                                                      \
    ((t *)data)[i] = (t)esp_number_whole(&v);                                  \
    break;
void esp_number_store(esp_dtype type, void *data, int64_t i, esp_number v) {
  switch (type) {
    ESP_FLOATING_TYPES(STORE_REAL)
    ESP_INTEGER_TYPES(STORE_WHOLE)
  case ESP_FLOAT16:
    ((uint16_t *)data)[i] = esp_to_float16(to_odd(esp_number_real(&v)));
    break;
  case ESP_BFLOAT16:
    ((uint16_t *)data)[i] = esp_to_bfloat16(to_odd(esp_number_real(&v)));
    break;
  case ESP_BOOL:
    ((uint8_t *)data)[i] = v.floating ? v.real != 0 : v.whole != 0;
    break;
  case ESP_UINT4:
    ((uint8_t *)data)[i] = (uint8_t)(esp_number_whole(&v) & 0xf);
    break;
  case ESP_INT4: // the sign is bit 3
    ((int8_t *)data)[i] = (int8_t)(((esp_number_whole(&v) & 0xf) ^ 8) - 8);
    break;
  default:
    if (esp_dtype_is_float8(type)) {
      const float single = to_odd(esp_number_real(&v));
      ((uint8_t *)data)[i] = esp_to_float8(type, single, true);
    }
    break;
  }
}

double esp_number_at(const esp_tensor *tensor, int64_t i) {
  const esp_number v = esp_number_load(tensor->type, tensor->data, i);
  return esp_number_real(&v);
}
void esp_number_put(const esp_tensor *tensor, int64_t i, double value) {
  esp_number_store(tensor->type, tensor->data, i,
                   (esp_number){.floating = true, .real = value});
}
int64_t esp_whole_at(const esp_tensor *tensor, int64_t i) {
  const esp_number v = esp_number_load(tensor->type, tensor->data, i);
  return esp_number_whole(&v);
}
void esp_whole_put(const esp_tensor *tensor, int64_t i, int64_t value) {
  esp_number_store(
      tensor->type, tensor->data, i,
      (esp_number){.whole = value, .is_unsigned = tensor->type == ESP_UINT64});
}

void esp_fill_zero(esp_dtype type, void *data, int64_t count) {
  static const char empty[] = "";
  if (type != ESP_STRING) {
    memset(data, 0, (size_t)count * esp_dtype_bytes(type));
    return;
  }
  for (int64_t i = 0; i < count; i++) ((const char **)data)[i] = empty;
}
