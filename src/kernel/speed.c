#include "kernel/speed.h"

#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/memory.h"
#include "kernel/vectors.h"

enum { COPY_BYTES = 1 << 25 };

// The best of a few repetitions: what others take from us is not our speed.
static double best_of(void (*work)(float *), float *block, int repetitions) {
  double best = 1e9;
  for (int i = 0; i < repetitions; i++) {
    const double begin = esp_clock_seconds();
    work(block);
    const double took = esp_clock_seconds() - begin;
    if (took < best) best = took;
  }
  return best;
}

static void copy(float *block) {
  unsigned char *bytes = (unsigned char *)block;
  memcpy(bytes + COPY_BYTES / 2, bytes, COPY_BYTES / 2);
}

// Of large pages where there are any: else most of the time goes into giving
// the block its pages.
esp_status esp_kernel_copying(double *bytes_per_second) {
  void *block = mmap(NULL, COPY_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot allocate %d bytes", COPY_BYTES);
  }
  (void)madvise(block, COPY_BYTES, MADV_HUGEPAGE);
  memset(block, 1, COPY_BYTES);
  *bytes_per_second = COPY_BYTES / best_of(copy, block, 3);
  (void)munmap(block, COPY_BYTES);
  return ESP_OK;
}

// Enough chains to hide the latency of an addition, in registers of any width.
enum { CHAINS = 12, LANES = 16, STEPS = 1 << 16 };
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

ESP_VECTORS ESP_CONTRACTED static void multiply_add(float *block) {
  lanes sum[CHAINS], factor = {0}, term = {0};
  for (int l = 0; l < LANES; l++) {
    factor[l] = block[l];
    term[l] = block[LANES + l];
  }
  for (int c = 0; c < CHAINS; c++) sum[c] = term + (float)c; // none is another
  for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 12
    for (int c = 0; c < CHAINS; c++) sum[c] = sum[c] * factor + term;
  }
  for (int c = 1; c < CHAINS; c++) sum[0] += sum[c];
  memcpy(block + 2 * LANES, &sum[0], sizeof sum[0]); // so that it is computed
}

esp_status esp_kernel_peak(int repetitions, double *flops_per_second) {
  void *block;
  ESP_TRY(esp_allocate_zero(3 * LANES, sizeof(float), &block));
  *flops_per_second =
      2.0 * LANES * CHAINS * STEPS / best_of(multiply_add, block, repetitions);
  esp_free(block);
  return ESP_OK;
}
