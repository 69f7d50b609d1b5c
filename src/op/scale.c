// espalier:Scale: y = x * scale[c] + shift[c] for each channel c of [N,C,D...],
// what a batch-norm comes to when its statistics are constants.  No operator of
// ONNX: a pass makes it (optimise/norm.c).
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/post.h"
#include "op/samples.h"

enum { GRAIN = 8192 }; // elements that are worth a thread

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 3, 3, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_FLOAT)));
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  for (int i = 1; i < 3; i++) {
    ESP_TRY(esp_check_same_type(args, 0, i));
    if (esp_shape_count(&args->in[i]->shape) == args->in[0]->shape.dim[1]) {
      continue;
    }
    return ESP_FAIL(ESP_BAD_INPUT, "input %d: expected a number per channel",
                    i);
  }
  esp_set_output(args, 0, ESP_FLOAT, &args->in[0]->shape);
  return ESP_OK;
}

typedef struct job {
  const float *x, *scale, *shift;
  float *y;
  int64_t channels, row; // elements of a row
  bool last;             // a row is one point with all channels; else one
                         // channel with all points
  int posts;
  esp_kernel_post post[ESP_KERNEL_POSTS];
  const float *added[ESP_KERNEL_POSTS];
} job;

static void scale_rows(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  for (int64_t r = begin; r < end; r++) {
    const float *x = j->x + r * j->row;
    float *y = j->y + r * j->row;
    if (j->last) {
      for (int64_t i = 0; i < j->row; i++) {
        y[i] = x[i] * j->scale[i] + j->shift[i];
      }
    } else {
      const float a = j->scale[r % j->channels], b = j->shift[r % j->channels];
      for (int64_t i = 0; i < j->row; i++) y[i] = x[i] * a + b;
    }
    esp_post_apply_at(j->post, j->posts, j->added, j->y, r * j->row, j->row);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  const esp_tensor *x = args->in[0];
  const int64_t channels = x->shape.dim[1];
  const int64_t count = esp_shape_count(&x->shape);
  job j = {.x = x->data,
           .scale = args->in[1]->data,
           .shift = args->in[2]->data,
           .y = args->out[0]->data,
           .channels = channels,
           .last = x->layout == ESP_CHANNELS_LAST,
           .posts = args->node->npost};
  if (count == 0) return ESP_OK;
  j.row = j.last ? channels : esp_shape_product(&x->shape, 2, x->shape.ndim);
  esp_posts_of(args->node, j.post);
  esp_added_of(args, j.added);
  esp_loop_over(team.width, count / j.row, GRAIN / j.row + 1, scale_rows, &j);
  return ESP_OK;
}

static bool overlays(const esp_args *args, int i) {
  return i == 0 && esp_overlays_alike(args, i);
}

const esp_op esp_op_scale = {.overlays = overlays,
                             .samples = esp_samples_elementwise,
                             .infer = infer,
                             .run = run,
                             .layout = ESP_LAYOUT_FOLLOWS,
                             .posts = true};
