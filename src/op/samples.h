// Where the samples of a batch lie in the values of a graph, and which
// operators let one influence another.  Private to op/, but for
// esp_op_samples() in op.h.
//
// A rule says, for one node, where the samples lie in its outputs, given where
// they lie in its inputs.  It is called only when some input has samples and
// none has them mixed.  Outputs that it does not fill are untold.
#ifndef ESP_OP_SAMPLES_H
#define ESP_OP_SAMPLES_H

#include "op/op.h"

// Rules for operators that compute each element from those at the same place
// of the inputs, which broadcast; ...
void esp_samples_elementwise(const esp_args *args, int64_t batch,
                             const esp_samples *in, esp_samples *out);
// ... that treat the first axis of the first input as a batch, and whose other
// inputs are the same for all; ...
void esp_samples_leading(const esp_args *args, int64_t batch,
                         const esp_samples *in, esp_samples *out);
// ... the same, where other inputs may have a first axis of samples too; ...
void esp_samples_all_leading(const esp_args *args, int64_t batch,
                             const esp_samples *in, esp_samples *out);
// ... that keep the order of elements and change the shape; ...
void esp_samples_reshaped(const esp_args *args, int64_t batch,
                          const esp_samples *in, esp_samples *out);

// ... that let the samples influence one another, or tell them by their place.
void esp_samples_all_mixed(const esp_args *args, int64_t batch,
                           const esp_samples *in, esp_samples *out);

// For rules with an axis of their own.
extern const esp_samples esp_samples_mixed;
bool esp_samples_along(const esp_samples *samples); // has it an axis of them?
// All wanted outputs have the samples of `from`, moved by `shift` axes.
void esp_samples_give(const esp_args *args, const esp_samples *from, int shift,
                      esp_samples *out);
// The same, or mixed samples when the operator works along their axis.
void esp_samples_past(const esp_args *args, const esp_samples *from, int axis,
                      esp_samples *out);
// Is every slice of a constant along this axis the same?
bool esp_samples_uniform(const esp_tensor *tensor, int axis);
// Joins where the samples of two values are that go together; untold becomes
// what the other has.  false: they do not go together.
bool esp_samples_join(esp_samples *all, const esp_samples *one);

#endif
