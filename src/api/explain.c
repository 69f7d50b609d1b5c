// What there is to gain from each kind of parallelism, for one model.
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/private.h"
#include "op/op.h"

enum { MOST_KINDS = 256 };

// Operators of one kind.
typedef struct kind {
  const char *op_type;
  int count;
  double seconds;
} kind;

typedef struct findings {
  esp_built built;
  esp_model_info info;
  esp_machine machine;
  int64_t batch;
  int cores;
  int nodes;
  double flops, bytes;
  kind kind[MOST_KINDS];
  int kinds;
  double total, critical; // seconds: T1 and Tinf
  double ceiling;         // T1 / Tinf
  double workers_gain;    // the list schedule on `cores` workers, over T1
  double width_gain;      // every operator at width `cores`, over T1
  int *path;              // nodes of the critical path
  int path_nodes;
} findings;

static void count_kind(findings *f, const esp_node *node, double seconds) {
  int k = 0;
  while (k < f->kinds && strcmp(f->kind[k].op_type, node->op_type) != 0) k++;
  if (k == MOST_KINDS) return;
  if (k == f->kinds) f->kind[f->kinds++] = (kind){.op_type = node->op_type};
  f->kind[k].count++;
  f->kind[k].seconds += seconds;
}

static int dearer(const void *a, const void *b) {
  const kind *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return strcmp(x->op_type, y->op_type);
}

// Longest path by seconds: finish[n] of each node, walked back from the latest.
static esp_status find_path(findings *f) {
  const esp_graph *graph = f->built.graph;
  const size_t n = (size_t)graph->nnode;
  double *finish = calloc(n + 1, sizeof *finish);
  int *from = calloc(n + 1, sizeof *from);
  f->path = calloc(n + 1, sizeof *f->path);
  if (finish == NULL || from == NULL || f->path == NULL) {
    free(finish);
    free(from);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot find the critical path");
  }
  int last = -1;
  for (int i = 0; i < graph->nnode; i++) {
    from[i] = -1;
    for (int k = 0; k < graph->node[i].nin; k++) {
      const int value = graph->node[i].in[k];
      const int before = value >= 0 ? graph->value[value].producer : -1;
      if (before < 0 || finish[before] <= finish[i]) continue;
      finish[i] = finish[before];
      from[i] = before;
    }
    finish[i] += f->built.seconds[i];
    if (last < 0 || finish[i] > finish[last]) last = i;
  }
  for (int i = last; i >= 0; i = from[i]) f->path_nodes++;
  for (int i = last, at = f->path_nodes; i >= 0; i = from[i]) f->path[--at] = i;
  free(from);
  free(finish);
  return ESP_OK;
}

static esp_status compare(findings *f, const esp_graph *model) {
  const esp_build_options wide = {.model = model,
                                  .machine = &f->machine,
                                  .batch = f->batch,
                                  .ranks = 1,
                                  .workers = 1,
                                  .width = f->cores};
  esp_built built;
  ESP_TRY(esp_build(&wide, &built));
  f->width_gain = f->total / built.plan->predicted;
  esp_build_end(&built);
  f->workers_gain = f->total / f->built.plan->predicted;
  return ESP_OK;
}

static esp_status find_out(findings *f, const esp_graph *model,
                           const esp_setting *setting) {
  esp_cores cores;
  ESP_TRY(esp_topology_cores(&cores));
  f->cores = setting->cores > 0 ? setting->cores : cores.count;
  f->batch = setting->batch > 0 ? setting->batch : 1;
  ESP_TRY(esp_cost_measure(&f->machine));
  const esp_build_options narrow = {.model = model,
                                    .machine = &f->machine,
                                    .batch = f->batch,
                                    .ranks = 1,
                                    .workers = f->cores,
                                    .width = 1};
  ESP_TRY(esp_build(&narrow, &f->built));
  const esp_graph *graph = f->built.graph;
  f->nodes = graph->nnode;
  for (int n = 0; n < graph->nnode; n++) {
    count_kind(f, &graph->node[n], f->built.seconds[n]);
  }
  qsort(f->kind, (size_t)f->kinds, sizeof *f->kind, dearer);
  f->total = f->built.plan->total;
  f->critical = f->built.plan->critical;
  f->ceiling = f->critical > 0 ? f->total / f->critical : 1;
  ESP_TRY(esp_cost_work(graph, &f->flops, &f->bytes));
  ESP_TRY(find_path(f));
  return compare(f, model);
}

static void end_findings(findings *f) {
  free(f->path);
  esp_build_end(&f->built);
}

static void write_operators(FILE *out, const findings *f) {
  enum { SHOWN = 12 };
  fprintf(out, "\nOperators after optimisation (%d; estimated seconds):\n",
          f->nodes);
  for (int k = 0; k < f->kinds && k < SHOWN; k++) {
    fprintf(out, "  %5d  %-24s %8.3f ms  %5.1f %%\n", f->kind[k].count,
            f->kind[k].op_type, 1e3 * f->kind[k].seconds,
            100 * f->kind[k].seconds / f->total);
  }
  if (f->kinds > SHOWN) fprintf(out, "  and %d more kinds\n", f->kinds - SHOWN);
}

