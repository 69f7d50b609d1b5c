// Graphs, subgraphs and their nodes.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "model/private.h"
#include "op/op.h"

// Far more nodes than any model has, and levels that a stack can take.
enum { MOST_LEVELS = 100, MOST_NODES = 1 << 20 };

esp_status esp_loader_enter(esp_loader *l) {
  if (l->depth == MOST_LEVELS) {
    return ESP_FAIL(ESP_UNSUPPORTED,
                    "functions and subgraphs are nested more than %d deep",
                    MOST_LEVELS);
  }
  l->depth++;
  return ESP_OK;
}

void esp_loader_leave(esp_loader *l) { l->depth--; }

esp_status esp_loader_count(esp_loader *l) {
  if (++l->nodes <= MOST_NODES) return ESP_OK;
  return ESP_FAIL(ESP_UNSUPPORTED,
                  "the model has more than %d nodes with its functions",
                  MOST_NODES);
}

esp_status esp_scope_add(esp_scope *scope, const char *name,
                         const esp_tensor *tensor, int *value) {
  if (scope->prefix[0] == '\0') {
    ESP_TRY(esp_graph_add_constant(scope->graph, name, tensor, value));
  } else {
    char *full;
    if (asprintf(&full, "%s%.200s", scope->prefix, name) < 0) {
      return ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", name);
    }
    const esp_status status =
        esp_graph_add_constant(scope->graph, full, tensor, value);
    free(full);
    ESP_TRY(status);
  }
  return esp_names_put(&scope->names, name, *value);
}

// The input of the node that carries an outer value to its subgraphs.
static esp_status capture(esp_captures *captures, int outside, int *from) {
  int i = 0;
  while (i < captures->count && captures->value[i] != outside) i++;
  *from = captures->first + i;
  if (i < captures->count) return ESP_OK;
  ESP_TRY(esp_grow(&captures->value, &captures->room, (size_t)i + 1,
                   sizeof *captures->value));
  captures->value[captures->count++] = outside;
  return ESP_OK;
}

// Descends by recursion, no deeper than MOST_LEVELS.
esp_status esp_scope_find(esp_scope *scope, const char *name, int *value) {
  *value = name != NULL && name[0] != '\0' ? esp_names_get(&scope->names, name)
                                           : ESP_OMITTED;
  if (*value == ESP_OMITTED) {
    *value = -1;
    return ESP_OK;
  }
  if (*value >= 0 || scope->outer == NULL) return ESP_OK;
  int outside, from;
  ESP_TRY(esp_scope_find(scope->outer, name, &outside));
  if (outside < 0) return ESP_OK;
  const esp_value seen = scope->outer->graph->value[outside];
  ESP_TRY(esp_graph_add_constant(scope->graph, seen.name, &seen.tensor, value));
  scope->graph->value[*value].kind = seen.kind;
  if (seen.tensor.data == NULL) {
    ESP_TRY(capture(scope->captures, outside, &from));
    ESP_TRY(esp_graph_add_capture(scope->graph, *value, from));
  }
  return esp_names_put(&scope->names, name, *value);
}

static esp_status add_initializer(esp_scope *scope, const char *name,
                                  const esp_tensor *tensor) {
  int value;
  if (name == NULL) name = "";
  if (esp_names_get(&scope->names, name) >= 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "two initializers are named \"%s\"", name);
  }
  return esp_scope_add(scope, name, tensor, &value);
}

static esp_status add_initializers(esp_loader *l, esp_scope *scope,
                                   const Onnx__GraphProto *proto) {
  esp_arena *arena = l->graph->arena;
  esp_tensor tensor;
  for (size_t i = 0; i < proto->n_initializer; i++) {
    const Onnx__TensorProto *t = proto->initializer[i];
    ESP_TRY(esp_tensor_from_proto(t, &l->external, arena, &tensor));
    ESP_TRY(add_initializer(scope, t->name, &tensor));
  }
  for (size_t i = 0; i < proto->n_sparse_initializer; i++) {
    const Onnx__SparseTensorProto *t = proto->sparse_initializer[i];
    ESP_TRY(esp_tensor_from_sparse(t, &l->external, arena, &tensor));
    ESP_TRY(add_initializer(scope, t->values->name, &tensor));
  }
  return ESP_OK;
}

