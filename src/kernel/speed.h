// How fast this core computes and copies.  Floor 2.
#ifndef ESP_KERNEL_SPEED_H
#define ESP_KERNEL_SPEED_H

#include "base/status.h"

// Measures, on the calling thread alone and within about 20 ms: float32
// operations a second of a matrix product that fits the cache, and bytes a
// second (read plus written) of copying a block that does not.
esp_status esp_kernel_speed(double *flops_per_second, double *bytes_per_second);

// Float32 operations a second of this core that only multiplies and adds in
// registers: what no kernel exceeds.  Measured within about 10 ms.
esp_status esp_kernel_peak(double *flops_per_second);

#endif
