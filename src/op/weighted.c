// espalier:WeightedSum: y = w[0] x_0 + w[1] x_1 + ..., inputs of one shape,
// each product and each sum rounded, in this order.  No operator of ONNX: a
// pass makes it of Mul and Add (optimise/sum.c), so that every input is read
// once.
#include <limits.h>

#include "kernel/parallel.h"
#include "kernel/vectors.h"
#include "op/check.h"
#include "op/family.h"
#include "op/post.h"
#include "op/samples.h"

enum {
  NEAR = 2048,  // elements whose sums stay in the nearest cache
  GRAIN = 8192, // that are worth a thread, with two inputs
};

static const esp_attribute *weights_of(const esp_node *node) {
  return esp_node_attribute(node, "weights", ESP_ATTRIBUTE_FLOATS);
}

static esp_status infer(const esp_args *args) {
  const esp_attribute *w = weights_of(args->node);
  ESP_TRY(esp_check_arity(args, 1, INT_MAX, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_FLOAT)));
  if (w == NULL || w->count < 1 || w->count > args->nin) {
    return ESP_FAIL(ESP_BAD_INPUT, "expected a weight for each input");
  }
  for (int i = 1; i < w->count; i++) {
    ESP_TRY(esp_check_same_type(args, 0, i));
    if (!esp_shape_equal(&args->in[0]->shape, &args->in[i]->shape)) {
      return ESP_FAIL(ESP_BAD_INPUT, "inputs 0 and %d have different shapes",
                      i);
    }
  }
  esp_set_output(args, 0, ESP_FLOAT, &args->in[0]->shape);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  const double terms = (double)weights_of(args->node)->count;
  const double count = (double)esp_shape_count(&args->out[0]->shape);
  return (esp_work){.flops = 2 * terms * count,
                    .bytes = (terms + 1) * count * sizeof(float)};
}

typedef struct job {
  const esp_args *args;
  const esp_attribute *weights;
  int posts;
  esp_kernel_post post[ESP_KERNEL_POSTS];
  const float *added[ESP_KERNEL_POSTS];
} job;

ESP_VECTORS static void put(float w, const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = w * x[i];
}

ESP_VECTORS static void add(float w, const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += w * x[i];
}

ESP_VECTORS static void add_two(float v, const float *a, float w,
                                const float *b, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = y[i] + v * a[i] + w * b[i];
}

static const float *input(const job *j, int64_t i, int64_t first) {
  return (const float *)j->args->in[i]->data + first;
}

static void sum(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  const float *w = j->weights->floats;
  float *all = j->args->out[0]->data;
  for (int64_t first = begin; first < end; first += NEAR) {
    const int64_t n = end - first < NEAR ? end - first : NEAR;
    float *y = all + first;
    int64_t i = 1;
    put(w[0], input(j, 0, first), y, n);
    for (; i + 1 < j->weights->count; i += 2) {
      add_two(w[i], input(j, i, first), w[i + 1], input(j, i + 1, first), y, n);
    }
    if (i < j->weights->count) add(w[i], input(j, i, first), y, n);
    esp_post_apply_at(j->post, j->posts, j->added, all, first, n);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  job j = {.args = args,
           .weights = weights_of(args->node),
           .posts = args->node->npost};
  esp_posts_of(args->node, j.post);
  esp_added_of(args, j.added);
  const int64_t grain = 2 * GRAIN / (j.weights->count + 1) + 1;
  esp_loop_over(team.width, esp_shape_count(&args->out[0]->shape), grain, sum,
                &j);
  return ESP_OK;
}

// Later inputs are read when the output has been written to.
static bool overlays(const esp_args *args, int i) {
  return i == 0 && esp_overlays_alike(args, i);
}

const esp_op esp_op_weighted = {.samples = esp_samples_elementwise,
                                .infer = infer,
                                .work = work,
                                .run = run,
                                .overlays = overlays,
                                .layout = ESP_LAYOUT_FOLLOWS,
                                .posts = true};