static void write_path(FILE *out, const findings *f) {
  enum { SHOWN = 8 };
  const esp_graph *graph = f->built.graph;
  fprintf(
      out,
      "\nThe critical path has %d of the %d nodes and takes %.3f of %.3f ms "
      "(Tinf, T1).\nIts dearest nodes:\n",
      f->path_nodes, f->nodes, 1e3 * f->critical, 1e3 * f->total);
  double limit = (double)INFINITY;
  for (int i = 0; i < SHOWN && i < f->path_nodes; i++) {
    int best = -1;
    for (int p = 0; p < f->path_nodes; p++) {
      const double s = f->built.seconds[f->path[p]];
      if (s < limit && (best < 0 || s > f->built.seconds[best])) {
        best = f->path[p];
      }
    }
    if (best < 0) break;
    limit = f->built.seconds[best];
    fprintf(out, "  %8.3f ms  %s (%s)\n", 1e3 * limit, graph->node[best].name,
            graph->node[best].op_type);
  }
}

static void write_answer(FILE *out, const findings *f) {
  fprintf(out,
          "\nInter-op threads run branches of the graph side by side.  However "
          "many there are,\nbranches alone cannot give more than %.2fx here "
          "(T1/Tinf, the ceiling).",
          f->ceiling);
  if (f->ceiling < 1.05) {
    fprintf(out, "  This model is a chain: more\ninter-op threads change "
                 "nothing.\n");
  } else {
    fprintf(out, "  A schedule on\n%d worker%s gives %.2fx.\n", f->cores,
            f->cores == 1 ? "" : "s", f->workers_gain);
  }
  fprintf(out,
          "Intra-op threads compute one operator together.  Width %d gives "
          "about %.2fx.\n"
          "Replicas (ranks, or streams inside a rank) work on different "
          "samples: over a dataset\nthey give about one times the speed for "
          "each core, whatever the graph looks like.\n",
          f->cores, f->width_gain);
  fprintf(out,
          "Figures are estimated from operations and bytes; only the two "
          "speeds of this machine\n(%.0f GFLOP/s and %.1f GB/s for one "
          "core) were measured.\n",
          f->machine.flops_per_second / 1e9, f->machine.bytes_per_second / 1e9);
}

static esp_status explain_text(const char *path, const findings *f,
                               char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot explain");
  fprintf(out, "%s\nopset %d, made by %s; weights %.1f MB\n", path,
          f->info.opset, f->info.producer[0] ? f->info.producer : "?",
          (double)f->info.weight_bytes / 1e6);
  fprintf(out, "%.3f GFLOP and %.1f MB of memory traffic for a batch of %lld\n",
          f->flops / 1e9, f->bytes / 1e6, (long long)f->batch);
  write_operators(out, f);
  write_path(out, f);
  write_answer(out, f);
  if (fclose(out) != 0) return ESP_FAIL(ESP_NO_MEMORY, "cannot explain");
  return ESP_OK;
}

static esp_status explain_json(const char *path, const findings *f,
                               char **text) {
  json_t *operators = json_array();
  for (int k = 0; k < f->kinds; k++) {
    json_array_append_new(operators, json_pack("{s:s, s:i, s:f}", "operator",
                                               f->kind[k].op_type, "count",
                                               f->kind[k].count, "seconds",
                                               f->kind[k].seconds));
  }
  json_t *names = json_array();
  for (int p = 0; p < f->path_nodes; p++) {
    json_array_append_new(names,
                          json_string(f->built.graph->node[f->path[p]].name));
  }
  json_t *all = json_pack(
      "{s:s, s:i, s:I, s:i, s:i, s:f, s:f, s:I, s:o, s:f, s:f, s:o, s:f, s:f, "
      "s:f}",
      "model", path, "opset", f->info.opset, "batch", (json_int_t)f->batch,
      "cores", f->cores, "nodes", f->nodes, "flops", f->flops, "bytes",
      f->bytes, "weight_bytes", (json_int_t)f->info.weight_bytes, "operators",
      operators, "total_s", f->total, "critical_s", f->critical,
      "critical_path", names, "ceiling", f->ceiling, "workers_gain",
      f->workers_gain, "width_gain", f->width_gain);
  if (all == NULL) return ESP_FAIL(ESP_INTERNAL, "cannot explain as JSON");
  *text = json_dumps(all, JSON_INDENT(2));
  json_decref(all);
  return *text != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot explain");
}

esp_status esp_explain(const char *model, const esp_setting *setting, bool json,
                       char **text) {
  findings f = {0};
  esp_graph *graph = NULL;
  esp_status status = esp_model_load(model, &graph, &f.info);
  if (status == ESP_OK) status = find_out(&f, graph, setting);
  if (status == ESP_OK) {
    status =
        json ? explain_json(model, &f, text) : explain_text(model, &f, text);
  }
  end_findings(&f);
  esp_graph_free(graph);
  return status;
}

esp_status esp_plan_model(const char *model, const esp_setting *setting,
                          bool json, char **text) {
  esp_graph *graph = NULL;
  esp_built built = {0};
  esp_machine machine;
  esp_status status = esp_model_load(model, &graph, NULL);
  if (status == ESP_OK) status = esp_cost_measure(&machine);
  if (status == ESP_OK) {
    const esp_build_options how = {
        .model = graph,
        .machine = &machine,
        .batch = setting->batch > 0 ? setting->batch : 1,
        .ranks = setting->ranks > 0 ? setting->ranks : 1,
        .workers = setting->workers > 0 ? setting->workers : 1,
        .width = setting->width > 0 ? setting->width : 1};
    status = esp_build(&how, &built);
  }
  if (status == ESP_OK) {
    status = json ? esp_plan_json(built.plan, built.graph, text)
                  : esp_plan_text(built.plan, built.graph, text);
  }
  esp_build_end(&built);
  esp_graph_free(graph);
  return status;
}
