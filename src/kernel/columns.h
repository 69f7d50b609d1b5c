// The windows of a convolution laid out as columns.  Floor 2.
#ifndef ESP_KERNEL_COLUMNS_H
#define ESP_KERNEL_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

enum { ESP_COLUMN_AXES = 3 }; // fewer axes have extents of 1 in front

typedef struct esp_columns {
  size_t bytes; // of an element: 1 or 8
  int64_t channels;
  int64_t in[ESP_COLUMN_AXES], out[ESP_COLUMN_AXES], kernel[ESP_COLUMN_AXES];
  int64_t stride[ESP_COLUMN_AXES], dilation[ESP_COLUMN_AXES];
  int64_t before[ESP_COLUMN_AXES]; // padding at the beginning
} esp_columns;

int64_t esp_columns_rows(const esp_columns *c); // channels * kernel
int64_t esp_columns_size(const esp_columns *c); // product of out
// x [C,in...] to col [C * kernel..., out...]; the element `fill` stands in the
// padding.
void esp_columns_run(const esp_columns *c, const void *x, const void *fill,
                     void *col, int width);

#endif
