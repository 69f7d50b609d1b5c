// Cast and CastLike between numbers, truth values and strings.
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

enum {
  CASTABLE =
      ESP_TYPES_ANY | ESP_TYPES_FLOAT8 | ESP_TYPES_INT4 | ESP_TYPE(ESP_STRING)
};

// Before opset 6 the type is given by its name.
static int64_t asked_type(const esp_args *args) {
  const esp_node *node = args->node;
  if (node->op == ESP_OP_CAST_LIKE) return (int64_t)args->in[1]->type;
  const char *name = esp_node_string(node, "to", NULL);
  if (name == NULL) return esp_node_int(node, "to", 0);
  for (int t = 1; t < ESP_DTYPES; t++) {
    if (strcasecmp(name, esp_dtype_text((esp_dtype)t)) == 0) return t;
  }
  return 0;
}

static esp_status infer(const esp_args *args) {
  const bool like = args->node->op == ESP_OP_CAST_LIKE;
  ESP_TRY(esp_check_arity(args, like ? 2 : 1, like ? 2 : 1, 1));
  ESP_TRY(esp_check_type(args, 0, CASTABLE));
  const int64_t to = asked_type(args);
  if (to < 0 || to >= ESP_DTYPES || (CASTABLE >> (unsigned)to & 1u) == 0) {
    return ESP_FAIL(ESP_UNSUPPORTED, "a cast to type %lld (%s)", (long long)to,
                    esp_dtype_text((esp_dtype)to));
  }
  esp_set_output(args, 0, (esp_dtype)to, &args->in[0]->shape);
  return ESP_OK;
}

// Numbers to numbers.
typedef struct work {
  const esp_tensor *x, *y;
  bool saturate;
  bool cuts; // bfloat16: drops the lower half of a float
} work;

static void run_range(int64_t begin, int64_t end, void *argument) {
  const work *w = argument;
  const esp_tensor *x = w->x, *y = w->y;
  if (x->type == ESP_UINT8 && y->type == ESP_FLOAT) { // images
    const uint8_t *from = x->data;
    float *to = y->data;
    for (int64_t i = begin; i < end; i++) to[i] = (float)from[i];
    return;
  }
  if (w->cuts) {
    const uint32_t *from = x->data; // of floats, the bits
    uint16_t *to = y->data;
    for (int64_t i = begin; i < end; i++) {
      const bool nan = (from[i] & 0x7fffffffu) > 0x7f800000u;
      to[i] = (uint16_t)(from[i] >> 16 | (nan ? 0x40u : 0));
    }
    return;
  }
  const bool wrapping = esp_dtype_is_float8(y->type) && !w->saturate;
  for (int64_t i = begin; i < end; i++) {
    const esp_number v = esp_number_load(x->type, x->data, i);
    if (wrapping) {
      ((uint8_t *)y->data)[i] =
          esp_to_float8(y->type, (float)esp_number_real(&v), false);
    } else {
      esp_number_store(y->type, y->data, i, v);
    }
  }
}

// Reads a number as the standard has it: plain or scientific, infinity and NaN
// in any case of letters.  Whole numbers are read whole.
static esp_status read_number(const char *text, esp_number *number) {
  char *end;
  const char *first = text;
  while (isspace((unsigned char)*first)) first++;
  if (*first != '\0' && strpbrk(first, ".eEnNfFxXpP") == NULL) {
    const bool is_signed = *first == '-';
    number->whole = is_signed ? strtoll(first, &end, 10)
                              : (int64_t)strtoull(first, &end, 10);
    number->is_unsigned = !is_signed;
  } else {
    number->floating = true;
    number->real = strtod(first, &end);
  }
  while (end != first && isspace((unsigned char)*end)) end++;
  if (end != first && *end == '\0') return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "\"%.40s\" is not a number", text);
}

static esp_status run_from_strings(const esp_tensor *x, const esp_tensor *y) {
  const char *const *from = x->data;
  const int64_t count = esp_shape_count(&x->shape);
  for (int64_t i = 0; i < count; i++) {
    esp_number number = {0};
    ESP_TRY(read_number(from[i] != NULL ? from[i] : "", &number));
    esp_number_store(y->type, y->data, i, number);
  }
  return ESP_OK;
}

enum { NUMBER_TEXT = 512 }; // the largest double has 309 digits

// The fewest digits that give the number back when read as its type, in plain
// notation.
static void write_real(esp_dtype type, double v, char text[NUMBER_TEXT]) {
  if (!isfinite(v)) {
    (void)snprintf(text, NUMBER_TEXT, "%s",
                   isnan(v) ? "NaN" : (v > 0 ? "INF" : "-INF"));
    return;
  }
  int digits = 1;
  char trial[64];
  for (; digits < 17; digits++) {
    (void)snprintf(trial, sizeof trial, "%.*e", digits - 1, v);
    union {
      double wide;
      uint64_t bits;
    } back = {.bits = 0}, held = {.bits = 0};
    const esp_number again = {.floating = true, .real = strtod(trial, NULL)};
    const esp_number asked = {.floating = true, .real = v};
    esp_number_store(type, &back, 0, again);
    esp_number_store(type, &held, 0, asked);
    if (back.bits == held.bits) break;
  }
  (void)snprintf(trial, sizeof trial, "%.*e", digits - 1, v);
  const int exponent = atoi(strchr(trial, 'e') + 1);
  const int decimals = digits - 1 - exponent;
  (void)snprintf(text, NUMBER_TEXT, "%.*f", decimals > 0 ? decimals : 0, v);
}

static esp_status run_to_strings(const esp_tensor *x, const esp_tensor *y,
                                 esp_arena *strings) {
  if (strings == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "strings cannot be made here");
  }
  char **to = y->data;
  const int64_t count = esp_shape_count(&x->shape);
  for (int64_t i = 0; i < count; i++) {
    char text[NUMBER_TEXT];
    const esp_number v = esp_number_load(x->type, x->data, i);
    if (v.floating) {
      write_real(x->type, v.real, text);
    } else if (v.is_unsigned) {
      (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v.whole);
    } else {
      (void)snprintf(text, sizeof text, "%lld", (long long)v.whole);
    }
    ESP_TRY(esp_arena_string(strings, text, &to[i]));
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 8192 };
  (void)state;
  const esp_tensor *x = args->in[0], *y = args->out[0];
  if (x->type == ESP_STRING && y->type == ESP_STRING) {
    memcpy(y->data, x->data, esp_tensor_bytes(x));
    return ESP_OK;
  }
  if (x->type == ESP_STRING) return run_from_strings(x, y);
  if (y->type == ESP_STRING) return run_to_strings(x, y, team.strings);
  // The text of version 13 does not say how a bfloat16 is rounded; the
  // standard's own cases of it cut, those from version 19 on round.
  work w = {.x = x,
            .y = y,
            .saturate = esp_node_int(args->node, "saturate", 1) != 0,
            .cuts = x->type == ESP_FLOAT && y->type == ESP_BFLOAT16 &&
                    args->node->version < 19};
  esp_loop_over(team.width, esp_shape_count(&x->shape), GRAIN, run_range, &w);
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  (void)batch;
  esp_samples_give(args, &in[0], 0, out); // CastLike's second: its type alone
}

const esp_op esp_op_cast = {.samples = samples,
                            .infer = infer,
                            .run = run,
                            .layout = ESP_LAYOUT_FOLLOWS};
