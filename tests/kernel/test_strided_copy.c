// Copies of random views against a naive loop.
#include "kernel/strided_copy.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

enum { AXES = 4 };

static void naive(int axis, const int64_t *dim, const int64_t *from,
                  const int64_t *to, size_t bytes, const unsigned char *a,
                  unsigned char *b) {
  if (axis == AXES) {
    memcpy(b, a, bytes);
    return;
  }
  for (int64_t i = 0; i < dim[axis]; i++) {
    naive(axis + 1, dim, from, to, bytes, a + i * from[axis] * (int64_t)bytes,
          b + i * to[axis] * (int64_t)bytes);
  }
}

// A permuted, perhaps reversed or repeated source; a dense destination.
static void try_view(size_t bytes, int width) {
  int64_t dim[AXES], from[AXES], to[AXES], begin = 0, step = 1;
  int order[AXES] = {0, 1, 2, 3};
  for (int i = 0; i < AXES; i++) dim[i] = 1 + (int64_t)(check_random() % 37);
  if (check_random() % 16 == 0) dim[2] = 0;
  for (int i = AXES - 1; i > 0; i--) {
    const int k = (int)(check_random() % (uint64_t)(i + 1));
    const int kept = order[i];
    order[i] = order[k];
    order[k] = kept;
  }
  for (int i = AXES - 1; i >= 0; i--) {
    from[order[i]] = step;
    step *= dim[order[i]];
  }
  const size_t count = (size_t)(dim[0] * dim[1] * dim[2] * dim[3]);
  const int turned = (int)(check_random() % AXES);
  if (check_random() % 2 == 0 && count > 0) {
    begin = (dim[turned] - 1) * from[turned];
    from[turned] = -from[turned];
  } else if (check_random() % 2 == 0) {
    from[turned] = 0;
  }
  int64_t dense = 1;
  for (int i = AXES - 1; i >= 0; i--) {
    to[i] = dense;
    dense *= dim[i];
  }
  unsigned char *a = malloc(count * bytes + 1);
  unsigned char *b = calloc(count * bytes + 1, 1);
  unsigned char *want = calloc(count * bytes + 1, 1);
  for (size_t i = 0; i < count * bytes; i++)
    a[i] = (unsigned char)check_random();
  esp_copy copy;
  esp_copy_plan(AXES, dim, from, to, bytes, &copy);
  esp_copy_run(&copy, a + begin * (int64_t)bytes, b, width);
  naive(0, dim, from, to, bytes, a + begin * (int64_t)bytes, want);
  check_same_bytes(b, want, count * bytes + 1);
  free(a), free(b), free(want);
}

static void any_view_is_copied(void) {
  static const size_t sizes[] = {1, 2, 4, 8, 16};
  for (int round = 0; round < 40; round++) {
    for (int s = 0; s < 5; s++) try_view(sizes[s], 1 + round % 4);
  }
}

int main(void) {
  static const check_case cases[] = {CASE(any_view_is_copied), {NULL, NULL}};
  return check_run("kernel/strided_copy", cases);
}
