// Cast and CastLike between numbers and truth values.
#include <math.h>

#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"

static esp_status infer(const esp_args *args) {
  const bool like = args->node->op == ESP_OP_CAST_LIKE;
  ESP_TRY(esp_check_arity(args, like ? 2 : 1, like ? 2 : 1, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ANY));
  const int64_t to =
      like ? (int64_t)args->in[1]->type : esp_node_int(args->node, "to", 0);
  if (to < 0 || to > 16 || (ESP_TYPES_ANY >> (unsigned)to & 1u) == 0) {
    return ESP_FAIL(ESP_UNSUPPORTED, "a cast to type %lld (%s)", (long long)to,
                    esp_dtype_text((esp_dtype)to));
  }
  esp_set_output(args, 0, (esp_dtype)to, &args->in[0]->shape);
  return ESP_OK;
}

// A number on its way: floats as double, integers whole, so that none of 64
// bits is lost.
typedef struct number {
  bool floating;
  double real;
  int64_t whole; // the bits of a uint64 too
  bool is_unsigned;
} number;

#define LOAD_REAL(s, t, d)                                                     \
  case d:                                                                      \
    return (number){.floating = true, .real = (double)((const t *)x)[i]};
#define LOAD_WHOLE(s, t, d)                                                    \
  case d:                                                                      \
    return (number){.whole = (int64_t)((const t *)x)[i],                       \
                    .is_unsigned = (t)-1 > (t)1};
static number load(esp_dtype type, const void *x, int64_t i) {
  switch (type) {
    ESP_FLOATING_TYPES(LOAD_REAL)
    ESP_INTEGER_TYPES(LOAD_WHOLE)
  case ESP_FLOAT16:
    return (number){.floating = true,
                    .real = (double)esp_from_float16(((const uint16_t *)x)[i])};
  case ESP_BFLOAT16:
    return (number){.floating = true,
                    .real =
                        (double)esp_from_bfloat16(((const uint16_t *)x)[i])};
  default:
    return (number){.whole = ((const uint8_t *)x)[i] != 0};
  }
}

static double real_of(const number *v) {
  if (v->floating) return v->real;
  return v->is_unsigned ? (double)(uint64_t)v->whole : (double)v->whole;
}

// Truncates towards zero; outside of 64 bits the nearest end, NaN to zero.
static int64_t whole_of(const number *v) {
  if (!v->floating) return v->whole;
  if (isnan(v->real)) return 0;
  if (v->real >= 0x1p63)
    return v->real >= 0x1p64 ? -1 : (int64_t)(uint64_t)v->real;
  if (v->real <= -0x1p63) return INT64_MIN;
  return (int64_t)v->real;
}

#define STORE_REAL(s, t, d)                                                    \
  case d:                                                                      \
    ((t *)y)[i] = (t)real_of(&v);                                              \
    break;
#define STORE_WHOLE(s, t, d)                                                   \
  case d:                                                                      \
    ((t *)y)[i] = (t)whole_of(&v);                                             \
    break;
static void store(esp_dtype type, void *y, int64_t i, number v) {
  switch (type) {
    ESP_FLOATING_TYPES(STORE_REAL)
    ESP_INTEGER_TYPES(STORE_WHOLE)
  case ESP_FLOAT16:
    ((uint16_t *)y)[i] = esp_to_float16((float)real_of(&v));
    break;
  case ESP_BFLOAT16:
    ((uint16_t *)y)[i] = esp_to_bfloat16((float)real_of(&v));
    break;
  default:
    ((uint8_t *)y)[i] = v.floating ? v.real != 0 : v.whole != 0; // NaN is true
  }
}

static void run_range(int64_t begin, int64_t end, void *argument) {
  const esp_args *args = argument;
  const esp_tensor *x = args->in[0], *y = args->out[0];
  if (x->type == ESP_UINT8 && y->type == ESP_FLOAT) { // images
    const uint8_t *from = x->data;
    float *to = y->data;
    for (int64_t i = begin; i < end; i++) to[i] = (float)from[i];
    return;
  }
  for (int64_t i = begin; i < end; i++) {
    store(y->type, y->data, i, load(x->type, x->data, i));
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  (void)state;
  esp_args kept = *args;
  esp_loop_over(team.width, esp_shape_count(&args->in[0]->shape), GRAIN,
                run_range, &kept);
  return ESP_OK;
}

const esp_op esp_op_cast = {
    .infer = infer, .run = run, .layout = ESP_LAYOUT_FOLLOWS};
