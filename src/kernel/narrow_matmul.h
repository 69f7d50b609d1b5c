// Products whose operands are rounded (narrow.h).  Private to kernel/: reached
// through esp_matmul_create().
#ifndef ESP_KERNEL_NARROW_MATMUL_H
#define ESP_KERNEL_NARROW_MATMUL_H

#include "kernel/matmul.h"

typedef struct esp_narrow_matmul esp_narrow_matmul;

// For one product with a constant b, float32, none of whose dimensions is 0; an
// int8 b has a scale for each column.
esp_status esp_narrow_matmul_create(const esp_matmul_problem *problem,
                                    const float *b, esp_narrow_matmul **made);
void esp_narrow_matmul_free(esp_narrow_matmul *narrow); // NULL is allowed
size_t esp_narrow_matmul_scratch(const esp_narrow_matmul *narrow);
const char *esp_narrow_matmul_name(const esp_narrow_matmul *narrow);
esp_status esp_narrow_matmul_run(esp_narrow_matmul *narrow,
                                 const esp_matmul_work *work, void *scratch);

#endif
