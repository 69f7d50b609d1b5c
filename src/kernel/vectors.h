// Functions that are compiled for several widths of vectors and chosen when the
// program starts.  For kernel/ and op/; floor 2.
#ifndef ESP_KERNEL_VECTORS_H
#define ESP_KERNEL_VECTORS_H

// clang 14 drops the name that other files call: one version is enough for the
// sanitizers' builds.
#ifdef __clang__
#define ESP_VECTORS
#else
#define ESP_VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#endif

// A product and its sum in one rounding where the machine has that, which C11
// leaves to those who ask for it; clang has no word for one function.
#ifdef __clang__
#define ESP_CONTRACTED
#else
#define ESP_CONTRACTED __attribute__((optimize("fp-contract=fast")))
#endif

#endif
