// Operators over sequences of tensors.
// Source: ONNX operators Sequence*, SplitToSequence, ConcatFromSequence
// (version 11 and later), SequenceMap (17).
#include <limits.h>
#include <stdlib.h>

#include "op/along.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/walk.h"

static esp_status check_counts(const esp_call *call, int least, int most) {
  if (call->nin >= least && call->nin <= most) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "%d inputs, expected %d to %d", call->nin,
                  least, most);
}

static esp_status check_kind(const esp_call *call, int i, esp_kind kind) {
  if (i < call->nin && call->in[i] != NULL && call->in[i]->kind == kind) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT, "input %d is %s, expected %s", i,
                  i < call->nin && call->in[i] != NULL
                      ? esp_kind_text(call->in[i]->kind)
                      : "omitted",
                  esp_kind_text(kind));
}

static esp_status check_whole(const esp_call *call, int i) {
  ESP_TRY(check_kind(call, i, ESP_KIND_TENSOR));
  const esp_tensor *t = &call->in[i]->tensor;
  if (t->type == ESP_INT64 || t->type == ESP_INT32) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "input %d is %s, expected int32 or int64", i,
                  esp_dtype_text(t->type));
}

// The place that input i names among `count`; `fallback` when it is omitted.
static esp_status place_of(const esp_call *call, int i, int64_t count,
                           int64_t fallback, int64_t *place) {
  *place = fallback;
  if (i < call->nin && call->in[i] != NULL) {
    ESP_TRY(check_whole(call, i));
    if (esp_shape_count(&call->in[i]->tensor.shape) != 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is not one number", i);
    }
    *place = esp_whole_at(&call->in[i]->tensor, 0);
    if (*place < 0) *place += call->in[0]->count;
  }
  if (*place >= 0 && *place < count) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT,
                  "position %lld is outside of a sequence of %lld",
                  (long long)*place, (long long)call->in[0]->count);
}

static esp_status construct(const esp_call *call) {
  ESP_TRY(check_counts(call, 1, INT_MAX));
  for (int i = 0; i < call->nin; i++) {
    ESP_TRY(check_kind(call, i, ESP_KIND_TENSOR));
    if (call->in[i]->tensor.type != call->in[0]->tensor.type) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is %s, those before it are %s",
                      i, esp_dtype_text(call->in[i]->tensor.type),
                      esp_dtype_text(call->in[0]->tensor.type));
    }
  }
  return esp_datum_list(ESP_KIND_SEQUENCE, ESP_UNDEFINED, call->in, call->nin,
                        call->out);
}

static esp_status empty(const esp_call *call) {
  const int64_t type = esp_node_int(call->node, "dtype", ESP_FLOAT);
  ESP_TRY(check_counts(call, 0, 0));
  if (type <= 0 || type > INT_MAX || !esp_dtype_valid((int)type)) {
    return ESP_FAIL(ESP_UNSUPPORTED, "dtype %lld", (long long)type);
  }
  return esp_datum_list(ESP_KIND_SEQUENCE, (esp_dtype)type, NULL, 0, call->out);
}

// A copy of the list of elements with `added` (NULL: none) put at a place, or
// the element there left out.
static esp_status changed(const esp_datum *sequence, int64_t place,
                          esp_datum *added, esp_datum **made) {
  esp_datum **list = calloc((size_t)sequence->count + 1, sizeof *list);
  if (list == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot copy a sequence");
  int64_t count = 0;
  for (int64_t i = 0; i <= sequence->count; i++) {
    if (i == place && added != NULL) list[count++] = added;
    if (i < sequence->count && (i != place || added != NULL)) {
      list[count++] = sequence->element[i];
    }
  }
  const esp_status status = esp_datum_list(
      ESP_KIND_SEQUENCE, sequence->tensor.type, list, count, made);
  free(list);
  return status;
}

static esp_status insert(const esp_call *call) {
  int64_t place;
  ESP_TRY(check_counts(call, 2, 3));
  ESP_TRY(check_kind(call, 0, ESP_KIND_SEQUENCE));
  ESP_TRY(check_kind(call, 1, ESP_KIND_TENSOR));
  const esp_datum *to = call->in[0];
  const esp_dtype type = call->in[1]->tensor.type;
  if (to->count > 0 && to->tensor.type != type) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s is put into a sequence of %s",
                    esp_dtype_text(type), esp_dtype_text(to->tensor.type));
  }
  ESP_TRY(place_of(call, 2, to->count + 1, to->count, &place));
  return changed(to, place, call->in[1], call->out);
}

