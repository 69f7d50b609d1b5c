// Does a model mix the samples of a batch?  Followed from its inputs to every
// output of the graph as it was loaded, with the shapes of one batch.
#include <stdio.h>
#include <stdlib.h>

#include "optimise/private.h"

typedef struct tracing {
  const esp_graph *graph;
  esp_samples *samples; // [nvalue]
  int64_t batch;
  const esp_node *mixes, *hides; // the first of each; NULL: none
} tracing;

static void note(tracing *t, const esp_node *node, const esp_samples *out) {
  for (int i = 0; i < node->nout; i++) {
    if (node->out[i] < 0) continue;
    t->samples[node->out[i]] = out[i];
    if (out[i].kind == ESP_SAMPLES_MIXED && t->mixes == NULL) t->mixes = node;
    if (out[i].kind == ESP_SAMPLES_UNTOLD && t->hides == NULL) t->hides = node;
  }
}

static esp_status trace_node(tracing *t, int n) {
  const esp_node *node = &t->graph->node[n];
  const size_t in = (size_t)node->nin;
  esp_samples *samples = calloc(in + (size_t)node->nout + 1, sizeof *samples);
  esp_arg_lists lists = {0};
  esp_args args;
  esp_status status =
      samples != NULL ? esp_args_of(t->graph, n, &lists, &args)
                      : ESP_FAIL(ESP_NO_MEMORY, "cannot follow the samples");
  if (status == ESP_OK) {
    for (int i = 0; i < node->nin; i++) {
      if (node->in[i] >= 0) samples[i] = t->samples[node->in[i]];
    }
    esp_op_samples(&args, t->batch, samples, samples + in);
    note(t, node, samples + in);
  }
  esp_args_end(&lists);
  free(samples);
  return status;
}

// An output that has no samples, or has them elsewhere than first, is refused
// by others with better words.
static void judge(const tracing *t, esp_coupling *coupling) {
  const esp_node *why = NULL;
  coupling->kind = ESP_COUPLING_NONE;
  for (int i = 0; i < t->graph->noutput; i++) {
    const esp_samples *s = &t->samples[t->graph->output[i]];
    if (s->kind == ESP_SAMPLES_MIXED) {
      coupling->kind = ESP_COUPLING_FOUND;
      why = t->mixes;
    } else if (s->kind == ESP_SAMPLES_UNTOLD &&
               coupling->kind == ESP_COUPLING_NONE) {
      coupling->kind = ESP_COUPLING_UNTOLD;
      why = t->hides;
    }
  }
  if (why == NULL) return;
  (void)snprintf(coupling->where, sizeof coupling->where, "%.120s (%.60s)",
                 why->name, why->op_type);
}

// Follows the samples of these inputs; t->samples is to be freed.
static esp_status trace(const esp_graph *graph, const int *input, int inputs,
                        int64_t batch, tracing *t) {
  *t = (tracing){.graph = graph, .batch = batch};
  t->samples = calloc((size_t)graph->nvalue + 1, sizeof *t->samples);
  if (t->samples == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot follow the samples");
  }
  for (int i = 0; i < inputs; i++) {
    t->samples[graph->input[input[i]]] =
        (esp_samples){.kind = ESP_SAMPLES_ALONG, .axis = 0, .inner = 1};
  }
  for (int n = 0; n < graph->nnode; n++) ESP_TRY(trace_node(t, n));
  return ESP_OK;
}

// Is every output made of rows, one for each sample?
static bool all_rows(const tracing *t) {
  for (int i = 0; i < t->graph->noutput; i++) {
    const esp_samples *s = &t->samples[t->graph->output[i]];
    if (s->kind != ESP_SAMPLES_ALONG || s->axis != 0 || s->inner != 1) {
      return false;
    }
  }
  return true;
}

esp_status esp_rows_apart(const esp_graph *model,
                          const esp_optimise_options *options, const int *input,
                          int inputs, bool *apart) {
  esp_optimise_options how = *options;
  how.plain = true;
  *apart = false;
  esp_graph *graph;
  esp_status status = esp_optimise(model, &how, &graph);
  if (status != ESP_OK) return status == ESP_NO_MEMORY ? status : ESP_OK;
  tracing t;
  status = trace(graph, input, inputs, how.batch, &t);
  if (status == ESP_OK) *apart = all_rows(&t);
  free(t.samples);
  esp_graph_free(graph);
  return status;
}

esp_status esp_optimise_coupling(const esp_graph *model, const int *input,
                                 int inputs, esp_coupling *coupling) {
  *coupling = (esp_coupling){.kind = ESP_COUPLING_NONE};
  const esp_shape *shape = &model->value[model->input[input[0]]].tensor.shape;
  const int64_t fixed = shape->ndim > 0 ? shape->dim[0] : -1;
  if (fixed == 0 || fixed == 1) return ESP_OK; // there is no other sample
  const esp_optimise_options how = {.batch = fixed > 0 ? fixed : ESP_A_BATCH,
                                    .plain = true};
  esp_graph *graph = NULL;
  esp_status status = esp_optimise(model, &how, &graph);
  if (status == ESP_OK) {
    tracing t;
    status = trace(graph, input, inputs, how.batch, &t);
    if (status == ESP_OK) judge(&t, coupling);
    free(t.samples);
    esp_graph_free(graph);
    return status;
  }
  if (status == ESP_NO_MEMORY) return status;
  // It will be walked, or takes only some sizes of batch.
  coupling->kind = ESP_COUPLING_UNTOLD;
  (void)snprintf(coupling->where, sizeof coupling->where, "its shapes");
  return ESP_OK;
}
