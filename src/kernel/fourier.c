#include "kernel/fourier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RADIX_MOST = 13, FACTORS_MOST = 32 };

// A transform whose length has small factors only.
typedef struct mixed_radix {
  int64_t n;
  int factors;
  int factor[FACTORS_MOST];
  esp_complex *turn; // [n] exp(-+2 pi i k / n)
} mixed_radix;

struct esp_fourier {
  int64_t n;
  mixed_radix core; // of n points, or Bluestein's: forward, of more
  // Bluestein's: a convolution with a chirp.  NULL: not needed.
  esp_complex *chirp; // [n] exp(-+pi i k^2 / n)
  esp_complex *taps;  // [core.n] transform of the chirp's conjugate, / core.n
};

static esp_complex add(esp_complex a, esp_complex b) {
  return (esp_complex){a.re + b.re, a.im + b.im};
}
static esp_complex subtract(esp_complex a, esp_complex b) {
  return (esp_complex){a.re - b.re, a.im - b.im};
}
static esp_complex times(esp_complex a, esp_complex b) {
  return (esp_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
static esp_complex conjugate(esp_complex a) {
  return (esp_complex){a.re, -a.im};
}

// exp(2 pi i k / n) for 0 <= k < n, from an angle of at most an eighth of a
// turn, so that quarters are exact and no angle loses digits.
static esp_complex turn_of(int64_t k, int64_t n) {
  const double quarter = 1.5707963267948966;
  const int64_t quadrant = 4 * k / n, rest = 4 * k % n;
  const bool past = 2 * rest > n;
  const double angle = quarter * (double)(past ? n - rest : rest) / (double)n;
  const double c = past ? sin(angle) : cos(angle);
  const double s = past ? cos(angle) : sin(angle);
  switch (quadrant) {
  case 0:
    return (esp_complex){c, s};
  case 1:
    return (esp_complex){-s, c};
  case 2:
    return (esp_complex){-c, -s};
  default:
    return (esp_complex){s, -c};
  }
}

static esp_complex directed(esp_complex turn, bool inverse) {
  return inverse ? turn : conjugate(turn);
}

// One pass of radix 2, 4 or an odd p: m groups of p points, `s` transforms side
// by side.  After it they are p * s.
typedef struct pass {
  const esp_complex *x, *turn;
  esp_complex *y;
  int p;
  int64_t m, s, n;
} pass;

static void pass_2(const pass *a) {
  for (int64_t j = 0; j < a->m; j++) {
    const esp_complex w = a->turn[j * a->s];
    const esp_complex *x = a->x + a->s * j;
    esp_complex *y = a->y + a->s * 2 * j;
    for (int64_t q = 0; q < a->s; q++) {
      const esp_complex u = x[q], v = x[q + a->s * a->m];
      y[q] = add(u, v);
      y[q + a->s] = times(subtract(u, v), w);
    }
  }
}

static void pass_4(const pass *a) {
  const esp_complex quarter = a->turn[a->n / 4];
  const int64_t far = a->s * a->m;
  for (int64_t j = 0; j < a->m; j++) {
    const esp_complex w1 = a->turn[j * a->s], w2 = a->turn[2 * j * a->s],
                      w3 = a->turn[3 * j * a->s];
    const esp_complex *x = a->x + a->s * j;
    esp_complex *y = a->y + a->s * 4 * j;
    for (int64_t q = 0; q < a->s; q++) {
      const esp_complex even = add(x[q], x[q + 2 * far]);
      const esp_complex odd = add(x[q + far], x[q + 3 * far]);
      const esp_complex across = subtract(x[q], x[q + 2 * far]);
      const esp_complex turned =
          times(subtract(x[q + far], x[q + 3 * far]), quarter);
      y[q] = add(even, odd);
      y[q + a->s] = times(add(across, turned), w1);
      y[q + 2 * a->s] = times(subtract(even, odd), w2);
      y[q + 3 * a->s] = times(subtract(across, turned), w3);
    }
  }
}

// The outputs r and p - r of one group of an odd radix, from the sums u[k] and
// differences v[k] of its inputs k and p - k: x[k] w^rk + x[p-k] w^-rk is
// u[k] cos + i v[k] sin.
static void odd_pair(const esp_complex *root, int p, int r, esp_complex first,
                     const esp_complex *u, const esp_complex *v,
                     esp_complex *low, esp_complex *high) {
  esp_complex even = first, odd = {0, 0};
  for (int k = 1; k <= p / 2; k++) {
    const esp_complex w = root[r * k % p];
    even.re += u[k].re * w.re;
    even.im += u[k].im * w.re;
    odd.re -= v[k].im * w.im;
    odd.im += v[k].re * w.im;
  }
  *low = add(even, odd);
  *high = subtract(even, odd);
}

static void pass_odd(const pass *a) {
  const int p = a->p;
  const int64_t far = a->s * a->m;
  esp_complex root[RADIX_MOST], u[RADIX_MOST / 2 + 1], v[RADIX_MOST / 2 + 1];
  for (int r = 0; r < p; r++) root[r] = a->turn[a->n / p * r];
  for (int64_t j = 0; j < a->m; j++) {
    for (int64_t q = 0; q < a->s; q++) {
      const esp_complex *x = a->x + a->s * j + q;
      esp_complex *y = a->y + a->s * p * j + q;
      esp_complex sum = x[0], low, high;
      for (int k = 1; k <= p / 2; k++) {
        u[k] = add(x[far * k], x[far * (p - k)]);
        v[k] = subtract(x[far * k], x[far * (p - k)]);
        sum = add(sum, u[k]);
      }
      y[0] = sum;
      for (int r = 1; r <= p / 2; r++) {
        odd_pair(root, p, r, x[0], u, v, &low, &high);
        y[a->s * r] = times(low, a->turn[j * r * a->s]);
        y[a->s * (p - r)] = times(high, a->turn[j * (p - r) * a->s]);
      }
    }
  }
}

static void run_passes(const mixed_radix *core, esp_complex *x,
                       esp_complex *other) {
  pass a = {.x = x, .y = other, .turn = core->turn, .s = 1, .n = core->n};
  int64_t rest = core->n;
  for (int f = 0; f < core->factors; f++) {
    a.p = core->factor[f];
    a.m = rest / a.p;
    if (a.p == 4) {
      pass_4(&a);
    } else if (a.p == 2) {
      pass_2(&a);
    } else {
      pass_odd(&a);
    }
    rest = a.m;
    a.s *= a.p;
    esp_complex *written = a.y;
    a.y = written == x ? other : x;
    a.x = written;
  }
  if (a.x != x) memcpy(x, a.x, (size_t)core->n * sizeof *x);
}

// y[k] = chirp[k] * sum over j of (x[j] chirp[j]) conjugate(chirp[k - j]): the
// sum is a product of transforms, and the way back a forward transform of
// conjugates.
static void run_bluestein(const esp_fourier *plan, esp_complex *x,
                          esp_complex *scratch) {
  const int64_t n = plan->n, m = plan->core.n;
  esp_complex *line = scratch;
  for (int64_t i = 0; i < n; i++) line[i] = times(x[i], plan->chirp[i]);
  memset(line + n, 0, (size_t)(m - n) * sizeof *line);
  run_passes(&plan->core, line, scratch + m);
  for (int64_t i = 0; i < m; i++) {
    line[i] = conjugate(times(line[i], plan->taps[i]));
  }
  run_passes(&plan->core, line, scratch + m);
  for (int64_t i = 0; i < n; i++) {
    x[i] = times(conjugate(line[i]), plan->chirp[i]);
  }
}

int64_t esp_fourier_scratch(const esp_fourier *plan) {
  return plan->chirp != NULL ? 2 * plan->core.n : plan->n;
}

void esp_fourier_run(const esp_fourier *plan, esp_complex *x,
                     esp_complex *scratch) {
  if (plan->chirp != NULL) {
    run_bluestein(plan, x, scratch);
  } else {
    run_passes(&plan->core, x, scratch);
  }
}

// Fills factor[] and gives what no small factor divides.
static int64_t factorise(mixed_radix *core) {
  static const int small[] = {4, 2, 3, 5, 7, 11, RADIX_MOST};
  int64_t rest = core->n;
  core->factors = 0;
  for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
    while (rest % small[i] == 0) {
      core->factor[core->factors++] = small[i];
      rest /= small[i];
    }
  }
  return rest;
}

static esp_status take(int64_t count, esp_complex **list) {
  *list = calloc((size_t)count, sizeof **list);
  if (*list != NULL) return ESP_OK;
  return ESP_FAIL(ESP_NO_MEMORY, "cannot plan a transform of %lld points",
                  (long long)count);
}

static esp_status fill_turns(mixed_radix *core, bool inverse) {
  ESP_TRY(take(core->n, &core->turn));
  for (int64_t k = 0; k < core->n; k++) {
    core->turn[k] = directed(turn_of(k, core->n), inverse);
  }
  return ESP_OK;
}

static esp_status fill_chirp(esp_fourier *plan, bool inverse) {
  const int64_t n = plan->n, m = plan->core.n;
  esp_complex *work;
  ESP_TRY(take(n, &plan->chirp));
  ESP_TRY(take(m, &plan->taps));
  ESP_TRY(take(m, &work));
  for (int64_t k = 0; k < n; k++) {
    const esp_complex turn = turn_of(k * k % (2 * n), 2 * n);
    plan->chirp[k] = directed(turn, inverse);
    const esp_complex tap = directed(turn, !inverse);
    plan->taps[k] = (esp_complex){tap.re / (double)m, tap.im / (double)m};
    if (k > 0) plan->taps[m - k] = plan->taps[k];
  }
  run_passes(&plan->core, plan->taps, work);
  free(work);
  return ESP_OK;
}

static esp_status fill(esp_fourier *plan, bool inverse) {
  mixed_radix *core = &plan->core;
  core->n = plan->n;
  if (factorise(core) == 1) return fill_turns(core, inverse);
  core->n = 1;
  while (core->n < 2 * plan->n - 1) core->n *= 2;
  (void)factorise(core); // of two alone
  ESP_TRY(fill_turns(core, false));
  return fill_chirp(plan, inverse);
}

esp_status esp_fourier_create(int64_t n, bool inverse, esp_fourier **plan) {
  esp_fourier *made = calloc(1, sizeof *made);
  if (made == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan a transform");
  made->n = n;
  const esp_status status = fill(made, inverse);
  if (status == ESP_OK) {
    *plan = made;
  } else {
    esp_fourier_free(made);
  }
  return status;
}

void esp_fourier_free(esp_fourier *plan) {
  if (plan == NULL) return;
  free(plan->core.turn);
  free(plan->chirp);
  free(plan->taps);
  free(plan);
}
