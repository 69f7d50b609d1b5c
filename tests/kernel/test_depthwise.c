// Depthwise convolutions against the order of their sums, to the bit; on
// machines without the kernel there is nothing to test.
#include "kernel/depthwise.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static const int64_t channels[] = {2, 11, 15, 16, 17, 44, 78, 96};
static const int64_t heights[] = {1, 2, 4, 7, 11, 16};
static const int64_t widths[] = {1, 3, 6, 7, 13, 23, 29};
// In front and behind; the last one reads nothing but pads in places.
static const int64_t pads[][2] = {{0, 0}, {1, 1}, {2, 2}, {3, 3},
                                  {0, 1}, {2, 0}, {1, 3}, {9, 8}};
enum {
  CHANNELS = sizeof channels / sizeof channels[0],
  HEIGHTS = sizeof heights / sizeof heights[0],
  WIDTHS = sizeof widths / sizeof widths[0],
  PADS = sizeof pads / sizeof pads[0],
  KERNELS = 6 // 3, 5 and 7, of strides 1 and 2
};

// false: the kernel is larger than the picture with its pads.
static bool make_problem(int kernel, int64_t c, int64_t height, int64_t width,
                         const int64_t *pad, esp_conv_problem *p) {
  const int64_t size = 3 + 2 * (kernel % 3), stride = 1 + kernel / 3;
  *p = (esp_conv_problem){.axes = 2,
                          .batch = 1,
                          .groups = c,
                          .in_channels = c,
                          .out_channels = c,
                          .in = {height, width},
                          .kernel = {size, size},
                          .stride = {stride, stride},
                          .dilation = {1, 1},
                          .before = {pad[0], pad[0]},
                          .after = {pad[1], pad[1]},
                          .in_layout = ESP_CHANNELS_LAST,
                          .out_layout = ESP_CHANNELS_LAST,
                          .bias = true,
                          .width = 1};
  for (int i = 0; i < 2; i++) {
    const int64_t room = p->in[i] + pad[0] + pad[1] - size;
    if (room < 0) return false;
    p->out[i] = room / stride + 1;
  }
  return true;
}

static size_t in_count(const esp_conv_problem *p) {
  return (size_t)(p->batch * p->in_channels * p->in[0] * p->in[1]);
}
static size_t out_count(const esp_conv_problem *p) {
  return (size_t)(p->batch * p->in_channels * p->out[0] * p->out[1]);
}
static size_t weight_count(const esp_conv_problem *p) {
  return (size_t)(p->in_channels * p->kernel[0] * p->kernel[1]);
}

// Blocks of exactly so many numbers, for the sanitizer to guard.
static float *filled(size_t count) {
  float *made = malloc(count * sizeof *made);
  check_fill(made, count);
  return made;
}

// The bias, and then the taps inside the picture by rows, each rounded once.
static float element(const esp_conv_problem *p, const float *x, const float *w,
                     const float *bias, int64_t i, int64_t j, int64_t c) {
  float sum = bias != NULL ? bias[c] : 0;
  for (int64_t a = 0; a < p->kernel[0]; a++) {
    for (int64_t b = 0; b < p->kernel[1]; b++) {
      const int64_t h = i * p->stride[0] - p->before[0] + a;
      const int64_t v = j * p->stride[1] - p->before[1] + b;
      if (h < 0 || h >= p->in[0] || v < 0 || v >= p->in[1]) continue;
      sum = fmaf(x[(h * p->in[1] + v) * p->in_channels + c],
                 w[(c * p->kernel[0] + a) * p->kernel[1] + b], sum);
    }
  }
  return sum;
}

static void reference(const esp_conv_problem *p, const float *x, const float *w,
                      const float *bias, float *y) {
  for (int64_t n = 0; n < p->batch; n++) {
    for (int64_t i = 0; i < p->out[0]; i++) {
      for (int64_t j = 0; j < p->out[1]; j++) {
        for (int64_t c = 0; c < p->in_channels; c++) {
          *y++ = element(p, x, w, bias, i, j, c);
        }
      }
    }
    x += p->in[0] * p->in[1] * p->in_channels;
  }
}

static void convolve(const esp_conv_problem *p, const float *w,
                     const float *bias, const esp_conv_work *work) {
  esp_depthwise *depthwise = NULL;
  CHECK_OK(esp_depthwise_create(p, w, bias, &depthwise));
  esp_depthwise_run(depthwise, work);
  esp_depthwise_free(depthwise);
}

static bool same(const float *got, const float *want, size_t n) {
  for (size_t i = 0; i < n; i++) { // of NaN there are many
    const bool nan = isnan(got[i]) && isnan(want[i]);
    if (!nan && memcmp(&got[i], &want[i], sizeof *got) != 0) return false;
  }
  return true;
}

static void check_problem(const esp_conv_problem *p) {
  float *x = filled(in_count(p)), *w = filled(weight_count(p));
  float *bias = filled((size_t)p->in_channels), *y = filled(out_count(p));
  float *want = filled(out_count(p));
  const float *added[ESP_KERNEL_POSTS] = {NULL};
  const esp_conv_work work = {.x = x, .added = added, .y = y};
  x[check_random() % in_count(p)] = NAN;
  x[check_random() % in_count(p)] = INFINITY;
  reference(p, x, w, bias, want);
  convolve(p, w, bias, &work);
  const bool good = same(y, want, out_count(p));
  CU_ASSERT(good);
  if (!good) {
    printf("\n    %lld channels, %lld x %lld, kernel %lld, stride %lld, pads "
           "%lld and %lld",
           (long long)p->in_channels, (long long)p->in[0], (long long)p->in[1],
           (long long)p->kernel[0], (long long)p->stride[0],
           (long long)p->before[0], (long long)p->after[0]);
  }
  free(x), free(w), free(bias), free(y), free(want);
}

