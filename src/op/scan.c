// Scan: a subgraph along axes of its inputs, with state.
// Source: ONNX operator Scan, version 8 (with a batch axis) and 9 to 23.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "op/along.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/walk.h"

typedef struct scan {
  const esp_call *call;
  bool batched;                // version 8: axis 0 of everything is the batch
  int first;                   // input where the states begin
  int states, inputs, outputs; // of the body, besides each other
  int64_t steps;
  esp_datum **state;     // [states]
  esp_datum **sliced;    // [states + inputs] what the body gets
  esp_datum **result;    // [states + outputs] what it gives
  esp_datum **collected; // [outputs * steps]
} scan;

static void end_scan(scan *s) {
  esp_datum_drop_all(s->state, s->states);
  esp_datum_drop_all(s->sliced, s->states + s->inputs);
  esp_datum_drop_all(s->result, s->states + s->outputs);
  esp_datum_drop_all(s->collected, s->outputs * s->steps);
  free(s->state);
  free(s->sliced);
  free(s->result);
  free(s->collected);
}

static esp_status begin_scan(const esp_call *call, scan *s) {
  s->call = call;
  s->batched = call->node->version < 9;
  s->first = s->batched ? 1 : 0;
  const int64_t asked = esp_node_int(call->node, "num_scan_inputs", 0);
  const int given = call->nin - s->first;
  if (asked < 1 || asked > given) {
    return ESP_FAIL(ESP_BAD_INPUT, "num_scan_inputs is %lld of %d inputs",
                    (long long)asked, given);
  }
  s->inputs = (int)asked;
  s->states = given - s->inputs;
  s->outputs = call->node->nout - s->states;
  if (s->outputs < 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d outputs for %d states", call->node->nout,
                    s->states);
  }
  for (int i = s->first; i < call->nin; i++) {
    if (call->in[i] == NULL || call->in[i]->kind != ESP_KIND_TENSOR) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is not a tensor", i);
    }
  }
  s->state = calloc((size_t)s->states + 1, sizeof *s->state);
  s->sliced = calloc((size_t)given + 1, sizeof *s->sliced);
  s->result =
      calloc((size_t)s->states + (size_t)s->outputs + 1, sizeof *s->result);
  if (s->state == NULL || s->sliced == NULL || s->result == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot scan");
  }
  return ESP_OK;
}

// Entry i of a list attribute; `fallback` where it has none.
static int64_t entry(const esp_node *node, const char *name, int i,
                     int64_t fallback) {
  int count;
  const int64_t *list = esp_node_ints(node, name, &count);
  return i < count ? list[i] : fallback;
}

static esp_status axis_of_input(const scan *s, const esp_tensor *x, int i,
                                int *axis) {
  const int64_t asked = entry(s->call->node, "scan_input_axes", i, 0);
  return esp_check_axis("scan_input_axes", asked, x->shape.ndim, axis);
}

// All scanned inputs have one length.
static esp_status find_steps(scan *s, esp_datum *const *scanned) {
  for (int i = 0; i < s->inputs; i++) {
    const esp_tensor *x = &scanned[i]->tensor;
    int axis;
    ESP_TRY(axis_of_input(s, x, i, &axis));
    if (i > 0 && x->shape.dim[axis] != s->steps) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "scan input %d has %lld steps, the ones before it %lld",
                      i, (long long)x->shape.dim[axis], (long long)s->steps);
    }
    s->steps = x->shape.dim[axis];
  }
  return ESP_OK;
}

static esp_status slice_inputs(scan *s, esp_datum *const *scanned,
                               int64_t step) {
  const char *name = s->batched ? "directions" : "scan_input_directions";
  esp_datum_drop_all(s->sliced, s->states + s->inputs);
  for (int i = 0; i < s->states; i++) {
    s->sliced[i] = esp_datum_keep(s->state[i]);
  }
  for (int i = 0; i < s->inputs; i++) {
    const bool backwards = entry(s->call->node, name, i, 0) == 1;
    int axis;
    ESP_TRY(axis_of_input(s, &scanned[i]->tensor, i, &axis));
    ESP_TRY(esp_along_take(&scanned[i]->tensor, axis,
                           backwards ? s->steps - 1 - step : step, 1, true,
                           &s->sliced[s->states + i]));
  }
  return ESP_OK;
}

