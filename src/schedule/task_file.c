#include "schedule/task_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
  MOST_WORDS = 6,
  MOST_PROCESSORS = 1 << 20,
  MOST_TASKS = 1 << 24,
  MOST_NAME = 1000
};
static const size_t most_bytes = (size_t)1 << 30;
static const int64_t most_sum = (int64_t)1 << 53; // a double is exact up to it

typedef struct read_task {
  int64_t id, weight;
  int line, index; // place in the file's order
} read_task;

typedef struct read_edge {
  int64_t from, to, cost;
  int line;
} read_edge;

typedef struct reader {
  const char *path;
  int line;
  char *word[MOST_WORDS + 1];
  int words; // of this line; more than MOST_WORDS count as one more

  // The graph that is being read.
  int begun; // line of `graph`; 0: between graphs
  char *name;
  int processors;
  int64_t sum; // of weights and costs
  read_task *task;
  size_t tasks, task_room;
  read_edge *edge;
  size_t edges, edge_room;

  esp_task_file file;
  size_t file_room;
} reader;

static esp_status refuse(const reader *r, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static esp_status refuse(const reader *r, int line, const char *format, ...) {
  char said[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(said, sizeof said, format, args);
  va_end(args);
  return ESP_FAIL(ESP_BAD_INPUT, "%s:%d: %s", r->path, line, said);
}

// A word as it can be shown in a message.
typedef struct shown {
  char text[44];
} shown;
static shown show(const char *word) {
  shown s;
  size_t n = 0;
  for (; word[n] != '\0' && n < 40; n++) {
    s.text[n] = word[n] >= ' ' && word[n] <= '~' ? word[n] : '?';
  }
  (void)snprintf(s.text + n, 4, "%s", word[n] != '\0' ? "..." : "");
  return s;
}

// Reads a whole number from 0 to `most`; `what` names it in the refusal.
static esp_status read_number(const reader *r, const char *word,
                              const char *what, int64_t most, int64_t *number) {
  int64_t value = 0;
  for (const char *c = word; *c != '\0'; c++) {
    if (*c < '0' || *c > '9') {
      return refuse(r, r->line, "%s \"%s\": expected a whole number from 0",
                    what, show(word).text);
    }
    value = value * 10 + (*c - '0');
    if (value > most) {
      return refuse(r, r->line, "%s %s is too large: expected at most %lld",
                    what, show(word).text, (long long)most);
    }
  }
  *number = value;
  return ESP_OK;
}

static esp_status add_to_sum(reader *r, int64_t number) {
  r->sum += number; // each is at most 2^53, so that this cannot overflow
  if (r->sum <= most_sum) return ESP_OK;
  return refuse(r, r->line,
                "the weights and costs of graph %s sum up to more than 2^53",
                show(r->name).text);
}

static esp_status begin_graph(reader *r) {
  if (r->begun != 0) {
    return refuse(
        r, r->line,
        "\"graph\" inside graph %s, which begins at line %d: expected "
        "\"task\", \"edge\" or \"end\"",
        show(r->name).text, r->begun);
  }
  const bool known = r->words == 6 && strcmp(r->word[4], "optimum") == 0;
  if ((r->words != 4 && !known) || strcmp(r->word[2], "processors") != 0) {
    return refuse(r, r->line,
                  "expected \"graph NAME processors P\" or \"graph NAME "
                  "processors P optimum L\"");
  }
  int64_t number;
  if (known) ESP_TRY(read_number(r, r->word[5], "optimum", most_sum, &number));
  ESP_TRY(read_number(r, r->word[3], "processors", MOST_PROCESSORS, &number));
  if (number < 1) {
    return refuse(r, r->line, "processors 0: expected at least 1");
  }
  if (strlen(r->word[1]) > MOST_NAME) {
    return refuse(r, r->line, "a name of %zu bytes: expected at most %d",
                  strlen(r->word[1]), MOST_NAME);
  }
  json_t *text = json_string(r->word[1]);
  json_decref(text);
  if (text == NULL) {
    return refuse(r, r->line, "graph %s: expected a name in UTF-8",
                  show(r->word[1]).text);
  }
  r->name = strdup(r->word[1]);
  if (r->name == NULL)
    return ESP_FAIL(ESP_NO_MEMORY, "cannot read %s", r->path);
  r->begun = r->line;
  r->processors = (int)number;
  r->sum = 0;
  r->tasks = r->edges = 0;
  return ESP_OK;
}

static esp_status add_task(reader *r) {
  if (r->words != 3) return refuse(r, r->line, "expected \"task ID WEIGHT\"");
  if (r->tasks == MOST_TASKS) {
    return refuse(r, r->line, "more than %d tasks in a graph", MOST_TASKS);
  }
  read_task task = {.line = r->line, .index = (int)r->tasks};
  ESP_TRY(read_number(r, r->word[1], "task", most_sum, &task.id));
  ESP_TRY(read_number(r, r->word[2], "weight", most_sum, &task.weight));
  ESP_TRY(add_to_sum(r, task.weight));
  ESP_TRY(esp_grow(&r->task, &r->task_room, r->tasks + 1, sizeof task));
  r->task[r->tasks++] = task;
  return ESP_OK;
}

static esp_status add_edge(reader *r) {
  if (r->words != 4)
    return refuse(r, r->line, "expected \"edge FROM TO COST\"");
  if (r->edges == 4 * (size_t)MOST_TASKS) {
    return refuse(r, r->line, "more than %d edges in a graph", 4 * MOST_TASKS);
  }
  read_edge edge = {.line = r->line};
  ESP_TRY(read_number(r, r->word[1], "task", most_sum, &edge.from));
  ESP_TRY(read_number(r, r->word[2], "task", most_sum, &edge.to));
  ESP_TRY(read_number(r, r->word[3], "cost", most_sum, &edge.cost));
  ESP_TRY(add_to_sum(r, edge.cost));
  if (edge.from == edge.to) {
    return refuse(r, r->line, "an edge from task %lld to itself",
                  (long long)edge.from);
  }
  ESP_TRY(esp_grow(&r->edge, &r->edge_room, r->edges + 1, sizeof edge));
  r->edge[r->edges++] = edge;
  return ESP_OK;
}

static int by_id(const void *a, const void *b) {
  const read_task *x = a, *y = b;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return x->line - y->line;
}

static int by_ends(const void *a, const void *b) {
  const read_edge *x = a, *y = b;
  if (x->from != y->from) return x->from < y->from ? -1 : 1;
  if (x->to != y->to) return x->to < y->to ? -1 : 1;
  return x->line - y->line;
}

static esp_status refuse_duplicates(reader *r) {
  if (r->tasks == 0) return ESP_OK; // an edge finds no task then
  qsort(r->task, r->tasks, sizeof *r->task, by_id);
  for (size_t t = 1; t < r->tasks; t++) {
    if (r->task[t].id != r->task[t - 1].id) continue;
    return refuse(r, r->task[t].line, "task %lld is given at line %d already",
                  (long long)r->task[t].id, r->task[t - 1].line);
  }
  if (r->edges == 0) return ESP_OK;
  qsort(r->edge, r->edges, sizeof *r->edge, by_ends);
  for (size_t e = 1; e < r->edges; e++) {
    const read_edge *one = &r->edge[e - 1], *two = &r->edge[e];
    if (one->from != two->from || one->to != two->to) continue;
    return refuse(r, two->line,
                  "the edge from %lld to %lld is given at line %d already",
                  (long long)two->from, (long long)two->to, one->line);
  }
  return ESP_OK;
}

static esp_status find_task(const reader *r, const read_edge *edge, int64_t id,
                            int *index) {
  const read_task key = {.id = id};
  size_t low = 0, high = r->tasks;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (r->task[middle].id < key.id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == r->tasks || r->task[low].id != id) {
    return refuse(r, edge->line, "no task %lld in graph %s", (long long)id,
                  show(r->name).text);
  }
  *index = r->task[low].index;
  return ESP_OK;
}

static esp_status make_graph(const reader *r, double *weight, esp_arc *arc,
                             esp_task_graph *graph) {
  for (size_t t = 0; t < r->tasks; t++) {
    weight[r->task[t].index] = (double)r->task[t].weight;
    graph->id[r->task[t].index] = r->task[t].id;
  }
  for (size_t e = 0; e < r->edges; e++) {
    const read_edge *edge = &r->edge[e];
    ESP_TRY(find_task(r, edge, edge->from, &arc[e].from));
    ESP_TRY(find_task(r, edge, edge->to, &arc[e].to));
    for (int d = ESP_SAME_RANK; d < ESP_DISTANCES; d++) {
      arc[e].cost[d] = (double)edge->cost;
    }
  }
  int on_cycle;
  const esp_status status = esp_dag_create((int)r->tasks, weight, (int)r->edges,
                                           arc, &on_cycle, &graph->dag);
  if (status != ESP_BAD_INPUT) return status;
  return refuse(r, r->line,
                "the edges of graph %s make a cycle through task %lld",
                show(r->name).text, (long long)graph->id[on_cycle]);
}

static esp_status end_graph(reader *r) {
  if (r->words != 1) return refuse(r, r->line, "expected \"end\" alone");
  ESP_TRY(refuse_duplicates(r));
  ESP_TRY(esp_grow(&r->file.graph, &r->file_room, (size_t)r->file.count + 1,
                   sizeof *r->file.graph));
  esp_task_graph graph = {.processors = r->processors};
  graph.id = malloc((r->tasks + 1) * sizeof *graph.id);
  double *weight = malloc((r->tasks + 1) * sizeof *weight);
  esp_arc *arc = calloc(r->edges + 1, sizeof *arc);
  esp_status status = graph.id != NULL && weight != NULL && arc != NULL
                          ? make_graph(r, weight, arc, &graph)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot read %s", r->path);
  free(weight);
  free(arc);
  if (status != ESP_OK) {
    free(graph.id);
    return status;
  }
  graph.name = r->name;
  r->name = NULL;
  r->begun = 0;
  r->file.graph[r->file.count++] = graph;
  return ESP_OK;
}

static esp_status read_statement(reader *r) {
  static const struct {
    const char *word;
    esp_status (*read)(reader *r);
  } statements[] = {{"graph", begin_graph},
                    {"task", add_task},
                    {"edge", add_edge},
                    {"end", end_graph}};
  if (r->words == 0) return ESP_OK;
  for (size_t s = 0; s < sizeof statements / sizeof statements[0]; s++) {
    if (strcmp(r->word[0], statements[s].word) != 0) continue;
    if (s > 0 && r->begun == 0) break;
    return statements[s].read(r);
  }
  return refuse(r, r->line, "\"%s\": expected %s", show(r->word[0]).text,
                r->begun != 0 ? "\"task\", \"edge\" or \"end\""
                              : "\"graph NAME processors P\"");
}

static void split(reader *r, char *line) {
  static const char blanks[] = " \t\r";
  r->words = 0;
  for (char *at = line + strspn(line, blanks); *at != '\0';
       at += strspn(at, blanks)) {
    if (r->words > MOST_WORDS) break;
    r->word[r->words++] = at;
    at += strcspn(at, blanks);
    if (*at != '\0') *at++ = '\0';
  }
}

// `text` ends with a zero byte at text[bytes].
static esp_status read_lines(reader *r, char *text, size_t bytes) {
  for (char *at = text; at < text + bytes;) {
    char *end = memchr(at, '\n', (size_t)(text + bytes - at));
    if (end == NULL) end = text + bytes;
    *end = '\0';
    r->line++;
    if (strlen(at) != (size_t)(end - at)) {
      return refuse(r, r->line, "a zero byte: expected text");
    }
    split(r, at);
    ESP_TRY(read_statement(r));
    at = end + 1;
  }
  if (r->begun != 0) {
    return refuse(r, r->line,
                  "graph %s, which begins at line %d, has no \"end\"",
                  show(r->name).text, r->begun);
  }
  if (r->file.count == 0) {
    return refuse(r, r->line > 0 ? r->line : 1,
                  "no graph: expected \"graph NAME processors P\"");
  }
  return ESP_OK;
}

static esp_status load(const char *path, char **text, size_t *bytes) {
  FILE *in = fopen(path, "rb");
  size_t room = 0, used = 0;
  esp_status status = ESP_OK;
  if (in == NULL) {
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(errno));
  }
  for (size_t got = 1; got > 0 && status == ESP_OK; used += got) {
    status = esp_grow(text, &room, used + 65536, 1);
    if (status != ESP_OK) break;
    got = fread(*text + used, 1, room - used - 1, in);
    if (used + got > most_bytes) {
      status = ESP_FAIL(ESP_BAD_INPUT, "%s: more than 1 GiB of tasks", path);
    }
  }
  if (status == ESP_OK && ferror(in)) {
    status = ESP_FAIL(ESP_IO, "cannot read %s: %s", path, strerror(errno));
  }
  (void)fclose(in);
  *bytes = used;
  return status;
}

esp_status esp_task_file_read(const char *path, esp_task_file *file) {
  reader r = {.path = path};
  char *text = NULL;
  size_t bytes = 0;
  esp_status status = load(path, &text, &bytes);
  if (status == ESP_OK) {
    text[bytes] = '\0';
    status = read_lines(&r, text, bytes);
  }
  free(text);
  free(r.name);
  free(r.task);
  free(r.edge);
  if (status != ESP_OK) {
    esp_task_file_end(&r.file);
    return status;
  }
  *file = r.file;
  return ESP_OK;
}

void esp_task_file_end(esp_task_file *file) {
  for (int g = 0; g < file->count; g++) {
    free(file->graph[g].name);
    free(file->graph[g].id);
    esp_dag_free(file->graph[g].dag);
  }
  free(file->graph);
  *file = (esp_task_file){0};
}
