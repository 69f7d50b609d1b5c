// Two values of any kind, element by element.  Private to api/.
#ifndef ESP_API_COMPARE_H
#define ESP_API_COMPARE_H

#include "op/datum.h"

// Numbers agree when |got - want| <= atol + rtol |want|; NaN agrees with NaN;
// text, and numbers of four and eight bits, to the bit.  A bfloat16 may be
// wanted as the uint16 of its bits, as ONNX's cases store it.
// ESP_CANCELLED: computed, but another result; the message tells which.
esp_status esp_compare(const esp_datum *got, const esp_datum *want,
                       const char *name, double rtol, double atol);

#endif
