#include "op/check.h"

#include <stdio.h>
#include <string.h>

#include "op/dispatch.h"

bool esp_has_input(const esp_args *args, int i) {
  return i < args->nin && args->in[i] != NULL;
}

esp_status esp_check_arity(const esp_args *args, int least, int most,
                           int outputs) {
  int given = args->nin;
  for (int p = 0; p < args->node->npost; p++) {
    if (args->node->post[p].kind == ESP_POST_ADD) given--; // added by a pass
  }
  if (given < least || given > most) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d inputs, expected %d to %d", given, least,
                    most);
  }
  for (int i = 0; i < least; i++) {
    if (args->in[i] == NULL) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d is omitted but required", i);
    }
  }
  if (args->nout > outputs) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d outputs, expected at most %d",
                    args->nout, outputs);
  }
  return ESP_OK;
}

esp_status esp_check_type(const esp_args *args, int i, unsigned mask) {
  esp_dtype type = args->in[i]->type;
  if (mask >> (unsigned)type & 1u) return ESP_OK;
  char wanted[512] = "";
  for (unsigned t = 1; t < ESP_DTYPES; t++) {
    if ((mask >> t & 1u) == 0) continue;
    size_t used = strlen(wanted);
    (void)snprintf(wanted + used, sizeof wanted - used, "%s%s",
                   used > 0 ? ", " : "", esp_dtype_text((esp_dtype)t));
  }
  return ESP_FAIL(ESP_UNSUPPORTED, "input %d is %s, expected one of: %s", i,
                  esp_dtype_text(type), wanted);
}

esp_status esp_check_same_type(const esp_args *args, int i, int j) {
  if (args->in[i]->type == args->in[j]->type) return ESP_OK;
  return ESP_FAIL(
      ESP_BAD_INPUT, "inputs %d and %d are %s and %s, expected one type", i, j,
      esp_dtype_text(args->in[i]->type), esp_dtype_text(args->in[j]->type));
}

esp_status esp_check_ndim(const esp_args *args, int i, int least, int most) {
  int ndim = args->in[i]->shape.ndim;
  if (ndim >= least && ndim <= most) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT,
                  "input %d has %d dimensions, expected %d to %d", i, ndim,
                  least, most);
}

esp_status esp_check_axis(const char *what, int64_t axis, int ndim,
                          int *wrapped) {
  if (esp_axis_wrap(axis, ndim, wrapped)) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "%s %lld is outside [%d,%d)", what,
                  (long long)axis, -ndim, ndim);
}

esp_status esp_check_known(const esp_args *args, int i) {
  if (args->in[i]->data != NULL) return ESP_OK;
  return ESP_FAIL(ESP_UNSUPPORTED,
                  "input %d is computed while the model runs, so that a shape "
                  "would depend on data",
                  i);
}

esp_status esp_choice_of(const esp_node *node, const char *attribute,
                         const char *fallback, const char *const *names,
                         int *chosen) {
  const char *name = esp_node_string(node, attribute, fallback);
  for (int i = 0; names[i] != NULL; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    *chosen = i;
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT, "%s is \"%s\"", attribute, name);
}

static esp_status list_from_input(const esp_args *args, int i, int64_t *list,
                                  int room, int *count) {
  const esp_tensor *t = args->in[i];
  ESP_TRY(esp_check_type(args, i, ESP_TYPE(ESP_INT64) | ESP_TYPE(ESP_INT32)));
  ESP_TRY(esp_check_ndim(args, i, 0, 1));
  ESP_TRY(esp_check_known(args, i));
  int64_t n = esp_shape_count(&t->shape);
  if (n > room) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "input %d has %lld numbers, expected at most %d", i,
                    (long long)n, room);
  }
  for (int64_t k = 0; k < n; k++) {
    list[k] = t->type == ESP_INT64 ? ((const int64_t *)t->data)[k]
                                   : ((const int32_t *)t->data)[k];
  }
  *count = (int)n;
  return ESP_OK;
}

esp_status esp_list_of(const esp_args *args, int i, const char *attribute,
                       int since, int64_t *list, int room, int *count) {
  *count = -1;
  if (args->node->version >= since) {
    return esp_has_input(args, i) ? list_from_input(args, i, list, room, count)
                                  : ESP_OK;
  }
  int n = 0;
  const int64_t *ints = esp_node_ints(args->node, attribute, &n);
  if (ints == NULL) return ESP_OK;
  if (n > room) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "attribute %s has %d numbers, expected at most %d",
                    attribute, n, room);
  }
  memcpy(list, ints, (size_t)n * sizeof *list);
  *count = n;
  return ESP_OK;
}

esp_status esp_size_of(const esp_args *args, int i, const char *what,
                       int64_t least, int64_t *size) {
  int64_t found;
  int count;
  ESP_TRY(list_from_input(args, i, &found, 1, &count));
  if (count != 1 || found < least) {
    return ESP_FAIL(
        ESP_BAD_INPUT, "%s is %lld (%d numbers), expected one of at least %lld",
        what, count == 1 ? (long long)found : 0LL, count, (long long)least);
  }
  *size = found;
  return ESP_OK;
}

esp_status esp_type_of(const esp_args *args, const char *attribute,
                       esp_dtype fallback, unsigned mask, esp_dtype *type) {
  const int64_t asked = esp_node_int(args->node, attribute, (int64_t)fallback);
  if (asked < 1 || asked >= ESP_DTYPES || (mask >> (unsigned)asked & 1u) == 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s is %lld, no data type that can be made",
                    attribute, (long long)asked);
  }
  *type = (esp_dtype)asked;
  return ESP_OK;
}

void esp_set_output(const esp_args *args, int i, esp_dtype type,
                    const esp_shape *shape) {
  if (i >= args->nout || args->out[i] == NULL) return;
  args->out[i]->type = type;
  args->out[i]->shape = *shape;
}

esp_status esp_index_at(const esp_tensor *indices, int64_t i, int64_t n,
                        int64_t *index) {
  int64_t at = indices->type == ESP_INT64 ? ((const int64_t *)indices->data)[i]
                                          : ((const int32_t *)indices->data)[i];
  if (at < -n || at >= n) {
    return ESP_FAIL(ESP_BAD_INPUT, "index %lld is outside [%lld,%lld)",
                    (long long)at, (long long)-n, (long long)n);
  }
  *index = at < 0 ? at + n : at;
  return ESP_OK;
}
