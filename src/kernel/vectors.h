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

#endif
