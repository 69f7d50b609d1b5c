// Slices of a tensor along one axis, as loops over a graph take and give them.
// Private to op/.
#ifndef ESP_OP_ALONG_H
#define ESP_OP_ALONG_H

#include "op/datum.h"

// The slice [begin, begin + count) along an axis, as a new tensor; the axis is
// gone when `squeeze`, which asks for count 1.  The range is inside the tensor.
esp_status esp_along_take(const esp_tensor *whole, int axis, int64_t begin,
                          int64_t count, bool squeeze, esp_datum **made);
// Puts tensors of one type together along an axis that they have (stack false:
// their sizes on it add up), or along a new one (each takes one place).
// `count` is at least 1.
// ESP_BAD_INPUT names the first that does not go with those before it.
esp_status esp_along_join(esp_datum *const *part, int64_t count, int axis,
                          bool stack, esp_datum **made);
// What joining no parts at all gives along a new axis: by the type and shape
// that the subgraph declares of its output, where open dimensions become 0.
// `body` may be NULL.  ESP_BAD_INPUT: the axis is outside.
esp_status esp_along_none(const esp_graph *body, int output, int64_t axis,
                          esp_datum **made);

#endif