static esp_status erase(const esp_call *call) {
  int64_t place;
  ESP_TRY(check_counts(call, 1, 2));
  ESP_TRY(check_kind(call, 0, ESP_KIND_SEQUENCE));
  const esp_datum *from = call->in[0];
  ESP_TRY(place_of(call, 1, from->count, from->count - 1, &place));
  return changed(from, place, NULL, call->out);
}

static esp_status at(const esp_call *call) {
  int64_t place;
  ESP_TRY(check_counts(call, 2, 2));
  ESP_TRY(check_kind(call, 0, ESP_KIND_SEQUENCE));
  ESP_TRY(place_of(call, 1, call->in[0]->count, -1, &place));
  *call->out = esp_datum_keep(call->in[0]->element[place]);
  return ESP_OK;
}

static esp_status length(const esp_call *call) {
  ESP_TRY(check_counts(call, 1, 1));
  ESP_TRY(check_kind(call, 0, ESP_KIND_SEQUENCE));
  return esp_datum_int64(call->in[0]->count, call->out);
}

// How a tensor is cut: by `each`, or by the numbers of input 1.
typedef struct cuts {
  const esp_tensor *list;
  int64_t each, total, count;
} cuts;

static int64_t size_of(const cuts *c, int64_t i) {
  if (c->list != NULL) return esp_whole_at(c->list, i);
  const int64_t left = c->total - i * c->each;
  return left < c->each ? left : c->each;
}

static esp_status find_cuts(const esp_call *call, int64_t total, cuts *c) {
  *c = (cuts){.each = 1, .total = total};
  if (call->nin > 1 && call->in[1] != NULL) {
    ESP_TRY(check_whole(call, 1));
    const esp_tensor *split = &call->in[1]->tensor;
    if (split->shape.ndim == 0) c->each = esp_whole_at(split, 0);
    if (split->shape.ndim == 1) c->list = split;
    if (split->shape.ndim > 1 || c->each < 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "split is neither a positive number nor a "
                                     "list of them");
    }
  }
  if (c->list == NULL) {
    c->count = total / c->each + (total % c->each != 0);
    return ESP_OK;
  }
  c->count = c->list->shape.dim[0];
  int64_t left = total;
  for (int64_t i = 0; i < c->count; i++) {
    const int64_t size = esp_whole_at(c->list, i);
    if (size < 0 || size > left) break;
    left -= size;
  }
  if (left == 0) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "the sizes of split do not add up to %lld",
                  (long long)total);
}

