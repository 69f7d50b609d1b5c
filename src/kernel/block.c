#include "kernel/block.h"

#include <string.h>

#include "kernel/vectors.h"

enum { COLUMNS = ESP_BLOCK_COLUMNS, HALF = COLUMNS / 2 };

void esp_block_pack(const float *b, int64_t k, int64_t n, float *packed) {
  for (int64_t first = 0; first < n; first += COLUMNS) {
    const int64_t columns = n - first < COLUMNS ? n - first : COLUMNS;
    for (int64_t i = 0; i < k; i++) {
      memcpy(packed, b + i * n + first, (size_t)columns * sizeof *packed);
      packed += columns;
    }
  }
}

#if defined __x86_64__

// As they may lie anywhere, and are what a float array holds.
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));

// So many rows by `vectors` vectors of columns: the sums stay in registers.
#define KERNEL(name, cpu, vector, rows, vectors)                               \
  __attribute__((target(cpu))) ESP_CONTRACTED static void name(                \
      const float *a, int64_t a_step, const float *b, int64_t b_step,          \
      float *c, int64_t c_step, int64_t k) {                                   \
    enum { WIDE = sizeof(vector) / sizeof(float) };                            \
    vector sum[rows][vectors];                                                 \
    _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) {                  \
      _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) sum[r][v] =    \
          (vector){0};                                                         \
    }                                                                          \
    for (int64_t i = 0; i < k; i++, b += b_step) {                             \
      vector column[vectors];                                                  \
      _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) column[v] =    \
          *(const vector *)(const void *)(b + v * WIDE);                       \
      _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) {                \
        const float factor = a[r * a_step + i];                                \
        _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) sum[r][v] += \
            factor * column[v];                                                \
      }                                                                        \
    }                                                                          \
    _Pragma("GCC unroll 12") for (int r = 0; r < rows; r++) {                  \
      _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) *              \
          (vector *)(void *)(c + r * c_step + v * WIDE) = sum[r][v];           \
    }                                                                          \
  }
#define WIDE_512(rows) KERNEL(wide_512_##rows, "avx512f", v16, rows, 2)
#define HALF_512(rows) KERNEL(half_512_##rows, "avx512f", v16, rows, 1)
#define HALF_256(rows) KERNEL(half_256_##rows, "avx2,fma", v8, rows, 2)
#define UP_TO_6(of) of(1) of(2) of(3) of(4) of(5) of(6)
#define UP_TO_12(of) UP_TO_6(of) of(7) of(8) of(9) of(10) of(11) of(12)
UP_TO_12(WIDE_512)
UP_TO_12(HALF_512)
UP_TO_6(HALF_256)

typedef void (*kernel)(const float *a, int64_t a_step, const float *b,
                       int64_t b_step, float *c, int64_t c_step, int64_t k);
#define NAME_OF_WIDE_512(rows) wide_512_##rows,
#define NAME_OF_HALF_512(rows) half_512_##rows,
#define NAME_OF_HALF_256(rows) half_256_##rows,
static const kernel wide_512[] = {NULL, UP_TO_12(NAME_OF_WIDE_512)};
static const kernel half_512[] = {NULL, UP_TO_12(NAME_OF_HALF_512)};
static const kernel half_256[] = {NULL, UP_TO_6(NAME_OF_HALF_256)};

static bool has_512(void) { return __builtin_cpu_supports("avx512f") != 0; }

bool esp_block_available(void) {
  return has_512() ||
         (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

// One panel by groups of rows of about the same size.
static void run_panel(const float *a, int64_t a_step, const float *b,
                      int64_t columns, float *c, int64_t c_step, int64_t rows,
                      int64_t k, bool wide) {
  const int64_t most = wide ? 12 : 6, groups = (rows + most - 1) / most;
  for (int64_t g = 0; g < groups; g++) {
    const int64_t first = rows * g / groups;
    const int64_t count = rows * (g + 1) / groups - first;
    const float *from = a + first * a_step;
    float *to = c + first * c_step;
    if (wide) {
      (columns == COLUMNS ? wide_512 : half_512)[count](from, a_step, b,
                                                        columns, to, c_step, k);
      continue;
    }
    for (int64_t half = 0; half < columns; half += HALF) {
      half_256[count](from, a_step, b + half, columns, to + half, c_step, k);
    }
  }
}

void esp_block_run(const float *a, int64_t a_step, const float *packed,
                   float *c, int64_t c_step, int64_t rows, int64_t n,
                   int64_t k) {
  const bool wide = has_512();
  for (int64_t first = 0; first < n; first += COLUMNS) {
    const int64_t columns = n - first < COLUMNS ? n - first : COLUMNS;
    run_panel(a, a_step, packed + first * k, columns, c + first, c_step, rows,
              k, wide);
  }
}

#else

bool esp_block_available(void) { return false; }

void esp_block_run(const float *a, int64_t a_step, const float *packed,
                   float *c, int64_t c_step, int64_t rows, int64_t n,
                   int64_t k) {
  (void)a, (void)a_step, (void)packed, (void)c;
  (void)c_step, (void)rows, (void)n, (void)k;
}

#endif
