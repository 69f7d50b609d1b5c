// From a loaded model to the plan for one size of batch.
#include <stdlib.h>
#include <string.h>

#include "api/private.h"
#include "optimise/optimise.h"

esp_status esp_build_batch(const esp_graph *model, int input, int64_t asked,
                           int64_t fallback, int64_t *batch) {
  *batch = asked > 0 ? asked : fallback;
  if (input >= model->ninput) return ESP_OK;
  const esp_tensor *tensor = &model->value[model->input[input]].tensor;
  const int64_t fixed = tensor->shape.ndim > 0 ? tensor->shape.dim[0] : -1;
  if (fixed < 0) return ESP_OK;
  if (asked > 0 && asked != fixed) {
    return ESP_FAIL(ESP_USAGE,
                    "batch is %lld, but the model takes %lld samples at a time",
                    (long long)asked, (long long)fixed);
  }
  *batch = fixed;
  return ESP_OK;
}

// Pieces of the whole are made where they are expected to take less time.
static esp_status cut_as_cached(const esp_build_options *options,
                                const esp_optimise_options *how,
                                esp_graph **graph) {
  const int64_t batch = esp_optimise_samples(options->model, how);
  if (batch < 2 || options->ranks * options->workers > 1) return ESP_OK;
  const int64_t rows = esp_cost_rows(*graph, options->machine, batch);
  if (rows == batch) return ESP_OK;
  esp_graph *pieces;
  ESP_TRY(esp_optimise_pieces(options->model, how, rows, &pieces));
  if (pieces == NULL) return ESP_OK;
  esp_graph_free(*graph);
  *graph = pieces;
  return ESP_OK;
}

static esp_status make_graph(const esp_build_options *options,
                             esp_graph **graph) {
  const esp_optimise_options how = {.batch = options->batch,
                                    .input = options->input};
  if (options->micro_batch > 0) {
    ESP_TRY(
        esp_optimise_pieces(options->model, &how, options->micro_batch, graph));
    if (*graph != NULL) return ESP_OK;
  }
  ESP_TRY(esp_optimise(options->model, &how, graph));
  return options->micro_batch == ESP_AS_CACHED
             ? cut_as_cached(options, &how, graph)
             : ESP_OK;
}

int64_t esp_micro_batch(int64_t asked) {
  return asked > 0 ? asked : ESP_AS_CACHED;
}

// Are the seconds that were given those of this graph?
static bool is_measured(const esp_build_options *options,
                        const esp_graph *graph) {
  return options->seconds != NULL && options->nodes == graph->nnode;
}

// Bytes of the constants that passes have made, which every rank has.
static double made_bytes(const esp_build_options *options,
                         const esp_graph *graph) {
  double all = 0, loaded = 0;
  for (int v = 0; v < graph->nvalue; v++) {
    const esp_tensor *t = &graph->value[v].tensor;
    if (t->data != NULL) all += (double)esp_tensor_bytes(t);
  }
  for (int v = 0; v < options->model->nvalue; v++) {
    const esp_tensor *t = &options->model->value[v].tensor;
    if (t->data != NULL) loaded += (double)esp_tensor_bytes(t);
  }
  return all > loaded ? all - loaded : 0;
}

static esp_status no_memory(const esp_build_options *options) {
  return ESP_FAIL(ESP_LIMIT,
                  "%.0f MB a rank are less than what each needs for constants "
                  "that follow from the weights",
                  1e-6 * options->memory);
}

