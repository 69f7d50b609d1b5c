// Copies between two strided views: the one loop of all operators that move
// data.  Floor 2.
#ifndef ESP_KERNEL_STRIDED_COPY_H
#define ESP_KERNEL_STRIDED_COPY_H

#include <stddef.h>
#include <stdint.h>

enum { ESP_COPY_NDIM = 17 };

// A planned copy: axes merged, the inner one fastest for the destination.
typedef struct esp_copy {
  int ndim;
  int64_t dim[ESP_COPY_NDIM];
  int64_t from[ESP_COPY_NDIM], to[ESP_COPY_NDIM]; // strides in elements
  size_t bytes; // of an element: 1, 2, 4, 8 or 16
} esp_copy;

// Plans a copy of ndim axes with these extents and element strides; strides of
// the source may be negative or 0.
void esp_copy_plan(int ndim, const int64_t *dim, const int64_t *from,
                   const int64_t *to, size_t bytes, esp_copy *plan);
// Copies; `from` and `to` point at the elements with all indices 0.  Uses up to
// `width` threads.  The views do not overlap.
void esp_copy_run(const esp_copy *plan, const void *from, void *to, int width);

#endif
