// Convolutions against a reference in double, and the promise that an element
// has the same bits for every batch, place in the batch and width.
#include "kernel/conv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/block.h"
#include "kernel/rounded.h"
#include "support/check.h"

// Sums of up to some thousand products of numbers in [-1,1).
static const double RTOL = 1e-5, ATOL = 3e-4;

typedef struct form {
  int64_t groups, in_channels, out_channels, size, kernel, stride, dilation,
      pad; // in front, and, times ten, how much more behind
} form;

static const form forms[] = {{1, 1, 16, 28, 3, 1, 1, 1},
                             {1, 3, 64, 33, 7, 2, 1, 3},
                             {1, 16, 8, 14, 1, 1, 1, 0},
                             {1, 64, 64, 14, 3, 1, 1, 1},
                             {2, 64, 32, 9, 3, 1, 1, 1},
                             {2, 8, 8, 14, 5, 1, 1, 2},
                             {32, 32, 32, 15, 3, 1, 1, 1},
                             {1, 20, 7, 9, 3, 2, 2, 2},
                             {1, 256, 64, 7, 1, 1, 1, 0},
                             {4, 12, 20, 11, 3, 1, 1, 0},
                             {1, 64, 128, 8, 1, 2, 1, 0},
                             {16, 16, 48, 10, 3, 2, 1, 1},
                             {1, 5, 3, 6, 6, 1, 1, 0},
                             // Winograd's tiles of 4 x 4: odd sizes, pads of
                             // none and two; channels that threads share.
                             {1, 32, 48, 19, 3, 1, 1, 1},
                             {1, 16, 32, 13, 3, 1, 1, 0},
                             {1, 48, 80, 10, 3, 1, 1, 2},
                             {1, 16, 16, 21, 3, 1, 1, 1},
                             {1, 32, 144, 14, 3, 1, 1, 1},
                             // Of 2 x 2.
                             {1, 48, 80, 8, 3, 1, 1, 1},
                             {1, 32, 144, 9, 3, 1, 1, 0},
                             {1, 64, 96, 5, 3, 1, 1, 2},
                             // Cut into bands of rows.
                             {32, 32, 32, 61, 3, 1, 1, 1},
                             {64, 64, 64, 84, 3, 2, 1, 1},
                             {1, 24, 20, 56, 1, 1, 1, 0},
                             {1, 6, 11, 70, 3, 1, 2, 2},
                             {1, 3, 33, 90, 7, 2, 1, 3},
                             // Depthwise, of any number of channels.
                             {11, 11, 11, 23, 3, 1, 1, 1},
                             {11, 11, 11, 31, 7, 2, 1, 3},
                             {44, 44, 44, 28, 5, 1, 1, 2},
                             {44, 44, 44, 15, 7, 1, 1, 3},
                             {78, 78, 78, 13, 3, 2, 1, 10},
                             {16, 16, 16, 12, 5, 2, 1, 21},
                             {96, 96, 96, 4, 7, 1, 1, 12},
                             {512, 512, 512, 5, 3, 1, 1, 1}};
enum { FORMS = sizeof forms / sizeof forms[0] };

static esp_conv_problem problem_of(const form *f, int64_t batch, int width) {
  esp_conv_problem p = {.axes = 2,
                        .batch = batch,
                        .groups = f->groups,
                        .in_channels = f->in_channels,
                        .out_channels = f->out_channels,
                        .in_layout = ESP_CHANNELS_LAST,
                        .out_layout = ESP_CHANNELS_LAST,
                        .bias = true,
                        .width = width};
  for (int i = 0; i < 2; i++) {
    p.in[i] = f->size + i; // not square
    p.kernel[i] = f->kernel;
    p.stride[i] = f->stride;
    p.dilation[i] = f->dilation;
    p.before[i] = f->pad % 10;
    p.after[i] = p.before[i] + f->pad / 10;
    const int64_t extent = (f->kernel - 1) * f->dilation + 1;
    p.out[i] = (p.in[i] + p.before[i] + p.after[i] - extent) / f->stride + 1;
  }
  return p;
}