static esp_status add_inputs(esp_loader *l, esp_scope *scope,
                             const Onnx__GraphProto *proto) {
  for (size_t i = 0; i < proto->n_input; i++) {
    const Onnx__ValueInfoProto *info = proto->input[i];
    const char *name = info->name != NULL ? info->name : "";
    const int have = esp_names_get(&scope->names, name);
    // An initializer among the inputs is a constant (IR version 3).
    if (have >= 0 && !scope->graph->value[have].is_input) continue;
    if (have >= 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "two inputs are named \"%s\"", name);
    }
    esp_value declared;
    int value;
    const esp_status status =
        esp_read_value_info(info, l->graph->arena, &declared);
    if (status != ESP_OK) return esp_fail_within(status, "input \"%s\"", name);
    ESP_TRY(esp_scope_add(scope, name, &declared.tensor, &value));
    scope->graph->value[value].kind = declared.kind;
    scope->graph->value[value].any_shape = declared.any_shape;
    scope->graph->value[value].dim_name = declared.dim_name;
    ESP_TRY(esp_graph_add_input(scope->graph, value));
  }
  return ESP_OK;
}

// Outputs that are made by nodes keep what the model declares of them.
static esp_status add_outputs(esp_loader *l, esp_scope *scope,
                              const Onnx__GraphProto *proto) {
  if (proto->n_output == 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "the graph has no outputs");
  }
  for (size_t i = 0; i < proto->n_output; i++) {
    const char *name = proto->output[i]->name;
    int value;
    ESP_TRY(esp_scope_find(scope, name, &value));
    if (value < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "output \"%s\" is made by no node",
                      name != NULL ? name : "");
    }
    esp_value declared, *v = &scope->graph->value[value];
    if (!v->is_input && v->tensor.data == NULL) {
      const esp_status status =
          esp_read_value_info(proto->output[i], l->graph->arena, &declared);
      if (status != ESP_OK) {
        return esp_fail_within(status, "output \"%s\"", name);
      }
      v->tensor = declared.tensor;
      v->kind = declared.kind;
      v->any_shape = declared.any_shape;
    }
    ESP_TRY(esp_graph_add_output(scope->graph, value));
  }
  return ESP_OK;
}

esp_status esp_read_graph(esp_loader *l, esp_scope *scope,
                          const Onnx__GraphProto *proto) {
  char *name;
  ESP_TRY(esp_arena_string(scope->graph->arena,
                           proto->name != NULL ? proto->name : "", &name));
  scope->graph->name = name;
  ESP_TRY(add_initializers(l, scope, proto));
  ESP_TRY(add_inputs(l, scope, proto));
  ESP_TRY(esp_read_nodes(l, scope, proto->node, proto->n_node));
  if (l->missing_out != NULL) return ESP_OK; // refused when all are known
  ESP_TRY(add_outputs(l, scope, proto));
  ESP_TRY(esp_graph_sort(scope->graph));
  return esp_graph_check(scope->graph);
}

