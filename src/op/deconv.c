// ConvTranspose.  Source: ONNX ConvTranspose-1, -11, -22.
#include "kernel/deconv.h"

#include <stdlib.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/samples.h"
#include "op/window.h"

// Before opset 11 the text splits what output_shape leaves over the other way
// round.
static bool more_at_end(const esp_node *node, const char *auto_pad,
                        bool sized) {
  const bool upper = strcmp(auto_pad, "SAME_UPPER") == 0;
  return sized && node->version < 11 ? !upper : upper;
}

static esp_status read_list(const esp_node *node, const char *name, int count,
                            int64_t least, int64_t *list, bool *given) {
  int have;
  const int64_t *found = esp_node_ints(node, name, &have);
  *given = found != NULL;
  if (found == NULL) return ESP_OK;
  if (have != count) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s has %d numbers, expected %d", name, have,
                    count);
  }
  for (int i = 0; i < count; i++) {
    list[i] = found[i];
    if (list[i] >= least && list[i] <= INT32_MAX) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "%s has %lld, expected at least %lld", name,
                    (long long)list[i], (long long)least);
  }
  return ESP_OK;
}

// What the attributes say of one axis.
typedef struct geometry {
  int64_t in, kernel, stride, dilation, more; // more: output_padding
  int64_t before, after;
  int64_t wanted; // output_shape, or -1
} geometry;

static esp_status size_axis(geometry *g, bool end, int axis, int64_t *out) {
  const int64_t whole =
      g->stride * (g->in - 1) + g->more + (g->kernel - 1) * g->dilation + 1;
  if (g->wanted >= 0) {
    const int64_t total = whole > g->wanted ? whole - g->wanted : 0;
    g->before = end ? total / 2 : total - total / 2;
    *out = g->wanted;
  } else {
    *out = whole - g->before - g->after;
  }
  if (*out >= 1) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT,
                  "pads of %lld and %lld leave nothing of %lld elements along "
                  "axis %d",
                  (long long)g->before, (long long)g->after, (long long)whole,
                  axis + 2);
}

static esp_status check_lists(const esp_node *node, int axes, int64_t *stride,
                              int64_t *dilation, int64_t *more, int64_t *pads,
                              int64_t *wanted, bool *sized) {
  bool given;
  ESP_TRY(read_list(node, "strides", axes, 1, stride, &given));
  ESP_TRY(read_list(node, "dilations", axes, 1, dilation, &given));
  ESP_TRY(read_list(node, "output_padding", axes, 0, more, &given));
  ESP_TRY(read_list(node, "pads", 2 * axes, 0, pads, &given));
  return read_list(node, "output_shape", axes, 1, wanted, sized);
}

// The attributes of a node, for each of its own axes.
static esp_status geometry_of(const esp_args *args, geometry *axis, bool *end) {
  enum { AXES = ESP_DECONV_AXES };
  const esp_node *node = args->node;
  const esp_shape *x = &args->in[0]->shape, *w = &args->in[1]->shape;
  const int axes = x->ndim - 2;
  int64_t stride[AXES] = {1, 1, 1}, dilation[AXES] = {1, 1, 1};
  int64_t more[AXES] = {0}, pads[2 * AXES] = {0}, wanted[AXES] = {0};
  bool sized;
  ESP_TRY(
      check_lists(node, axes, stride, dilation, more, pads, wanted, &sized));
  const char *auto_pad;
  ESP_TRY(esp_auto_pad_of(node, &auto_pad));
  ESP_TRY(esp_check_kernel(node, w->dim + 2, axes));
  const bool same = strncmp(auto_pad, "SAME_", 5) == 0;
  const bool padded = strcmp(auto_pad, "NOTSET") == 0;
  *end = more_at_end(node, auto_pad, sized);
  for (int i = 0; i < axes; i++) {
    axis[i] = (geometry){.in = x->dim[2 + i],
                         .kernel = w->dim[2 + i],
                         .stride = stride[i],
                         .dilation = dilation[i],
                         .more = more[i],
                         .before = padded ? pads[i] : 0,
                         .after = padded ? pads[axes + i] : 0,
                         .wanted = sized  ? wanted[i]
                                   : same ? x->dim[2 + i] * stride[i]
                                          : -1};
  }
  return ESP_OK;
}