static esp_status split(const esp_call *call) {
  int axis;
  cuts c;
  ESP_TRY(check_counts(call, 1, 2));
  ESP_TRY(check_kind(call, 0, ESP_KIND_TENSOR));
  const esp_tensor *x = &call->in[0]->tensor;
  ESP_TRY(esp_check_axis("axis", esp_node_int(call->node, "axis", 0),
                         x->shape.ndim, &axis));
  ESP_TRY(find_cuts(call, x->shape.dim[axis], &c));
  const bool squeeze = (call->nin < 2 || call->in[1] == NULL) &&
                       esp_node_int(call->node, "keepdims", 1) == 0;
  esp_datum **part = calloc((size_t)c.count + 1, sizeof *part);
  if (part == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot split");
  esp_status status = ESP_OK;
  int64_t begin = 0;
  for (int64_t i = 0; i < c.count && status == ESP_OK; i++) {
    status = esp_along_take(x, axis, begin, size_of(&c, i), squeeze, &part[i]);
    begin += size_of(&c, i);
  }
  if (status == ESP_OK) {
    status =
        esp_datum_list(ESP_KIND_SEQUENCE, x->type, part, c.count, call->out);
  }
  esp_datum_drop_all(part, c.count);
  free(part);
  return status;
}

static esp_status concat(const esp_call *call) {
  ESP_TRY(check_counts(call, 1, 1));
  ESP_TRY(check_kind(call, 0, ESP_KIND_SEQUENCE));
  const esp_datum *sequence = call->in[0];
  if (sequence->count == 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "an empty sequence has no concatenation");
  }
  ESP_TRY(sequence->element[0]->kind == ESP_KIND_TENSOR
              ? ESP_OK
              : ESP_FAIL(ESP_BAD_INPUT, "the sequence does not hold tensors"));
  const bool stack = esp_node_int(call->node, "new_axis", 0) != 0;
  const int ndim = sequence->element[0]->tensor.shape.ndim + stack;
  int axis;
  ESP_TRY(
      esp_check_axis("axis", esp_node_int(call->node, "axis", 0), ndim, &axis));
  return esp_along_join(sequence->element, sequence->count, axis, stack,
                        call->out);
}

// One call of the body: element i of each sequence, other inputs whole.
static esp_status map_one(const esp_call *call, int64_t i, esp_datum **in,
                          esp_datum **out) {
  for (int k = 0; k < call->nin; k++) {
    esp_datum *given = call->in[k];
    if (given == NULL) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is omitted", k);
    }
    in[k] = given;
    if (given->kind != ESP_KIND_SEQUENCE) continue;
    if (i >= given->count) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d has %lld elements, input 0 %lld",
                      k, (long long)given->count,
                      (long long)call->in[0]->count);
    }
    in[k] = given->element[i];
  }
  return esp_call_body(call, "body", in, call->nin, out, call->node->nout);
}

static esp_status map(const esp_call *call) {
  ESP_TRY(check_counts(call, 1, INT_MAX));
  ESP_TRY(check_kind(call, 0, ESP_KIND_SEQUENCE));
  const int nout = call->node->nout;
  const int64_t count = call->in[0]->count;
  esp_datum **in = calloc((size_t)call->nin + 1, sizeof *in);
  esp_datum **out = calloc((size_t)nout + 1, sizeof *out);
  esp_datum **all = calloc((size_t)nout * (size_t)count + 1, sizeof *all);
  esp_status status = in != NULL && out != NULL && all != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot map");
  for (int64_t i = 0; i < count && status == ESP_OK; i++) {
    status = map_one(call, i, in, out);
    for (int o = 0; o < nout; o++) {
      if (status == ESP_OK) all[o * count + i] = out[o];
      out[o] = NULL;
    }
  }
  for (int o = 0; o < nout && status == ESP_OK; o++) {
    status = esp_datum_list(ESP_KIND_SEQUENCE, call->in[0]->tensor.type,
                            &all[o * count], count, &call->out[o]);
  }
  esp_datum_drop_all(all, nout * count);
  free(all);
  free(out);
  free(in);
  return status;
}

static esp_status walk(const esp_call *call) {
  switch (call->node->op) {
  case ESP_OP_SEQUENCE_CONSTRUCT:
    return construct(call);
  case ESP_OP_SEQUENCE_EMPTY:
    return empty(call);
  case ESP_OP_SEQUENCE_INSERT:
    return insert(call);
  case ESP_OP_SEQUENCE_ERASE:
    return erase(call);
  case ESP_OP_SEQUENCE_AT:
    return at(call);
  case ESP_OP_SEQUENCE_LENGTH:
    return length(call);
  case ESP_OP_SPLIT_TO_SEQUENCE:
    return split(call);
  case ESP_OP_CONCAT_FROM_SEQUENCE:
    return concat(call);
  default:
    return map(call);
  }
}

const esp_op esp_op_sequence = {.infer = esp_infer_walked, .walk = walk};
