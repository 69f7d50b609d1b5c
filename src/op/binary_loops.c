#include "op/binary_loops.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "kernel/parallel.h"
#include "kernel/vectors.h"
#include "op/broadcast.h"
#include "op/dispatch.h"

// A loop whose common strides are written out, so that they become vectors; of
// floating numbers for every width that machines have.
#define LOOP(name, suffix, type, result, expression)                           \
  LOOP_FOR(, name##_##suffix, type, result, expression)
#define LOOP_FOR(machines, name, type, result, expression)                     \
  machines static bool name(const void *va, int64_t sa, const void *vb,        \
                            int64_t sb, void *vy, int64_t n) {                 \
    const type *a = va, *b = vb;                                               \
    result *y = vy;                                                            \
    if (sa == 1 && sb == 1) {                                                  \
      for (int64_t i = 0; i < n; i++) {                                        \
        const type p = a[i], q = b[i];                                         \
        y[i] = (result)(expression);                                           \
      }                                                                        \
    } else if (sa == 1 && sb == 0) {                                           \
      const type q = b[0];                                                     \
      for (int64_t i = 0; i < n; i++) {                                        \
        const type p = a[i];                                                   \
        y[i] = (result)(expression);                                           \
      }                                                                        \
    } else {                                                                   \
      for (int64_t i = 0; i < n; i++) {                                        \
        const type p = a[i * sa], q = b[i * sb];                               \
        y[i] = (result)(expression);                                           \
      }                                                                        \
    }                                                                          \
    return true;                                                               \
  }

// Integers: no division by zero, and none whose result does not fit.
#define CAREFUL(name, suffix, type, expression, when_minus_one)                \
  static bool name##_##suffix(const void *va, int64_t sa, const void *vb,      \
                              int64_t sb, void *vy, int64_t n) {               \
    const type *a = va, *b = vb;                                               \
    type *y = vy;                                                              \
    for (int64_t i = 0; i < n; i++) {                                          \
      const type p = a[i * sa], q = b[i * sb];                                 \
      if (q == 0) return false;                                                \
      if ((type)-1 < (type)1 && q == (type)-1) {                               \
        y[i] = (type)(when_minus_one);                                         \
      } else {                                                                 \
        y[i] = (type)(expression);                                             \
      }                                                                        \
    }                                                                          \
    return true;                                                               \
  }

// Wraps around like the machine does, without undefined overflow.
#define WRAP(p, operation, q) ((uint64_t)(p)operation(uint64_t)(q))

// base to a whole power, wrapping around; a negative power truncates 1 / base^n
// to a whole number, and is 0 of a base of 0.
static uint64_t whole_power(uint64_t base, uint64_t power, bool negative) {
  if (negative) {
    if (base == 1) return 1;
    if (base != UINT64_MAX) return 0;
    return power % 2 == 0 ? 1 : base;
  }
  uint64_t result = 1;
  for (; power > 0; power >>= 1) {
    if (power & 1u) result *= base;
    base *= base;
  }
  return result;
}

