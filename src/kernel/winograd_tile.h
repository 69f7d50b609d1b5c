// The tiles of Winograd's convolutions of 3 x 3: their numbers and transforms.
// Floor 2.
#ifndef ESP_KERNEL_WINOGRAD_TILE_H
#define ESP_KERNEL_WINOGRAD_TILE_H

#include <stddef.h>
#include <stdint.h>

enum {
  ESP_WINOGRAD_TILES = 2,
  ESP_WINOGRAD_LANES = 16, // channels come in multiples of it
  ESP_WINOGRAD_IN = 6,     // the most rows and columns of a tile's inputs
  ESP_WINOGRAD_OUT = 4     // and of its outputs
};

// F(out x out, 3 x 3): y = A' [(G g G') * (B' d B)] A for a tile's inputs d and
// the weights g, so that out x out outputs take in x in products for a pair of
// channels.  Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional
// Neural Networks", 2015, section 4.
typedef struct esp_winograd_tile {
  const char *name;
  int out;                           // rows and columns of a tile's outputs
  int in;                            // of its inputs: out + 2
  int points;                        // in x in: products of matrices
  double point[ESP_WINOGRAD_IN - 1]; // where the polynomials are evaluated,
                                     // beside infinity
  // B' d B, channel by channel: d points to in x in pixels; value k of a
  // channel comes to v[k * step].
  void (*take)(const float *const *d, int64_t channels, float *v, size_t step);
  // A' m A and the bias: y points to out x out pixels.
  void (*give)(const float *m, size_t step, const float *bias, int64_t channels,
               float *const *y);
} esp_winograd_tile;

extern const esp_winograd_tile esp_winograd_tiles[ESP_WINOGRAD_TILES];

// So many lie along so many outputs.
int64_t esp_winograd_count(const esp_winograd_tile *tile, int64_t outputs);

// G g G' for weights [M,C,3,3], in double: one rounding.  u: for each point a
// matrix [C,M] in the panels of block.h.
void esp_winograd_weights(const esp_winograd_tile *tile, const float *weights,
                          int64_t in, int64_t out, float *u);

#endif