static int64_t in_count(const esp_conv_problem *p) {
  return p->in_channels * p->in[0] * p->in[1];
}
static int64_t out_count(const esp_conv_problem *p) {
  return p->out_channels * p->out[0] * p->out[1];
}
static int64_t weight_count(const esp_conv_problem *p) {
  return p->out_channels * p->in_channels / p->groups * p->kernel[0] *
         p->kernel[1];
}

static float *filled(int64_t count) {
  float *made = malloc(((size_t)count + 1) * sizeof *made);
  check_fill(made, (size_t)count);
  return made;
}

static void convolve(const esp_conv_problem *p, const float *x, const float *w,
                     const float *b, const float *added, float *y) {
  esp_conv *conv = NULL;
  void *scratch = NULL;
  const float *adds[ESP_KERNEL_POSTS] = {NULL};
  for (int i = 0; i < p->posts; i++) {
    adds[i] = p->post[i].kind == ESP_KERNEL_ADD ? added : NULL;
  }
  CHECK_OK(esp_conv_create(p, w, b, &conv));
  CHECK_OK(esp_allocate(esp_conv_scratch(conv), &scratch));
  y[p->batch * out_count(p)] = 12345; // nothing is written past the end
  CHECK_OK(esp_conv_run(conv, x, adds, y, scratch));
  CU_ASSERT_EQUAL(y[p->batch * out_count(p)], 12345);
  esp_free(scratch);
  esp_conv_free(conv);
}

// One element of y [N,oH,oW,M] from its definition.
static double element(const esp_conv_problem *p, const float *x, const float *w,
                      int64_t i, int64_t j, int64_t m) {
  const int64_t c_each = p->in_channels / p->groups;
  const int64_t group = m / (p->out_channels / p->groups);
  double sum = 0;
  for (int64_t c = 0; c < c_each; c++) {
    for (int64_t a = 0; a < p->kernel[0]; a++) {
      for (int64_t b = 0; b < p->kernel[1]; b++) {
        const int64_t h = i * p->stride[0] - p->before[0] + a * p->dilation[0];
        const int64_t v = j * p->stride[1] - p->before[1] + b * p->dilation[1];
        if (h < 0 || h >= p->in[0] || v < 0 || v >= p->in[1]) continue;
        const int64_t at =
            (h * p->in[1] + v) * p->in_channels + group * c_each + c;
        sum +=
            (double)x[at] *
            (double)w[((m * c_each + c) * p->kernel[0] + a) * p->kernel[1] + b];
      }
    }
  }
  return sum;
}

static void reference(const esp_conv_problem *p, const float *x, const float *w,
                      const float *bias, float *y) {
  for (int64_t n = 0; n < p->batch; n++) {
    for (int64_t i = 0; i < p->out[0]; i++) {
      for (int64_t j = 0; j < p->out[1]; j++) {
        for (int64_t m = 0; m < p->out_channels; m++) {
          *y++ = (float)(element(p, x + n * in_count(p), w, i, j, m) +
                         (double)bias[m]);
        }
      }
    }
  }
}

static void matches_the_definition(void) {
  for (int f = 0; f < FORMS; f++) {
    const esp_conv_problem p = problem_of(&forms[f], 2, 2);
    float *x = filled(2 * in_count(&p)), *w = filled(weight_count(&p));
    float *b = filled(p.out_channels), *y = filled(2 * out_count(&p));
    float *want = filled(2 * out_count(&p));
    convolve(&p, x, w, b, NULL, y);
    reference(&p, x, w, b, want);
    check_close(y, want, (size_t)(2 * out_count(&p)), RTOL, ATOL);
    free(x), free(w), free(b), free(y), free(want);
  }
}

static void sums_and_activations_follow_in_order(void) {
  for (int f = 0; f < FORMS; f++) {
    esp_conv_problem p = problem_of(&forms[f], 2, 1);
    const int64_t n = 2 * out_count(&p);
    float *x = filled(2 * in_count(&p)), *w = filled(weight_count(&p));
    float *b = filled(p.out_channels), *y = filled(n), *want = filled(n);
    float *added = filled(n);
    reference(&p, x, w, b, want);
    for (int64_t i = 0; i < n; i++) want[i] = fmaxf(want[i] + added[i], 0);
    p.posts = 2;
    p.post[0].kind = ESP_KERNEL_ADD;
    p.post[1].kind = ESP_KERNEL_RELU;
    convolve(&p, x, w, b, added, y);
    check_close(y, want, (size_t)n, RTOL, ATOL);
    free(x), free(w), free(b), free(y), free(want), free(added);
  }
}

