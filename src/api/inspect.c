// A model, a dataset or a results file in words.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/private.h"
#include "op/datum.h"
#include "store/store.h"

static void write_value(FILE *out, const esp_value *value) {
  char text[ESP_SHAPE_TEXT];
  if (value->kind != ESP_KIND_TENSOR) {
    fprintf(out, "  %s  %s\n", value->name, esp_kind_text(value->kind));
    return;
  }
  fprintf(out, "  %s  %s %s\n", value->name, esp_dtype_text(value->tensor.type),
          value->any_shape ? "of any shape"
                           : esp_shape_text(&value->tensor.shape, text));
}

static void write_kinds(FILE *out, const esp_graph *graph) {
  fprintf(out, "operators:");
  for (int n = 0; n < graph->nnode; n++) {
    int count = 0, before = 0;
    for (int m = 0; m < graph->nnode; m++) {
      if (strcmp(graph->node[m].op_type, graph->node[n].op_type) != 0) continue;
      count++;
      before += m < n;
    }
    if (before == 0) fprintf(out, " %s x %d", graph->node[n].op_type, count);
  }
  fprintf(out, "\n");
}

static esp_status inspect_model(const char *path, FILE *out) {
  esp_graph *graph = NULL;
  esp_model_info info;
  ESP_TRY(esp_model_load(path, &graph, &info));
  fprintf(out, "ONNX model, IR version %lld, opset %d, made by %s\n",
          (long long)info.ir_version, info.opset,
          info.producer[0] ? info.producer : "?");
  fprintf(out, "hash %016llx, weights %.1f MB, %d nodes\n",
          (unsigned long long)info.hash, (double)info.weight_bytes / 1e6,
          graph->nnode);
  fprintf(out, "inputs:\n");
  for (int i = 0; i < graph->ninput; i++) {
    write_value(out, &graph->value[graph->input[i]]);
  }
  fprintf(out, "outputs:\n");
  for (int i = 0; i < graph->noutput; i++) {
    write_value(out, &graph->value[graph->output[i]]);
  }
  write_kinds(out, graph);
  esp_graph_free(graph);
  return ESP_OK;
}

static void write_dataset(void *context, const char *path,
                          const esp_dataset_info *info) {
  char text[ESP_SHAPE_TEXT];
  fprintf(context, "  %s  %s %s, ", path, esp_dtype_text(info->type),
          esp_shape_text(&info->shape, text));
  if (info->chunked) {
    fprintf(context, "chunks of %lld rows%s, ", (long long)info->chunk_rows,
            info->compressed ? ", compressed" : "");
  } else {
    fprintf(context, "contiguous, ");
  }
  fprintf(context, "%.1f MB in the file\n", (double)info->bytes_stored / 1e6);
}

static void write_attribute(void *context, const char *name, const char *text) {
  fprintf(context, "  %s: %s\n", name, text);
}

// How far a results file is, also while it is written.
static esp_status write_journal(const char *path, FILE *out) {
  esp_journal journal;
  ESP_TRY(esp_store_journal(path, &journal));
  if (journal.rows >= 0 && journal.seconds == 0) {
    fprintf(out, "nothing is done yet\n");
  } else if (journal.rows >= 0) {
    char when[32] = "";
    struct tm parts;
    const time_t seconds = (time_t)journal.seconds;
    if (gmtime_r(&seconds, &parts) != NULL) {
      (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &parts);
    }
    fprintf(out, "%lld of %lld samples are done, as of %s; %lld start%s\n",
            (long long)esp_ranges_total(&journal.done), (long long)journal.rows,
            when, (long long)journal.starts, journal.starts == 1 ? "" : "s");
  }
  esp_ranges_end(&journal.done);
  return ESP_OK;
}

static esp_status inspect_hdf5(const char *path, FILE *out) {
  fprintf(out, "HDF5 file\n");
  ESP_TRY(write_journal(path, out));
  const esp_store_visitor visitor = {
      .context = out, .dataset = write_dataset, .attribute = write_attribute};
  return esp_store_visit(path, &visitor);
}

// HDF5's signature stands at the beginning (a user block before it is legal,
// but neither packing nor results make one).
static esp_status looks_like_hdf5(const char *path, bool *hdf5) {
  static const unsigned char signature[8] = "\x89HDF\r\n\x1a\n";
  unsigned char begin[sizeof signature] = {0};
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(errno));
  }
  (void)fread(begin, 1, sizeof begin, file);
  (void)fclose(file);
  *hdf5 = memcmp(begin, signature, sizeof begin) == 0;
  return ESP_OK;
}

esp_status esp_inspect(const char *path, char **text) {
  bool hdf5 = false;
  ESP_TRY(looks_like_hdf5(path, &hdf5));
  char *made = NULL;
  size_t bytes;
  FILE *out = open_memstream(&made, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot inspect %s", path);
  fprintf(out, "%s: ", path);
  const esp_status status =
      hdf5 ? inspect_hdf5(path, out) : inspect_model(path, out);
  if (fclose(out) != 0 || status != ESP_OK) {
    free(made);
    return status != ESP_OK
               ? status
               : ESP_FAIL(ESP_NO_MEMORY, "cannot inspect %s", path);
  }
  *text = made;
  return ESP_OK;
}
