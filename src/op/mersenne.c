#include "op/mersenne.h"

enum { WORDS = ESP_MERSENNE_WORDS, SHIFT = 397 };

void esp_mersenne_seed(esp_mersenne *state, uint32_t seed) {
  state->word[0] = seed;
  for (uint32_t i = 1; i < WORDS; i++) {
    const uint32_t before = state->word[i - 1];
    state->word[i] = 1812433253u * (before ^ before >> 30) + i;
  }
  state->next = WORDS;
}

static void twist(esp_mersenne *state) {
  for (int i = 0; i < WORDS; i++) {
    const uint32_t y = (state->word[i] & 0x80000000u) |
                       (state->word[(i + 1) % WORDS] & 0x7fffffffu);
    state->word[i] =
        state->word[(i + SHIFT) % WORDS] ^ y >> 1 ^ (y & 1u ? 0x9908b0dfu : 0u);
  }
  state->next = 0;
}

uint32_t esp_mersenne_bits(esp_mersenne *state) {
  if (state->next == WORDS) twist(state);
  uint32_t y = state->word[state->next++];
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

double esp_mersenne_uniform(esp_mersenne *state) {
  const uint32_t high = esp_mersenne_bits(state) >> 5;
  const uint32_t low = esp_mersenne_bits(state) >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}
