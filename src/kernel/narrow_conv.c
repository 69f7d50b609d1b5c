#include "kernel/narrow_conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/library.h"
#include "kernel/narrow.h"
#include "kernel/parallel.h"
#include "kernel/vectors.h"

// A sample is looked through in so many parts, side by side.
enum { NAME_BYTES = 96, PARTS = 32 };

struct esp_narrow_conv {
  esp_conv_problem problem;
  esp_narrow kind;
  esp_conv *inner; // of the rounded operands; of int8 without bias and posts
  float *w_scale;  // [out_channels] of int8
  float *bias;     // the same; NULL: none
  size_t largest;  // place in the scratch memory: [batch * PARTS] of int8
  size_t rest;     // place of what the inner convolution needs
  int64_t in_each, out_each; // elements of a sample
  char name[NAME_BYTES];
};

static bool is_int8(const esp_narrow_conv *nc) {
  return nc->kind.precision == ESP_PRECISION_INT8;
}

// Elements of the weights of one channel of y.
static int64_t weights_each(const esp_conv_problem *p) {
  int64_t each = p->in_channels / p->groups;
  for (int i = 0; i < p->axes; i++) each *= p->kernel[i];
  return each;
}

static esp_status round_weights(esp_narrow_conv *nc, const float *weights,
                                void **made) {
  const esp_conv_problem *p = &nc->problem;
  const int64_t each = weights_each(p);
  const size_t bytes = (size_t)each * esp_narrow_bytes(nc->kind);
  void *to;
  ESP_TRY(esp_allocate((size_t)p->out_channels * bytes, &to));
  for (int64_t c = 0; c < p->out_channels; c++) {
    const float *from = weights + c * each;
    float largest = 0;
    if (is_int8(nc)) {
      largest = esp_largest(from, each);
      nc->w_scale[c] = esp_int8_scale(largest);
    }
    esp_narrow_run(nc->kind, from, largest,
                   (unsigned char *)to + (size_t)c * bytes, each);
  }
  *made = to;
  return ESP_OK;
}

static esp_status create_inner(esp_narrow_conv *nc, const float *weights,
                               const float *bias, bool as_float) {
  esp_conv_problem inner = nc->problem;
  nc->kind.as_float = as_float;
  inner.precision = ESP_PRECISION_FLOAT32;
  inner.type = esp_narrow_type(nc->kind);
  if (!as_float && !esp_kernel_has(nc->kind.precision)) {
    return ESP_FAIL(ESP_UNSUPPORTED, "no instructions for such products");
  }
  if (is_int8(nc)) {
    inner.bias = false;
    inner.posts = 0;
    bias = NULL;
  }
  void *rounded;
  ESP_TRY(round_weights(nc, weights, &rounded));
  const esp_status status = esp_conv_create(&inner, rounded, bias, &nc->inner);
  esp_free(rounded);
  return status;
}

static esp_status allocate_floats(int64_t count, float **made) {
  void *block;
  ESP_TRY(esp_allocate((size_t)count * sizeof **made, &block));
  *made = block;
  return ESP_OK;
}

static esp_status create(esp_narrow_conv *nc, const float *weights,
                         const float *bias) {
  const esp_conv_problem *p = &nc->problem;
  if (is_int8(nc)) ESP_TRY(allocate_floats(p->out_channels, &nc->w_scale));
  if (is_int8(nc) && p->bias) {
    ESP_TRY(allocate_floats(p->out_channels, &nc->bias));
    memcpy(nc->bias, bias, (size_t)p->out_channels * sizeof *bias);
  }
  esp_status status = create_inner(nc, weights, bias, false);
  if (status == ESP_UNSUPPORTED) {
    status = create_inner(nc, weights, bias, true);
  }
  ESP_TRY(status);
  (void)snprintf(nc->name, NAME_BYTES, "%s%s, %s",
                 is_int8(nc) ? "int8" : "bf16",
                 nc->kind.as_float ? " as float32" : "",
                 esp_conv_implementation(nc->inner));
  nc->largest = esp_align_up((size_t)(p->batch * nc->in_each) *
                             esp_narrow_bytes(nc->kind));
  nc->rest =
      nc->largest + esp_align_up((size_t)p->batch * PARTS * sizeof(float));
  return ESP_OK;
}

esp_status esp_narrow_conv_create(const esp_conv_problem *problem,
                                  const float *weights, const float *bias,
                                  esp_narrow_conv **made) {
  esp_narrow_conv *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  self->problem = *problem;
  self->kind.precision = problem->precision;
  self->in_each = problem->in_channels;
  self->out_each = problem->out_channels;
  for (int i = 0; i < problem->axes; i++) {
    self->in_each *= problem->in[i];
    self->out_each *= problem->out[i];
  }
  const esp_status status = create(self, weights, bias);
  if (status != ESP_OK) {
    esp_narrow_conv_free(self);
    return status;
  }
  *made = self;
  return ESP_OK;
}

void esp_narrow_conv_free(esp_narrow_conv *narrow) {
  if (narrow == NULL) return;
  esp_conv_free(narrow->inner);
  esp_free(narrow->w_scale);
  esp_free(narrow->bias);
  free(narrow);
}

