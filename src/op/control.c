// If and Loop: operators that run subgraphs, as often as data say.
// Source: ONNX operators If, Loop (versions 1 to 23).
#include <stdlib.h>

#include "op/along.h"
#include "op/family.h"
#include "op/walk.h"

// A tensor of exactly one element of this type, from input i.
static esp_status one_element(const esp_datum *datum, const char *what,
                              esp_dtype type, const void **data) {
  if (datum == NULL || datum->kind != ESP_KIND_TENSOR ||
      datum->tensor.type != type ||
      esp_shape_count(&datum->tensor.shape) != 1) {
    char text[ESP_SHAPE_TEXT] = "";
    if (datum == NULL) return ESP_FAIL(ESP_BAD_INPUT, "%s is omitted", what);
    return ESP_FAIL(
        ESP_BAD_INPUT, "%s is %s %s %s, expected one %s", what,
        esp_kind_text(datum->kind), esp_dtype_text(datum->tensor.type),
        esp_shape_text(&datum->tensor.shape, text), esp_dtype_text(type));
  }
  *data = datum->tensor.data;
  return ESP_OK;
}

static esp_status walk_if(const esp_call *call) {
  const void *condition;
  if (call->nin != 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d inputs, expected 1", call->nin);
  }
  ESP_TRY(one_element(call->in[0], "the condition", ESP_BOOL, &condition));
  return esp_call_body(
      call, *(const uint8_t *)condition ? "then_branch" : "else_branch", NULL,
      0, call->out, call->node->nout);
}

// What is carried from one iteration to the next, and what is collected.
typedef struct loop {
  const esp_call *call;
  int carried, scanned;
  esp_datum **in;         // [2 + carried] of the body
  esp_datum **out;        // [1 + carried + scanned] of the body
  esp_datum ***collected; // [scanned][iterations]
  size_t *room;           // [scanned]
  int64_t iterations;
} loop;

static void end_loop(loop *l) {
  esp_datum_drop_all(l->in, 2 + l->carried);
  esp_datum_drop_all(l->out, 1 + l->carried + l->scanned);
  for (int s = 0; l->collected != NULL && s < l->scanned; s++) {
    for (int64_t i = 0; i < l->iterations; i++) {
      if (l->collected[s] != NULL) esp_datum_drop(l->collected[s][i]);
    }
    free(l->collected[s]);
  }
  free(l->collected);
  free(l->room);
  free(l->in);
  free(l->out);
}

static esp_status begin_loop(const esp_call *call, loop *l) {
  l->call = call;
  l->carried = call->nin - 2;
  l->scanned = call->node->nout - l->carried;
  if (l->carried < 0 || l->scanned < 0) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%d inputs and %d outputs, expected 2 inputs or more and "
                    "an output for each of the others",
                    call->nin, call->node->nout);
  }
  l->in = calloc(2 + (size_t)l->carried, sizeof *l->in);
  l->out = calloc(1 + (size_t)l->carried + (size_t)l->scanned, sizeof *l->out);
  l->collected = calloc((size_t)l->scanned + 1, sizeof *l->collected);
  l->room = calloc((size_t)l->scanned + 1, sizeof *l->room);
  if (l->in == NULL || l->out == NULL || l->collected == NULL ||
      l->room == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot loop");
  }
  for (int i = 0; i < l->carried; i++) {
    if (call->in[2 + i] == NULL) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is omitted", 2 + i);
    }
    l->in[2 + i] = esp_datum_keep(call->in[2 + i]);
  }
  return ESP_OK;
}

static esp_status limits_of(const esp_call *call, int64_t *most, bool *go_on) {
  const void *data;
  *most = INT64_MAX;
  *go_on = true;
  if (call->in[0] != NULL) {
    ESP_TRY(one_element(call->in[0], "the trip count", ESP_INT64, &data));
    *most = *(const int64_t *)data;
  }
  if (call->in[1] != NULL) {
    ESP_TRY(one_element(call->in[1], "the condition", ESP_BOOL, &data));
    *go_on = *(const uint8_t *)data != 0;
  }
  return ESP_OK;
}

static esp_status iterate(loop *l, bool *go_on) {
  const int inputs = 2 + l->carried, outputs = 1 + l->carried + l->scanned;
  const void *condition;
  esp_datum_drop_all(l->in, 2);
  ESP_TRY(esp_datum_int64(l->iterations, &l->in[0]));
  ESP_TRY(esp_datum_bool(*go_on, &l->in[1]));
  ESP_TRY(esp_call_body(l->call, "body", l->in, inputs, l->out, outputs));
  ESP_TRY(one_element(l->out[0], "the body's condition", ESP_BOOL, &condition));
  *go_on = *(const uint8_t *)condition != 0;
  for (int i = 0; i < l->carried; i++) {
    esp_datum_drop(l->in[2 + i]);
    l->in[2 + i] = l->out[1 + i];
    l->out[1 + i] = NULL;
  }
  for (int s = 0; s < l->scanned; s++) {
    ESP_TRY(esp_grow(&l->collected[s], &l->room[s], (size_t)l->iterations + 1,
                     sizeof **l->collected));
    l->collected[s][l->iterations] = NULL;
  }
  for (int s = 0; s < l->scanned; s++) {
    l->collected[s][l->iterations] = l->out[1 + l->carried + s];
    l->out[1 + l->carried + s] = NULL;
  }
  esp_datum_drop_all(l->out, 1);
  l->iterations++;
  return ESP_OK;
}

static esp_status finish_loop(loop *l) {
  esp_datum **out = l->call->out;
  for (int i = 0; i < l->carried; i++) out[i] = esp_datum_keep(l->in[2 + i]);
  for (int s = 0; s < l->scanned; s++) {
    esp_datum **made = &out[l->carried + s];
    if (l->iterations == 0) {
      ESP_TRY(esp_along_none(esp_call_graph(l->call, "body"),
                             1 + l->carried + s, 0, made));
    } else {
      ESP_TRY(esp_along_join(l->collected[s], l->iterations, 0, true, made));
    }
  }
  return ESP_OK;
}

static esp_status walk_loop(const esp_call *call) {
  loop l = {0};
  int64_t most = 0;
  bool go_on = false;
  esp_status status = begin_loop(call, &l);
  if (status == ESP_OK) status = limits_of(call, &most, &go_on);
  while (status == ESP_OK && go_on && l.iterations < most) {
    status = iterate(&l, &go_on);
    if (status != ESP_OK) {
      (void)esp_fail_within(status, "iteration %lld", (long long)l.iterations);
    }
  }
  if (status == ESP_OK) status = finish_loop(&l);
  end_loop(&l);
  return status;
}

static esp_status walk(const esp_call *call) {
  return call->node->op == ESP_OP_IF ? walk_if(call) : walk_loop(call);
}

const esp_op esp_op_control = {.infer = esp_infer_walked, .walk = walk};