static void sums_have_one_order_in_any_tile(void) {
  int checked = 0;
  const int64_t forms = (int64_t)KERNELS * CHANNELS * HEIGHTS * WIDTHS * PADS;
  for (int64_t i = 0; i < forms; i++) {
    const int64_t k = i / KERNELS, h = k / CHANNELS, v = h / HEIGHTS;
    esp_conv_problem p;
    if (!make_problem((int)(i % KERNELS), channels[k % CHANNELS],
                      heights[h % HEIGHTS], widths[v % WIDTHS],
                      pads[v / WIDTHS], &p) ||
        !esp_depthwise_suits(&p)) {
      continue;
    }
    check_problem(&p);
    checked++;
  }
  CU_ASSERT(checked == 0 || checked > forms / 2);
}

// The first post is done with the sums, the others later.
static void posts_are_those_of_all_kernels(void) {
  static const esp_kernel_post firsts[] = {{ESP_KERNEL_RELU, 0, 0},
                                           {ESP_KERNEL_CLIP, -0.5f, 0.75f},
                                           {ESP_KERNEL_ADD, 0, 0},
                                           {ESP_KERNEL_LEAKY_RELU, 0.25f, 0},
                                           {ESP_KERNEL_SIGMOID, 0, 0}};
  for (int i = 0; i < 5 * CHANNELS; i++) {
    esp_conv_problem p;
    CU_ASSERT_FATAL(
        make_problem(i % KERNELS, channels[i / 5], 9, 10, pads[2], &p));
    if (!esp_depthwise_suits(&p)) continue;
    p.batch = 2;
    p.posts = 3;
    p.post[0] = firsts[i % 5];
    p.post[1].kind = ESP_KERNEL_ADD;
    p.post[2].kind = ESP_KERNEL_RELU;
    const size_t n = out_count(&p);
    float *x = filled(in_count(&p)), *w = filled(weight_count(&p));
    float *one = filled(n), *two = filled(n), *y = filled(n), *want = filled(n);
    const float *added[ESP_KERNEL_POSTS] = {one, two};
    const esp_conv_work work = {.x = x, .added = added, .y = y};
    x[0] = x[in_count(&p) / 2] = NAN;
    x[in_count(&p) - 1] = -INFINITY;
    reference(&p, x, w, NULL, want);
    esp_post_apply(p.post, p.posts, added, want, (int64_t)n);
    convolve(&p, w, NULL, &work);
    CU_ASSERT(same(y, want, n));
    free(x), free(w), free(one), free(two), free(y), free(want);
  }
}

// Counts the elements that are there.
static void count(const void *context, int64_t first, int64_t end) {
  atomic_int *const *times = context;
  for (int64_t i = first; i < end; i++) atomic_fetch_add(*times + i, 1);
}

static void threads_share_rows_and_change_no_bit(void) {
  for (int k = 0; k < KERNELS; k++) {
    esp_conv_problem p;
    CU_ASSERT_FATAL(make_problem(k, 44 - 4 * k, 61, 60, pads[3], &p));
    if (!esp_depthwise_suits(&p)) continue;
    p.batch = 3;
    const size_t n = out_count(&p);
    float *x = filled(in_count(&p)), *w = filled(weight_count(&p));
    float *y = filled(n), *want = filled(n);
    const float *added[ESP_KERNEL_POSTS] = {NULL};
    reference(&p, x, w, NULL, want);
    for (p.width = 1; p.width <= 4; p.width++) {
      atomic_int *times = calloc(n, sizeof *times);
      const esp_conv_work work = {
          .x = x, .added = added, .y = y, .context = &times, .after = count};
      memset(y, 0, n * sizeof *y);
      convolve(&p, w, NULL, &work);
      check_same_bytes(y, want, n * sizeof *y);
      size_t once = 0;
      for (size_t i = 0; i < n; i++) once += atomic_load(&times[i]) == 1;
      CU_ASSERT_EQUAL(once, n);
      free(times);
    }
    free(x), free(w), free(y), free(want);
  }
}

static void other_convolutions_are_left_alone(void) {
  esp_conv_problem p;
  CU_ASSERT_FATAL(make_problem(0, 32, 14, 14, pads[1], &p));
  const bool suits = esp_depthwise_suits(&p);
  for (int i = 0; i < 6; i++) {
    esp_conv_problem q = p;
    if (i == 0) q.groups = 16;
    if (i == 1) q.out_channels = 64;
    if (i == 2) q.dilation[0] = 2;
    if (i == 3) q.stride[1] = 2;
    if (i == 4) q.kernel[0] = 1;
    if (i == 5) q.in_layout = ESP_ROW_MAJOR;
    CU_ASSERT(!esp_depthwise_suits(&q));
  }
  p.batch = 64; // neither of these decides
  p.width = 4;
  CU_ASSERT_EQUAL(esp_depthwise_suits(&p), suits);
}

int main(void) {
  static const check_case cases[] = {
      CASE(sums_have_one_order_in_any_tile),
      CASE(posts_are_those_of_all_kernels),
      CASE(threads_share_rows_and_change_no_bit),
      CASE(other_convolutions_are_left_alone),
      {NULL, NULL},
  };
  return check_run("kernel/depthwise", cases);
}
