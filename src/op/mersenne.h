// The Mersenne Twister MT19937: numbers that a seed fixes on every machine, the
// same as NumPy's RandomState gives.  Private to op/.
// Source: Matsumoto, Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998).
#ifndef ESP_OP_MERSENNE_H
#define ESP_OP_MERSENNE_H

#include <stdint.h>

enum { ESP_MERSENNE_WORDS = 624 };
typedef struct esp_mersenne {
  uint32_t word[ESP_MERSENNE_WORDS];
  int next; // ESP_MERSENNE_WORDS: all are used up
} esp_mersenne;

void esp_mersenne_seed(esp_mersenne *state, uint32_t seed);
uint32_t esp_mersenne_bits(esp_mersenne *state);  // 32 of them
double esp_mersenne_uniform(esp_mersenne *state); // in [0, 1), 53 bits

#endif
