#include "base/quantile.h"

#include <stdlib.h>

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double esp_quantile(double *list, int count, double part) {
  qsort(list, (size_t)count, sizeof *list, rising);
  return list[(int)(part * (count - 1) + 0.5)];
}
