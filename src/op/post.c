#include "op/post.h"

void esp_posts_of(const esp_node *node, esp_kernel_post *post) {
  static const esp_kernel_post_kind kinds[] = {
      [ESP_POST_RELU] = ESP_KERNEL_RELU,
      [ESP_POST_CLIP] = ESP_KERNEL_CLIP,
      [ESP_POST_LEAKY_RELU] = ESP_KERNEL_LEAKY_RELU,
      [ESP_POST_SIGMOID] = ESP_KERNEL_SIGMOID,
      [ESP_POST_TANH] = ESP_KERNEL_TANH,
      [ESP_POST_GELU] = ESP_KERNEL_GELU,
      [ESP_POST_GELU_TANH] = ESP_KERNEL_GELU_TANH,
      [ESP_POST_BIAS] = ESP_KERNEL_ADD,
      [ESP_POST_ADD] = ESP_KERNEL_ADD};
  for (int p = 0; p < node->npost; p++) {
    post[p] = (esp_kernel_post){.kind = kinds[node->post[p].kind],
                                .alpha = node->post[p].alpha,
                                .beta = node->post[p].beta};
  }
}

void esp_added_of(const esp_args *args, const float **added) {
  for (int p = 0; p < args->node->npost; p++) {
    const esp_post *post = &args->node->post[p];
    const bool adds = post->kind == ESP_POST_ADD || post->kind == ESP_POST_BIAS;
    added[p] = adds ? args->in[post->input]->data : NULL;
  }
}
