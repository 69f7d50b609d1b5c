#include "kernel/conv.h"

#include <stdlib.h>
#include <string.h>

#include "base/constant.h"
#include "base/memory.h"
#include "kernel/depthwise.h"
#include "kernel/dnnl.h"
#include "kernel/narrow_conv.h"
#include "kernel/parallel.h"
#include "kernel/winograd.h"

enum {
  NAME_BYTES = 64,
  BANDS = 16,
  VARIANTS = 4,
  BLOCK = 16 // channels that the library computes together
};

// Who does the posts.
typedef enum posts_by {
  BY_PRIMITIVE,
  BY_SUM,    // the same, but what the first one adds is put into y before: some
             // implementations take no second tensor
  BY_NOBODY, // they come after it
} posts_by;

// Rows of one sample's output, and of its input, that one call computes.
typedef struct band {
  int64_t out, in;           // the first row
  int64_t out_rows, in_rows; // how many
  int64_t before;            // pads in front of them
  int variant;               // its primitive
} band;

struct esp_conv {
  esp_conv_problem problem;
  char name[NAME_BYTES];
  esp_depthwise *depthwise;
  esp_winograd *winograd;                  // these compute, where they are not
  esp_narrow_conv *narrow;                 // NULL
  esp_dnnl_primitive *primitive[VARIANTS]; // for bands of different form
  int variants;
  int bands; // of a sample; 1 where the primitive takes all
  band band[BANDS];
  bool by_sample; // the primitives take one sample, on one thread
  posts_by posts;
  void *weights, *bias;
  size_t scratch_each;
  bool aside; // what is added is copied when y has taken its place, as y is
              // written to before it is read
  int64_t in_each, out_each; // elements of a sample
};

// Descriptions of the arguments for a batch.
typedef struct shapes {
  dnnl_memory_desc_t x, w, b, y;
  dnnl_dims_t stride, dilation, before, after;
} shapes;

static dnnl_format_tag_t tag_of(int axes, esp_layout layout) {
  static const dnnl_format_tag_t tags[2][ESP_CONV_AXES] = {
      {dnnl_abc, dnnl_abcd, dnnl_abcde}, {dnnl_acb, dnnl_acdb, dnnl_acdeb}};
  return tags[layout == ESP_CHANNELS_LAST][axes - 1];
}

static esp_status describe(const esp_conv_problem *p, int64_t batch,
                           shapes *s) {
  dnnl_dims_t x = {batch, p->in_channels}, y = {batch, p->out_channels};
  dnnl_dims_t w = {0}, b = {p->out_channels};
  const int grouped = p->groups > 1;
  if (grouped) w[0] = p->groups;
  w[grouped] = p->out_channels / p->groups;
  w[grouped + 1] = p->in_channels / p->groups;
  for (int i = 0; i < p->axes; i++) {
    x[2 + i] = p->in[i];
    y[2 + i] = p->out[i];
    w[grouped + 2 + i] = p->kernel[i];
    s->stride[i] = p->stride[i];
    s->dilation[i] = p->dilation[i] - 1;
    s->before[i] = p->before[i];
    // What the windows do not reach at the end is not padding but left over.
    const int64_t reach = (p->out[i] - 1) * p->stride[i] +
                          (p->kernel[i] - 1) * p->dilation[i] + 1;
    s->after[i] = reach - p->in[i] - p->before[i];
  }
  const int n = p->axes + 2;
  const dnnl_data_type_t type = esp_dnnl_type(p->type);
  dnnl_status_t status = dnnl_memory_desc_init_by_tag(
      &s->x, n, x, type, tag_of(p->axes, p->in_layout));
  status |= dnnl_memory_desc_init_by_tag(&s->y, n, y, dnnl_f32,
                                         tag_of(p->axes, p->out_layout));
  status |= dnnl_memory_desc_init_by_tag(&s->w, n + grouped, w, type,
                                         dnnl_format_tag_any);
  status |= dnnl_memory_desc_init_by_tag(&s->b, 1, b, dnnl_f32, dnnl_a);
  return esp_dnnl_status(status, "a convolution's shapes");
}

