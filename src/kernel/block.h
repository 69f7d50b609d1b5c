// Products of a few rows with constant weights, by fused multiply-add. Floor 2.
#ifndef ESP_KERNEL_BLOCK_H
#define ESP_KERNEL_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESP_BLOCK_COLUMNS = 32 };

// Has this machine what is needed (AVX2 with FMA, or AVX-512)?
bool esp_block_available(void);
// Has it AVX-512, where esp_thin_run() has the same bits?
bool esp_block_wide(void);
// Do its caches bring weights near that are read in order?  AMD's do, measured
// on Zen 4.
bool esp_block_prefetched(void);

// b [K,N] in panels of ESP_BLOCK_COLUMNS columns, of which the last one may
// have half as many, and zeros behind column N; `packed` has room for
// esp_block_count() numbers.  The numbers of a row of b are b_column apart, its
// rows b_row.
int64_t esp_block_panels(int64_t n);
size_t esp_block_count(int64_t n, int64_t k);
void esp_block_pack(const float *b, int64_t b_row, int64_t b_column, int64_t n,
                    int64_t k, float *packed);
// Where b's number of row i and column j comes to.  Half a panel's columns,
// from a multiple of that on, are one after the other.
size_t esp_block_place(int64_t n, int64_t k, int64_t i, int64_t j);

// c [rows,N] = a [rows,K] b.
typedef struct esp_block {
  const float *a, *packed;
  float *c;
  int64_t a_step, c_step; // from one row to the next
  int64_t n, k;
  const float *after; // weights that will be wanted then, or NULL
} esp_block;

// Computes the columns of panels [begin, end) for so many rows.  Each sum is in
// the order of K with one rounding a term, in the pieces of esp_thin_run(), and
// so has the same bits for any number of rows.  On the calling thread.  While
// it works on a panel it brings the next one near, which may lie beyond the
// cache; and on the last one, as many of the weights that come after.
void esp_block_run(const esp_block *block, int64_t rows, int64_t begin,
                   int64_t end);

#endif
