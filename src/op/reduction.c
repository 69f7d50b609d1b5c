#include "op/reduction.h"

void esp_reduction_of(const esp_shape *shape, const bool gone[ESP_MAX_NDIM],
                      esp_reduction *reduction) {
  esp_reduction r = {.rows = 1, .count = 1};
  int64_t stride[ESP_MAX_NDIM], step = 1;
  for (int i = shape->ndim - 1; i >= 0; i--) {
    stride[i] = step;
    step *= shape->dim[i];
  }
  for (int i = 0; i < shape->ndim; i++) {
    if (gone[i] && i > 0 && gone[i - 1]) { // one longer axis with the last
      r.gone[r.ngone - 1] *= shape->dim[i];
      r.gone_stride[r.ngone - 1] = stride[i];
      r.count *= shape->dim[i];
    } else if (gone[i]) {
      r.gone[r.ngone] = shape->dim[i];
      r.gone_stride[r.ngone++] = stride[i];
      r.count *= shape->dim[i];
    } else {
      r.kept[r.nkept] = shape->dim[i];
      r.kept_stride[r.nkept++] = stride[i];
      r.rows *= shape->dim[i];
    }
  }
  *reduction = r;
}

static int64_t place_of(int axes, const int64_t *dim, const int64_t *stride,
                        int64_t i) {
  int64_t at = 0;
  for (int a = axes - 1; a >= 0; a--) {
    at += i % dim[a] * stride[a];
    i /= dim[a];
  }
  return at;
}

int64_t esp_reduction_row(const esp_reduction *reduction, int64_t r) {
  return place_of(reduction->nkept, reduction->kept, reduction->kept_stride, r);
}
int64_t esp_reduction_element(const esp_reduction *reduction, int64_t k) {
  if (reduction->ngone == 1) return k * reduction->gone_stride[0];
  return place_of(reduction->ngone, reduction->gone, reduction->gone_stride, k);
}