static dnnl_status_t append_post(dnnl_post_ops_t ops,
                                 const esp_kernel_post *post,
                                 const dnnl_memory_desc_t *y) {
  switch (post->kind) {
  case ESP_KERNEL_RELU:
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0);
  case ESP_KERNEL_LEAKY_RELU:
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, post->alpha,
                                        0);
  case ESP_KERNEL_CLIP:
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_clip, post->alpha,
                                        post->beta);
  case ESP_KERNEL_SIGMOID:
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_logistic, 0, 0);
  case ESP_KERNEL_TANH:
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_tanh, 0, 0);
  case ESP_KERNEL_GELU:
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_gelu_erf, 0, 0);
  case ESP_KERNEL_GELU_TANH:
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_gelu_tanh, 0, 0);
  default:
    return dnnl_post_ops_append_binary(ops, dnnl_binary_add, y);
  }
}

static esp_status make_attributes(const esp_conv_problem *p, posts_by posts,
                                  const dnnl_memory_desc_t *y,
                                  dnnl_primitive_attr_t *made) {
  dnnl_primitive_attr_t attributes;
  ESP_TRY(
      esp_dnnl_status(dnnl_primitive_attr_create(&attributes), "attributes"));
  dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(
      attributes, dnnl_scratchpad_mode_user);
  if (posts != BY_NOBODY && p->posts > 0) {
    dnnl_post_ops_t ops = NULL;
    status |= dnnl_post_ops_create(&ops);
    if (posts == BY_SUM) status |= dnnl_post_ops_append_sum(ops, 1);
    for (int i = posts == BY_SUM; i < p->posts; i++)
      status |= append_post(ops, &p->post[i], y);
    status |= dnnl_primitive_attr_set_post_ops(attributes, ops);
    (void)dnnl_post_ops_destroy(ops);
  }
  *made = attributes;
  return esp_dnnl_status(status, "attributes");
}

// Implementations whose sums have one order for every thread count and batch:
// each output element has one accumulator that runs through the kernel.
static bool keeps_order(const char *name) {
  return strncmp(name, "brgconv", 7) == 0 || strncmp(name, "jit", 3) == 0;
}

// With other channel counts brgconv was seen to change last bits with the
// threads (measured with 2.6.3: 6 and 11 channels): sample by sample, then.
static bool fills_blocks(const esp_conv_problem *p) {
  return p->in_channels / p->groups % BLOCK == 0 &&
         p->out_channels / p->groups % BLOCK == 0;
}

// What is looked for: any implementation (the first is the library's choice),
// or one by name and layout of the weights (NULL: whichever it is).
typedef struct wanted {
  const char *name;
  const dnnl_memory_desc_t *weights;
} wanted;

static bool matches(const_dnnl_primitive_desc_t desc, const wanted *want) {
  if (want == NULL) return true;
  return strcmp(esp_dnnl_implementation(desc), want->name) == 0 &&
         (want->weights == NULL ||
          dnnl_memory_desc_equal(esp_dnnl_argument(desc, dnnl_query_weights_md),
                                 want->weights));
}