static void the_sum_may_take_the_place_of_what_is_added(void) {
  int places = 0;
  for (int f = 0; f < 3 * FORMS; f++) {
    esp_conv_problem p = problem_of(&forms[f / 3], 3, 2);
    const int64_t n = 3 * out_count(&p);
    p.precision = (esp_precision)(f % 3);
    p.posts = 3;
    p.post[0].kind = p.post[2].kind = ESP_KERNEL_ADD;
    p.post[1].kind = ESP_KERNEL_RELU;
    if (!esp_conv_overlays(&p)) continue;
    places++;
    float *x = filled(3 * in_count(&p)), *w = filled(weight_count(&p));
    float *b = filled(p.out_channels), *apart = filled(n);
    float *added = filled(n), *other = filled(n);
    for (int place = 0; place < 2; place++) {
      esp_conv *conv = NULL;
      void *scratch = NULL;
      const float *adds[ESP_KERNEL_POSTS] = {added, NULL, other};
      CHECK_OK(esp_conv_create(&p, w, b, &conv));
      CHECK_OK(esp_allocate(esp_conv_scratch(conv), &scratch));
      float *y = place == 0 ? apart : added;
      CHECK_OK(esp_conv_run(conv, x, adds, y, scratch));
      esp_free(scratch);
      esp_conv_free(conv);
    }
    check_same_bytes(added, apart, (size_t)n * sizeof *apart);
    free(x), free(w), free(b), free(apart), free(added), free(other);
  }
  CU_ASSERT(places >= FORMS); // bf16, and what Winograd does not take
}

// Samples and the weights of a channel are rounded, each by itself.
static void rounded_operands_match_the_definition(void) {
  for (int f = 0; f < 2 * FORMS; f++) {
    esp_conv_problem p = problem_of(&forms[f / 2], 2, 2);
    const int64_t n = 2 * out_count(&p);
    p.precision = f % 2 == 0 ? ESP_PRECISION_BF16 : ESP_PRECISION_INT8;
    p.posts = 2;
    p.post[0].kind = ESP_KERNEL_ADD;
    p.post[1].kind = ESP_KERNEL_RELU;
    float *x = filled(2 * in_count(&p)), *w = filled(weight_count(&p));
    float *b = filled(p.out_channels), *y = filled(n), *want = filled(n);
    float *added = filled(n);
    for (int64_t i = 0; i < in_count(&p); i++) x[i] *= 3; // the first sample's
    convolve(&p, x, w, b, added, y);
    const bool rounded = p.groups == 1 || p.in_channels / p.groups >= 16;
    for (int i = 0; i < 2 && rounded; i++) {
      round_together(p.precision, x + i * in_count(&p), in_count(&p), 1);
    }
    const int64_t each = weight_count(&p) / p.out_channels;
    for (int64_t m = 0; m < p.out_channels && rounded; m++) {
      round_together(p.precision, w + m * each, each, 1);
    }
    reference(&p, x, w, b, want);
    for (int64_t i = 0; i < n; i++) want[i] = fmaxf(want[i] + added[i], 0);
    check_close(y, want, (size_t)n, RTOL, ATOL);
    free(x), free(w), free(b), free(y), free(want), free(added);
  }
}

static void keep_bits(const form *f, esp_precision precision,
                      const int64_t *batches, int count) {
  const int64_t most = batches[count - 1];
  esp_conv_problem p = problem_of(f, most, 1);
  p.precision = precision;
  const int64_t in = in_count(&p), out = out_count(&p);
  float *x = filled(most * in), *w = filled(weight_count(&p));
  float *b = filled(p.out_channels), *want = filled(most * out);
  float *y = filled(most * out);
  convolve(&p, x, w, b, NULL, want);
  for (int k = 0; k < count; k++) {
    for (p.width = 1; p.width <= 4; p.width++) {
      p.batch = batches[k];
      const int64_t first = most - p.batch;
      convolve(&p, x + first * in, w, b, NULL, y);
      const size_t bytes = (size_t)(p.batch * out) * sizeof *y;
      if (memcmp(y, want + first * out, bytes) != 0) {
        printf("\n    %s, %lld to %lld channels, batch %lld, width %d",
               esp_precision_name(precision), (long long)p.in_channels,
               (long long)p.out_channels, (long long)p.batch, p.width);
      }
      check_same_bytes(y, want + first * out, bytes);
    }
  }
  free(x), free(w), free(b), free(y), free(want);
}

