// A node's posts (graph.h) as the kernels take them.  Private to op/.
#ifndef ESP_OP_POST_H
#define ESP_OP_POST_H

#include "kernel/post.h"
#include "op/op.h"

// Fills post[0 .. node->npost).
void esp_posts_of(const esp_node *node, esp_kernel_post *post);
// Fills added[p] with the data that post p adds, NULL for the others.
void esp_added_of(const esp_args *args, const float **added);

#endif
