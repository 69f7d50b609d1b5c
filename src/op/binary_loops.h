// Loops of two operands over one inner run, by operator and type; shared by the
// binary and the variadic operators.  Private to op/.
#ifndef ESP_OP_BINARY_LOOPS_H
#define ESP_OP_BINARY_LOOPS_H

#include "op/op.h"

// y[i] = f(a[i * sa], b[i * sb]) for i in [0, n); false when an integer is
// divided by zero.
typedef bool (*esp_binary_loop)(const void *a, int64_t sa, const void *b,
                                int64_t sb, void *y, int64_t n);

// The loop of an operator for operands of a type; NULL: there is none.
esp_binary_loop esp_binary_loop_of(int op, esp_dtype type);

// The same for Mod with fmod = 1: the remainder has the sign of the dividend.
esp_binary_loop esp_remainder_loop_of(esp_dtype type);
// The same for BitShift, which is for unsigned integers.
esp_binary_loop esp_shift_loop_of(bool to_left, esp_dtype type);

// Broadcasts a and b against y and runs the loop over all of it.
// ESP_BAD_INPUT: an integer is divided by zero.
esp_status esp_binary_apply(esp_binary_loop loop, const esp_tensor *a,
                            const esp_tensor *b, const esp_tensor *y,
                            int width);

#endif