#define FLOATING(s, t, d)                                                      \
  LOOP_FOR(ESP_VECTORS, add##_##s, t, t, p + q)                                \
  LOOP_FOR(ESP_VECTORS, sub##_##s, t, t, p - q)                                \
  LOOP_FOR(ESP_VECTORS, mul##_##s, t, t, p *q)                                 \
  LOOP_FOR(ESP_VECTORS, divide##_##s, t, t, p / q)                             \
  LOOP(modulo, s, t, t, fmod((double)p, (double)q))                            \
  LOOP(power, s, t, t, pow((double)p, (double)q))                              \
  LOOP_FOR(ESP_VECTORS, prelu##_##s, t, t, p < 0 ? p * q : p)                  \
  LOOP_FOR(ESP_VECTORS, largest##_##s, t, t, p != p || p > q ? p : q)          \
  LOOP_FOR(ESP_VECTORS, smallest##_##s, t, t, p != p || p < q ? p : q)
ESP_FLOATING_TYPES(FLOATING)

#define INTEGER(s, t, d)                                                       \
  LOOP(add, s, t, t, WRAP(p, +, q))                                            \
  LOOP(sub, s, t, t, WRAP(p, -, q))                                            \
  LOOP(mul, s, t, t, WRAP(p, *, q))                                            \
  CAREFUL(divide, s, t, p / q, WRAP(0, -, p))                                  \
  CAREFUL(remainder, s, t, p % q, 0)                                           \
  LOOP(largest, s, t, t, p > q ? p : q)                                        \
  LOOP(smallest, s, t, t, p < q ? p : q)                                       \
  LOOP(bits_and, s, t, t, p &q)                                                \
  LOOP(bits_or, s, t, t, p | q)                                                \
  LOOP(bits_xor, s, t, t, p ^ q)
ESP_INTEGER_TYPES(INTEGER)

// The sign of the divisor, as in Python.
#define SIGNED(s, t, d)                                                        \
  CAREFUL(modulo, s, t,                                                        \
          (p % q != 0 && (p < 0) != (q < 0)) ? p % q + q : p % q, 0)           \
  LOOP(power, s, t, t, whole_power((uint64_t)p, (uint64_t)q, q < 0))           \
  LOOP(prelu, s, t, t, p < 0 ? (t)WRAP(p, *, q) : p)
ESP_SIGNED_TYPES(SIGNED)
// A shift by all the bits or more leaves none.
#define UNSIGNED(s, t, d)                                                      \
  CAREFUL(modulo, s, t, p % q, 0)                                              \
  LOOP(power, s, t, t, whole_power(p, q, false))                               \
  LOOP(prelu, s, t, t, ((void)q, p))                                           \
  LOOP(left, s, t, t, q >= 8 * sizeof(t) ? 0 : (uint64_t)p << q)               \
  LOOP(right, s, t, t, q >= 8 * sizeof(t) ? 0 : p >> q)
ESP_UNSIGNED_TYPES(UNSIGNED)

#define COMPARISON(s, t, d)                                                    \
  LOOP(equal, s, t, uint8_t, p == q)                                           \
  LOOP(less, s, t, uint8_t, p < q)                                             \
  LOOP(less_equal, s, t, uint8_t, p <= q)                                      \
  LOOP(greater, s, t, uint8_t, p > q)                                          \
  LOOP(greater_equal, s, t, uint8_t, p >= q)
ESP_ALL_TYPES(COMPARISON)

LOOP(both, bool, uint8_t, uint8_t, p != 0 && q != 0)
LOOP(either, bool, uint8_t, uint8_t, p != 0 || q != 0)
LOOP(one_of, bool, uint8_t, uint8_t, (p != 0) != (q != 0))
LOOP(equal, bool, uint8_t, uint8_t, (p != 0) == (q != 0))

#define ROW(name)                                                              \
  { ESP_ALL_TYPES(name) }
#define ADD(s, t, d) [d] = add_##s,
#define SUB(s, t, d) [d] = sub_##s,
#define MUL(s, t, d) [d] = mul_##s,
#define DIVIDE(s, t, d) [d] = divide_##s,
#define MODULO(s, t, d) [d] = modulo_##s,
#define POWER(s, t, d) [d] = power_##s,
#define PRELU(s, t, d) [d] = prelu_##s,
#define LARGEST(s, t, d) [d] = largest_##s,
#define SMALLEST(s, t, d) [d] = smallest_##s,
static bool equal_text(const void *va, int64_t sa, const void *vb, int64_t sb,
                       void *vy, int64_t n) {
  char *const *a = va, *const *b = vb;
  uint8_t *y = vy;
  for (int64_t i = 0; i < n; i++) y[i] = strcmp(a[i * sa], b[i * sb]) == 0;
  return true;
}

#define EQUAL(s, t, d) [d] = equal_##s,
#define LESS(s, t, d) [d] = less_##s,
#define LESS_EQUAL(s, t, d) [d] = less_equal_##s,
#define GREATER(s, t, d) [d] = greater_##s,
#define GREATER_EQUAL(s, t, d) [d] = greater_equal_##s,

#define BITS_AND(s, t, d) [d] = bits_and_##s,
#define BITS_OR(s, t, d) [d] = bits_or_##s,
#define BITS_XOR(s, t, d) [d] = bits_xor_##s,

static const esp_binary_loop table[ESP_OP_COUNT][ESP_DTYPES] = {
    [ESP_OP_ADD] = ROW(ADD),
    [ESP_OP_SUM] = ROW(ADD),
    [ESP_OP_MEAN] = {ESP_FLOATING_TYPES(ADD)},
    [ESP_OP_SUB] = ROW(SUB),
    [ESP_OP_MUL] = ROW(MUL),
    [ESP_OP_DIV] = ROW(DIVIDE),
    [ESP_OP_MOD] = {ESP_INTEGER_TYPES(MODULO)},
    [ESP_OP_POW] = ROW(POWER),
    [ESP_OP_PRELU] = ROW(PRELU),
    [ESP_OP_BITWISE_AND] = {ESP_INTEGER_TYPES(BITS_AND)},
    [ESP_OP_BITWISE_OR] = {ESP_INTEGER_TYPES(BITS_OR)},
    [ESP_OP_BITWISE_XOR] = {ESP_INTEGER_TYPES(BITS_XOR)},
    [ESP_OP_MAX] = ROW(LARGEST),
    [ESP_OP_MIN] = ROW(SMALLEST),
    [ESP_OP_EQUAL] =
        {ESP_ALL_TYPES(EQUAL)[ESP_BOOL] = equal_bool, [ESP_STRING] =
                                                          equal_text},
    [ESP_OP_LESS] = ROW(LESS),
    [ESP_OP_LESS_OR_EQUAL] = ROW(LESS_EQUAL),
    [ESP_OP_GREATER] = ROW(GREATER),
    [ESP_OP_GREATER_OR_EQUAL] = ROW(GREATER_EQUAL),
    [ESP_OP_AND] = {[ESP_BOOL] = both_bool},
    [ESP_OP_OR] = {[ESP_BOOL] = either_bool},
    [ESP_OP_XOR] = {[ESP_BOOL] = one_of_bool},
};

esp_binary_loop esp_binary_loop_of(int op, esp_dtype type) {
  return (int)type < ESP_DTYPES ? table[op][type] : NULL;
}

// Mod with fmod = 1: the sign of the dividend; of floating numbers always.
#define REMAINDER(s, t, d) [d] = remainder_##s,
#define FMOD(s, t, d) [d] = modulo_##s,
esp_binary_loop esp_remainder_loop_of(esp_dtype type) {
  static const esp_binary_loop loops[ESP_DTYPES] = {
      ESP_INTEGER_TYPES(REMAINDER) ESP_FLOATING_TYPES(FMOD)};
  return (int)type < ESP_DTYPES ? loops[type] : NULL;
}

#define LEFT(s, t, d) [d] = left_##s,
#define RIGHT(s, t, d) [d] = right_##s,
esp_binary_loop esp_shift_loop_of(bool to_left, esp_dtype type) {
  static const esp_binary_loop loops[2][ESP_DTYPES] = {
      {ESP_UNSIGNED_TYPES(RIGHT)}, {ESP_UNSIGNED_TYPES(LEFT)}};
  return (int)type < ESP_DTYPES ? loops[to_left][type] : NULL;
}

typedef struct work {
  esp_binary_loop loop;
  const esp_tensor *a, *b, *y;
  size_t in_bytes, out_bytes;
  esp_broadcast plan;
  atomic_bool divided_by_zero;
} work;

static void run_pieces(work *w, int64_t run, int64_t begin, int64_t count) {
  int64_t at[ESP_BROADCAST_INPUTS];
  const esp_broadcast *p = &w->plan;
  esp_broadcast_at(p, 2, run, at);
  const int64_t sa = p->stride[0][p->ndim - 1], sb = p->stride[1][p->ndim - 1];
  const unsigned char *a = w->a->data, *b = w->b->data;
  unsigned char *y = w->y->data;
  const bool good =
      w->loop(a + (size_t)(at[0] + begin * sa) * w->in_bytes, sa,
              b + (size_t)(at[1] + begin * sb) * w->in_bytes, sb,
              y + (size_t)(run * p->inner + begin) * w->out_bytes, count);
  if (!good) atomic_store(&w->divided_by_zero, true);
}

static void run_range(int64_t begin, int64_t end, void *argument) {
  work *w = argument;
  while (begin < end) {
    const int64_t run = begin / w->plan.inner, at = begin % w->plan.inner;
    int64_t count = w->plan.inner - at;
    if (count > end - begin) count = end - begin;
    run_pieces(w, run, at, count);
    begin += count;
  }
}

esp_status esp_binary_apply(esp_binary_loop loop, const esp_tensor *a,
                            const esp_tensor *b, const esp_tensor *y,
                            int width) {
  enum { GRAIN = 8192 };
  work w = {.loop = loop,
            .a = a,
            .b = b,
            .y = y,
            .in_bytes = esp_dtype_bytes(a->type),
            .out_bytes = esp_dtype_bytes(y->type)};
  const esp_tensor *const in[2] = {a, b};
  esp_broadcast_plan(in, 2, y, &w.plan);
  esp_loop_over(width, esp_shape_count(&y->shape), GRAIN, run_range, &w);
  if (!atomic_load(&w.divided_by_zero)) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "an integer is divided by zero");
}
