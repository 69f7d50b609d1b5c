// The operator table in words and as JSON: what tests/docs/operators.py makes
// docs/operators.md of.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/private.h"
#include "op/op.h"

// ONNX's own names come first; those of other domains are "domain:Name".
static int by_name(const void *a, const void *b) {
  const char *one = esp_op_name(*(const int *)a);
  const char *other = esp_op_name(*(const int *)b);
  const int far = (strchr(one, ':') != NULL) - (strchr(other, ':') != NULL);
  return far != 0 ? far : strcmp(one, other);
}

// How a batch of samples fares in an operator.
static const char *batch_of(const esp_op *op) {
  if (op->samples != NULL) return "followed";
  return op->walk != NULL ? "walked" : "untold";
}

static void write_one(FILE *out, int id, bool json) {
  const char *name = esp_op_name(id), *colon = strchr(name, ':');
  const char *batch = batch_of(esp_op_get(id));
  if (!json) {
    fprintf(out, "%-40s %s\n", name, batch);
    return;
  }
  fprintf(out,
          "{\"domain\": \"%.*s\", \"operator\": \"%s\", \"batch\": \"%s\"}\n",
          colon != NULL ? (int)(colon - name) : 0, name,
          colon != NULL ? colon + 1 : name, batch);
}

esp_status esp_operators(bool json, char **text) {
  size_t bytes;
  int *id = malloc(ESP_OP_COUNT * sizeof *id);
  FILE *out = id != NULL ? open_memstream(text, &bytes) : NULL;
  if (out == NULL) {
    free(id);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list the operators");
  }
  for (int i = 0; i < ESP_OP_COUNT; i++) id[i] = i;
  qsort(id, ESP_OP_COUNT, sizeof *id, by_name);
  for (int i = 0; i < ESP_OP_COUNT; i++) write_one(out, id[i], json);
  free(id);
  if (fclose(out) != 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list the operators");
  }
  return ESP_OK;
}
