#include "kernel/post.h"

#include <stddef.h>

#include "kernel/vector_math.h"
#include "kernel/vectors.h"

ESP_VECTORS static void apply(const esp_kernel_post *post, const float *added,
                              float *y, int64_t n) {
  const float a = post->alpha, b = post->beta;
  switch (post->kind) {
  case ESP_KERNEL_RELU:
    for (int64_t i = 0; i < n; i++) y[i] = y[i] > 0.0f ? y[i] : 0.0f;
    break;
  case ESP_KERNEL_CLIP:
    for (int64_t i = 0; i < n; i++) y[i] = y[i] < a ? a : (y[i] > b ? b : y[i]);
    break;
  case ESP_KERNEL_LEAKY_RELU:
    for (int64_t i = 0; i < n; i++) y[i] = y[i] < 0.0f ? a * y[i] : y[i];
    break;
  case ESP_KERNEL_SIGMOID:
    esp_vector_sigmoid(y, y, n);
    break;
  case ESP_KERNEL_TANH:
    esp_vector_tanh(y, y, n);
    break;
  case ESP_KERNEL_GELU:
    esp_vector_gelu(y, y, n);
    break;
  case ESP_KERNEL_GELU_TANH:
    esp_vector_gelu_tanh(y, y, n);
    break;
  case ESP_KERNEL_ADD:
    for (int64_t i = 0; i < n; i++) y[i] += added[i];
    break;
  }
}

void esp_post_apply(const esp_kernel_post *post, int count,
                    const float *const *added, float *y, int64_t n) {
  for (int p = 0; p < count; p++) apply(&post[p], added[p], y, n);
}

void esp_post_apply_at(const esp_kernel_post *post, int count,
                       const float *const *added, float *y, int64_t first,
                       int64_t n) {
  for (int p = 0; p < count; p++) {
    apply(&post[p], added[p] != NULL ? added[p] + first : NULL, y + first, n);
  }
}