static esp_status run_step(scan *s, esp_datum *const *scanned, int64_t step) {
  ESP_TRY(slice_inputs(s, scanned, step));
  ESP_TRY(esp_call_body(s->call, "body", s->sliced, s->states + s->inputs,
                        s->result, s->states + s->outputs));
  for (int i = 0; i < s->states; i++) {
    esp_datum_drop(s->state[i]);
    s->state[i] = s->result[i];
    s->result[i] = NULL;
  }
  for (int o = 0; o < s->outputs; o++) {
    const bool backwards =
        entry(s->call->node, "scan_output_directions", o, 0) == 1;
    const int64_t place = backwards ? s->steps - 1 - step : step;
    s->collected[o * s->steps + place] = s->result[s->states + o];
    s->result[s->states + o] = NULL;
  }
  return ESP_OK;
}

static esp_status run_steps(scan *s, esp_datum *const *scanned) {
  ESP_TRY(find_steps(s, scanned));
  size_t places;
  s->collected = esp_multiply((size_t)s->steps, (size_t)s->outputs, &places)
                     ? calloc(places + 1, sizeof *s->collected)
                     : NULL;
  if (s->collected == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot scan");
  for (int64_t step = 0; step < s->steps; step++) {
    const esp_status status = run_step(s, scanned, step);
    if (status != ESP_OK) {
      return esp_fail_within(status, "step %lld", (long long)step);
    }
  }
  return ESP_OK;
}

static esp_status join_output(const scan *s, int o, esp_datum **made) {
  esp_datum *const *part = &s->collected[o * s->steps];
  const int64_t asked = entry(s->call->node, "scan_output_axes", o, 0);
  if (s->steps == 0) {
    return esp_along_none(esp_call_graph(s->call, "body"), s->states + o, asked,
                          made);
  }
  int axis;
  ESP_TRY(esp_check_axis("scan_output_axes", asked,
                         part[0]->tensor.shape.ndim + 1, &axis));
  return esp_along_join(part, s->steps, axis, true, made);
}

static esp_status walk_plain(const esp_call *call, scan *s) {
  for (int i = 0; i < s->states; i++) {
    s->state[i] = esp_datum_keep(call->in[i]);
  }
  ESP_TRY(run_steps(s, call->in + s->states));
  for (int i = 0; i < s->states; i++) {
    call->out[i] = esp_datum_keep(s->state[i]);
  }
  for (int o = 0; o < s->outputs; o++) {
    ESP_TRY(join_output(s, o, &call->out[s->states + o]));
  }
  return ESP_OK;
}

// Version 8.  How many steps sample b has.
static esp_status length_of(const scan *s, int64_t batch, int64_t b,
                            int64_t most, int64_t *length) {
  const esp_datum *lengths = s->call->in[0];
  *length = most;
  if (lengths == NULL) return ESP_OK;
  if (lengths->kind != ESP_KIND_TENSOR || lengths->tensor.type != ESP_INT64 ||
      esp_shape_count(&lengths->tensor.shape) != batch) {
    return ESP_FAIL(ESP_BAD_INPUT, "sequence_lens is not int64 [%lld]",
                    (long long)batch);
  }
  *length = ((const int64_t *)lengths->tensor.data)[b];
  if (*length >= 1 && *length <= most) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "sequence_lens[%lld] is %lld, not in [1,%lld]",
                  (long long)b, (long long)*length, (long long)most);
}

