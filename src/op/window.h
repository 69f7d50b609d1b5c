// Windows that slide over spatial axes: what convolutions and pools share.
// Private to op/.
#ifndef ESP_OP_WINDOW_H
#define ESP_OP_WINDOW_H

#include "kernel/columns.h"
#include "op/op.h"

enum { ESP_WINDOW_AXES = 3 };

typedef struct esp_window {
  int axes;
  int64_t in[ESP_WINDOW_AXES], out[ESP_WINDOW_AXES], kernel[ESP_WINDOW_AXES];
  int64_t stride[ESP_WINDOW_AXES], dilation[ESP_WINDOW_AXES];
  int64_t before[ESP_WINDOW_AXES], after[ESP_WINDOW_AXES];
} esp_window;

// Reads strides, dilations, pads, auto_pad (and ceil_mode for pools) of a node
// over input x [N,C,i...]; `kernel` gives the window's extents, or NULL: the
// attribute kernel_shape does.  Works out the output's extents.
// ESP_BAD_INPUT: the standard does not allow it; ESP_UNSUPPORTED: more axes.
esp_status esp_window_of(const esp_args *args, const int64_t *kernel,
                         esp_window *window);

// Refuses input 0 without a spatial axis (ESP_BAD_INPUT), or with more than
// there are loops for (ESP_UNSUPPORTED).
esp_status esp_check_axes(const esp_args *args);
// The attribute auto_pad; none, or an empty one, is NOTSET.  ESP_BAD_INPUT: a
// word that the standard does not know.
esp_status esp_auto_pad_of(const esp_node *node, const char **word);
// Refuses weights whose kernel is empty, or not what kernel_shape says.
esp_status esp_check_kernel(const esp_node *node, const int64_t *kernel,
                            int axes);

// The same windows over `channels` channels as columns.
void esp_window_columns(const esp_window *window, int64_t channels,
                        size_t bytes, esp_columns *columns);
// ESP_BAD_INPUT: the columns would not fit any memory.
esp_status esp_columns_check(const esp_columns *columns);
// Is the input its own columns?  When every window is one element.
bool esp_columns_in_place(const esp_columns *columns);

#endif