static esp_status note_missing(esp_loader *l, const Onnx__NodeProto *node,
                               const char *name) {
  if (l->missing_out == NULL) {
    l->missing_out = open_memstream(&l->missing, &l->missing_bytes);
    if (l->missing_out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot load");
  } else {
    fprintf(l->missing_out, ", ");
  }
  if (!esp_standard_domain(node->domain)) {
    fprintf(l->missing_out, "%s:", node->domain);
  }
  fprintf(l->missing_out, "%s (node %s)",
          node->op_type != NULL ? node->op_type : "", name);
  return ESP_OK;
}

// The row of the table: other domains are part of the name there.  What stands
// there for the program's own use is in no model.
static int find_op(const Onnx__NodeProto *node) {
  char full[256];
  if (node->op_type == NULL || strchr(node->op_type, ':') != NULL) return -1;
  if (esp_standard_domain(node->domain)) return esp_op_find(node->op_type);
  if (strcmp(node->domain, "espalier") == 0) return -1;
  const int used =
      snprintf(full, sizeof full, "%s:%s", node->domain, node->op_type);
  return used > 0 && (size_t)used < sizeof full ? esp_op_find(full) : -1;
}

static int version_among(Onnx__OperatorSetIdProto *const *import, size_t count,
                         const char *domain) {
  for (size_t i = 0; i < count; i++) {
    const bool same = esp_standard_domain(domain)
                          ? esp_standard_domain(import[i]->domain)
                          : import[i]->domain != NULL &&
                                strcmp(import[i]->domain, domain) == 0;
    if (same && import[i]->version > 0 && import[i]->version < INT_MAX) {
      return (int)import[i]->version;
    }
  }
  return 0;
}

// A function may import other versions than the model.
static int version_of(const esp_loader *l, const esp_scope *scope,
                      const char *domain) {
  int version = 0;
  if (scope->call != NULL) {
    const Onnx__FunctionProto *f = scope->call->function;
    version = version_among(f->opset_import, f->n_opset_import, domain);
  }
  if (version == 0) {
    version =
        version_among(l->model->opset_import, l->model->n_opset_import, domain);
  }
  return version > 0 ? version : 1;
}

// A graph that an attribute holds; the outermost graph owns it.
static esp_status read_subgraph(esp_loader *l, esp_scope *scope,
                                esp_captures *captures,
                                const Onnx__GraphProto *proto,
                                esp_graph **graph) {
  ESP_TRY(esp_graph_create(graph));
  const esp_status kept = esp_graph_keep(l->graph, *graph);
  if (kept != ESP_OK) {
    esp_graph_free(*graph);
    return kept;
  }
  esp_scope inside = {.outer = scope,
                      .graph = *graph,
                      .captures = captures,
                      .call = scope->call,
                      .prefix = ""};
  ESP_TRY(esp_loader_enter(l));
  const esp_status status = esp_read_graph(l, &inside, proto);
  esp_loader_leave(l);
  esp_names_end(&inside.names);
  return status;
}

// A node being read.
typedef struct reading {
  const Onnx__NodeProto *proto;
  const char *name;
  int op, version;
  int *in, *out;
  esp_captures captures;
  esp_attribute *attribute;
  int attributes;
} reading;

static esp_status find_values(esp_scope *scope, reading *r) {
  const Onnx__NodeProto *proto = r->proto;
  for (size_t i = 0; i < proto->n_input; i++) {
    ESP_TRY(esp_scope_find(scope, proto->input[i], &r->in[i]));
    if (r->in[i] >= 0 || proto->input[i][0] == '\0' ||
        esp_names_get(&scope->names, proto->input[i]) == ESP_OMITTED) {
      continue;
    }
    return ESP_FAIL(ESP_BAD_INPUT, "node %s reads \"%s\", which nothing makes",
                    r->name, proto->input[i]);
  }
  for (size_t i = 0; i < proto->n_output; i++) {
    r->out[i] = proto->output[i][0] != '\0'
                    ? esp_names_get(&scope->names, proto->output[i])
                    : -1;
  }
  return ESP_OK;
}

static esp_status read_attributes(esp_loader *l, esp_scope *scope, reading *r) {
  for (size_t i = 0; i < r->proto->n_attribute; i++) {
    const Onnx__AttributeProto *written = r->proto->attribute[i];
    const Onnx__AttributeProto *given =
        esp_attribute_resolve(scope->call, written);
    if (given == NULL) continue;
    esp_attribute *made = &r->attribute[r->attributes];
    if (!esp_attribute_is_graph(given)) {
      const esp_status status = esp_attribute_from_proto(
          given, written->name, &l->external, l->graph->arena, made);
      if (status != ESP_OK) {
        return esp_fail_within(status, "node %s", r->name);
      }
    } else if (given != written) {
      return ESP_FAIL(ESP_UNSUPPORTED,
                      "node %s: a subgraph as argument of a function", r->name);
    } else {
      *made =
          (esp_attribute){.name = written->name != NULL ? written->name : "",
                          .kind = ESP_ATTRIBUTE_GRAPH};
      const esp_status status =
          read_subgraph(l, scope, &r->captures, given->g, &made->graph);
      if (status != ESP_OK) {
        return esp_fail_within(status, "node %s: %s", r->name, made->name);
      }
    }
    r->attributes++;
  }
  return ESP_OK;
}

static esp_status make_node(esp_scope *scope, const reading *r) {
  const int own = (int)r->proto->n_input, captured = r->captures.count;
  int *in = malloc(((size_t)own + (size_t)captured + 1) * sizeof *in);
  if (in == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", r->name);
  if (own > 0) memcpy(in, r->in, (size_t)own * sizeof *in);
  for (int i = 0; i < captured; i++) in[own + i] = r->captures.value[i];
  int node = 0;
  esp_status status = esp_graph_add_node(
      scope->graph, r->name, r->proto->op_type, r->op, r->version, in,
      own + captured, r->out, (int)r->proto->n_output, &node);
  free(in);
  ESP_TRY(status);
  scope->graph->node[node].ncapture = captured;
  for (int a = 0; a < r->attributes && status == ESP_OK; a++) {
    status = esp_graph_add_attribute(scope->graph, node, &r->attribute[a]);
  }
  return status == ESP_OK ? esp_op_complete(scope->graph, node) : status;
}

static esp_status add_operator(esp_loader *l, esp_scope *scope, int op,
                               const Onnx__NodeProto *proto, const char *name) {
  reading r = {.proto = proto,
               .name = name,
               .op = op,
               .version = version_of(l, scope, proto->domain),
               .captures = {.first = (int)proto->n_input}};
  r.in = malloc((proto->n_input + 1) * sizeof *r.in);
  r.out = malloc((proto->n_output + 1) * sizeof *r.out);
  r.attribute = calloc(proto->n_attribute + 1, sizeof *r.attribute);
  esp_status status = r.in != NULL && r.out != NULL && r.attribute != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", name);
  if (status == ESP_OK) status = find_values(scope, &r);
  if (status == ESP_OK) status = read_attributes(l, scope, &r);
  if (status == ESP_OK) status = make_node(scope, &r);
  free(r.captures.value);
  free(r.attribute);
  free(r.out);
  free(r.in);
  return status;
}

static esp_status add_node(esp_loader *l, esp_scope *scope,
                           const Onnx__NodeProto *proto, const char *name) {
  const Onnx__FunctionProto *function = esp_find_function(l, proto);
  if (function != NULL) return esp_inline(l, scope, function, proto, name);
  if (esp_standard_domain(proto->domain) && proto->op_type != NULL &&
      strcmp(proto->op_type, "Constant") == 0) {
    return esp_read_constant(l, scope, proto, name);
  }
  if (proto->domain != NULL && proto->op_type != NULL &&
      strcmp(proto->domain, "ai.onnx.preview.training") == 0 &&
      strcmp(proto->op_type, "Gradient") == 0) {
    return esp_read_gradient(l, scope, proto, name);
  }
  const int op = find_op(proto);
  return op >= 0 ? add_operator(l, scope, op, proto, name)
                 : note_missing(l, proto, name);
}

static esp_status declare_outputs(esp_scope *scope,
                                  const Onnx__NodeProto *proto) {
  const esp_tensor unknown = {0};
  for (size_t i = 0; i < proto->n_output; i++) {
    const char *name = proto->output[i];
    int value;
    if (name[0] == '\0' || esp_names_get(&scope->names, name) >= 0) continue;
    ESP_TRY(esp_scope_add(scope, name, &unknown, &value));
  }
  return ESP_OK;
}

esp_status esp_read_nodes(esp_loader *l, esp_scope *scope,
                          Onnx__NodeProto *const *node, size_t count) {
  // A long name in a function must not be multiplied by its calls.
  const int most = scope->call != NULL ? 200 : INT_MAX;
  for (size_t i = 0; i < count; i++) ESP_TRY(declare_outputs(scope, node[i]));
  for (size_t i = 0; i < count; i++) {
    const char *op_type = node[i]->op_type != NULL ? node[i]->op_type : "";
    const bool named = node[i]->name != NULL && node[i]->name[0] != '\0';
    char *name = NULL;
    ESP_TRY(esp_loader_count(l));
    const int made =
        named ? asprintf(&name, "%s%.*s", scope->prefix, most, node[i]->name)
              : asprintf(&name, "%s%.*s_%zu", scope->prefix, most, op_type, i);
    if (made < 0) return ESP_FAIL(ESP_NO_MEMORY, "cannot load %s", op_type);
    const esp_status status = add_node(l, scope, node[i], name);
    free(name);
    ESP_TRY(status);
  }
  return ESP_OK;
}