static esp_status find(const esp_conv_problem *p, int64_t batch, int width,
                       posts_by posts, const wanted *want,
                       dnnl_primitive_desc_t *found) {
  shapes s;
  dnnl_engine_t engine;
  dnnl_primitive_attr_t attributes = NULL;
  ESP_TRY(describe(p, batch, &s));
  ESP_TRY(esp_dnnl_engine(&engine));
  esp_status status = make_attributes(p, posts, &s.y, &attributes);
  dnnl_convolution_desc_t desc;
  if (status == ESP_OK) {
    status = esp_dnnl_status(dnnl_dilated_convolution_forward_desc_init(
                                 &desc, dnnl_forward_inference,
                                 dnnl_convolution_direct, &s.x, &s.w,
                                 p->bias ? &s.b : NULL, &s.y, s.stride,
                                 s.dilation, s.before, s.after),
                             "a convolution");
  }
  const int before = esp_dnnl_threads(width);
  dnnl_primitive_desc_iterator_t next = NULL;
  if (status == ESP_OK) {
    status = esp_dnnl_status(dnnl_primitive_desc_iterator_create(
                                 &next, &desc, attributes, engine, NULL),
                             "this convolution");
  }
  *found = NULL;
  while (status == ESP_OK && *found == NULL) {
    dnnl_primitive_desc_t candidate = dnnl_primitive_desc_iterator_fetch(next);
    if (matches(candidate, want)) {
      *found = candidate;
      break;
    }
    (void)dnnl_primitive_desc_destroy(candidate);
    if (dnnl_primitive_desc_iterator_next(next) != dnnl_success) break;
  }
  (void)esp_dnnl_threads(before);
  if (next != NULL) (void)dnnl_primitive_desc_iterator_destroy(next);
  (void)dnnl_primitive_attr_destroy(attributes);
  return status;
}

// Its sums are short; it is given a sample at a time.
static bool is_depthwise(const char *name) {
  return strncmp(name, "brdgmm", 6) == 0;
}

static bool is_brgemm(const_dnnl_primitive_desc_t desc) {
  return strncmp(esp_dnnl_implementation(desc), "brg", 3) == 0;
}

// The implementation for one sample on one thread, when it is a good one with
// its posts; *found NULL: it is not.
static esp_status find_with(const esp_conv_problem *p, posts_by posts,
                            dnnl_primitive_desc_t *found) {
  ESP_TRY(find(p, 1, 1, posts, NULL, found));
  const char *name = *found != NULL ? esp_dnnl_implementation(*found) : "";
  const bool good = (keeps_order(name) || is_depthwise(name)) &&
                    (posts != BY_SUM || is_brgemm(*found));
  if (good || *found == NULL) return ESP_OK;
  (void)dnnl_primitive_desc_destroy(*found);
  *found = NULL;
  return ESP_OK;
}

static void take(posts_by now, dnnl_primitive_desc_t one, posts_by *posts,
                 dnnl_primitive_desc_t *found) {
  if (*found != NULL) (void)dnnl_primitive_desc_destroy(*found);
  *found = one;
  *posts = now;
}

static bool adds_first(const esp_conv_problem *p) {
  return p->posts > 0 && p->post[0].kind == ESP_KERNEL_ADD;
}

// brgemm is the faster one, but takes no second tensor; where the primitive
// does not do the posts well, they come after it, also where the plain one is
// no better: oneDNN 2.6.3's gemm implementation adds wrong numbers as a post of
// a convolution in groups.
static esp_status find_whole(const esp_conv_problem *p, posts_by *posts,
                             dnnl_primitive_desc_t *found) {
  dnnl_primitive_desc_t other = NULL;
  *posts = BY_PRIMITIVE;
  esp_status status = find_with(p, BY_PRIMITIVE, found);
  if (status == ESP_OK && *found != NULL && is_brgemm(*found)) return ESP_OK;
  if (adds_first(p) && find_with(p, BY_SUM, &other) == ESP_OK &&
      other != NULL) {
    take(BY_SUM, other, posts, found);
    return ESP_OK;
  }
  if (status == ESP_OK && *found != NULL) return ESP_OK;
  status = find(p, 1, 1, BY_NOBODY, NULL, &other);
  if (status == ESP_OK && other != NULL) take(BY_NOBODY, other, posts, found);
  return status;
}

// A part has the implementation of its whole.
static esp_status find_canonical(const esp_conv_problem *p, posts_by *posts,
                                 dnnl_primitive_desc_t *found) {
  if (p->whole_channels == 0) return find_whole(p, posts, found);
  esp_conv_problem whole = *p;
  whole.out_channels = p->whole_channels;
  dnnl_primitive_desc_t model = NULL;
  *found = NULL;
  esp_status status = find_whole(&whole, posts, &model);
  if (status != ESP_OK || model == NULL) return status;
  const wanted alike = {.name = esp_dnnl_implementation(model)};
  status = find(p, 1, 1, *posts, &alike, found);
  (void)dnnl_primitive_desc_destroy(model);
  return status;
}