static void batch_and_width_do_not_change_the_bits(void) {
  static const int64_t batches[] = {1, 2, 3, 7, 8, 64};
  for (int f = 0; f < FORMS; f++) {
    keep_bits(&forms[f], ESP_PRECISION_FLOAT32, batches, 6);
    keep_bits(&forms[f], ESP_PRECISION_BF16, batches, 5);
    keep_bits(&forms[f], ESP_PRECISION_INT8, batches, 5);
  }
}

// Channels `first` to `first + part->out_channels - 1` of a convolution.
static void compare_part(const esp_conv_problem *whole,
                         const esp_conv_problem *part, int64_t first,
                         const float *x, const float *w, const float *b,
                         const float *added, const float *want) {
  const int64_t pixels = whole->batch * whole->out[0] * whole->out[1];
  const int64_t channels = part->out_channels, all = whole->out_channels;
  const int64_t each = weight_count(whole) / all;
  float *y = filled(pixels * channels), *some = filled(pixels * channels);
  for (int64_t i = 0; i < pixels * channels; i++) {
    some[i] = added[i / channels * all + first + i % channels];
  }
  convolve(part, x, w + first * each, b + first, some, y);
  int64_t other = 0;
  for (int64_t i = 0; i < pixels * channels; i++) {
    const float is = want[i / channels * all + first + i % channels];
    other += memcmp(&y[i], &is, sizeof is) != 0;
  }
  if (other > 0) {
    printf("\n    %lld to %lld of %lld channels, kernel %lld: %lld differ",
           (long long)whole->in_channels, (long long)channels, (long long)all,
           (long long)whole->kernel[0], (long long)other);
  }
  CU_ASSERT_EQUAL(other, 0);
  free(y), free(some);
}

static int compare_parts(const form *f, int parts, int posts, int width) {
  enum { GRAIN = 16 };
  esp_conv_problem whole = problem_of(f, 2, 1);
  whole.posts = posts;
  whole.post[0].kind = posts == 2 ? ESP_KERNEL_ADD : ESP_KERNEL_RELU;
  whole.post[1].kind = ESP_KERNEL_RELU;
  const int64_t n = 2 * out_count(&whole), grains = f->out_channels / GRAIN;
  float *x = filled(2 * in_count(&whole)), *w = filled(weight_count(&whole));
  float *b = filled(whole.out_channels), *added = filled(n), *y = filled(n);
  convolve(&whole, x, w, b, added, y);
  int divided = 0;
  for (int i = 0; i < parts; i++) {
    const int64_t first = grains * i / parts * GRAIN;
    esp_conv_problem part = whole;
    part.width = width;
    part.whole_channels = whole.out_channels;
    part.out_channels = grains * (i + 1) / parts * GRAIN - first;
    if (!esp_conv_divides(&whole, part.out_channels)) continue;
    compare_part(&whole, &part, first, x, w, b, added, y);
    divided++;
  }
  free(x), free(w), free(b), free(added), free(y);
  return divided;
}

static void parts_have_the_bits_of_the_whole(void) {
  static const form more[] = {
      {1, 64, 256, 14, 1, 1, 1, 0},  {1, 256, 512, 13, 1, 2, 1, 0},
      {1, 1024, 256, 7, 1, 1, 1, 0}, {1, 512, 2048, 7, 1, 1, 1, 0},
      {1, 480, 208, 14, 1, 1, 1, 0}, {1, 512, 512, 7, 3, 1, 1, 1},
      {1, 128, 128, 28, 3, 2, 1, 1}, {1, 64, 192, 28, 3, 1, 1, 1},
      {1, 32, 96, 14, 5, 1, 1, 2},   {1, 128, 192, 17, 7, 1, 1, 3},
      {1, 192, 320, 17, 3, 2, 1, 0}, {1, 3, 64, 65, 7, 2, 1, 3}};
  enum { MORE = sizeof more / sizeof more[0], PARTS = 3, POSTS = 3 };
  int divided = 0;
  for (int f = 0; f < FORMS + MORE; f++) {
    const form *is = f < FORMS ? &forms[f] : &more[f - FORMS];
    if (is->groups > 1 || is->out_channels % 16 != 0) continue;
    for (int i = 0; i < 2 * POSTS; i++) {
      divided += compare_parts(is, i < POSTS ? 2 : PARTS, i % POSTS, 1 + i % 2);
    }
  }
  CU_ASSERT(!esp_block_available() || divided >= 150);
}

