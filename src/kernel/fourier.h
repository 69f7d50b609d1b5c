// The discrete Fourier transform of one line of complex numbers, in double and
// in O(n log n) for every length.  Floor 2.
//
//   y[k] = sum over j of x[j] exp(-2 pi i j k / n);  inverse: exp(+...)
//
// Lengths whose prime factors are all at most 13 run through a Stockham
// transform of mixed radix, all others through Bluestein's: Van Loan,
// "Computational Frameworks for the Fast Fourier Transform", SIAM (1992).
#ifndef ESP_KERNEL_FOURIER_H
#define ESP_KERNEL_FOURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct esp_complex {
  double re, im;
} esp_complex;

// What is computed once for a length and a direction.
typedef struct esp_fourier esp_fourier;

// Lengths that can be planned; the squares of their indices fit in 64 bits.
#define ESP_FOURIER_MOST ((int64_t)1 << 30)

// Plans for 1 <= n <= ESP_FOURIER_MOST points.
esp_status esp_fourier_create(int64_t n, bool inverse, esp_fourier **plan);
void esp_fourier_free(esp_fourier *plan); // NULL is allowed

// How many complex numbers esp_fourier_run() needs to work in.
int64_t esp_fourier_scratch(const esp_fourier *plan);

// Transforms x [n] in place, in either direction without a factor of 1/n.  Uses
// one thread; a plan may be run from several at once.
void esp_fourier_run(const esp_fourier *plan, esp_complex *x,
                     esp_complex *scratch);

#endif
