#include "op/window.h"

#include <string.h>

#include "base/memory.h"
#include "op/check.h"

static esp_status read_list(const esp_node *node, const char *name, int axes,
                            int64_t fallback, int64_t *list) {
  int count;
  const int64_t *given = esp_node_ints(node, name, &count);
  for (int i = 0; i < axes; i++)
    list[i] = given != NULL && i < count ? given[i] : fallback;
  if (given != NULL && count != axes) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s has %d numbers, expected %d", name,
                    count, axes);
  }
  for (int i = 0; i < axes; i++) {
    if (list[i] >= 1 && list[i] <= INT32_MAX) continue;
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%s is %lld along axis %d, expected at least 1", name,
                    (long long)list[i], i + 2);
  }
  return ESP_OK;
}

static esp_status read_pads(const esp_node *node, esp_window *w) {
  int count;
  const int64_t *pads = esp_node_ints(node, "pads", &count);
  if (pads == NULL) return ESP_OK;
  if (count != 2 * w->axes) {
    return ESP_FAIL(ESP_BAD_INPUT, "pads has %d numbers, expected %d", count,
                    2 * w->axes);
  }
  for (int i = 0; i < w->axes; i++) {
    w->before[i] = pads[i];
    w->after[i] = pads[w->axes + i];
    if (w->before[i] < 0 || w->after[i] < 0 || w->before[i] > INT32_MAX ||
        w->after[i] > INT32_MAX) {
      return ESP_FAIL(ESP_BAD_INPUT, "pads of axis %d are %lld and %lld", i + 2,
                      (long long)w->before[i], (long long)w->after[i]);
    }
  }
  return ESP_OK;
}

// SAME: as many windows as strides fit; what is missing is padded, the odd one
// at the end (UPPER) or at the beginning (LOWER).
static void pad_same(esp_window *w, int i, bool lower) {
  const int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
  const int64_t out = (w->in[i] + w->stride[i] - 1) / w->stride[i];
  int64_t pad = (out - 1) * w->stride[i] + extent - w->in[i];
  if (pad < 0) pad = 0;
  w->before[i] = lower ? (pad + 1) / 2 : pad / 2;
  w->after[i] = pad - w->before[i];
}

static esp_status size_axis(esp_window *w, int i, bool ceil_mode) {
  const int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
  const int64_t room = w->in[i] + w->before[i] + w->after[i] - extent;
  if (room < 0) {
    return ESP_FAIL(
        ESP_BAD_INPUT,
        "the window covers %lld along axis %d, but the padded input "
        "has %lld",
        (long long)extent, i + 2, (long long)(room + extent));
  }
  w->out[i] = (ceil_mode ? room + w->stride[i] - 1 : room) / w->stride[i] + 1;
  // A window that would begin in the padding at the end is none.
  if (ceil_mode && (w->out[i] - 1) * w->stride[i] >= w->in[i] + w->before[i]) {
    w->out[i]--;
  }
  return ESP_OK;
}

esp_status esp_check_axes(const esp_args *args) {
  const int axes = args->in[0]->shape.ndim - 2;
  if (axes >= 1 && axes <= ESP_WINDOW_AXES) return ESP_OK;
  return ESP_FAIL(axes < 1 ? ESP_BAD_INPUT : ESP_UNSUPPORTED,
                  "input 0 has %d dimensions, expected 3 to %d", axes + 2,
                  2 + ESP_WINDOW_AXES);
}

esp_status esp_auto_pad_of(const esp_node *node, const char **word) {
  static const char *const known[] = {"NOTSET", "VALID", "SAME_UPPER",
                                      "SAME_LOWER"};
  *word = esp_node_string(node, "auto_pad", "NOTSET");
  if (**word == '\0') *word = known[0];
  for (int i = 0; i < 4; i++) {
    if (strcmp(*word, known[i]) == 0) return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT,
                  "auto_pad is \"%s\", expected NOTSET, VALID, SAME_UPPER or "
                  "SAME_LOWER",
                  *word);
}

