// StringConcat and StringSplit: strings put together and taken apart.
#include <string.h>

#include "op/broadcast.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

static esp_status infer_concat(const esp_args *args) {
  esp_shape shape;
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_STRING)));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_STRING)));
  ESP_TRY(
      esp_shape_broadcast(&args->in[0]->shape, &args->in[1]->shape, &shape));
  esp_set_output(args, 0, ESP_STRING, &shape);
  return ESP_OK;
}

static esp_status join(const char *first, const char *second, esp_arena *arena,
                       char **joined) {
  const size_t length = strlen(first), more = strlen(second) + 1;
  void *room;
  ESP_TRY(esp_arena_take(arena, length + more, 1, &room));
  memcpy(room, first, length);
  memcpy((char *)room + length, second, more);
  *joined = room;
  return ESP_OK;
}

static esp_status run_concat(const esp_args *args, esp_arena *arena) {
  char *const *x = args->in[0]->data, *const *y = args->in[1]->data;
  char **to = args->out[0]->data;
  esp_broadcast plan;
  esp_broadcast_plan(args->in, 2, args->out[0], &plan);
  for (int64_t run = 0; run < plan.outer; run++) {
    int64_t from[ESP_BROADCAST_INPUTS];
    esp_broadcast_at(&plan, 2, run, from);
    for (int64_t i = 0; i < plan.inner; i++) {
      ESP_TRY(join(x[from[0] + i * plan.stride[0][plan.ndim - 1]],
                   y[from[1] + i * plan.stride[1][plan.ndim - 1]], arena,
                   to++));
    }
  }
  return ESP_OK;
}

// The bytes of the white space at the beginning of a text; 0: there is none.
// Source: Unicode's property White_Space, which Python's split() follows.
static size_t space_at(const char *text) {
  static const char *const wide[] = {
      "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
      "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
  if (*text == ' ' || (*text >= '\t' && *text <= '\r')) return 1;
  if ((unsigned char)*text < 0x80) return 0;
  if (strncmp(text, "\xe2\x80", 2) == 0) { // U+2000 to U+200A
    const unsigned char last = (unsigned char)text[2];
    if (last >= 0x80 && last <= 0x8a) return 3;
  }
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
    const size_t bytes = strlen(wide[i]);
    if (strncmp(text, wide[i], bytes) == 0) return bytes;
  }
  return 0;
}

// A string being split.
typedef struct splitting {
  const char *rest;      // NULL: nothing is left
  const char *delimiter; // "": runs of white space
  int64_t splits;        // still allowed
} splitting;

static splitting split_of(const esp_node *node, const char *text) {
  const int64_t most = esp_node_int(node, "maxsplit", -1);
  return (splitting){.rest = text,
                     .delimiter = esp_node_string(node, "delimiter", ""),
                     .splits = most < 0 ? INT64_MAX : most};
}

// The last word is all that is left, but for white space at its end, which
// the standard's text has removed.
static bool next_word(splitting *s, const char **part, size_t *length) {
  size_t space;
  while ((space = space_at(s->rest)) > 0) s->rest += space;
  if (s->rest[0] == '\0') return false;
  const bool is_last = s->splits-- <= 0;
  const char *at = s->rest;
  *part = at;
  while (*at != '\0' && (is_last || space_at(at) == 0)) {
    space = space_at(at);
    at += space > 0 ? space : 1;
    if (space == 0) *length = (size_t)(at - *part);
  }
  s->rest = at;
  return true;
}

static bool next_field(splitting *s, const char **part, size_t *length) {
  if (s->rest == NULL) return false;
  const char *end = s->splits-- > 0 ? strstr(s->rest, s->delimiter) : NULL;
  *part = s->rest;
  *length = end != NULL ? (size_t)(end - s->rest) : strlen(s->rest);
  s->rest = end != NULL ? end + strlen(s->delimiter) : NULL;
  return true;
}

// Takes the next part; false: there is none.
static bool next_part(splitting *s, const char **part, size_t *length) {
  return s->delimiter[0] == '\0' ? next_word(s, part, length)
                                 : next_field(s, part, length);
}

static int64_t count_parts(const esp_node *node, const char *text) {
  splitting s = split_of(node, text);
  const char *part;
  size_t length;
  int64_t count = 0;
  while (next_part(&s, &part, &length)) count++;
  return count;
}

static esp_status infer_split(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 1, 1, 2));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_STRING)));
  ESP_TRY(esp_check_ndim(args, 0, 0, ESP_MAX_NDIM - 1));
  ESP_TRY(esp_check_known(args, 0));
  char *const *text = args->in[0]->data;
  esp_shape shape = args->in[0]->shape;
  esp_set_output(args, 1, ESP_INT64, &shape);
  const int64_t texts = esp_shape_count(&shape);
  int64_t most = 0;
  for (int64_t i = 0; i < texts; i++) {
    const int64_t parts = count_parts(args->node, text[i]);
    if (parts > most) most = parts;
  }
  shape.dim[shape.ndim++] = most;
  esp_set_output(args, 0, ESP_STRING, &shape);
  return ESP_OK;
}

static esp_status run_split(const esp_args *args, esp_arena *arena) {
  char *const *text = args->in[0]->data;
  char **to = args->out[0]->data;
  int64_t *counts =
      args->nout > 1 && args->out[1] != NULL ? args->out[1]->data : NULL;
  const int64_t texts = esp_shape_count(&args->in[0]->shape);
  const int64_t most = args->out[0]->shape.dim[args->out[0]->shape.ndim - 1];
  for (int64_t i = 0; i < texts; i++, to += most) {
    splitting s = split_of(args->node, text[i]);
    const char *part;
    size_t length;
    int64_t count = 0;
    while (next_part(&s, &part, &length)) {
      ESP_TRY(esp_arena_chars(arena, part, length, &to[count]));
      count++;
    }
    esp_fill_zero(ESP_STRING, to + count, most - count);
    if (counts != NULL) counts[i] = count;
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  return args->node->op == ESP_OP_STRING_CONCAT ? infer_concat(args)
                                                : infer_split(args);
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  if (team.strings == NULL) {
    return ESP_FAIL(ESP_UNSUPPORTED, "strings cannot be made here");
  }
  return args->node->op == ESP_OP_STRING_CONCAT ? run_concat(args, team.strings)
                                                : run_split(args, team.strings);
}

// Of those that are taken apart the longest decides how wide the others are.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  if (args->node->op == ESP_OP_STRING_CONCAT) {
    esp_samples_elementwise(args, batch, in, out);
  } else {
    esp_samples_all_mixed(args, batch, in, out);
  }
}

const esp_op esp_op_strings = {.samples = samples, .infer = infer, .run = run};
