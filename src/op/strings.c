// StringConcat and StringSplit: strings put together and taken apart.
#include <string.h>

#include "op/broadcast.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"

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

// A string being split, as Python's split() does.
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

// Takes the next part; false: there is none.
static bool next_part(splitting *s, const char **part, size_t *length) {
  static const char white[] = " \t\n\v\f\r";
  const bool by_white = s->delimiter[0] == '\0';
  if (s->rest == NULL) return false;
  if (by_white) {
    s->rest += strspn(s->rest, white);
    if (s->rest[0] == '\0') return false;
  }
  *part = s->rest;
  *length = strlen(*part);
  s->rest = NULL;
  if (s->splits-- <= 0) return true;
  if (by_white) {
    *length = strcspn(*part, white);
    s->rest = *part + *length;
    return true;
  }
  const char *end = strstr(*part, s->delimiter);
  if (end == NULL) return true;
  *length = (size_t)(end - *part);
  s->rest = end + strlen(s->delimiter);
  return true;
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

const esp_op esp_op_strings = {.infer = infer, .run = run};