// Fills up with zeros to `most` steps along axis 0.
static esp_status lengthen(esp_datum **datum, int64_t most) {
  const esp_tensor *t = &(*datum)->tensor;
  if (t->shape.dim[0] == most) return ESP_OK;
  esp_shape shape = t->shape;
  shape.dim[0] = most;
  esp_datum *made;
  ESP_TRY(esp_datum_tensor(t->type, &shape, &made));
  const size_t have = esp_tensor_bytes(t);
  memcpy(made->tensor.data, t->data, have);
  const size_t left = esp_tensor_bytes(&made->tensor) - have;
  esp_fill_zero(t->type, (unsigned char *)made->tensor.data + have,
                (int64_t)(left / esp_dtype_bytes(t->type)));
  esp_datum_drop(*datum);
  *datum = made;
  return ESP_OK;
}

// The states and scanned inputs of one sample, the latter cut to its length.
static esp_status take_sample(const scan *s, int64_t batch, int64_t b,
                              esp_datum **sample, int64_t *most) {
  for (int i = 0; i < s->states + s->inputs; i++) {
    const esp_tensor *x = &s->call->in[s->first + i]->tensor;
    if (x->shape.ndim < 1 || x->shape.dim[0] != batch) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d has another batch than %lld",
                      s->first + i, (long long)batch);
    }
    ESP_TRY(esp_along_take(x, 0, b, 1, true, &sample[i]));
    if (i < s->states) continue;
    const esp_tensor *part = &sample[i]->tensor;
    if (part->shape.ndim < 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d has no axis to scan",
                      s->first + i);
    }
    *most = part->shape.dim[0];
    int64_t length;
    ESP_TRY(length_of(s, batch, b, *most, &length));
    esp_datum *cut;
    ESP_TRY(esp_along_take(part, 0, 0, length, false, &cut));
    esp_datum_drop(sample[i]);
    sample[i] = cut;
  }
  return ESP_OK;
}

static esp_status run_sample(scan *s, int64_t batch, int64_t b,
                             esp_datum **sample, esp_datum **made) {
  int64_t most = 0;
  ESP_TRY(take_sample(s, batch, b, sample, &most));
  esp_datum_drop_all(s->state, s->states);
  for (int i = 0; i < s->states; i++) s->state[i] = esp_datum_keep(sample[i]);
  ESP_TRY(run_steps(s, sample + s->states));
  for (int i = 0; i < s->states; i++) {
    made[i * batch + b] = esp_datum_keep(s->state[i]);
  }
  for (int o = 0; o < s->outputs; o++) {
    esp_datum **joined = &made[(s->states + o) * batch + b];
    ESP_TRY(
        esp_along_join(&s->collected[o * s->steps], s->steps, 0, true, joined));
    ESP_TRY(lengthen(joined, most));
  }
  esp_datum_drop_all(s->collected, s->outputs * s->steps);
  free(s->collected);
  s->collected = NULL;
  return ESP_OK;
}

static esp_status walk_batched(const esp_call *call, scan *s) {
  const esp_shape *shape = &call->in[s->first]->tensor.shape;
  const int64_t batch = shape->ndim > 0 ? shape->dim[0] : 0;
  const int given = s->states + s->inputs, results = s->states + s->outputs;
  if (batch < 1) return ESP_FAIL(ESP_BAD_INPUT, "there is no batch");
  esp_datum **sample = calloc((size_t)given + 1, sizeof *sample);
  esp_datum **made = calloc((size_t)results * (size_t)batch + 1, sizeof *made);
  esp_status status = sample != NULL && made != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot scan");
  for (int64_t b = 0; b < batch && status == ESP_OK; b++) {
    status = run_sample(s, batch, b, sample, made);
    esp_datum_drop_all(sample, given);
  }
  for (int r = 0; r < results && status == ESP_OK; r++) {
    status = esp_along_join(&made[r * batch], batch, 0, true, &call->out[r]);
  }
  esp_datum_drop_all(sample, given);
  esp_datum_drop_all(made, results * batch);
  free(sample);
  free(made);
  return status;
}

static esp_status walk(const esp_call *call) {
  scan s = {0};
  esp_status status = begin_scan(call, &s);
  if (status == ESP_OK) {
    status = s.batched ? walk_batched(call, &s) : walk_plain(call, &s);
  }
  end_scan(&s);
  return status;
}

const esp_op esp_op_scan = {.infer = esp_infer_walked, .walk = walk};