// The first post that the primitive is given as such.
static int first_post(const esp_conv *conv) {
  return conv->posts == BY_NOBODY ? conv->problem.posts : conv->posts == BY_SUM;
}

static esp_status make_primitive(esp_conv *conv,
                                 const_dnnl_primitive_desc_t desc, int width,
                                 esp_dnnl_primitive **made) {
  const esp_conv_problem *p = &conv->problem;
  int argument[ESP_DNNL_ARGUMENTS], count = 0;
  const dnnl_memory_desc_t *md[ESP_DNNL_ARGUMENTS];
  const dnnl_memory_desc_t *y = esp_dnnl_argument(desc, dnnl_query_dst_md);
  argument[count] = DNNL_ARG_SRC;
  md[count++] = esp_dnnl_argument(desc, dnnl_query_src_md);
  argument[count] = DNNL_ARG_WEIGHTS;
  md[count++] = esp_dnnl_argument(desc, dnnl_query_weights_md);
  argument[count] = DNNL_ARG_DST;
  md[count++] = y;
  if (p->bias) {
    argument[count] = DNNL_ARG_BIAS;
    md[count++] = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 1);
  }
  for (int i = first_post(conv); i < p->posts; i++) {
    if (p->post[i].kind != ESP_KERNEL_ADD) continue;
    if (count == ESP_DNNL_ARGUMENTS - 1) {
      return ESP_FAIL(ESP_UNSUPPORTED, "too many sums after a convolution");
    }
    argument[count] = DNNL_ARG_ATTR_MULTIPLE_POST_OP(i) | DNNL_ARG_SRC_1;
    md[count++] = y;
  }
  return esp_dnnl_primitive_create(desc, width, argument, md, count, made);
}

static esp_status pack(esp_conv *conv, const_dnnl_primitive_desc_t desc,
                       const void *weights, const float *bias) {
  const dnnl_memory_desc_t *to = esp_dnnl_argument(desc, dnnl_query_weights_md);
  static const dnnl_format_tag_t plain[] = {dnnl_abc, dnnl_abcd, dnnl_abcde,
                                            dnnl_abcdef};
  dnnl_memory_desc_t from;
  ESP_TRY(esp_dnnl_status(
      dnnl_memory_desc_init_by_tag(&from, to->ndims, to->dims,
                                   esp_dnnl_type(conv->problem.type),
                                   plain[to->ndims - 3]),
      "weights"));
  ESP_TRY(esp_dnnl_pack(&from, weights, to, &conv->weights));
  if (!conv->problem.bias) return ESP_OK;
  const size_t bytes = (size_t)conv->problem.out_channels * sizeof *bias;
  ESP_TRY(esp_allocate(bytes, &conv->bias));
  memcpy(conv->bias, bias, bytes);
  return ESP_OK;
}

// Bands --------------------------------------------------------------------

// How many bands a sample is cut into: by the convolution alone, and of a part
// by its whole, so that its bits do not depend on the threads.  Rows lie one
// after the other only where channels are last, or one.
static int count_bands(const esp_conv_problem *p) {
  enum { ROWS = 4 };
  static const double FLOPS = 1e6; // worth a thread's while
  const bool rows =
      p->axes > 1 &&
      (p->in_layout == ESP_CHANNELS_LAST || p->in_channels == 1) &&
      (p->out_layout == ESP_CHANNELS_LAST || p->out_channels == 1);
  const int64_t out =
      p->whole_channels > 0 ? p->whole_channels : p->out_channels;
  double flops = 2.0 * (double)out * (double)(p->in_channels / p->groups);
  for (int i = 0; i < p->axes; i++) {
    flops *= (double)p->out[i] * (double)p->kernel[i];
  }
  int bands = 1;
  while (rows && 2 * bands <= BANDS && 2 * bands * FLOPS <= flops &&
         2 * bands * ROWS <= p->out[0]) {
    bands *= 2;
  }
  return bands;
}

