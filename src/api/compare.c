#include "api/compare.h"

#include <math.h>
#include <string.h>

// One number of a tensor as a double; i counts parts of complex numbers.
static double number(const esp_tensor *t, int64_t i) {
  switch (t->type) {
  case ESP_FLOAT:
  case ESP_COMPLEX64:
    return (double)((const float *)t->data)[i];
  case ESP_DOUBLE:
  case ESP_COMPLEX128:
    return ((const double *)t->data)[i];
  case ESP_FLOAT16:
    return (double)esp_from_float16(((const uint16_t *)t->data)[i]);
  case ESP_BFLOAT16:
    return (double)esp_from_bfloat16(((const uint16_t *)t->data)[i]);
  case ESP_INT8:
  case ESP_INT4:
    return ((const int8_t *)t->data)[i];
  case ESP_UINT16:
    return ((const uint16_t *)t->data)[i];
  case ESP_INT16:
    return ((const int16_t *)t->data)[i];
  case ESP_UINT32:
    return ((const uint32_t *)t->data)[i];
  case ESP_INT32:
    return ((const int32_t *)t->data)[i];
  case ESP_UINT64:
    return (double)((const uint64_t *)t->data)[i];
  case ESP_INT64:
    return (double)((const int64_t *)t->data)[i];
  default: // one byte: its bits
    return ((const uint8_t *)t->data)[i];
  }
}

static bool close_enough(double got, double want, double rtol, double atol) {
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
  if (got == want) return true;
  return fabs(got - want) <= atol + rtol * fabs(want);
}

static esp_status compare_text(const esp_tensor *got, const esp_tensor *want,
                               const char *name) {
  const int64_t count = esp_shape_count(&want->shape);
  for (int64_t i = 0; i < count; i++) {
    const char *a = ((char *const *)got->data)[i];
    const char *b = ((char *const *)want->data)[i];
    if (strcmp(a, b) == 0) continue;
    return ESP_FAIL(ESP_CANCELLED,
                    "output \"%s\": element %lld is \"%s\", expected \"%s\"",
                    name, (long long)i, a, b);
  }
  return ESP_OK;
}

static esp_status compare_numbers(const esp_tensor *got, const esp_tensor *want,
                                  const char *name, double rtol, double atol) {
  const bool pairs =
      want->type == ESP_COMPLEX64 || want->type == ESP_COMPLEX128;
  const int64_t count = esp_shape_count(&want->shape) * (pairs ? 2 : 1);
  int64_t wrong = 0, at = -1;
  for (int64_t i = 0; i < count; i++) {
    if (close_enough(number(got, i), number(want, i), rtol, atol)) continue;
    if (wrong++ == 0) at = i;
  }
  if (wrong == 0) return ESP_OK;
  return ESP_FAIL(ESP_CANCELLED,
                  "output \"%s\": %lld of %lld elements differ, the first is "
                  "element %lld: %.9g, expected %.9g",
                  name, (long long)wrong, (long long)count, (long long)at,
                  number(got, at), number(want, at));
}

static esp_status compare_tensors(const esp_tensor *result,
                                  const esp_tensor *want, const char *name,
                                  double rtol, double atol) {
  char first[ESP_SHAPE_TEXT], second[ESP_SHAPE_TEXT];
  esp_tensor bits = *result;
  if (bits.type == ESP_BFLOAT16 && want->type == ESP_UINT16) {
    bits.type = ESP_UINT16;
  }
  if (bits.type != want->type || !esp_shape_equal(&bits.shape, &want->shape)) {
    return ESP_FAIL(
        ESP_CANCELLED, "output \"%s\" is %s %s, expected %s %s", name,
        esp_dtype_text(result->type), esp_shape_text(&result->shape, first),
        esp_dtype_text(want->type), esp_shape_text(&want->shape, second));
  }
  if (want->type == ESP_STRING) return compare_text(&bits, want, name);
  return compare_numbers(&bits, want, name, rtol, atol);
}

esp_status esp_compare(const esp_datum *got, const esp_datum *want,
                       const char *name, double rtol, double atol) {
  if (got->kind != want->kind) {
    return ESP_FAIL(ESP_CANCELLED, "output \"%s\" is %s, expected %s", name,
                    esp_kind_text(got->kind), esp_kind_text(want->kind));
  }
  if (want->kind == ESP_KIND_TENSOR) {
    return compare_tensors(&got->tensor, &want->tensor, name, rtol, atol);
  }
  if (got->count != want->count) {
    return ESP_FAIL(ESP_CANCELLED, "output \"%s\" has %lld elements, not %lld",
                    name, (long long)got->count, (long long)want->count);
  }
  for (int64_t i = 0; i < want->count; i++) {
    const esp_status status =
        esp_compare(got->element[i], want->element[i], name, rtol, atol);
    if (status != ESP_OK) {
      return esp_fail_within(status, "element %lld", (long long)i);
    }
  }
  return ESP_OK;
}
