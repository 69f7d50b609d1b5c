// Several graphs as one, side by side: branches that share what they are given
// and nothing else.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

typedef struct joiner {
  const esp_graph_part *part;
  int count;
  esp_graph *to;
  int *value; // of the part at hand: its values in the joined graph
} joiner;

static bool same_form(const esp_value *a, const esp_value *b) {
  return a->kind == b->kind && a->any_shape == b->any_shape &&
         a->tensor.type == b->tensor.type &&
         esp_shape_equal(&a->tensor.shape, &b->tensor.shape);
}

// Do all parts have this input, in one form?
static bool is_common(const joiner *j, int input) {
  const esp_graph *first = j->part[0].graph;
  for (int p = 0; p < j->count; p++) {
    const esp_graph *g = j->part[p].graph;
    if (input >= g->ninput || !same_form(&first->value[first->input[input]],
                                         &g->value[g->input[input]])) {
      return false;
    }
  }
  return true;
}

static esp_status with_part(const joiner *j, int p, const char *name,
                            char **made) {
  if (asprintf(made, "%s/%s", j->part[p].name, name) >= 0) return ESP_OK;
  return ESP_FAIL(ESP_NO_MEMORY, "cannot join %d models", j->count);
}

static esp_status add_value(joiner *j, int p, int v, bool common) {
  const esp_value *value = &j->part[p].graph->value[v];
  char *name = NULL;
  if (!common) ESP_TRY(with_part(j, p, value->name, &name));
  int made;
  const esp_status status = esp_graph_add_constant(
      j->to, common ? value->name : name, &value->tensor, &made);
  free(name);
  ESP_TRY(status);
  j->to->value[made].kind = value->kind;
  j->to->value[made].any_shape = value->any_shape;
  j->to->value[made].dim_name = value->dim_name;
  j->value[v] = made;
  return ESP_OK;
}

// The inputs of the first part that are common are those of all.
static esp_status add_values(joiner *j, int p) {
  const esp_graph *g = j->part[p].graph;
  for (int v = 0; v < g->nvalue; v++) j->value[v] = -1;
  for (int i = 0; i < g->ninput; i++) {
    const bool common = is_common(j, i);
    if (common && p > 0) {
      j->value[g->input[i]] = j->to->input[i];
      continue;
    }
    ESP_TRY(add_value(j, p, g->input[i], common));
    ESP_TRY(esp_graph_add_input(j->to, j->value[g->input[i]]));
  }
  for (int v = 0; v < g->nvalue; v++) {
    if (j->value[v] < 0) ESP_TRY(add_value(j, p, v, false));
  }
  for (int i = 0; i < g->noutput; i++) {
    ESP_TRY(esp_graph_add_output(j->to, j->value[g->output[i]]));
  }
  return ESP_OK;
}

static esp_status add_node(joiner *j, int p, const esp_node *node) {
  const int most = node->nin > node->nout ? node->nin : node->nout;
  int *in = calloc(2 * (size_t)most + 2, sizeof *in), *out = in + most;
  char *name = NULL;
  int made;
  esp_status status = in != NULL ? with_part(j, p, node->name, &name)
                                 : ESP_FAIL(ESP_NO_MEMORY, "cannot join nodes");
  for (int i = 0; i < node->nin && status == ESP_OK; i++) {
    in[i] = node->in[i] >= 0 ? j->value[node->in[i]] : -1;
  }
  for (int i = 0; i < node->nout && status == ESP_OK; i++) {
    out[i] = node->out[i] >= 0 ? j->value[node->out[i]] : -1;
  }
  if (status == ESP_OK) {
    status = esp_graph_add_copy(j->to, node, name, in, out, &made);
  }
  free(name);
  free(in);
  return status;
}

static esp_status add_part(joiner *j, int p) {
  const esp_graph *g = j->part[p].graph;
  j->value = calloc((size_t)g->nvalue + 1, sizeof *j->value);
  esp_status status = j->value != NULL
                          ? add_values(j, p)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot join models");
  for (int n = 0; n < g->nnode && status == ESP_OK; n++) {
    status = add_node(j, p, &g->node[n]);
  }
  free(j->value);
  j->value = NULL;
  return status;
}

// The joined graph ends its parts with its arena, whatever becomes of it.
static esp_status take_over(const joiner *j) {
  esp_status status = ESP_OK;
  for (int p = 0; p < j->count; p++) {
    if (status == ESP_OK) {
      status = esp_graph_keep(j->to, j->part[p].graph);
      if (status == ESP_OK) continue;
    }
    esp_graph_free(j->part[p].graph);
  }
  return status;
}

esp_status esp_graph_join(const esp_graph_part *part, int count,
                          esp_graph **joined) {
  joiner j = {.part = part, .count = count};
  esp_status status = esp_graph_create(&j.to);
  if (status != ESP_OK) {
    for (int p = 0; p < count; p++) esp_graph_free(part[p].graph);
    return status;
  }
  status = take_over(&j);
  for (int p = 0; p < count && status == ESP_OK; p++) status = add_part(&j, p);
  if (status == ESP_OK) status = esp_graph_check(j.to);
  if (status != ESP_OK) {
    esp_graph_free(j.to);
    return status;
  }
  *joined = j.to;
  return ESP_OK;
}
