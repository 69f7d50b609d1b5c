#include "kernel/speed.h"

#include <dnnl.h>
#include <omp.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "kernel/vectors.h"

enum { N = 256, COPY_BYTES = 1 << 25 };

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

static void multiply(float *block) {
  (void)dnnl_sgemm('N', 'N', N, N, N, 1.0f, block, N, block + N * N, N, 0.0f,
                   block + 2 * N * N, N);
}

static void copy(float *block) {
  unsigned char *bytes = (unsigned char *)block;
  memcpy(bytes + COPY_BYTES / 2, bytes, COPY_BYTES / 2);
}

esp_status esp_kernel_speed(double *flops_per_second,
                            double *bytes_per_second) {
  void *block;
  ESP_TRY(esp_allocate_zero(COPY_BYTES, 1, &block));
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  *flops_per_second = 2.0 * N * N * N / best_of(multiply, block, 12);
  *bytes_per_second = COPY_BYTES / best_of(copy, block, 4);
  omp_set_num_threads(threads);
  esp_free(block);
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

esp_status esp_kernel_peak(double *flops_per_second) {
  void *block;
  ESP_TRY(esp_allocate_zero(3 * LANES, sizeof(float), &block));
  *flops_per_second =
      2.0 * LANES * CHAINS * STEPS / best_of(multiply_add, block, 40);
  esp_free(block);
  return ESP_OK;
}