size_t esp_narrow_conv_scratch(const esp_narrow_conv *narrow) {
  return narrow->rest + esp_conv_scratch(narrow->inner);
}

const char *esp_narrow_conv_name(const esp_narrow_conv *narrow) {
  return narrow->name;
}

typedef struct call {
  const esp_narrow_conv *nc;
  const esp_conv_work *work;
  unsigned char *rounded;
  float *largest; // [batch * PARTS]; then [batch] of the samples
} call;

// The part of a sample, of all samples' parts in a row.
static void part_of(const call *c, int64_t index, int64_t *first,
                    int64_t *count) {
  const int64_t each = c->nc->in_each, part = index % PARTS;
  *first = each * part / PARTS;
  *count = each * (part + 1) / PARTS - *first;
  *first += index / PARTS * each;
}

static void find_largest(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  for (int64_t i = begin; i < end; i++) {
    int64_t first, count;
    part_of(c, i, &first, &count);
    c->largest[i] = esp_largest((const float *)c->work->x + first, count);
  }
}

// In place: a sample's lies at or before its parts'.
static void join_largest(const call *c) {
  for (int64_t s = 0; s < c->nc->problem.batch; s++) {
    const float found = esp_largest(c->largest + s * PARTS, PARTS);
    c->largest[s] = found;
  }
}

static void round_parts(int64_t begin, int64_t end, void *argument) {
  const call *c = argument;
  const size_t each = esp_narrow_bytes(c->nc->kind);
  for (int64_t i = begin; i < end; i++) {
    int64_t first, count;
    part_of(c, i, &first, &count);
    esp_narrow_run(c->nc->kind, (const float *)c->work->x + first,
                   c->largest[i / PARTS], c->rounded + (size_t)first * each,
                   count);
  }
}

// y = y scale w_scale + bias, for the channels of one place.
ESP_VECTORS static void rescale_channels(float *y, float scale,
                                         const float *w_scale,
                                         const float *bias, int64_t n) {
  if (bias == NULL) {
    for (int64_t i = 0; i < n; i++) y[i] = y[i] * (scale * w_scale[i]);
  } else {
    for (int64_t i = 0; i < n; i++) {
      y[i] = y[i] * (scale * w_scale[i]) + bias[i];
    }
  }
}

// The same for places of one channel.
ESP_VECTORS static void rescale_places(float *y, float factor, float bias,
                                       int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = y[i] * factor + bias;
}

// Elements [begin, end) of one sample of y.
static void rescale(const call *c, int64_t sample, int64_t begin, int64_t end) {
  const esp_narrow_conv *nc = c->nc;
  const esp_conv_problem *p = &nc->problem;
  float *y = c->work->y + sample * nc->out_each;
  const float scale = esp_int8_scale(c->largest[sample]);
  if (p->out_layout == ESP_CHANNELS_LAST) {
    for (int64_t i = begin; i < end; i += p->out_channels) {
      rescale_channels(y + i, scale, nc->w_scale, nc->bias, p->out_channels);
    }
    return;
  }
  const int64_t places = nc->out_each / p->out_channels;
  for (int64_t i = begin; i < end;) {
    const int64_t channel = i / places;
    const int64_t stop = (channel + 1) * places;
    const int64_t next = stop < end ? stop : end;
    rescale_places(y + i, scale * nc->w_scale[channel],
                   nc->bias != NULL ? nc->bias[channel] : 0, next - i);
    i = next;
  }
}

// What the inner convolution of int8 leaves to be done.
static void finish(const void *context, int64_t first, int64_t end) {
  const call *c = context;
  const esp_narrow_conv *nc = c->nc;
  for (int64_t at = first; at < end;) {
    const int64_t sample = at / nc->out_each;
    const int64_t stop = (sample + 1) * nc->out_each;
    const int64_t next = stop < end ? stop : end;
    rescale(c, sample, at - sample * nc->out_each,
            next - sample * nc->out_each);
    at = next;
  }
  esp_post_apply_at(nc->problem.post, nc->problem.posts, c->work->added,
                    c->work->y, first, end - first);
}

esp_status esp_narrow_conv_run(esp_narrow_conv *narrow,
                               const esp_conv_work *work) {
  enum { GRAIN = 8192 };
  const esp_conv_problem *p = &narrow->problem;
  unsigned char *place = work->scratch;
  void *largest = place + narrow->largest;
  call c = {.nc = narrow, .work = work, .rounded = place, .largest = largest};
  const int64_t grain = GRAIN / (narrow->in_each / PARTS + 1) + 1;
  if (is_int8(narrow)) {
    esp_loop_over(p->width, p->batch * PARTS, grain, find_largest, &c);
    join_largest(&c);
  }
  esp_loop_over(p->width, p->batch * PARTS, grain, round_parts, &c);
  const esp_conv_work inner = {.x = c.rounded,
                               .added = work->added,
                               .y = work->y,
                               .scratch = place + narrow->rest,
                               .context = &c,
                               .after = is_int8(narrow) ? finish : NULL};
  return esp_conv_run_all(narrow->inner, &inner);
}