// false: a band would read nothing but pads.
static bool place_band(const esp_conv_problem *p, int i, int bands, band *b) {
  const int64_t first = p->out[0] * i / bands,
                last = p->out[0] * (i + 1) / bands - 1;
  const int64_t begin = first * p->stride[0] - p->before[0];
  const int64_t end = last * p->stride[0] - p->before[0] +
                      (p->kernel[0] - 1) * p->dilation[0] + 1;
  *b = (band){.out = first,
              .in = begin > 0 ? begin : 0,
              .out_rows = last + 1 - first,
              .before = begin < 0 ? -begin : 0};
  b->in_rows = (end < p->in[0] ? end : p->in[0]) - b->in;
  return b->in_rows > 0;
}

static esp_status make_variant(esp_conv *conv, const wanted *want, band *b,
                               bool *there) {
  esp_conv_problem p = conv->problem;
  dnnl_primitive_desc_t desc = NULL;
  p.in[0] = b->in_rows;
  p.out[0] = b->out_rows;
  p.before[0] = b->before;
  *there = false;
  if (conv->variants == VARIANTS ||
      find(&p, 1, 1, conv->posts, want, &desc) != ESP_OK || desc == NULL) {
    return ESP_OK;
  }
  const esp_status status =
      make_primitive(conv, desc, 1, &conv->primitive[conv->variants]);
  (void)dnnl_primitive_desc_destroy(desc);
  ESP_TRY(status);
  b->variant = conv->variants++;
  *there = true;
  return ESP_OK;
}

static bool same_form(const band *a, const band *b) {
  return a->in_rows == b->in_rows && a->out_rows == b->out_rows &&
         a->before == b->before;
}

static void free_primitives(esp_conv *conv) {
  for (int v = 0; v < conv->variants; v++) {
    esp_dnnl_primitive_free(conv->primitive[v]);
    conv->primitive[v] = NULL;
  }
  conv->variants = 0;
}

// Cuts a sample into bands, each by the implementation that was found for the
// whole; *cut is false where that cannot be.
static esp_status cut_bands(esp_conv *conv, const wanted *want, bool *cut) {
  const int bands = count_bands(&conv->problem);
  *cut = bands > 1;
  for (int i = 0; i < bands && *cut; i++) {
    band *b = &conv->band[i];
    *cut = place_band(&conv->problem, i, bands, b);
    int k = 0;
    while (k < i && !same_form(&conv->band[k], b)) k++;
    b->variant = k < i ? conv->band[k].variant : -1;
    if (*cut && k == i) ESP_TRY(make_variant(conv, want, b, cut));
  }
  if (*cut) conv->bands = bands;
  if (!*cut) free_primitives(conv);
  return ESP_OK;
}

static esp_status make_whole(esp_conv *conv, const_dnnl_primitive_desc_t desc,
                             int width) {
  const esp_conv_problem *p = &conv->problem;
  conv->bands = conv->variants = 1;
  conv->band[0] = (band){.out_rows = p->out[0], .in_rows = p->in[0]};
  return make_primitive(conv, desc, width, &conv->primitive[0]);
}

