// Files of keys and values, through libyaml.
#include "config/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/memory.h"

enum { MOST_BYTES = 1 << 20 };

static esp_status read_file(const char *path, const char *kind, char **text,
                            size_t *bytes) {
  struct stat about;
  FILE *file = fopen(path, "rb");
  if (file == NULL || fstat(fileno(file), &about) != 0) {
    const int reason = errno;
    if (file != NULL) (void)fclose(file);
    return ESP_FAIL(ESP_IO, "cannot open the %s file %s: %s", kind, path,
                    strerror(reason));
  }
  esp_status status = ESP_OK;
  void *block = NULL;
  if (!S_ISREG(about.st_mode) || about.st_size > MOST_BYTES) {
    status = ESP_FAIL(ESP_BAD_INPUT,
                      "%s is no %s file: expected a YAML file of at most 1 MB",
                      path, kind);
  }
  if (status == ESP_OK) {
    status = esp_allocate_zero((size_t)about.st_size + 1, 1, &block);
  }
  if (status == ESP_OK) {
    *bytes = fread(block, 1, (size_t)about.st_size, file);
    *text = block;
  }
  (void)fclose(file);
  return status;
}

// One document of a file, as libyaml has read it.
typedef struct page {
  const char *path;
  const esp_yaml *yaml;
  void *target;
  yaml_document_t document;
} page;

static int line_of(const yaml_node_t *node) {
  return (int)node->start_mark.line + 1;
}

static const char *scalar(const yaml_node_t *node) {
  return (const char *)node->data.scalar.value;
}

static bool is_text(const yaml_node_t *node) {
  return node != NULL && node->type == YAML_SCALAR_NODE &&
         strlen(scalar(node)) == node->data.scalar.length;
}

// The items of a list, a line each: as set() takes them.
static esp_status join(page *p, const yaml_node_t *list, const char *key,
                       char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot read a list");
  esp_status status = ESP_OK;
  const yaml_node_item_t *item = list->data.sequence.items.start;
  for (; item < list->data.sequence.items.top && status == ESP_OK; item++) {
    const yaml_node_t *node = yaml_document_get_node(&p->document, *item);
    if (!is_text(node) || strchr(scalar(node), '\n') != NULL) {
      status = ESP_FAIL(ESP_BAD_INPUT,
                        "%s:%d: an item of %s is no text of one "
                        "line",
                        p->path, line_of(node != NULL ? node : list), key);
      break;
    }
    if (item > list->data.sequence.items.start) (void)fputc('\n', out);
    (void)fputs(scalar(node), out);
  }
  if (fclose(out) != 0 && status == ESP_OK) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot read a list");
  }
  return status;
}

static esp_status set_key(page *p, const yaml_node_t *key,
                          const yaml_node_t *value) {
  const esp_yaml *yaml = p->yaml;
  char *joined = NULL;
  const char *name = scalar(key);
  esp_status status = ESP_OK;
  if (value->type == YAML_SEQUENCE_NODE && yaml->takes_list(name)) {
    status = join(p, value, name, &joined);
    if (status == ESP_OK) status = yaml->set(p->target, name, joined);
  } else if (is_text(value)) {
    status = yaml->set(p->target, name, scalar(value));
  } else {
    status = yaml->has_key(name) // an unknown key is the greater mistake
                 ? ESP_FAIL(ESP_USAGE, "%s: expected %s", name,
                            yaml->takes_list(name) ? "a text or a list of texts"
                                                   : "one text")
                 : yaml->set(p->target, name, "");
  }
  free(joined);
  return status == ESP_OK
             ? ESP_OK
             : esp_fail_within(ESP_BAD_INPUT, "%s:%d", p->path, line_of(key));
}

static esp_status check_once(page *p, const yaml_node_pair_t *first,
                             const yaml_node_t *key) {
  const yaml_node_pair_t *pair = first;
  for (; yaml_document_get_node(&p->document, pair->key) != key; pair++) {
    const yaml_node_t *other = yaml_document_get_node(&p->document, pair->key);
    if (strcmp(scalar(other), scalar(key)) != 0) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "%s:%d: %s is given a second time", p->path,
                    line_of(key), scalar(key));
  }
  return ESP_OK;
}

static esp_status no_lines(const char *path, int line, const char *what) {
  return ESP_FAIL(ESP_BAD_INPUT, "%s:%d: %s; expected lines of \"key: value\"",
                  path, line, what);
}

static esp_status set_keys(page *p) {
  const yaml_node_t *root = yaml_document_get_root_node(&p->document);
  if (root == NULL) return no_lines(p->path, 1, "there is nothing");
  if (root->type != YAML_MAPPING_NODE) {
    return no_lines(p->path, line_of(root), "not keys and values");
  }
  const yaml_node_pair_t *first = root->data.mapping.pairs.start;
  for (const yaml_node_pair_t *pair = first;
       pair < root->data.mapping.pairs.top; pair++) {
    const yaml_node_t *key = yaml_document_get_node(&p->document, pair->key);
    const yaml_node_t *value =
        yaml_document_get_node(&p->document, pair->value);
    if (!is_text(key)) {
      return no_lines(p->path, line_of(key), "a key that is no text");
    }
    ESP_TRY(check_once(p, first, key));
    ESP_TRY(set_key(p, key, value));
  }
  return ESP_OK;
}

static esp_status broken(const char *path, const yaml_parser_t *parser) {
  return no_lines(path, (int)parser->problem_mark.line + 1,
                  parser->problem != NULL ? parser->problem : "not YAML");
}

static esp_status expect_end(const char *path, yaml_parser_t *parser) {
  yaml_document_t next;
  if (!yaml_parser_load(parser, &next)) return broken(path, parser);
  const yaml_node_t *root = yaml_document_get_root_node(&next);
  const int line = root != NULL ? line_of(root) : 0;
  yaml_document_delete(&next);
  return root == NULL ? ESP_OK
                      : no_lines(path, line, "a second document in the file");
}

esp_status esp_yaml_load(const esp_yaml *yaml, const char *path, void *target) {
  char *text = NULL;
  size_t bytes = 0;
  ESP_TRY(read_file(path, yaml->kind, &text, &bytes));
  yaml_parser_t parser;
  page p = {.path = path, .yaml = yaml, .target = target};
  if (!yaml_parser_initialize(&parser)) {
    esp_free(text);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot read %s", path);
  }
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
  esp_status status;
  if (!yaml_parser_load(&parser, &p.document)) {
    status = broken(path, &parser);
  } else {
    status = yaml_document_get_root_node(&p.document) != NULL
                 ? expect_end(path, &parser)
                 : ESP_OK;
    if (status == ESP_OK) status = set_keys(&p);
    yaml_document_delete(&p.document);
  }
  yaml_parser_delete(&parser);
  esp_free(text);
  return status;
}