static esp_status copy_seconds(const double *from, int nodes, double **copy) {
  *copy = malloc(((size_t)nodes + 1) * sizeof **copy);
  if (*copy == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  memcpy(*copy, from, (size_t)nodes * sizeof **copy);
  return ESP_OK;
}

// Takes the graph over, also on failure.
static esp_status plan_graph(const esp_build_options *options, esp_graph *graph,
                             esp_built *built) {
  esp_built made = {.graph = graph};
  esp_status status = ESP_OK;
  made.seconds = calloc((size_t)graph->nnode + 1, sizeof *made.seconds);
  if (made.seconds == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot plan %d nodes", graph->nnode);
    goto done;
  }
  if (is_measured(options, graph)) {
    memcpy(made.seconds, options->seconds,
           (size_t)options->nodes * sizeof *made.seconds);
  } else {
    status = esp_cost_estimate(graph, options->machine, options->width,
                               made.seconds);
  }
  if (status != ESP_OK) goto done;
  if (is_measured(options, graph) && options->narrow != NULL) {
    status = copy_seconds(options->narrow, graph->nnode, &made.narrow);
    if (status != ESP_OK) goto done;
  }
  made.problem = (esp_plan_problem){.graph = graph,
                                    .narrow = made.narrow,
                                    .ranks = options->ranks,
                                    .ranks_per_node = options->ranks_per_node,
                                    .workers = options->workers,
                                    .width = options->width,
                                    .seconds = made.seconds,
                                    .links = options->machine->links,
                                    .memory = options->memory,
                                    .slots = options->slots,
                                    .copies = options->copies};
  if (options->memory > 0) {
    made.problem.memory = options->memory - made_bytes(options, graph);
    if (made.problem.memory <= 0) status = no_memory(options);
    if (status != ESP_OK) goto done;
  }
  status = esp_plan_build(&made.problem, &made.plan);

done:
  if (status != ESP_OK) {
    esp_build_end(&made);
    return status;
  }
  *built = made;
  return ESP_OK;
}

// Rows of a piece that let all workers have as many pieces, and suit a cache;
// 0: there are none.
static int64_t rows_for_all(const esp_build_options *options,
                            const esp_graph *graph, int64_t batch) {
  const int64_t processors = (int64_t)options->ranks * options->workers;
  const int64_t cached = esp_cost_rows(graph, options->machine, batch);
  const int64_t most = batch / processors;
  for (int64_t rows = most < cached ? most : cached; rows > 0; rows--) {
    if (batch % rows == 0 && batch / rows % processors == 0) return rows;
  }
  return 0;
}

// A batch may also be shared by its samples: pieces are branches.  Taken where
// that is planned to take less time; what was measured stays.
static esp_status share_samples(const esp_build_options *options,
                                esp_built *built) {
  enum { MOST_NODES = 5000 };
  const esp_optimise_options how = {.batch = options->batch,
                                    .input = options->input};
  const int64_t batch = esp_optimise_samples(options->model, &how);
  if (options->micro_batch != ESP_AS_CACHED || batch < 2 ||
      options->ranks * options->workers < 2 ||
      is_measured(options, built->graph)) {
    return ESP_OK;
  }
  const int64_t rows = rows_for_all(options, built->graph, batch);
  if (rows == 0 || built->graph->nnode * (batch / rows) > MOST_NODES) {
    return ESP_OK;
  }
  esp_graph *pieces;
  esp_built shared;
  ESP_TRY(esp_optimise_pieces(options->model, &how, rows, &pieces));
  if (pieces == NULL) return ESP_OK;
  ESP_TRY(plan_graph(options, pieces, &shared));
  if (is_measured(options, shared.graph) ||
      shared.plan->predicted < built->plan->predicted) {
    const esp_built spare = *built;
    *built = shared;
    shared = spare;
  }
  esp_build_end(&shared);
  return ESP_OK;
}

esp_status esp_build(const esp_build_options *options, esp_built *built) {
  esp_graph *graph;
  ESP_TRY(make_graph(options, &graph));
  ESP_TRY(plan_graph(options, graph, built));
  esp_status status = share_samples(options, built);
  if (status == ESP_OK) status = esp_build_divide(options, built);
  if (status != ESP_OK) esp_build_end(built);
  return status;
}

esp_status esp_build_retime(esp_built *built, const double *seconds) {
  for (int n = 0; n < built->graph->nnode; n++) {
    const bool narrow = built->narrow != NULL && built->plan->width_of[n] == 1;
    (narrow ? built->narrow : built->seconds)[n] = seconds[n];
  }
  return esp_plan_retime(&built->problem, built->plan);
}

void esp_build_end(esp_built *built) {
  esp_plan_free(built->plan);
  free(built->seconds);
  free(built->narrow);
  free(built->bytes);
  esp_graph_free(built->graph);
  *built = (esp_built){0};
}
