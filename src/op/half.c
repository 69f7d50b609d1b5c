#include "op/half.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/parallel.h"

static bool is_half(esp_dtype type) {
  return type == ESP_FLOAT16 || type == ESP_BFLOAT16;
}
esp_dtype esp_computed_type(esp_dtype type) {
  return is_half(type) ? ESP_FLOAT : type;
}

// A tensor of the node on both sides of the conversion.
typedef struct twin {
  bool converted;
  float *constant; // of an input that is known before the run
  size_t place;    // otherwise: of the float32 elements in the scratch memory
} twin;

typedef struct prepared {
  const esp_op *plain;
  esp_prepared inner;
  bool any;
  size_t list, tensors; // places of the arguments in the scratch memory
  twin *twin;           // [nin + nout]
  int count;
} prepared;

typedef struct conversion {
  const esp_tensor *half;
  float *single;
} conversion;

static void widen_range(int64_t begin, int64_t end, void *argument) {
  const conversion *c = argument;
  const uint16_t *from = c->half->data;
  if (c->half->type == ESP_FLOAT16) {
    for (int64_t i = begin; i < end; i++)
      c->single[i] = esp_from_float16(from[i]);
  } else {
    for (int64_t i = begin; i < end; i++)
      c->single[i] = esp_from_bfloat16(from[i]);
  }
}

static void narrow_range(int64_t begin, int64_t end, void *argument) {
  const conversion *c = argument;
  uint16_t *to = c->half->data;
  if (c->half->type == ESP_FLOAT16) {
    for (int64_t i = begin; i < end; i++) to[i] = esp_to_float16(c->single[i]);
  } else {
    for (int64_t i = begin; i < end; i++) to[i] = esp_to_bfloat16(c->single[i]);
  }
}

static void convert(const esp_tensor *half, float *single, bool widen,
                    int width) {
  enum { GRAIN = 8192 };
  conversion c = {.half = half, .single = single};
  esp_loop_over(width, esp_shape_count(&half->shape), GRAIN,
                widen ? widen_range : narrow_range, &c);
}

static size_t single_bytes(const esp_tensor *t) {
  return (size_t)esp_shape_count(&t->shape) * sizeof(float);
}

static const esp_tensor *tensor_of(const esp_args *args, int i) {
  return i < args->nin ? args->in[i] : args->out[i - args->nin];
}

// Finds what is to be converted; constants at once.
static esp_status plan_twins(const esp_args *args, prepared *p) {
  size_t place = 0;
  for (int i = 0; i < p->count; i++) {
    const esp_tensor *t = tensor_of(args, i);
    if (t == NULL || !is_half(t->type)) continue;
    p->any = p->twin[i].converted = true;
    if (i < args->nin && t->data != NULL) {
      p->twin[i].constant = malloc(single_bytes(t) + sizeof(float));
      if (p->twin[i].constant == NULL) {
        return ESP_FAIL(ESP_NO_MEMORY, "cannot convert a constant");
      }
      convert(t, p->twin[i].constant, true, 1);
    } else {
      p->twin[i].place = place;
      place += esp_align_up(single_bytes(t));
    }
  }
  p->list = place;
  p->tensors = p->list + esp_align_up((size_t)p->count * sizeof(esp_tensor *));
  return ESP_OK;
}

// The arguments as the plain operator sees them, in `list` and `tensors`.
static esp_args seen_args(const esp_args *args, const prepared *p,
                          esp_tensor **list, esp_tensor *tensors,
                          unsigned char *scratch) {
  for (int i = 0; i < p->count; i++) {
    const esp_tensor *t = tensor_of(args, i);
    list[i] = NULL;
    if (t == NULL) continue;
    tensors[i] = *t;
    list[i] = &tensors[i];
    if (!p->twin[i].converted) continue;
    tensors[i].type = ESP_FLOAT;
    tensors[i].data = NULL;
    if (p->twin[i].constant != NULL) {
      tensors[i].data = p->twin[i].constant;
    } else if (scratch != NULL) {
      tensors[i].data = scratch + p->twin[i].place;
    }
  }
  esp_args seen = *args;
  seen.in = (const esp_tensor *const *)list;
  seen.out = list + args->nin;
  return seen;
}

static esp_status prepare_plain(const esp_args *args, int width, prepared *p) {
  if (p->plain->prepare == NULL) return ESP_OK;
  if (!p->any) return p->plain->prepare(args, width, &p->inner);
  esp_tensor **list = calloc((size_t)p->count + 1, sizeof *list);
  esp_tensor *tensors = calloc((size_t)p->count + 1, sizeof *tensors);
  esp_status status = ESP_OK;
  if (list == NULL || tensors == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  } else {
    const esp_args seen = seen_args(args, p, list, tensors, NULL);
    status = p->plain->prepare(&seen, width, &p->inner);
  }
  free(list);
  free(tensors);
  return status;
}

esp_status esp_half_prepare(const esp_args *args, int width,
                            esp_prepared *made) {
  prepared *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  made->state = p;
  p->plain = esp_op_get(args->node->op)->plain;
  p->count = args->nin + args->nout;
  p->twin = calloc((size_t)p->count + 1, sizeof *p->twin);
  if (p->twin == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare");
  ESP_TRY(plan_twins(args, p));
  ESP_TRY(prepare_plain(args, width, p));
  made->scratch_bytes = p->inner.scratch_bytes;
  if (p->any) { // the plain operator's own scratch memory comes last
    p->tensors = esp_align_up(p->tensors);
    made->scratch_bytes +=
        p->tensors + esp_align_up((size_t)p->count * sizeof(esp_tensor));
  }
  return ESP_OK;
}

void esp_half_release(void *state) {
  prepared *p = state;
  if (p == NULL) return;
  if (p->plain->release != NULL) p->plain->release(p->inner.state);
  for (int i = 0; i < p->count && p->twin != NULL; i++) {
    free(p->twin[i].constant);
  }
  free(p->twin);
  free(p);
}

esp_status esp_half_run(const esp_args *args, const void *state,
                        esp_team team) {
  const prepared *p = state;
  if (!p->any) return p->plain->run(args, p->inner.state, team);
  unsigned char *scratch = team.scratch;
  esp_tensor **list = (esp_tensor **)(void *)(scratch + p->list);
  esp_tensor *tensors = (esp_tensor *)(void *)(scratch + p->tensors);
  const esp_args seen = seen_args(args, p, list, tensors, scratch);
  for (int i = 0; i < args->nin; i++) {
    if (!p->twin[i].converted || p->twin[i].constant != NULL) continue;
    convert(args->in[i], list[i]->data, true, team.width);
  }
  esp_team inner = team;
  inner.scratch = scratch + p->tensors +
                  esp_align_up((size_t)p->count * sizeof(esp_tensor));
  ESP_TRY(p->plain->run(&seen, p->inner.state, inner));
  for (int i = args->nin; i < p->count; i++) {
    if (!p->twin[i].converted) continue;
    convert(tensor_of(args, i), list[i]->data, false, team.width);
  }
  return ESP_OK;
}
