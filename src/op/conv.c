#include "kernel/conv.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel/matmul_plain.h"
#include "op/check.h"
#include "op/family.h"
#include "op/half.h"
#include "op/post.h"
#include "op/samples.h"
#include "op/window.h"

// Weights that are computed while the model runs are packed at every run.
typedef struct prepared {
  esp_conv *conv; // NULL: weights are not known yet
  esp_conv_problem problem;
  esp_columns columns; // double: of one group
} prepared;

// A part of a depthwise one has as many as it has channels.
static int64_t groups_of(const esp_args *args) {
  const int64_t groups = esp_node_int(args->node, "group", 1);
  return groups > 1 && esp_node_int(args->node, ESP_WHOLE_CHANNELS, 0) > 0
             ? args->in[0]->shape.dim[1]
             : groups;
}

static esp_status infer(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 3, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_same_type(args, 0, 1));
  const esp_shape *x = &args->in[0]->shape, *w = &args->in[1]->shape;
  const int64_t groups = groups_of(args);
  ESP_TRY(esp_check_ndim(args, 1, x->ndim, x->ndim));
  esp_window window;
  ESP_TRY(esp_window_of(args, w->dim + 2, &window));
  if (groups < 1 || groups > w->dim[0] || w->dim[0] % groups != 0 ||
      x->dim[1] % groups != 0 || w->dim[1] != x->dim[1] / groups) {
    char have[ESP_SHAPE_TEXT], weights[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_BAD_INPUT,
                    "input %s and weights %s do not fit in %lld "
                    "groups",
                    esp_shape_text(x, have), esp_shape_text(w, weights),
                    (long long)groups);
  }
  if (esp_has_input(args, 2) && (args->in[2]->shape.ndim != 1 ||
                                 args->in[2]->shape.dim[0] != w->dim[0])) {
    return ESP_FAIL(ESP_BAD_INPUT, "the bias must have %lld numbers",
                    (long long)w->dim[0]);
  }
  esp_shape y = {.ndim = x->ndim, .dim = {x->dim[0], w->dim[0]}};
  memcpy(y.dim + 2, window.out, (size_t)window.axes * sizeof y.dim[0]);
  if (esp_has_input(args, 2)) ESP_TRY(esp_check_same_type(args, 0, 2));
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

static esp_status problem_of(const esp_args *args, int width,
                             esp_conv_problem *p) {
  const esp_shape *w = &args->in[1]->shape;
  esp_window window;
  ESP_TRY(esp_window_of(args, w->dim + 2, &window));
  *p = (esp_conv_problem){.axes = window.axes,
                          .batch = args->in[0]->shape.dim[0],
                          .groups = groups_of(args),
                          .in_channels = args->in[0]->shape.dim[1],
                          .out_channels = w->dim[0],
                          .whole_channels =
                              esp_node_int(args->node, ESP_WHOLE_CHANNELS, 0),
                          .in_layout = args->in[0]->layout,
                          .out_layout = args->out[0]->layout,
                          .bias = esp_has_input(args, 2),
                          .posts = args->node->npost,
                          .precision = args->node->precision,
                          .width = width};
  // One channel lies the same way in both layouts.
  if (p->in_channels == 1) p->in_layout = p->out_layout;
  memcpy(p->in, window.in, sizeof p->in);
  memcpy(p->out, window.out, sizeof p->out);
  memcpy(p->kernel, window.kernel, sizeof p->kernel);
  memcpy(p->stride, window.stride, sizeof p->stride);
  memcpy(p->dilation, window.dilation, sizeof p->dilation);
  memcpy(p->before, window.before, sizeof p->before);
  memcpy(p->after, window.after, sizeof p->after);
  esp_posts_of(args->node, p->post);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  const esp_shape *w = &args->in[1]->shape, *y = &args->out[0]->shape;
  const double each = (double)esp_shape_product(w, 1, w->ndim);
  esp_work made = {.flops = 2 * each * (double)esp_shape_count(y)};
  made.bytes = (double)esp_tensor_bytes(args->in[0]) +
               (double)esp_tensor_bytes(args->in[1]) +
               (double)esp_tensor_bytes(args->out[0]);
  esp_conv_problem problem;
  if (args->in[0]->type == ESP_FLOAT &&
      problem_of(args, 1, &problem) == ESP_OK) {
    made.gain = esp_conv_gain(&problem);
  }
  return made;
}

static void release(void *state) {
  prepared *p = state;
  if (p == NULL) return;
  esp_conv_free(p->conv);
  free(p);
}

static esp_status create(const esp_args *args, const esp_conv_problem *problem,
                         esp_conv **conv) {
  return esp_conv_create(problem, args->in[1]->data,
                         problem->bias ? args->in[2]->data : NULL, conv);
}

static esp_status plan_double(const esp_args *args, prepared *p,
                              size_t *scratch_bytes) {
  esp_window window;
  ESP_TRY(esp_window_of(args, args->in[1]->shape.dim + 2, &window));
  esp_window_columns(&window, args->in[1]->shape.dim[1], sizeof(double),
                     &p->columns);
  ESP_TRY(esp_columns_check(&p->columns));
  *scratch_bytes = (size_t)esp_columns_rows(&p->columns) *
                   (size_t)esp_columns_size(&p->columns) * sizeof(double);
  return ESP_OK;
}

