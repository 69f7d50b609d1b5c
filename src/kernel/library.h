// Which library computes.  Floor 2.
#ifndef ESP_KERNEL_LIBRARY_H
#define ESP_KERNEL_LIBRARY_H

#include <stddef.h>

// Writes "oneDNN 2.6.3 (<instruction set>)" into text and returns it.
const char *esp_kernel_library(char *text, size_t room);

#endif