static esp_conv *made(const form *f, int64_t batch, int width) {
  const esp_conv_problem p = problem_of(f, batch, width);
  float *w = filled(weight_count(&p)), *b = filled(p.out_channels);
  esp_conv *conv = NULL;
  CHECK_OK(esp_conv_create(&p, w, b, &conv));
  free(w), free(b);
  return conv;
}

static void a_sample_alone_decides_how_it_is_computed(void) {
  int of_2 = 0, of_4 = 0;
  for (int f = 0; f < FORMS; f++) {
    esp_conv *one = made(&forms[f], 1, 1), *many = made(&forms[f], 9, 3);
    const char *name = esp_conv_implementation(one);
    CU_ASSERT_STRING_EQUAL(esp_conv_implementation(many), name);
    of_2 += strcmp(name, "winograd:2x2,3x3") == 0;
    of_4 += strcmp(name, "winograd:4x4,3x3") == 0;
    esp_conv_free(one), esp_conv_free(many);
  }
  CU_ASSERT(!esp_block_available() || (of_2 >= 3 && of_4 >= 6));
}

static double random_normal(void) {
  float u[12];
  double sum = 0;
  check_fill(u, 12); // in [-1,1)
  for (int i = 0; i < 12; i++) sum += (double)u[i] / 2;
  return sum;
}

// As in a network: inputs that were rectified, weights by their fan-in.
static void errors_are_small_beside_the_outputs(void) {
  static const form shapes[] = {{1, 256, 32, 14, 3, 1, 1, 1},
                                {1, 256, 64, 7, 3, 1, 1, 1}};
  static const double MOST[] = {2e-5, 5e-6}; // by 4 x 4 and by 2 x 2
  for (int f = 0; f < 2; f++) {
    const esp_conv_problem p = problem_of(&shapes[f], 1, 1);
    const int64_t n = out_count(&p), weights = weight_count(&p);
    float *x = filled(in_count(&p)), *w = filled(weights), *y = filled(n);
    float *b = calloc((size_t)p.out_channels, sizeof *b);
    for (int64_t i = 0; i < in_count(&p); i++) x[i] = fabsf(x[i]);
    const double scale = sqrt(2 / (9.0 * (double)p.in_channels));
    for (int64_t i = 0; i < weights; i++)
      w[i] = (float)(scale * random_normal());
    convolve(&p, x, w, b, NULL, y);
    double most = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
      const int64_t pixel = i / p.out_channels;
      const double want = element(&p, x, w, pixel / p.out[1], pixel % p.out[1],
                                  i % p.out_channels);
      most = fmax(most, fabs((double)y[i] - want));
      squares += want * want;
    }
    CU_ASSERT(most <= MOST[f] * sqrt(squares / (double)n));
    free(x), free(w), free(y), free(b);
  }
}

static void an_empty_batch_is_nothing(void) {
  const esp_conv_problem p = problem_of(&forms[0], 0, 1);
  float w[16 * 9] = {0}, b[16] = {0}, y[1];
  convolve(&p, w, w, b, NULL, y);
}

int main(void) {
  static const check_case cases[] = {
      CASE(matches_the_definition),
      CASE(sums_and_activations_follow_in_order),
      CASE(the_sum_may_take_the_place_of_what_is_added),
      CASE(rounded_operands_match_the_definition),
      CASE(batch_and_width_do_not_change_the_bits),
      CASE(parts_have_the_bits_of_the_whole),
      CASE(a_sample_alone_decides_how_it_is_computed),
      CASE(errors_are_small_beside_the_outputs),
      CASE(an_empty_batch_is_nothing),
      {NULL, NULL},
  };
  return check_run("kernel/conv", cases);
}
