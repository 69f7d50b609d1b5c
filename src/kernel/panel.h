// Products of a matrix with a narrow panel of columns.  Floor 2.
#ifndef ESP_KERNEL_PANEL_H
#define ESP_KERNEL_PANEL_H

#include <stdint.h>

enum { ESP_PANEL = 16 }; // columns

// y [rows, ESP_PANEL] += w [rows, inner] times columns [inner, ESP_PANEL]; all
// row major.  Each sum is in the order of `inner`, in its own type.  On the
// calling thread.
void esp_panel_f32(int64_t rows, int64_t inner, const float *w,
                   const float *columns, float *y);
void esp_panel_f64(int64_t rows, int64_t inner, const double *w,
                   const double *columns, double *y);

#endif
