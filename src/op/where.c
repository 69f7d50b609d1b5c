// y = condition ? a : b, element by element, with broadcasting.
#include <string.h>

#include "kernel/parallel.h"
#include "op/broadcast.h"
#include "op/check.h"
#include "op/family.h"
#include "op/samples.h"

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 3, 3, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_BOOL)));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPES_ALL));
  ESP_TRY(esp_check_same_type(args, 1, 2));
  esp_shape shape;
  ESP_TRY(
      esp_shape_broadcast(&args->in[1]->shape, &args->in[2]->shape, &shape));
  ESP_TRY(esp_shape_broadcast(&shape, &args->in[0]->shape, &shape));
  esp_set_output(args, 0, args->in[1]->type, &shape);
  return ESP_OK;
}

typedef struct work {
  const esp_args *args;
  esp_broadcast plan;
} work;

static void run_rows(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const esp_broadcast *p = &w->plan;
  const size_t bytes = esp_dtype_bytes(w->args->out[0]->type);
  const unsigned char *c = w->args->in[0]->data;
  const unsigned char *a = w->args->in[1]->data, *b = w->args->in[2]->data;
  unsigned char *y = w->args->out[0]->data;
  for (int64_t run = begin; run < end; run++) {
    int64_t at[ESP_BROADCAST_INPUTS];
    esp_broadcast_at(p, 3, run, at);
    for (int64_t i = 0; i < p->inner; i++) {
      const bool first = c[at[0] + i * p->stride[0][p->ndim - 1]] != 0;
      const unsigned char *from =
          first ? a + (size_t)(at[1] + i * p->stride[1][p->ndim - 1]) * bytes
                : b + (size_t)(at[2] + i * p->stride[2][p->ndim - 1]) * bytes;
      memcpy(y + (size_t)(run * p->inner + i) * bytes, from, bytes);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  (void)state;
  work w = {.args = args};
  esp_broadcast_plan(args->in, 3, args->out[0], &w.plan);
  if (esp_shape_count(&args->out[0]->shape) == 0) return ESP_OK;
  esp_loop_over(team.width, w.plan.outer, GRAIN / w.plan.inner + 1, run_rows,
                &w);
  return ESP_OK;
}

const esp_op esp_op_where = {.samples = esp_samples_elementwise,
                             .infer = infer,
                             .run = run,
                             .layout = ESP_LAYOUT_FOLLOWS};