// Products of the weights with the columns, group by group.
static void run_double(const esp_args *args, const prepared *p, esp_team team) {
  const esp_columns *c = &p->columns;
  const esp_conv_problem *q = &p->problem;
  const int64_t rows = esp_columns_rows(c), size = esp_columns_size(c);
  const int64_t each = q->out_channels / q->groups;
  const int64_t in_size = c->channels * c->in[0] * c->in[1] * c->in[2];
  const double *x = args->in[0]->data, *w = args->in[1]->data, zero = 0;
  double *y = args->out[0]->data;
  for (int64_t i = 0; i < q->batch * q->groups; i++) {
    esp_columns_run(c, x + i * in_size, &zero, team.scratch, team.width);
    const esp_matmul_plain product = {.type = ESP_DOUBLE,
                                      .m = each,
                                      .n = size,
                                      .k = rows,
                                      .a = w + i % q->groups * each * rows,
                                      .b = team.scratch,
                                      .a_row = rows,
                                      .a_column = 1,
                                      .b_row = size,
                                      .b_column = 1,
                                      .c = y + i * each * size,
                                      .width = team.width};
    esp_matmul_plain_run(&product);
  }
  const double *bias = q->bias ? args->in[2]->data : NULL;
  for (int64_t r = 0; bias != NULL && r < q->batch * q->out_channels; r++) {
    for (int64_t i = 0; i < size; i++) {
      y[r * size + i] += bias[r % q->out_channels];
    }
  }
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  prepared *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  ESP_TRY(problem_of(args, width, &p->problem));
  if (args->in[0]->type == ESP_DOUBLE) {
    return plan_double(args, p, &made->scratch_bytes);
  }
  const bool known = args->in[1]->data != NULL &&
                     (!p->problem.bias || args->in[2]->data != NULL);
  if (!known) return ESP_OK;
  ESP_TRY(create(args, &p->problem, &p->conv));
  made->scratch_bytes = esp_conv_scratch(p->conv);
  esp_log(ESP_LOG_DEBUG, "node %s: %s", args->node->name,
          esp_conv_implementation(p->conv));
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const prepared *p = state;
  if (args->in[0]->type == ESP_DOUBLE) {
    run_double(args, p, team);
    return ESP_OK;
  }
  const float *added[ESP_KERNEL_POSTS];
  esp_added_of(args, added);
  if (p->conv != NULL) {
    return esp_conv_run(p->conv, args->in[0]->data, added, args->out[0]->data,
                        team.scratch);
  }
  esp_conv *conv = NULL;
  void *scratch = NULL;
  esp_status status = create(args, &p->problem, &conv);
  if (status == ESP_OK) status = esp_allocate(esp_conv_scratch(conv), &scratch);
  if (status == ESP_OK) {
    status = esp_conv_run(conv, args->in[0]->data, added, args->out[0]->data,
                          scratch);
  }
  esp_free(scratch);
  esp_conv_free(conv);
  return status;
}

// y over the sum's other part, which the kernel adds to.
static bool overlays(const esp_args *args, int i) {
  esp_conv_problem p;
  return args->in[0]->type == ESP_FLOAT && args->node->npost > 0 &&
         args->node->post[0].input == i && esp_overlays_alike(args, i) &&
         problem_of(args, 1, &p) == ESP_OK && esp_conv_overlays(&p);
}

// Output channels go with the rows of the weights, and of a depthwise one with
// those of the input; what is narrower than a vector is not divided.
static bool divides(const esp_args *args, int parts, esp_op_division *how) {
  enum { CHANNELS = 16 };
  esp_conv_problem p;
  const int input = groups_of(args) > 1 ? 1 : -1;
  *how = (esp_op_division){
      .axis = {1}, .grain = CHANNELS, .cuts = 3, .cut = {input, 0, 0}};
  if (args->in[0]->type != ESP_FLOAT || args->in[1]->data == NULL ||
      (esp_has_input(args, 2) && args->in[2]->data == NULL) ||
      problem_of(args, 1, &p) != ESP_OK || p.out_channels % CHANNELS != 0) {
    return false;
  }
  for (int i = 0; i < parts; i++) {
    const int64_t channels =
        esp_op_division_begin(how, p.out_channels, parts, i + 1) -
        esp_op_division_begin(how, p.out_channels, parts, i);
    if (channels == 0 || !esp_conv_divides(&p, channels)) return false;
  }
  return true;
}

static const esp_op plain = {
    .prepare = prepare, .release = release, .run = run};
const esp_op esp_op_conv = {.samples = esp_samples_leading,
                            .infer = infer,
                            .work = work,
                            ESP_HALF(plain),
                            .overlays = overlays,
                            .divides = divides,
                            .layout = ESP_LAYOUT_CHOOSES,
                            .posts = true};
