// QLinearMatMul of 8-bit floating types (opset 21).  Private to op/.
#ifndef ESP_OP_PRODUCT_FLOAT8_H
#define ESP_OP_PRODUCT_FLOAT8_H

#include "op/product.h"

// y = saturate((a - a_zero) (b - b_zero) a_scale b_scale / y_scale + y_zero),
// the inputs in the standard's order; sums are made in double, in the order of
// k.
void esp_product_float8(const esp_args *args, const esp_product *product,
                        int width);

#endif
