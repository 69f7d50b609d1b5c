// Products of a few rows with constant weights, which are read once and from
// end to end: what they cost is the reading.  Floor 2.
#ifndef ESP_KERNEL_THIN_H
#define ESP_KERNEL_THIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESP_THIN_ROWS = 4, ESP_THIN_COLUMNS = 64 };

// b [K,N], or its transpose [N,K], in panels of ESP_THIN_COLUMNS columns with
// zeros behind the last; `packed` has room for esp_thin_count() numbers.
int64_t esp_thin_panels(int64_t n);
size_t esp_thin_count(int64_t n, int64_t k);
void esp_thin_pack(const float *b, bool transposed, int64_t n, int64_t k,
                   float *packed);

// The terms of a piece of K, and columns of c from one of them: the first
// piece's, or added to them; rows of `from` and `to` begin so many numbers
// after one another.
int64_t esp_thin_piece(int64_t k);
void esp_thin_put(const float *from, int64_t from_step, int64_t rows,
                  int64_t columns, bool first, float *to, int64_t to_step);

// c [m,N] = a [m,K] b for the columns of panels [begin, end); m is at most
// ESP_THIN_ROWS.  Each sum is in the order of K, by fused multiply-add where
// the machine has AVX-512, in pieces that are then added up: the bits of oneDNN
// 2.6.3's brgemm, whose pieces are all of K up to 512 terms, 512 up to 1,024,
// and 1,024 beyond (measured for N from 10 to 1,024 and K up to 4,096).
void esp_thin_run(const float *a, const float *packed, float *c, int64_t m,
                  int64_t n, int64_t k, int64_t begin, int64_t end);

#endif
