// An ONNX file as a whole.  Its graphs are read in body.c.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/constant.h"
#include "base/hash.h"
#include "model/private.h"

bool esp_standard_domain(const char *domain) {
  return domain == NULL || domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
}

// IR versions 1 and 2 name no opset: it is 1.
static esp_status find_opset(const esp_loader *l, int *opset) {
  *opset = 0;
  for (size_t i = 0; i < l->model->n_opset_import; i++) {
    const Onnx__OperatorSetIdProto *import = l->model->opset_import[i];
    if (!esp_standard_domain(import->domain)) continue;
    if (import->version > INT_MAX || import->version < 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "opset %lld", (long long)import->version);
    }
    *opset = (int)import->version;
  }
  if (*opset > 0 || l->model->n_opset_import > 0) return ESP_OK;
  if (l->model->ir_version < 3) {
    *opset = 1;
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT, "%s names no opset", l->path);
}

static esp_status fill_graph(esp_loader *l) {
  esp_scope scope = {.graph = l->graph, .prefix = ""};
  esp_status status = esp_read_graph(l, &scope, l->model->graph);
  esp_names_end(&scope.names);
  if (l->missing_out == NULL) return status;
  (void)fflush(l->missing_out);
  return ESP_FAIL(ESP_UNSUPPORTED,
                  "%s has operators that are not supported: %s", l->path,
                  l->missing);
}

// Weights stay where the message has them.
static void *take(void *nothing, size_t bytes) {
  void *block;
  (void)nothing;
  if (bytes < ESP_CONSTANT_LEAST) return malloc(bytes);
  return esp_constant_allocate(bytes, &block) == ESP_OK ? block : NULL;
}

static void give_back(void *nothing, void *block) {
  (void)nothing;
  esp_constant_free(block);
}

static ProtobufCAllocator message_memory = {.alloc = take, .free = give_back};

static void free_message(void *thing) {
  onnx__model_proto__free_unpacked(thing, &message_memory);
}

static void describe(const esp_loader *l, const unsigned char *bytes,
                     size_t count, int opset, esp_model_info *info) {
  *info = (esp_model_info){.ir_version = l->model->ir_version,
                           .opset = opset,
                           .hash = esp_hash(l->external.hash, bytes, count),
                           .file_bytes = count,
                           .mapped_bytes = l->external.mapped};
  const char *name = l->model->producer_name,
             *version = l->model->producer_version;
  (void)snprintf(info->producer, sizeof info->producer, "%s%s%s",
                 name != NULL ? name : "",
                 version != NULL && version[0] != '\0' ? " " : "",
                 version != NULL ? version : "");
  for (int v = 0; v < l->graph->nvalue; v++) {
    const esp_tensor *t = &l->graph->value[v].tensor;
    if (t->data != NULL) info->weight_bytes += esp_tensor_bytes(t);
  }
}

static esp_status load_bytes(esp_loader *l, const unsigned char *bytes,
                             size_t count, esp_model_info *info) {
  int opset;
  ESP_TRY(esp_wire_check(bytes, count, ESP_WIRE_MODEL));
  Onnx__ModelProto *model =
      onnx__model_proto__unpack(&message_memory, count, bytes);
  if (model == NULL || model->graph == NULL) {
    if (model != NULL) free_message(model);
    return ESP_FAIL(ESP_BAD_INPUT, "not an ONNX model, or damaged");
  }
  esp_status status = esp_graph_create(&l->graph);
  if (status == ESP_OK) {
    status = esp_arena_keep(l->graph->arena, model, free_message);
  }
  if (status != ESP_OK) {
    free_message(model);
    return status;
  }
  l->model = model;
  ESP_TRY(find_opset(l, &opset));
  ESP_TRY(fill_graph(l));
  if (info != NULL) describe(l, bytes, count, opset, info);
  return ESP_OK;
}

esp_status esp_model_load(const char *path, esp_graph **graph,
                          esp_model_info *info) {
  const unsigned char *bytes;
  size_t count;
  ESP_TRY(esp_file_map(path, &bytes, &count));
  const char *slash = strrchr(path, '/');
  char *folder =
      slash != NULL ? strndup(path, (size_t)(slash - path)) : strdup(".");
  esp_loader l = {.path = path,
                  .external = {.folder = folder,
                               .hashed = info != NULL,
                               .hash = ESP_HASH_BEGIN}};
  esp_status status = folder != NULL
                          ? load_bytes(&l, bytes, count, info)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", path);
  if (status == ESP_BAD_INPUT) {
    (void)esp_fail_within(status, "%s", path);
  }
  if (l.missing_out != NULL) (void)fclose(l.missing_out);
  free(l.missing);
  free(folder);
  esp_file_unmap(bytes, count);
  if (status != ESP_OK) {
    esp_graph_free(l.graph);
    return status;
  }
  *graph = l.graph;
  return ESP_OK;
}
