// Which library computes, and what this machine is fast at.  Floor 2.
#ifndef ESP_KERNEL_LIBRARY_H
#define ESP_KERNEL_LIBRARY_H

#include "tensor/tensor.h"

// Writes "oneDNN 2.6.3 (<instruction set>)" into text and returns it.
const char *esp_kernel_library(char *text, size_t room);

// Has this machine instructions for products of operands that are rounded so?
bool esp_kernel_has(esp_precision precision);

#endif
