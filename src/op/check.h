// Checks and look-ups that every operator family shares.  Private to op/.
#ifndef ESP_OP_CHECK_H
#define ESP_OP_CHECK_H

#include "op/op.h"

// Refuses a node with fewer than `least` or more than `most` inputs (INT_MAX:
// any), one of the first `least` omitted, or more than `outputs` outputs.
esp_status esp_check_arity(const esp_args *args, int least, int most,
                           int outputs);
// Refuses input i unless its type is one of those in `mask`, a union of
// ESP_TYPE(ESP_FLOAT) and so on; the message lists the accepted ones.
#define ESP_TYPE(type) (1u << (unsigned)(type))
#define ESP_TYPES_FLOATING                                                     \
  (ESP_TYPE(ESP_FLOAT) | ESP_TYPE(ESP_DOUBLE) | ESP_TYPE(ESP_FLOAT16) |        \
   ESP_TYPE(ESP_BFLOAT16))
#define ESP_TYPES_INTEGER                                                      \
  (ESP_TYPE(ESP_INT8) | ESP_TYPE(ESP_INT16) | ESP_TYPE(ESP_INT32) |            \
   ESP_TYPE(ESP_INT64) | ESP_TYPE(ESP_UINT8) | ESP_TYPE(ESP_UINT16) |          \
   ESP_TYPE(ESP_UINT32) | ESP_TYPE(ESP_UINT64))
#define ESP_TYPES_NUMERIC (ESP_TYPES_FLOATING | ESP_TYPES_INTEGER)
#define ESP_TYPES_ANY (ESP_TYPES_NUMERIC | ESP_TYPE(ESP_BOOL))
#define ESP_TYPES_FLOAT8                                                       \
  (ESP_TYPE(ESP_FLOAT8E4M3FN) | ESP_TYPE(ESP_FLOAT8E4M3FNUZ) |                 \
   ESP_TYPE(ESP_FLOAT8E5M2) | ESP_TYPE(ESP_FLOAT8E5M2FNUZ))
#define ESP_TYPES_INT4 (ESP_TYPE(ESP_UINT4) | ESP_TYPE(ESP_INT4))
#define ESP_TYPES_COMPLEX (ESP_TYPE(ESP_COMPLEX64) | ESP_TYPE(ESP_COMPLEX128))
// Every type there is: for operators that only move elements.
#define ESP_TYPES_ALL                                                          \
  (ESP_TYPES_ANY | ESP_TYPES_FLOAT8 | ESP_TYPES_INT4 | ESP_TYPES_COMPLEX |     \
   ESP_TYPE(ESP_STRING))
esp_status esp_check_type(const esp_args *args, int i, unsigned mask);
// Refuses inputs i and j of different types.
esp_status esp_check_same_type(const esp_args *args, int i, int j);
// Refuses input i unless least <= ndim <= most.
esp_status esp_check_ndim(const esp_args *args, int i, int least, int most);
// Turns an axis in [-ndim, ndim) into [0, ndim), or refuses it by name.
esp_status esp_check_axis(const char *what, int64_t axis, int ndim,
                          int *wrapped);

// Refuses input i as ESP_UNSUPPORTED while its content is not known.
esp_status esp_check_known(const esp_args *args, int i);
// Finds an attribute among names, a list that NULL ends; `fallback` when the
// node has none.  ESP_BAD_INPUT: it is none of them.
esp_status esp_choice_of(const esp_node *node, const char *attribute,
                         const char *fallback, const char *const *names,
                         int *chosen);

// Element i of a list of indices (int32 or int64) into n things, counted from
// the end when negative.  ESP_BAD_INPUT: it is outside.
esp_status esp_index_at(const esp_tensor *indices, int64_t i, int64_t n,
                        int64_t *index);

// Is input i there?
bool esp_has_input(const esp_args *args, int i);

// Reads a list of integers that opset `since` and later give as input i (int32
// or int64, constant) and earlier ones as an attribute.  *count is -1 when
// neither is there.  ESP_UNSUPPORTED: the input's content is not known before
// the run; ESP_BAD_INPUT: more than `room` numbers, or another type.
esp_status esp_list_of(const esp_args *args, int i, const char *attribute,
                       int since, int64_t *list, int room, int *count);

// Reads input i, a known int32 or int64 of one element that is called `what`;
// ESP_BAD_INPUT: it is below `least`, or no number of that kind.
esp_status esp_size_of(const esp_args *args, int i, const char *what,
                       int64_t least, int64_t *size);
// Reads a data type from an attribute; `fallback` when the node has none.
// ESP_BAD_INPUT: it is not one of those in `mask` (see esp_check_type).
esp_status esp_type_of(const esp_args *args, const char *attribute,
                       esp_dtype fallback, unsigned mask, esp_dtype *type);

// Sets type and shape of output i if it is wanted.
void esp_set_output(const esp_args *args, int i, esp_dtype type,
                    const esp_shape *shape);

#endif