static esp_status choose(esp_conv *conv, const void *weights,
                         const float *bias) {
  const esp_conv_problem *p = &conv->problem;
  dnnl_primitive_desc_t canonical = NULL, real = NULL;
  esp_status status = find_canonical(p, &conv->posts, &canonical);
  if (status != ESP_OK) return status;
  if (canonical == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "oneDNN has no such convolution");
  }
  strncpy(conv->name, esp_dnnl_implementation(canonical), NAME_BYTES - 1);
  const wanted want = {conv->name,
                       esp_dnnl_argument(canonical, dnnl_query_weights_md)};
  const bool ordered = keeps_order(conv->name);
  if (p->type != ESP_UNDEFINED && !ordered) { // float32 is faster, then
    status = ESP_FAIL(ESP_UNSUPPORTED, "no convolution of such numbers");
  } else if (ordered && fills_blocks(p) && p->type != ESP_INT8) {
    status = find(p, p->batch, p->width, conv->posts, &want, &real);
  }
  conv->by_sample = real == NULL;
  if (status == ESP_OK) status = pack(conv, canonical, weights, bias);
  bool cut = false;
  if (status == ESP_OK && real == NULL) status = cut_bands(conv, &want, &cut);
  if (status == ESP_OK && !cut) {
    status = make_whole(conv, real != NULL ? real : canonical,
                        real != NULL ? p->width : 1);
  }
  if (real != NULL) (void)dnnl_primitive_desc_destroy(real);
  (void)dnnl_primitive_desc_destroy(canonical);
  return status;
}

// Depthwise convolutions only add up a few products for each number that they
// read: rounding would take longer than it saves.
static bool is_rounded(const esp_conv_problem *p) {
  enum { FEWEST = 16 };
  return p->precision != ESP_PRECISION_FLOAT32 &&
         (p->groups == 1 || p->in_channels / p->groups >= FEWEST);
}

static bool suits_depthwise(const esp_conv_problem *p) {
  return p->type == ESP_UNDEFINED && !is_rounded(p) && esp_depthwise_suits(p);
}

// Winograd, int8 and depthwise kernels write to y before they add to it.
bool esp_conv_overlays(const esp_conv_problem *problem) {
  const bool int8 =
      is_rounded(problem) && problem->precision == ESP_PRECISION_INT8;
  return adds_first(problem) && !int8 && !suits_depthwise(problem) &&
         !esp_winograd_suits(problem);
}

// Is a sum one that is added up in one order, whatever the number of output
// channels?  Longer ones may go by chunks of channels or of the kernel, as many
// as suit a cache beside the weights: with 2.6.3 the shortest of 14,800 parts
// whose bits changed had 1,440 products, and none of a kernel of 1 x 1.
static bool has_one_chunk(const esp_conv_problem *p) {
  enum { PRODUCTS = 1152 };
  int64_t taps = 1;
  for (int i = 0; i < p->axes; i++) taps *= p->kernel[i];
  return taps == 1 || taps * p->in_channels <= PRODUCTS;
}

// Parts of the primitive are made only where its bits do not depend on them.
static bool divides_primitive(const esp_conv_problem *part) {
  posts_by posts;
  dnnl_primitive_desc_t found = NULL;
  if (part->out_channels % BLOCK != 0 || !has_one_chunk(part) ||
      find_canonical(part, &posts, &found) != ESP_OK || found == NULL) {
    return false;
  }
  const bool ordered = keeps_order(esp_dnnl_implementation(found));
  (void)dnnl_primitive_desc_destroy(found);
  return ordered;
}

bool esp_conv_divides(const esp_conv_problem *whole, int64_t channels) {
  esp_conv_problem part = *whole;
  part.whole_channels = whole->out_channels;
  part.out_channels = channels;
  if (whole->batch == 0 || is_rounded(whole) || whole->type != ESP_UNDEFINED) {
    return false;
  }
  if (whole->groups > 1) {
    part.groups = part.in_channels = channels;
    return suits_depthwise(whole) && suits_depthwise(&part);
  }
  return esp_winograd_suits(whole) ? esp_winograd_suits(&part)
                                   : divides_primitive(&part);
}

double esp_conv_gain(const esp_conv_problem *problem) {
  return is_rounded(problem) ? 1 : esp_winograd_gain(problem);
}

