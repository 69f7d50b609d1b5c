// What is done to each element of a result after it is computed.  Floor 2.
#ifndef ESP_KERNEL_POST_H
#define ESP_KERNEL_POST_H

#include <stdint.h>

typedef enum esp_kernel_post_kind {
  ESP_KERNEL_RELU,       // max(y, 0)
  ESP_KERNEL_CLIP,       // min(max(y, alpha), beta)
  ESP_KERNEL_LEAKY_RELU, // y < 0 ? alpha y : y
  ESP_KERNEL_SIGMOID,
  ESP_KERNEL_TANH,
  ESP_KERNEL_GELU,
  ESP_KERNEL_GELU_TANH,
  ESP_KERNEL_ADD // y + another tensor, element by element
} esp_kernel_post_kind;

typedef struct esp_kernel_post {
  esp_kernel_post_kind kind;
  float alpha, beta;
} esp_kernel_post;

enum { ESP_KERNEL_POSTS = 4 };

// Applies posts, in order, to n elements; added[p] is what post p adds.
void esp_post_apply(const esp_kernel_post *post, int count,
                    const float *const *added, float *y, int64_t n);
// The same to n elements of a whole y, from `first` on; added tensors lie like
// y.
void esp_post_apply_at(const esp_kernel_post *post, int count,
                       const float *const *added, float *y, int64_t first,
                       int64_t n);

#endif