esp_status esp_check_kernel(const esp_node *node, const int64_t *kernel,
                            int axes) {
  int count;
  const int64_t *told = esp_node_ints(node, "kernel_shape", &count);
  if (told != NULL && count != axes) {
    return ESP_FAIL(ESP_BAD_INPUT, "kernel_shape has %d numbers, expected %d",
                    count, axes);
  }
  for (int i = 0; i < axes; i++) {
    if (kernel[i] >= 1 && kernel[i] <= INT32_MAX &&
        (told == NULL || told[i] == kernel[i])) {
      continue;
    }
    return ESP_FAIL(ESP_BAD_INPUT,
                    "the weights have a kernel of %lld along axis %d, expected "
                    "%lld",
                    (long long)kernel[i], i + 2,
                    (long long)(told != NULL ? told[i] : 1));
  }
  return ESP_OK;
}

esp_status esp_window_of(const esp_args *args, const int64_t *kernel,
                         esp_window *window) {
  const esp_node *node = args->node;
  const esp_shape *x = &args->in[0]->shape;
  esp_window w = {.axes = x->ndim - 2};
  ESP_TRY(esp_check_axes(args));
  memcpy(w.in, x->dim + 2, (size_t)w.axes * sizeof w.in[0]);
  if (kernel != NULL) {
    ESP_TRY(esp_check_kernel(node, kernel, w.axes));
    memcpy(w.kernel, kernel, (size_t)w.axes * sizeof w.kernel[0]);
  } else {
    ESP_TRY(read_list(node, "kernel_shape", w.axes, 0, w.kernel));
  }
  ESP_TRY(read_list(node, "strides", w.axes, 1, w.stride));
  ESP_TRY(read_list(node, "dilations", w.axes, 1, w.dilation));
  const char *pad;
  ESP_TRY(esp_auto_pad_of(node, &pad));
  if (strcmp(pad, "NOTSET") == 0) ESP_TRY(read_pads(node, &w));
  const bool same = strncmp(pad, "SAME_", 5) == 0;
  // For the other ways of padding the standard gives the same size with it.
  const bool up =
      esp_node_int(node, "ceil_mode", 0) != 0 && strcmp(pad, "NOTSET") == 0;
  for (int i = 0; i < w.axes; i++) {
    if (same) pad_same(&w, i, strcmp(pad, "SAME_LOWER") == 0);
    ESP_TRY(size_axis(&w, i, up));
  }
  *window = w;
  return ESP_OK;
}

void esp_window_columns(const esp_window *window, int64_t channels,
                        size_t bytes, esp_columns *columns) {
  *columns = (esp_columns){.bytes = bytes, .channels = channels};
  for (int i = 0; i < ESP_COLUMN_AXES; i++) {
    const int own = i - (ESP_COLUMN_AXES - window->axes);
    columns->in[i] = own < 0 ? 1 : window->in[own];
    columns->out[i] = own < 0 ? 1 : window->out[own];
    columns->kernel[i] = own < 0 ? 1 : window->kernel[own];
    columns->stride[i] = own < 0 ? 1 : window->stride[own];
    columns->dilation[i] = own < 0 ? 1 : window->dilation[own];
    columns->before[i] = own < 0 ? 0 : window->before[own];
  }
}

esp_status esp_columns_check(const esp_columns *columns) {
  size_t elements, bytes;
  if (esp_multiply((size_t)esp_columns_rows(columns),
                   (size_t)esp_columns_size(columns), &elements) &&
      esp_multiply(elements, columns->bytes, &bytes) && bytes < PTRDIFF_MAX) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT,
                  "windows of %lld elements at %lld places do not fit memory",
                  (long long)esp_columns_rows(columns),
                  (long long)esp_columns_size(columns));
}

bool esp_columns_in_place(const esp_columns *columns) {
  for (int i = 0; i < ESP_COLUMN_AXES; i++) {
    if (columns->kernel[i] != 1 || columns->stride[i] != 1 ||
        columns->before[i] != 0 || columns->in[i] != columns->out[i]) {
      return false;
    }
  }
  return true;
}
