// RoiAlign and MaxRoiPool: regions of an image, each brought to one size.
#include <math.h>
#include <string.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/half.h"
#include "op/number.h"
#include "op/samples.h"

typedef struct pooling {
  bool align;      // RoiAlign
  bool max;        // of what was sampled; else the mean
  double shift;    // of coordinates
  double scale;    // of the regions to the input's elements
  int64_t samples; // along an axis of an output; 0: as many as elements
  int64_t channels, h, w, out_h, out_w;
} pooling;

static esp_status pooling_of(const esp_args *args, pooling *p) {
  const esp_node *node = args->node;
  const esp_shape *x = &args->in[0]->shape;
  *p = (pooling){.align = node->op == ESP_OP_ROI_ALIGN,
                 .scale = (double)esp_node_float(node, "spatial_scale", 1),
                 .samples = esp_node_int(node, "sampling_ratio", 0),
                 .channels = x->dim[1],
                 .h = x->dim[2],
                 .w = x->dim[3],
                 .out_h = esp_node_int(node, "output_height", 1),
                 .out_w = esp_node_int(node, "output_width", 1)};
  if (!p->align) {
    int count;
    const int64_t *size = esp_node_ints(node, "pooled_shape", &count);
    if (count != 2) {
      return ESP_FAIL(ESP_BAD_INPUT, "pooled_shape has %d numbers, expected 2",
                      count);
    }
    p->out_h = size[0];
    p->out_w = size[1];
  }
  if (p->out_h < 1 || p->out_w < 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "an output of %lld by %lld",
                    (long long)p->out_h, (long long)p->out_w);
  }
  if (!p->align) return ESP_OK;
  static const char *const modes[] = {"avg", "max", NULL};
  static const char *const transforms[] = {"output_half_pixel", "half_pixel",
                                           NULL};
  int mode, transform;
  ESP_TRY(esp_choice_of(node, "mode", "avg", modes, &mode));
  ESP_TRY(esp_choice_of(node, "coordinate_transformation_mode",
                        node->version < 16 ? "output_half_pixel" : "half_pixel",
                        transforms, &transform));
  p->max = mode == 1;
  p->shift = transform == 1 ? 0.5 : 0;
  return ESP_OK;
}

// X [N,C,H,W]; RoiAlign: rois [R,4], the image of each [R]; MaxRoiPool: rois
// [R,5], the image first.
static esp_status infer(const esp_args *args) {
  pooling p;
  const bool align = args->node->op == ESP_OP_ROI_ALIGN;
  ESP_TRY(esp_check_arity(args, align ? 3 : 2, align ? 3 : 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_same_type(args, 0, 1));
  ESP_TRY(esp_check_ndim(args, 0, 4, 4));
  ESP_TRY(esp_check_ndim(args, 1, 2, 2));
  ESP_TRY(pooling_of(args, &p));
  const esp_shape *rois = &args->in[1]->shape;
  if (rois->dim[1] != (align ? 4 : 5)) {
    return ESP_FAIL(ESP_BAD_INPUT, "%lld numbers for a region, expected %d",
                    (long long)rois->dim[1], align ? 4 : 5);
  }
  if (align) {
    ESP_TRY(esp_check_type(args, 2, ESP_TYPE(ESP_INT64)));
    ESP_TRY(esp_check_ndim(args, 2, 1, 1));
    if (args->in[2]->shape.dim[0] != rois->dim[0]) {
      return ESP_FAIL(ESP_BAD_INPUT, "%lld batch indices for %lld regions",
                      (long long)args->in[2]->shape.dim[0],
                      (long long)rois->dim[0]);
    }
  }
  const esp_shape y = {4, {rois->dim[0], p.channels, p.out_h, p.out_w}};
  if (p.h * p.w == 0 && esp_shape_count(&y) > 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "input 0 is empty");
  }
  esp_set_output(args, 0, args->in[0]->type, &y);
  return ESP_OK;
}

static esp_work work(const esp_args *args) {
  const double count = (double)esp_shape_count(&args->out[0]->shape);
  return (esp_work){.flops = 32 * count, // four samples of four elements
                    .bytes = (double)esp_tensor_bytes(args->in[0]) +
                             (double)esp_tensor_bytes(args->out[0])};
}

// A region in the input's elements.
typedef struct region {
  int64_t image;
  double top, left, height, width; // of RoiAlign
  int64_t first[2], size[2];       // of MaxRoiPool: y, x
  int64_t samples_h, samples_w;
} region;

static int64_t samples_of(const pooling *p, double extent, int64_t out) {
  if (p->samples > 0) return p->samples;
  const double n = ceil(extent / (double)out);
  return n > 0 ? (int64_t)n : 0;
}