esp_status esp_conv_create(const esp_conv_problem *problem, const void *weights,
                           const float *bias, esp_conv **conv) {
  esp_conv *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  self->problem = *problem;
  self->in_each = problem->in_channels;
  self->out_each = problem->out_channels;
  for (int i = 0; i < problem->axes; i++) {
    self->in_each *= problem->in[i];
    self->out_each *= problem->out[i];
  }
  const bool empty = problem->batch == 0 || self->out_each == 0;
  esp_status status = ESP_OK;
  if (!empty && is_rounded(problem)) {
    status = esp_narrow_conv_create(problem, weights, bias, &self->narrow);
  } else if (!empty && suits_depthwise(problem)) {
    status = esp_depthwise_create(problem, weights, bias, &self->depthwise);
  } else if (!empty && problem->type == ESP_UNDEFINED &&
             esp_winograd_suits(problem)) {
    status = esp_winograd_create(problem, weights, bias, &self->winograd);
  } else if (!empty) {
    status = choose(self, weights, bias);
  }
  if (status != ESP_OK) {
    esp_conv_free(self);
    return status;
  }
  self->aside = esp_conv_overlays(problem) && self->posts != BY_SUM &&
                self->narrow == NULL;
  for (int v = 0; v < self->variants; v++) {
    const size_t bytes = esp_align_up(self->primitive[v]->scratch_bytes);
    if (bytes > self->scratch_each) self->scratch_each = bytes;
  }
  *conv = self;
  return ESP_OK;
}

void esp_conv_free(esp_conv *conv) {
  if (conv == NULL) return;
  free_primitives(conv);
  esp_depthwise_free(conv->depthwise);
  esp_winograd_free(conv->winograd);
  esp_narrow_conv_free(conv->narrow);
  esp_constant_free(conv->weights);
  esp_free(conv->bias);
  free(conv);
}

static size_t inner_scratch(const esp_conv *conv) {
  if (conv->winograd != NULL) return esp_winograd_scratch(conv->winograd);
  if (conv->narrow != NULL) return esp_narrow_conv_scratch(conv->narrow);
  return conv->scratch_each *
         (size_t)(conv->by_sample ? conv->problem.width : 1);
}

static size_t out_bytes(const esp_conv *conv) {
  return (size_t)(conv->problem.batch * conv->out_each) * sizeof(float);
}

size_t esp_conv_scratch(const esp_conv *conv) {
  const size_t inner = esp_align_up(inner_scratch(conv));
  return conv->aside ? inner + out_bytes(conv) : inner;
}

const char *esp_conv_implementation(const esp_conv *conv) {
  if (conv->winograd != NULL) return esp_winograd_name(conv->winograd);
  if (conv->depthwise != NULL) return esp_depthwise_name(conv->depthwise);
  return conv->narrow != NULL ? esp_narrow_conv_name(conv->narrow) : conv->name;
}

typedef struct call {
  esp_conv *conv;
  const esp_conv_work *work;
  const float *const *added;
  float *y;
  atomic_int failed;
} call;

static esp_status run_primitive(call *c, int64_t sample, const band *b,
                                void *scratch) {
  const esp_conv *conv = c->conv;
  const esp_conv_problem *p = &conv->problem;
  int64_t in = sample * conv->in_each, out = sample * conv->out_each;
  if (b->out > 0) { // not the first band
    in += b->in * (conv->in_each / p->in[0]);
    out += b->out * (conv->out_each / p->out[0]);
  }
  union { // oneDNN takes no pointer to const, but only reads
    const void *given;
    void *taken;
  } cast = {.given = (const unsigned char *)c->work->x +
                     (size_t)in * esp_operand_bytes(p->type)};
  void *bytes[ESP_DNNL_ARGUMENTS] = {cast.taken, conv->weights, c->y + out};
  int count = 3;
  if (p->bias) bytes[count++] = conv->bias;
  for (int i = first_post(conv); i < p->posts; i++) {
    if (p->post[i].kind != ESP_KERNEL_ADD) continue;
    cast.given = c->added[i] + out;
    bytes[count++] = cast.taken;
  }
  ESP_TRY(esp_dnnl_primitive_run(conv->primitive[b->variant], bytes, scratch));
  if (c->work->after != NULL) {
    const int64_t samples = conv->by_sample ? 1 : p->batch;
    c->work->after(c->work->context, out,
                   out + samples * conv->out_each / p->out[0] * b->out_rows);
  }
  return ESP_OK;
}

