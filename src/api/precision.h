// What a precision costs in accuracy, by running both.  Private to api/.
#ifndef ESP_API_PRECISION_H
#define ESP_API_PRECISION_H

#include "api/private.h"
#include "report/accuracy.h"

// Runs the model as it is, and in float32, on these inputs (of type and shape
// as the model's, `rows` samples), and compares the floating-point outputs; the
// largest number of a sample is looked for in output `ranked`.  accuracy->
// samples is 0 where the model cannot be planned.  Not collective.
esp_status esp_precision_compare(const esp_graph *model, int64_t rows,
                                 const esp_tensor *const *input, int width,
                                 int ranked, esp_accuracy *accuracy);

#endif
