#include "kernel/pool.h"

#include <stdlib.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"
#include "op/window.h"

static bool is_global(int op) {
  return op == ESP_OP_GLOBAL_AVERAGE_POOL || op == ESP_OP_GLOBAL_MAX_POOL ||
         op == ESP_OP_GLOBAL_LP_POOL;
}

static esp_pool_kind kind_of(int op) {
  switch (op) {
  case ESP_OP_MAX_POOL:
  case ESP_OP_GLOBAL_MAX_POOL:
    return ESP_POOL_MAX;
  case ESP_OP_LP_POOL:
  case ESP_OP_GLOBAL_LP_POOL:
    return ESP_POOL_NORM;
  default:
    return ESP_POOL_AVERAGE;
  }
}

// All spatial axes are one where the whole of them is pooled.
static esp_status window_of(const esp_args *args, esp_window *w) {
  if (!is_global(args->node->op)) return esp_window_of(args, NULL, w);
  const esp_shape *x = &args->in[0]->shape;
  const int64_t size = esp_shape_product(x, 2, x->ndim);
  *w = (esp_window){.axes = 1,
                    .in = {size},
                    .out = {1},
                    .kernel = {size},
                    .stride = {1},
                    .dilation = {1}};
  return ESP_OK;
}

// Version 1 has a floating p, later ones a whole one.
static esp_status power_of(const esp_node *node, double *power) {
  *power = node->version < 2 ? (double)esp_node_float(node, "p", 2)
                             : (double)esp_node_int(node, "p", 2);
  if (*power > 0) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "p is %g, expected more than 0", *power);
}

static esp_status check_types(const esp_args *args) {
  const bool bytes = args->node->op == ESP_OP_MAX_POOL;
  return esp_check_type(
      args, 0,
      ESP_TYPES_FLOATING |
          (bytes ? ESP_TYPE(ESP_INT8) | ESP_TYPE(ESP_UINT8) : 0));
}

static esp_status infer(const esp_args *args) {
  const int op = args->node->op;
  ESP_TRY(esp_check_arity(args, 1, 1, op == ESP_OP_MAX_POOL ? 2 : 1));
  ESP_TRY(check_types(args));
  ESP_TRY(esp_check_ndim(args, 0, 2, ESP_MAX_NDIM));
  esp_window w;
  double power;
  ESP_TRY(window_of(args, &w));
  if (kind_of(op) == ESP_POOL_NORM) ESP_TRY(power_of(args->node, &power));
  esp_shape y = args->in[0]->shape;
  for (int i = 2; i < y.ndim; i++) {
    if (y.dim[i] == 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "axis %d is empty", i);
    }
    y.dim[i] = is_global(op) ? 1 : w.out[i - 2];
  }
  esp_set_output(args, 0, args->in[0]->type, &y);
  esp_set_output(args, 1, ESP_INT64, &y);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  esp_window w;
  if (window_of(args, &w) != ESP_OK) return (esp_work){0};
  double flops = (double)esp_shape_count(&args->out[0]->shape);
  for (int i = 0; i < w.axes; i++) flops *= (double)w.kernel[i];
  return (esp_work){.flops = 4 * flops, // far from the speed of a product
                    .bytes = (double)esp_tensor_bytes(args->in[0]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

// The kernel has three axes: missing ones stand first, with extent 1.
static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  const esp_node *node = args->node;
  esp_window w;
  double power = 0;
  ESP_TRY(window_of(args, &w));
  if (kind_of(node->op) == ESP_POOL_NORM) ESP_TRY(power_of(node, &power));
  esp_pool_problem *p = malloc(sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  *p = (esp_pool_problem){
      .type = esp_computed_type(args->in[0]->type),
      .kind = kind_of(node->op),
      .power = power,
      .count_pad = esp_node_int(node, "count_include_pad", 0) != 0,
      .channels_last = args->out[0]->layout == ESP_CHANNELS_LAST,
      .batch = args->in[0]->shape.dim[0],
      .channels = args->in[0]->shape.dim[1]};
  const int shift = ESP_POOL_AXES - w.axes;
  for (int i = 0; i < ESP_POOL_AXES; i++) {
    const bool there = i >= shift;
    p->in[i] = there ? w.in[i - shift] : 1;
    p->out[i] = there ? w.out[i - shift] : 1;
    p->kernel[i] = there ? w.kernel[i - shift] : 1;
    p->stride[i] = there ? w.stride[i - shift] : 1;
    p->dilation[i] = there ? w.dilation[i - shift] : 1;
    p->before[i] = there ? w.before[i - shift] : 0;
    p->after[i] = there ? w.after[i - shift] : 0;
  }
  made->state = p;
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  int64_t *index =
      args->nout > 1 && args->out[1] != NULL ? args->out[1]->data : NULL;
  void *y = args->out[0] != NULL ? args->out[0]->data : NULL;
  if (y == NULL) return ESP_FAIL(ESP_UNSUPPORTED, "a pool without output 0");
  const bool columns = esp_node_int(args->node, "storage_order", 0) != 0;
  esp_pool_run(state, args->in[0]->data, y, index, columns, team.width);
  return ESP_OK;
}

static const esp_op plain = {.prepare = prepare, .release = free, .run = run};
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  esp_samples_leading(args, batch, in, out);
  // MaxPool's indices count through all samples.
  if (args->nout > 1 && args->node->op == ESP_OP_MAX_POOL) {
    out[1] = esp_samples_mixed;
  }
}

// Channels are pooled each by itself.
static bool divides(const esp_args *args, int parts, esp_op_division *how) {
  *how = (esp_op_division){.axis = {1}, .grain = 1, .cuts = 1, .cut = {1}};
  return args->in[0]->type == ESP_FLOAT && args->nout == 1 && // no indices
         args->in[0]->shape.dim[1] >= parts;
}

const esp_op esp_op_pool = {.samples = samples,
                            .infer = infer,
                            .work = work,
                            ESP_HALF(plain),
                            .divides = divides,
                            .layout = ESP_LAYOUT_CHOOSES};