static void region_of(const pooling *p, const esp_tensor *rois, int64_t r,
                      region *g) {
  const int at = p->align ? 0 : 1;
  double edge[4]; // x, y, x, y
  for (int i = 0; i < 4; i++) {
    edge[i] = esp_number_at(rois, r * (4 + at) + at + i) * p->scale - p->shift;
  }
  if (!p->align) {
    for (int i = 0; i < 2; i++) {
      g->first[i] = (int64_t)round(edge[1 - i]);
      const int64_t size = (int64_t)round(edge[3 - i]) - g->first[i] + 1;
      g->size[i] = size > 1 ? size : 1;
    }
    return;
  }
  g->left = edge[0];
  g->top = edge[1];
  g->width = edge[2] - edge[0];
  g->height = edge[3] - edge[1];
  if (p->shift == 0) { // the older way: at least one element
    g->width = fmax(g->width, 1);
    g->height = fmax(g->height, 1);
  }
  g->samples_h = samples_of(p, g->height, p->out_h);
  g->samples_w = samples_of(p, g->width, p->out_w);
}

// Refuses what would be read outside of the input, or without an end.
static esp_status check_regions(const esp_args *args, const pooling *p) {
  const esp_tensor *rois = args->in[1];
  const int64_t numbers = rois->shape.dim[1];
  for (int64_t r = 0; r < rois->shape.dim[0]; r++) {
    const int64_t image =
        esp_whole_at(p->align ? args->in[2] : rois, p->align ? r : r * numbers);
    if (image < 0 || image >= args->in[0]->shape.dim[0]) {
      return ESP_FAIL(ESP_BAD_INPUT, "region %lld is of image %lld of %lld",
                      (long long)r, (long long)image,
                      (long long)args->in[0]->shape.dim[0]);
    }
    for (int64_t i = p->align ? 0 : 1; i < numbers; i++) {
      const double edge = esp_number_at(rois, r * numbers + i) * p->scale;
      if (fabs(edge) <= 1e6) continue;
      return ESP_FAIL(ESP_BAD_INPUT, "region %lld reaches to %g", (long long)r,
                      edge);
    }
    region g = {0};
    region_of(p, rois, r, &g);
    if ((double)g.samples_h * (double)g.samples_w > 0x1p24) {
      return ESP_FAIL(ESP_BAD_INPUT, "region %lld takes %g samples an output",
                      (long long)r, (double)g.samples_h * (double)g.samples_w);
    }
  }
  return ESP_OK;
}

// Four elements around a place, and their weights; all 0 outside.
typedef struct corners {
  int64_t at[4];
  double weight[4];
} corners;

// Elements below and above x along an axis of n, and the way between them;
// false: outside by more than one element.
static bool between(double x, int64_t n, int64_t *low, int64_t *high,
                    double *ratio) {
  if (!(x >= -1 && x <= (double)n)) return false;
  if (x < 0) x = 0;
  *low = (int64_t)x;
  if (*low >= n - 1) {
    *low = *high = n - 1;
    *ratio = 0;
    return true;
  }
  *high = *low + 1;
  *ratio = x - (double)*low;
  return true;
}

static void corners_of(const pooling *p, double y, double x, corners *c) {
  int64_t y0, y1, x0, x1;
  double ry, rx;
  *c = (corners){{0}, {0}};
  if (!between(y, p->h, &y0, &y1, &ry) || !between(x, p->w, &x0, &x1, &rx)) {
    return;
  }
  *c = (corners){
      {y0 * p->w + x0, y0 * p->w + x1, y1 * p->w + x0, y1 * p->w + x1},
      {(1 - ry) * (1 - rx), (1 - ry) * rx, ry * (1 - rx), ry * rx}};
}

// One output of all channels: y[c * out_h * out_w] from the image x.
typedef void (*region_loop)(const pooling *p, const region *g, int64_t oy,
                            int64_t ox, const void *image, int64_t image_at,
                            void *to, int64_t at);

