// The 16-bit floating types for operators that compute float32: inputs become
// float32 before the operator runs, and its outputs are rounded once after it.
// Private to op/.
#ifndef ESP_OP_HALF_H
#define ESP_OP_HALF_H

#include "op/op.h"

// The type that such an operator sees for operands of `type`: float32 for a
// 16-bit floating type, any other as it is.
esp_dtype esp_computed_type(esp_dtype type);

// What a row of the table has for prepare, release and run when its functions
// for the other types are the row `plain`; constants are converted once.
esp_status esp_half_prepare(const esp_args *args, int width,
                            esp_prepared *made);
void esp_half_release(void *state);
esp_status esp_half_run(const esp_args *args, const void *state, esp_team team);

#define ESP_HALF(row)                                                          \
  .prepare = esp_half_prepare, .release = esp_half_release,                    \
  .run = esp_half_run, .plain = &(row)

#endif
