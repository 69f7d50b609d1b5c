// How fast this core computes and copies.  Floor 2.
#ifndef ESP_KERNEL_SPEED_H
#define ESP_KERNEL_SPEED_H

#include "base/status.h"

// Both measure on the calling thread alone.

// Float32 operations a second of this core that only multiplies and adds in
// registers: what no kernel exceeds.  The best of so many repetitions, each of
// some 0.2 ms.
esp_status esp_kernel_peak(int repetitions, double *flops_per_second);

// Bytes a second (read plus written) of copying a block that does not fit the
// cache.  Measured within about 15 ms.
esp_status esp_kernel_copying(double *bytes_per_second);

#endif