static int64_t parts_of(const esp_conv *conv) {
  const int64_t items = conv->problem.batch * conv->bands;
  return items < conv->problem.width ? items : conv->problem.width;
}

// Each part of the bands of all samples has a scratch of its own.
static void run_parts(int64_t begin, int64_t end, void *argument) {
  call *c = argument;
  const esp_conv *conv = c->conv;
  const int64_t parts = parts_of(conv);
  const int64_t items = conv->problem.batch * conv->bands;
  for (int64_t part = begin; part < end; part++) {
    unsigned char *scratch =
        (unsigned char *)c->work->scratch + (size_t)part * conv->scratch_each;
    const int64_t last = items * (part + 1) / parts;
    for (int64_t i = items * part / parts; i < last; i++) {
      const esp_status status = run_primitive(
          c, i / conv->bands, &conv->band[i % conv->bands], scratch);
      if (status != ESP_OK) atomic_store(&c->failed, (int)status);
    }
  }
}

static void put_added(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  memcpy(c->y + begin, c->added[0] + begin,
         (size_t)(end - begin) * sizeof *c->y);
}

static void run_posts(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const esp_conv_problem *p = &c->conv->problem;
  esp_post_apply_at(p->post, p->posts, c->added, c->y, begin, end - begin);
}

static esp_status run_library(esp_conv *conv, const esp_conv_work *work) {
  enum { GRAIN = 8192 };
  call c = {.conv = conv, .work = work, .added = work->added, .y = work->y};
  const esp_conv_problem *p = &conv->problem;
  if (conv->posts == BY_SUM && c.added[0] != c.y) {
    esp_loop_over(p->width, p->batch * conv->out_each, GRAIN, put_added, &c);
  }
  if (conv->by_sample) {
    esp_loop_over(p->width, parts_of(conv), 1, run_parts, &c);
    if (atomic_load(&c.failed) != 0) return (esp_status)atomic_load(&c.failed);
  } else {
    ESP_TRY(run_primitive(&c, 0, &conv->band[0], work->scratch));
  }
  if (conv->posts == BY_NOBODY && p->posts > 0) {
    esp_loop_over(p->width, p->batch * conv->out_each, GRAIN, run_posts, &c);
  }
  return ESP_OK;
}

static esp_status run_inner(esp_conv *conv, const esp_conv_work *work) {
  if (conv->narrow != NULL) return esp_narrow_conv_run(conv->narrow, work);
  if (conv->variants > 0) return run_library(conv, work);
  if (conv->depthwise != NULL) esp_depthwise_run(conv->depthwise, work);
  if (conv->winograd != NULL) { // else there is nothing to compute
    esp_winograd_run(conv->winograd, work->x, work->added, work->y,
                     work->scratch);
    if (work->after != NULL) {
      work->after(work->context, 0, conv->problem.batch * conv->out_each);
    }
  }
  return ESP_OK;
}

esp_status esp_conv_run_all(esp_conv *conv, const esp_conv_work *work) {
  if (!conv->aside || work->added[0] != work->y) return run_inner(conv, work);
  const esp_conv_problem *p = &conv->problem;
  void *copy =
      (unsigned char *)work->scratch + esp_align_up(inner_scratch(conv));
  memcpy(copy, work->y, out_bytes(conv));
  const float *added[ESP_KERNEL_POSTS] = {copy};
  for (int i = 1; i < p->posts; i++) added[i] = work->added[i];
  esp_conv_work other = *work;
  other.added = added;
  return run_inner(conv, &other);
}

esp_status esp_conv_run(esp_conv *conv, const float *x,
                        const float *const *added, float *y, void *scratch) {
  const esp_conv_work work = {
      .x = x, .added = added, .y = y, .scratch = scratch};
  return esp_conv_run_all(conv, &work);
}