// The kernel has three axes: missing ones stand first, with extent 1.
static esp_status problem_of(const esp_args *args, int width,
                             esp_deconv_problem *p) {
  enum { AXES = ESP_DECONV_AXES };
  const esp_shape *x = &args->in[0]->shape, *w = &args->in[1]->shape;
  const int shift = AXES - (x->ndim - 2);
  const int64_t groups = esp_node_int(args->node, "group", 1);
  geometry own[AXES];
  bool end;
  ESP_TRY(geometry_of(args, own, &end));
  *p = (esp_deconv_problem){.type = esp_computed_type(args->in[0]->type),
                            .batch = x->dim[0],
                            .groups = groups,
                            .in_channels = x->dim[1],
                            .out_channels = w->dim[1] * groups,
                            .width = width};
  for (int i = 0; i < AXES; i++) {
    geometry g = {
        .in = 1, .kernel = 1, .stride = 1, .dilation = 1, .wanted = -1};
    if (i >= shift) g = own[i - shift];
    ESP_TRY(size_axis(&g, end, i - shift, &p->out[i]));
    p->in[i] = g.in;
    p->kernel[i] = g.kernel;
    p->stride[i] = g.stride;
    p->dilation[i] = g.dilation;
    p->before[i] = g.before;
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 3, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_same_type(args, 0, 1));
  ESP_TRY(esp_check_axes(args));
  const esp_shape *x = &args->in[0]->shape, *w = &args->in[1]->shape;
  ESP_TRY(esp_check_ndim(args, 1, x->ndim, x->ndim));
  const int64_t groups = esp_node_int(args->node, "group", 1);
  if (groups < 1 || x->dim[1] % groups != 0 || w->dim[0] != x->dim[1]) {
    char have[ESP_SHAPE_TEXT], weights[ESP_SHAPE_TEXT];
    return ESP_FAIL(
        ESP_BAD_INPUT, "input %s and weights %s do not fit in %lld groups",
        esp_shape_text(x, have), esp_shape_text(w, weights), (long long)groups);
  }
  for (int i = 2; i < x->ndim; i++) {
    if (x->dim[i] > 0 && x->dim[i] <= INT32_MAX) continue;
    return ESP_FAIL(ESP_BAD_INPUT,
                    "axis %d has %lld elements, expected 1 to 2^31-1", i,
                    (long long)x->dim[i]);
  }
  if (esp_has_input(args, 2)) {
    ESP_TRY(esp_check_same_type(args, 0, 2));
    const esp_shape *b = &args->in[2]->shape;
    if (b->ndim != 1 || b->dim[0] != w->dim[1] * groups) {
      return ESP_FAIL(ESP_BAD_INPUT, "the bias must have %lld numbers",
                      (long long)(w->dim[1] * groups));
    }
  }
  esp_deconv_problem p;
  ESP_TRY(problem_of(args, 1, &p));
  esp_shape y = *x;
  y.dim[1] = p.out_channels;
  memcpy(y.dim + 2, p.out + ESP_DECONV_AXES - (x->ndim - 2),
         (size_t)(x->ndim - 2) * sizeof y.dim[0]);
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  const esp_shape *w = &args->in[1]->shape;
  const double each = (double)esp_shape_product(w, 1, w->ndim);
  return (esp_work){.flops =
                        2 * each * (double)esp_shape_count(&args->in[0]->shape),
                    .bytes = (double)esp_tensor_bytes(args->in[0]) +
                             (double)esp_tensor_bytes(args->in[1]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

static void release(void *state) { esp_deconv_free(state); }

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  esp_deconv_problem p;
  ESP_TRY(problem_of(args, width, &p));
  esp_deconv *deconv = NULL;
  ESP_TRY(esp_deconv_create(&p, args->in[1]->data, &deconv));
  made->state = deconv;
  made->scratch_bytes = esp_deconv_scratch(deconv);
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  return esp_deconv_run(state, args->in[0]->data, args->in[1]->data,
                        esp_has_input(args, 2) ? args->in[2]->data : NULL,
                        args->out[0]->data, team.scratch);
}

static const esp_op plain = {
    .prepare = prepare, .release = release, .run = run};
const esp_op esp_op_deconv = {.samples = esp_samples_leading,
                              .infer = infer,
                              .work = work,
                              ESP_HALF(plain)};