// The maximum is over the four weighted elements of each sample, not over their
// sums: so the standard's reference and the runtimes have it.
#define ALIGN(suffix, type, dtype)                                             \
  static void add_##suffix(const pooling *p, const corners *k, bool first,     \
                           const type *x, type *y) {                           \
    const int64_t out = p->out_h * p->out_w, plane = p->h * p->w;              \
    for (int64_t c = 0; c < p->channels; c++, x += plane, y += out) {          \
      const double v[] = {k->weight[0] * (double)x[k->at[0]],                  \
                          k->weight[1] * (double)x[k->at[1]],                  \
                          k->weight[2] * (double)x[k->at[2]],                  \
                          k->weight[3] * (double)x[k->at[3]]};                 \
      if (p->max) {                                                            \
        const type most = (type)fmax(fmax(v[0], v[1]), fmax(v[2], v[3]));      \
        *y = first || most > *y ? most : *y;                                   \
      } else {                                                                 \
        *y += (type)(v[0] + v[1] + v[2] + v[3]);                               \
      }                                                                        \
    }                                                                          \
  }                                                                            \
  static void align_##suffix(const pooling *p, const region *g, int64_t oy,    \
                             int64_t ox, const void *image, int64_t image_at,  \
                             void *to, int64_t at) {                           \
    const int64_t out = p->out_h * p->out_w;                                   \
    const int64_t count = g->samples_h * g->samples_w;                         \
    const double h = g->height / (double)p->out_h;                             \
    const double w = g->width / (double)p->out_w;                              \
    type *y = (type *)to + at;                                                 \
    for (int64_t c = 0; c < p->channels; c++) y[c * out] = 0;                  \
    for (int64_t i = 0; i < count; i++) {                                      \
      const double sy = (double)(i / g->samples_w) + 0.5;                      \
      const double sx = (double)(i % g->samples_w) + 0.5;                      \
      corners k;                                                               \
      corners_of(p, g->top + (double)oy * h + sy * h / (double)g->samples_h,   \
                 g->left + (double)ox * w + sx * w / (double)g->samples_w,     \
                 &k);                                                          \
      add_##suffix(p, &k, i == 0, (const type *)image + image_at, y);          \
    }                                                                          \
    for (int64_t c = 0; c < p->channels && !p->max && count > 0; c++)          \
      y[c * out] /= (type)count;                                               \
  }
ESP_FLOATING_TYPES(ALIGN)

// Output o of `out` covers [begin, end) of an axis of n elements.
static void cover(int64_t o, int64_t out, int64_t first, int64_t size,
                  int64_t n, int64_t *begin, int64_t *end) {
  const double bin = (double)size / (double)out;
  *begin = (int64_t)floor((double)o * bin) + first;
  *end = (int64_t)ceil((double)(o + 1) * bin) + first;
  if (*begin < 0) *begin = 0;
  if (*end > n) *end = n;
}

#define POOL(suffix, type, dtype)                                              \
  static void pool_##suffix(const pooling *p, const region *g, int64_t oy,     \
                            int64_t ox, const void *image, int64_t image_at,   \
                            void *to, int64_t at) {                            \
    int64_t y0, y1, x0, x1;                                                    \
    cover(oy, p->out_h, g->first[0], g->size[0], p->h, &y0, &y1);              \
    cover(ox, p->out_w, g->first[1], g->size[1], p->w, &x0, &x1);              \
    for (int64_t c = 0; c < p->channels; c++) {                                \
      const type *x = (const type *)image + image_at + c * p->h * p->w;        \
      const bool none = y0 >= y1 || x0 >= x1;                                  \
      type most = none ? 0 : x[y0 * p->w + x0];                                \
      for (int64_t i = y0; i < y1; i++) {                                      \
        for (int64_t j = x0; j < x1; j++)                                      \
          most = x[i * p->w + j] > most ? x[i * p->w + j] : most;              \
      }                                                                        \
      ((type *)to)[at + c * p->out_h * p->out_w] = most;                       \
    }                                                                          \
  }
ESP_FLOATING_TYPES(POOL)

#define ALIGN_ROW(suffix, type, dtype) [dtype] = align_##suffix,
static const region_loop align_of[ESP_DTYPES] = {ESP_FLOATING_TYPES(ALIGN_ROW)};
#define POOL_ROW(suffix, type, dtype) [dtype] = pool_##suffix,
static const region_loop pool_of[ESP_DTYPES] = {ESP_FLOATING_TYPES(POOL_ROW)};

typedef struct task {
  const esp_args *args;
  pooling p;
} task;

// Outputs [begin, end) of all regions, each of all channels.
static void run_range(int64_t begin, int64_t end, void *argument) {
  const task *t = argument;
  const pooling *p = &t->p;
  const esp_tensor *x = t->args->in[0], *rois = t->args->in[1];
  const int64_t out = p->out_h * p->out_w;
  const region_loop loop = p->align ? align_of[x->type] : pool_of[x->type];
  for (int64_t i = begin; i < end; i++) {
    const int64_t r = i / out, o = i % out;
    region g = {.image = p->align ? esp_whole_at(t->args->in[2], r)
                                  : esp_whole_at(rois, 5 * r)};
    region_of(p, rois, r, &g);
    loop(p, &g, o / p->out_w, o % p->out_w, x->data,
         g.image * p->channels * p->h * p->w, t->args->out[0]->data,
         r * p->channels * out + o);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8 };
  (void)state;
  task t = {.args = args};
  ESP_TRY(pooling_of(args, &t.p));
  ESP_TRY(check_regions(args, &t.p));
  const esp_shape *y = &args->out[0]->shape;
  esp_loop_over(team.width, y->dim[0] * y->dim[2] * y->dim[3], GRAIN, run_range,
                &t);
  return ESP_OK;
}

static const esp_op plain = {.infer = infer, .work = work, .run = run};

// Regions name their sample by its place in the batch.
const esp_op esp_op_roi = {.samples = esp_samples_all_mixed,
                           .infer = infer,
                           .work = work,
                           ESP_HALF(plain)};
