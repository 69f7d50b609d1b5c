// Products of blocks that lie in the cache, by fused multiply-add.  Floor 2.
#ifndef ESP_KERNEL_BLOCK_H
#define ESP_KERNEL_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESP_BLOCK_COLUMNS = 32 };

// Has this machine what is needed (AVX2 with FMA, or AVX-512)?
bool esp_block_available(void);

// b [K,N] in panels of ESP_BLOCK_COLUMNS columns, of which the last one may
// have half as many; N is a multiple of 16.
void esp_block_pack(const float *b, int64_t k, int64_t n, float *packed);

// c [rows,N] = a [rows,K] b; rows of a and c begin a_step and c_step numbers
// after one another.  Each sum is in the order of K with one rounding a term,
// and so has the same bits for any number of rows.  On the calling thread.
void esp_block_run(const float *a, int64_t a_step, const float *packed,
                   float *c, int64_t c_step, int64_t rows, int64_t n,
                   int64_t k);

#endif
